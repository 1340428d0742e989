"""Typed observations: fields at both ends, and a name with a plain value between them."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simclock import (
    Node,
    Observation,
    Observer,
    Scenario,
    Standalone,
    Told,
    UsageError,
    reader,
    run,
)

OBSERVED = sorted((Path(__file__).parent.parent / "protocols").glob("*/observed.py"))


class Granted(Told):
    lock: str
    token: int


class StandsIn(Told):
    node: int


class Queue(Told, observed_as="waits-for"):
    clients: tuple[int, ...]


class Blank(Told):
    pass


class Removed(Told):
    key: str
    names: tuple[str, ...]

    def as_observed(self) -> Any:
        return (self.key, *self.names)

    @classmethod
    def from_observed(cls, value: Any) -> Removed:
        key, *names = value
        return cls(key, tuple(names))


ALL = (Granted("a", 7), StandsIn(3), Queue((1, 2)), Blank(), Removed("k", ("x", "y")))
PLAIN = [("granted", ("a", 7)), ("stands_in", 3), ("waits-for", (1, 2)), ("blank", None), ("removed", ("k", "x", "y"))]
read = reader(Granted, StandsIn, Queue, Blank, Removed)


class Teller(Node):
    """Tells the same with types and without."""

    def __init__(self, typed: bool) -> None:
        self.typed = typed

    def on_start(self) -> None:
        for told, (name, value) in zip(ALL, PLAIN, strict=True):
            if self.typed:
                self.observe(told)
            else:
                self.observe(name, value)


class Reads(Observer[tuple[Any, ...]]):
    """Keeps what it hears, as it comes and as it is read."""

    reacts = judges = False

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def on_observation(self, observation: Observation, control: Any) -> None:
        self._kept.append((observation.name, observation.value, read(observation)))

    def report(self) -> tuple[Any, ...]:
        return tuple(self._kept)


def scenario(typed: bool) -> Scenario:
    return Scenario(name="told", nodes=2, build=lambda node: Teller(typed), observers=(Reads,))


def observation(name: str, value: Any) -> Observation:
    return Observation(5, 2, 1, name, value)


@pytest.mark.parametrize("placement", ["inline", "windows"])
def test_what_has_fields_is_in_the_run_what_a_name_and_a_plain_value_is(placement: str) -> None:
    typed, plain = run(scenario(True), placement), run(scenario(False), placement)
    assert typed.digest == plain.digest
    assert typed.report(Reads) == plain.report(Reads)
    kept = typed.report(Reads)[: len(ALL)]
    assert [(name, value) for name, value, _ in kept] == PLAIN
    assert tuple(told for _, _, told in kept) == ALL
    assert [type(value) for _, value, _ in kept] == [tuple, int, tuple, type(None), tuple]


def test_a_node_without_a_run_tells_the_same() -> None:
    assert Standalone(lambda: Teller(True)).out.observed == PLAIN


def test_one_kind_is_read_and_nothing_else() -> None:
    assert Granted.read(observation("granted", ("b", 1))) == Granted("b", 1)
    assert Granted.read(observation("stands_in", 3)) is None
    assert read(observation("other", 3)) is None


def test_fields_are_matched_by_place_and_by_name() -> None:
    match read(observation("granted", ("b", 1))):
        case Granted(lock, token=1):
            assert lock == "b"
        case _:
            pytest.fail("not matched")


@pytest.mark.parametrize("value", [7, "ab", None, ("a",), ("a", 1, 2), ["a", 1]])
@pytest.mark.parametrize("way", [read, Granted.read])
def test_a_value_of_another_form_is_refused_with_its_place(way: Any, value: Any) -> None:
    with pytest.raises(UsageError) as refused:
        way(observation("granted", value))
    said = str(refused.value)
    assert said.startswith(f"node 2 tells 'granted' with {value!r}, which is not the (lock, token) of Granted")


def test_two_kinds_of_one_name_are_not_read_together() -> None:
    class Other(Told, observed_as="granted"):
        lock: str

    with pytest.raises(UsageError, match=r"reader: Granted and .*Other are both told as 'granted'"):
        reader(Granted, Other)
    assert reader(Granted, Granted)(observation("granted", ("b", 1))) == Granted("b", 1)


class _Plain(msgspec.Struct, frozen=True):
    number: int


@pytest.mark.parametrize(
    ("tell", "said"),
    [
        (lambda node: node.observe(Granted("a", 7), 8), r"observe\(Granted\(lock='a', token=7\), 8\)"),
        (lambda node: node.observe(Granted), r"observe\(<class .*Granted'>, ...\): what is observed has a name, a str"),
        (lambda node: node.observe(_Plain(1)), r"observe\(_Plain\(number=1\), ...\): what is observed has a name"),
        (
            lambda node: node.observe(Queue([1])),  # type: ignore[arg-type]
            r"observe\('waits-for'\): list is mutable",
        ),
        (lambda node: node.observe(Granted("a", [1])), r"observe\('granted'\): list in \('a', \[1\]\) is mutable"),
    ],
)
def test_what_cannot_be_told_is_refused_at_its_line(tell: Any, said: str) -> None:
    class Wrong(Node):
        def on_start(self) -> None:
            tell(self)

    with pytest.raises(UsageError, match=said):
        run(Scenario(name="wrong", nodes=1, build=lambda node: Wrong()))


@pytest.mark.parametrize(
    ("define", "said"),
    [
        (lambda: type(Told)("A", (Told,), {"__annotations__": {"read": int}}), "A.read: no field"),
        (lambda: type(Told)("A", (Told,), {}, observed_as=7), "A: observed_as=7: what is observed has a name"),
        (lambda: type(Told)("A", (Told,), {}, frozen=False), "A: what a node tells is frozen"),
    ],
)
def test_a_class_that_cannot_be_told_is_refused_when_it_is_defined(define: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        define()


def test_a_halt_is_read_by_its_type() -> None:
    from simclock.told import Halted

    class Ends(Node):
        def on_start(self) -> None:
            self.halt("enough")

    class Hears(Observer[Any]):
        reacts = judges = False
        heard: Halted | None = None

        def on_observation(self, observation: Observation, control: Any) -> None:
            self.heard = Halted.read(observation)

        def report(self) -> Any:
            return self.heard

    scenario = Scenario(name="ends", nodes=1, build=lambda node: Ends(), observers=(Hears,))
    assert run(scenario).report(Hears) == Halted("enough")


@pytest.mark.parametrize("file", OBSERVED, ids=lambda file: file.parent.name)
def test_a_protocol_reads_all_that_it_tells(file: Path) -> None:
    """Every kind of a protocol is told as itself, comes back as it was, and is among what its `read` knows."""
    module = import_module(f"simclock.protocols.{file.parent.name}.observed")
    own = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Told)]
    told = [kind for kind in own if kind.__module__ == module.__name__ and not kind.__subclasses__()]
    assert told
    for kind in told:
        fields = [(f"field {number}",) for number in range(len(kind.__struct_fields__))]
        made = kind(*fields)
        assert module.read(observation(kind.observed_as, made.as_observed())) == made
        assert (kind.__doc__ or "").strip() != (Told.__doc__ or "").strip(), f"{kind.__qualname__} is not explained"
