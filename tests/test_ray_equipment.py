"""What a cluster's machines lack of simclock; a stand-in for Ray says what they have."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from simclock import UsageError
from simclock.actors.placements.ray.equipment import INSTALLER, LACKS, NEEDED, runtime_environment
from simclock.machinery import PACKAGE, ROOT

CHECKOUT = Path(__file__).parent.parent


def lacks(*arguments: Any) -> tuple[list[str], str]:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(LACKS, names)
    missing, code = names["lacks"](*arguments)
    return missing, code


class Gone(Exception):
    pass


def cluster(*machines: tuple[list[str], str] | None) -> Any:
    """A Ray of these machines: what they lack, and the hash of their simclock; None for one that has gone."""

    def made(function: Any) -> Any:
        assert function.__module__ == "__main__", "it is not looked for in a module of ours"
        return types.SimpleNamespace(
            options=lambda scheduling_strategy: types.SimpleNamespace(remote=lambda *asked: scheduling_strategy)
        )

    def get(number: int) -> Any:
        if machines[number] is None:
            raise Gone
        return machines[number]

    def upload(environment: dict[str, Any], **options: Any) -> dict[str, Any]:
        assert environment["py_modules"] == [str(ROOT)]
        assert Path(options["scratch_dir"]).is_dir()
        return {**environment, "py_modules": ["gcs://ours.zip"]}

    py_modules = types.SimpleNamespace(upload_py_modules_if_needed=upload)
    return types.SimpleNamespace(
        util=types.SimpleNamespace(
            scheduling_strategies=types.SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        ),
        remote=lambda **options: made,
        nodes=lambda: (
            [{"NodeID": number, "Alive": True} for number in range(len(machines))]
            + [{"NodeID": "of old", "Alive": False}]
        ),
        wait=lambda refs, num_returns, timeout: (refs, []),
        get=get,
        exceptions=types.SimpleNamespace(RayError=Gone),
        _private=types.SimpleNamespace(runtime_env=types.SimpleNamespace(py_modules=py_modules)),
    )


OURS = lacks(PACKAGE, ())[1]
CODE = {"py_modules": ["gcs://ours.zip"]}
MSGSPEC = f"msgspec=={version('msgspec')}"


@pytest.mark.parametrize(
    ("machines", "environment"),
    [
        ([([], OURS), ([], OURS)], {}),
        ([([INSTALLER], OURS)], {}),
        ([([], OURS), None], {}),
        ([([], OURS), ([INSTALLER], "")], CODE),
        ([([], "another version"), ([], OURS)], CODE),
        ([(["msgspec"], OURS), ([], OURS)], {"pip": [MSGSPEC]}),
        ([(["msgspec"], "")], {**CODE, "pip": [MSGSPEC]}),
    ],
)
def test_what_one_machine_lacks_all_get(machines: list[Any], environment: dict[str, Any]) -> None:
    assert runtime_environment(cluster(*machines), "192.0.2.1:6379") == environment


def test_what_ray_cannot_install_is_one_line() -> None:
    with pytest.raises(UsageError) as caught:
        runtime_environment(cluster(([], OURS), (["msgspec", INSTALLER], "")), "192.0.2.1:6379")
    assert str(caught.value) == (
        "address: machines of the Ray at 192.0.2.1:6379 lack what simclock stands on, and Ray cannot install it "
        f"without virtualenv: run `pip install {MSGSPEC}` on each"
    )


def test_a_python_with_nothing_installed_can_say_what_it_lacks(tmp_path: Path) -> None:
    program = f"{LACKS}\nprint(lacks({PACKAGE!r}, {NEEDED!r}))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str((list(NEEDED), ""))


def test_every_byte_of_the_code_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "toy_package"
    (package / "room").mkdir(parents=True)
    for name in ("__init__.py", "room/__init__.py", "room/part.py"):
        (package / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = {lacks("toy_package", ())[1]}
    (package / "room" / "part.py").write_text("x = 1")
    seen.add(lacks("toy_package", ())[1])
    (package / "room" / "part.py").rename(package / "room" / "other.py")
    seen.add(lacks("toy_package", ())[1])
    assert len(seen) == 3
    (package / "room" / "other.pyc").write_text("made on the way")
    assert lacks("toy_package", ())[1] in seen
    assert lacks(PACKAGE, NEEDED) == ([], OURS)


def test_what_is_needed_is_what_is_declared() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert sorted([*NEEDED, "ray"]) == sorted(declared)
