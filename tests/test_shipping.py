"""What cannot travel to a worker: which variable it is."""

import functools
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simclock import Scenario, UsageError, ms
from simclock.actors import Node
from simclock.actors.placements.installed import installed_folders, travels_by_value
from simclock.actors.placements.shipping import import_also_from, import_folders, loads, ship

LOCK = threading.Lock()


class Unwilling:
    def __reduce__(self) -> Any:
        raise RuntimeError("I stay here")


def scenario(build: Callable[[int], Node]) -> Scenario:
    return Scenario(name="stays", nodes=2, build=build, duration_ns=ms(5))


def closure() -> Any:
    lock = threading.Lock()
    return scenario(lambda node: Keeper(lock))


def closure_of_a_closure() -> Any:
    lines = (line for line in "abc")

    def inner() -> Node:
        return Keeper(lines)

    return scenario(lambda node: inner())


def used_global() -> Any:
    def build(node: int) -> Node:
        return Keeper(LOCK)

    return scenario(build)


def global_of_a_method() -> Any:
    class Locked(Node):
        def on_start(self) -> None:
            with LOCK:
                pass

    return scenario(lambda node: Locked())


def class_attribute() -> Any:
    class Sharing(Node):
        lock = threading.Lock()

    return scenario(lambda node: Sharing())


def default_argument() -> Any:
    def build(node: int, lock: Any = threading.Lock()) -> Node:  # noqa: B008
        return Keeper(lock)

    return scenario(build)


def argument_of_a_partial() -> Any:
    def build(node: int, *, lock: Any) -> Node:
        return Keeper(lock)

    return scenario(functools.partial(build, lock=threading.Lock()))


def attribute() -> Any:
    class Factory:
        def __init__(self) -> None:
            self.locks = {"one": threading.Lock()}

        def build(self, node: int) -> Node:
            return Keeper(self.locks)

    return scenario(Factory().build)


def slot() -> Any:
    @dataclass(frozen=True, slots=True)
    class Factory:
        lock: Any

        def __call__(self, node: int) -> Node:
            return Keeper(self.lock)

    return scenario(Factory(threading.Lock()))


def refusing() -> Any:
    unwilling = Unwilling()
    return scenario(lambda node: Keeper(unwilling))


class Keeper(Node):
    def __init__(self, kept: Any) -> None:
        self.kept = kept


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (closure, r"variable 'lock' of closure\.<locals>\.<lambda> \(test_shipping\.py:\d+\) is a _thread\.lock"),
        (closure_of_a_closure, r"variable 'lines' of .*inner \(test_shipping\.py:\d+\) is a generator"),
        (used_global, r"global variable 'LOCK', used in used_global.*build .*, is a _thread\.lock"),
        (global_of_a_method, r"global variable 'LOCK', used in .*Locked\.on_start .*, is a _thread\.lock"),
        (class_attribute, r"'lock' of class .*Sharing is a _thread\.lock"),
        (default_argument, r"a default argument of .*build .* is a _thread\.lock"),
        (argument_of_a_partial, r"argument 'lock' of a partial is a _thread\.lock"),
        (attribute, r"'one' of a dict is a _thread\.lock"),
        (slot, r"'lock' of a .*Factory is a _thread\.lock"),
        (refusing, r"variable 'unwilling' of .* is a .*Unwilling \(I stay here\)"),
    ],
)
def test_what_cannot_travel_is_named(make: Callable[[], Any], named: str) -> None:
    with pytest.raises(UsageError, match=f"it cannot travel to a worker: {named}") as caught:
        ship((make(), [0, 1], "more"))
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__, "no traceback of ours"


def test_what_is_large_and_can_travel_does() -> None:
    """A value that holds itself, and one that is deep: looking for a culprit must not be what fails."""
    held: list[Any] = []
    held.append(held)
    assert isinstance(loads(ship(held))[0], list)
    deep: list[Any] = [threading.Lock()]
    deep.append(deep)
    with pytest.raises(UsageError, match=r"cannot pickle '_thread\.lock' object"):
        ship(deep)


def test_folders_of_the_user_are_looked_in_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), "__editable__.x.__path_hook__", *sys.path])
    folders = import_folders()
    assert str(tmp_path) in folders
    assert not any("site-packages" in folder for folder in folders)
    assert not any("__path_hook__" in folder for folder in folders), "it is no folder"
    monkeypatch.setattr(sys, "path", sys.path[1:])
    import_also_from(folders)
    assert sys.path[-1] == str(tmp_path)
    before = list(sys.path)
    import_also_from(folders)
    assert sys.path == before


@pytest.fixture
def site_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Folders that stand in for this Python's, and for a user's own; all but `cache` can be imported from."""
    folders = {name: tmp_path / name for name in ("site", "of the user", "cache", "project")}
    for folder in folders.values():
        folder.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr("site.getsitepackages", lambda: [str(folders["site"])])
    monkeypatch.setattr("site.getusersitepackages", lambda: str(folders["of the user"]))
    monkeypatch.setattr(sys, "path", [*sys.path, *(str(folders[name]) for name in ("site", "of the user", "project"))])
    installed_folders.cache_clear()
    yield folders
    installed_folders.cache_clear()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_what_is_installed_travels_by_reference_wherever_it_lies(site_folders: dict[str, Path]) -> None:
    """Some package managers put links into site-packages; pip installs for one user beside it."""
    linked = site_folders["cache"] / "linked_t.py"
    for file in (site_folders["of the user"] / "own_t.py", site_folders["project"] / "mine_t.py", linked):
        file.write_text("", encoding="utf-8")
    (site_folders["site"] / "linked_t.py").symlink_to(linked)
    for name in ("linked_t", "own_t", "mine_t"):
        importlib.import_module(name)
    assert {name: travels_by_value(name) for name in ("linked_t", "own_t", "mine_t")} == {
        "linked_t": False,
        "own_t": False,
        "mine_t": True,
    }
