"""The layers hold: imports point one way, Ray stays in its corner, and nothing nondeterministic gets in.

The checker is itself tested below, on small trees known to be bad. `tests/test_house.py` has the rules of size, circles
and rooms.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from import_graph import FACADE, LAYERS, imports_of, sources

ROOT = Path(__file__).resolve().parent.parent

RAY_FILES_MAX = 4
PROTOCOLS_NEVER = {"random", "time", "datetime", "uuid", "secrets", "logging", "threading", "socket"}
NOT_A_NOUN = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}


def direction(root: Path) -> Iterator[str]:
    """simclock <- actors <- protocols <- experiments."""
    for rank, package in enumerate(LAYERS):
        for file in sources(root, package):
            if file.relative_to(root).as_posix() == FACADE:
                continue
            for found in imports_of(file, root):
                if found.package in LAYERS[rank + 1 :]:
                    yield f"{file.relative_to(root)}:{found.line}: {package} imports {found.package}"


def one_name(root: Path) -> Iterator[str]:
    """What is ours is imported by its one name: a second copy under another name would not be the same."""
    for package in (*LAYERS, "tests"):
        for file in sources(root, package):
            for found in imports_of(file, root):
                if found.module.partition(".")[0] in LAYERS[1:]:
                    yield f"{file.relative_to(root)}:{found.line}: {found.module} is simclock.{found.module}"


def ray_corner(root: Path) -> Iterator[str]:
    """Ray is imported in actors/ alone, in few files, and never when a file is imported."""
    users = set()
    for package in LAYERS:
        for file in sources(root, package):
            for found in imports_of(file, root):
                if found.package != "ray":
                    continue
                where = f"{file.relative_to(root)}:{found.line}"
                if package != "actors":
                    yield f"{where}: ray outside actors"
                if not found.deferred:
                    yield f"{where}: ray imported when the file is"
                users.add(file.relative_to(root).as_posix())
    if len(users) > RAY_FILES_MAX:
        yield f"ray imported in {len(users)} files, at most {RAY_FILES_MAX}: {', '.join(sorted(users))}"


def luck_and_time(root: Path) -> Iterator[str]:
    """Protocols know no clock, luck, log, thread or socket of their own; simclock's luck is streams."""
    for package in ("simclock", "protocols"):
        for file in sources(root, package):
            relative = file.relative_to(root)
            for found in imports_of(file, root):
                if package == "protocols" and found.package in PROTOCOLS_NEVER:
                    yield f"{relative}:{found.line}: protocols imports {found.package}"
                if package == "simclock" and found.package == "random":
                    yield f"{relative}:{found.line}: luck that is no stream"


CATALOG = "simclock.experiments.catalog."
COMMANDS = "simclock.experiments.commands"
NO_ENGINES = ("catalog", "commands", "bench", "labs")
"""Rooms of experiments that may know topics, or commands; so may the start of the program."""
NOT_YET = {"experiments/runs/determinism.py"}  # imports a command: this list only grows shorter


def names(root: Path) -> Iterator[str]:
    """A module is a noun of the field."""
    for package in LAYERS:
        for file in sources(root, package):
            relative = file.relative_to(root)
            yield from (
                f"{relative}: {part} is not a noun of the field"
                for part in relative.with_suffix("").parts
                if part.strip("_") in NOT_A_NOUN
            )


def flat_tests(root: Path) -> Iterator[str]:
    """A tests/protocols package would shadow the real one."""
    for file in sorted((root / "tests").rglob("__init__.py")):
        yield f"{file.relative_to(root)}: tests are flat, without __init__.py"


RULES = (direction, one_name, ray_corner, luck_and_time, names, flat_tests)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_layers(rule):
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("package", LAYERS)
def test_there_is_something_to_check(package):
    assert (ROOT / package / "__init__.py").is_file()
    assert (ROOT / package / "py.typed").is_file(), "for type checkers of who installs it"


def test_importing_everything_imports_no_ray():
    program = f"import sys, {', '.join(f'simclock.{room}' for room in LAYERS[1:])}; print('ray' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "False"), run.stderr


# The checker itself: every bad source must be found by its rule, every good one passed by all.

BAD = {
    "actors absolute": (direction, "simclock/kernel/host.py", "import simclock.actors"),
    "actors dotted": (direction, "simclock/kernel/host.py", "import simclock.actors.node as node"),
    "actors from": (direction, "simclock/kernel/host.py", "from simclock.actors.node import Node"),
    "among others": (direction, "simclock/kernel/host.py", "import os, simclock.protocols, sys"),
    "inside a function": (direction, "actors/node.py", "def f():\n    from simclock.protocols import raft"),
    "for types alone": (direction, "actors/node.py", "if TYPE_CHECKING:\n    import simclock.protocols"),
    "relative, one up": (direction, "actors/node.py", "from ..protocols import raft"),
    "relative, two up": (direction, "protocols/raft/log.py", "from ...experiments import checker"),
    "relative, bare": (direction, "simclock/kernel/host.py", "from .. import experiments"),
    "in an __init__": (direction, "protocols/raft/__init__.py", "from ... import experiments"),
    "dynamic": (direction, "simclock/kernel/host.py", "importlib.import_module('simclock.actors.node')"),
    "in an except": (direction, "protocols/raft.py", "try:\n    pass\nexcept E:\n    import simclock.experiments"),
    "ray in simclock": (ray_corner, "simclock/kernel/host.py", "def f():\n    import ray"),
    "ray in experiments": (ray_corner, "experiments/runs/sweep.py", "def f():\n    import ray"),
    "ray at import": (ray_corner, "actors/cluster.py", "import ray"),
    "ray part at import": (ray_corner, "actors/cluster.py", "from ray.util import queue"),
    "ray in a class": (ray_corner, "actors/cluster.py", "class A:\n    import ray"),
    "ray in a try": (
        ray_corner,
        "actors/cluster.py",
        "try:\n    import ray\nexcept ImportError:\n    ray = None",
    ),
    "ray not for types": (
        ray_corner,
        "actors/cluster.py",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import ray",
    ),
    "ray in a decorator": (ray_corner, "actors/cluster.py", "@__import__('ray').remote\ndef f(): ..."),
    "ray in a default": (ray_corner, "actors/cluster.py", "def f(ray=__import__('ray')): ..."),
    "random in the kernel": (luck_and_time, "simclock/kernel/host.py", "from random import Random"),
    "random, deferred": (luck_and_time, "simclock/clocks/drift.py", "def f():\n    import random"),
    "datetime": (luck_and_time, "protocols/raft.py", "from datetime import datetime"),
    "time": (luck_and_time, "protocols/raft/log.py", "import time as clock"),
    "random in a protocol": (luck_and_time, "protocols/streams.py", "import random"),
    "logging.handlers": (luck_and_time, "protocols/raft.py", "import logging.handlers"),
    "another name": (one_name, "protocols/raft/log.py", "from actors.node import Node"),
    "another name, at once": (one_name, "tests/test_x.py", "import experiments"),
    "a file utils": (names, "simclock/utils.py", ""),
    "a file _util": (names, "protocols/raft/_util.py", ""),
    "a folder common": (names, "experiments/common/table.py", ""),
    "tests as a package": (flat_tests, "tests/protocols/__init__.py", ""),
}

GOOD = {
    "downwards": (
        "experiments/runs/sweep.py",
        "import simclock.actors, simclock.protocols.raft\nfrom simclock import streams",
    ),
    "relative": ("protocols/raft/log.py", "from . import state\nfrom ..paxos import ballot"),
    "a name of ours inside a package": (
        "simclock/kernel/host.py",
        "from .actors import x\nimport simclock.kernel.protocols",
    ),
    "a longer name": ("simclock/kernel/host.py", "import actors_of_others, rays"),
    "ray in a function": ("actors/cluster.py", "def f():\n    import ray\n    from ray.util import queue"),
    "ray for types": ("actors/cluster.py", "if typing.TYPE_CHECKING:\n    import ray"),
    "ray in a string": ("simclock/kernel/host.py", '"""import ray"""  # import ray'),
    "time in an experiment": ("experiments/runs/sweep.py", "import time, logging, random"),
    "a name that contains one": ("simclock/database.py", "from typing import Any"),
}


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("rule", "name", "text"), BAD.values(), ids=BAD)
def test_the_checker_finds(tmp_path, rule, name, text):
    write(tmp_path, name, text)
    assert {each.__name__ for each in RULES if list(each(tmp_path))} == {rule.__name__}


@pytest.mark.parametrize(("name", "text"), GOOD.values(), ids=GOOD)
def test_the_checker_passes(tmp_path, name, text):
    write(tmp_path, name, text)
    assert [line for rule in RULES for line in rule(tmp_path)] == []


def test_the_checker_counts_files_with_ray(tmp_path):
    for number in range(RAY_FILES_MAX):
        write(tmp_path, f"actors/part{number}.py", "def f():\n    import ray\n    import ray.util")
    assert list(ray_corner(tmp_path)) == []
    write(tmp_path, "actors/one_more.py", "def f():\n    import ray")
    assert len(list(ray_corner(tmp_path))) == 1


def test_the_checker_names_file_and_line(tmp_path):
    write(tmp_path, "simclock/clocks/drift.py", "import os\n\nimport simclock.actors\n")
    assert list(direction(tmp_path)) == ["simclock/clocks/drift.py:3: simclock imports actors"]
