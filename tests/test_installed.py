"""Installed, simclock is one package: whole, beside a project with folders and modules of its own by our rooms' names.

The wheel and the source distribution are built from a copy of this checkout, and the wheel is installed in an empty
environment, which has what simclock needs but no simclock. What no module may be, is loaded under two names: its
classes would then be two.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from simclock.kernel.core import built

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "simclock", "actors", "protocols", "experiments")
ROOMS = ("actors", "protocols", "experiments")
GENERATED = ("__pycache__", "*.pyc", "*.so", "*.egg-info", "build", "dist")
EXTENSION = "simclock/kernel/_compiled."
SECONDS = 200

LOADED_TWICE = '''
import os
import sys


def loaded_twice():
    """Files that sys.modules has under two names: of simclock, and of the folder that this file is in."""
    import simclock

    ours = tuple(os.path.dirname(file) + os.sep for file in (simclock.__file__, __file__))
    names = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and file.startswith(ours):
            names.setdefault(file, []).append(name)
    assert len(names) > 1, "there is something to look at"
    return sorted(each for each in names.values() if len(each) > 1)
'''

GAME = """
import actors
import experiments
import protocols
import simclock_x
from simclock import Constant, Message, Network, Node, Observer, Scenario, ms
from twice import loaded_twice

assert {each.MINE for each in (actors, experiments, protocols, simclock_x)} == {"my own"}


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        assert {each.MINE for each in (actors, experiments, protocols, simclock_x)} == {"my own"}
        if self.id == 0:
            self.send(1, Ball(0))

    def on_message(self, source, message):
        self.observe("hit", message.n)
        if message.n == 10 and loaded_twice():
            raise AssertionError(loaded_twice())
        self.send(source, Ball(message.n + 1))


class Turns(Observer):
    def __init__(self):
        self.hits = 0

    def on_observation(self, observation, control):
        if observation.value != self.hits:
            control.violated("turns", observation.node, f"hit {observation.value} after {self.hits} hits")
        self.hits += 1


def game(seed):
    network = Network(latency=Constant(delay_ns=ms(1)))
    return Scenario(
        name="game",
        nodes=2,
        build=lambda node: Player(),
        seed=seed,
        duration_ns=ms(50),
        network=network,
        observers=(Turns,),
    )
"""

TESTS = """
import actors
import experiments
import protocols
import pytest
import simclock.actors
import simclock.experiments
import simclock.protocols
import simclock_x
from game import game
from simclock import run
from simclock.experiments.pytest_plugin import simclock_seeds
from twice import loaded_twice


@simclock_seeds(3)
def test_game(seed):
    assert run(game(seed)).counters["messages"] > 40


def test_mine_are_mine():
    assert {each.MINE for each in (actors, experiments, protocols, simclock_x)} == {"my own"}
    assert "site-packages" in simclock.experiments.__file__


def test_no_module_has_two_names():
    assert loaded_twice() == []
"""


def run_in(folder: Path, *command: str | Path) -> str:
    """What a command prints that succeeds, and that knows nothing of the environment that this test runs in."""
    hidden = ("PYTHON", "PYTEST", "VIRTUAL_ENV", "RAY_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source: Path, kind: str, into: Path) -> Path:
    """Build one distribution with the backend that pyproject.toml names, without fetching anything."""
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(into)!r})"
    before = set(into.iterdir())
    run_in(source, sys.executable, "-c", program)
    (made,) = set(into.iterdir()) - before
    return made


def digest_in(text: str) -> str:
    (digest,) = set(re.findall(r"\b[0-9a-f]{32}\b", text))
    return digest


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a distribution is built from, with its links, and without what earlier builds left."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns(*GENERATED))
        else:
            shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with that wheel, and with links to all that is installed here but simclock."""
    environment = tmp_path_factory.mktemp("environment")
    run_in(environment, sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    (packages,) = (environment / "lib").glob("python*/site-packages")
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for each in Path(folder).iterdir():
            if "simclock" not in each.name and each.suffix != ".pth":
                (packages / each.name).symlink_to(each)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run_in(environment, *pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return environment / "bin"


@pytest.fixture(scope="module", params=["packages", "modules"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with packages by our rooms' names, or with modules, and folders of files beside them."""
    folder = tmp_path_factory.mktemp("project")
    for name in (*ROOMS, "simclock_x"):
        (folder / name).mkdir()
        (folder / name / "results.txt").write_text("what was measured\n", encoding="utf-8")
        module = folder / name / "__init__.py" if request.param == "packages" else folder / f"{name}.py"
        module.write_text('MINE = "my own"\n', encoding="utf-8")
    for file, text in {"twice.py": LOADED_TWICE, "game.py": GAME, "test_game.py": TESTS}.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def package_files(checkout: Path) -> set[str]:
    """All that simclock is, by its place in the package, through the links."""
    return {
        (Path(folder) / file).relative_to(checkout).as_posix()
        for folder, _, files in os.walk(checkout / "simclock", followlinks=True)
        for file in files
    }


def twice(names: Iterable[str]) -> list[str]:
    return [one for one, other in pairwise(sorted(names)) if one == other]


@pytest.mark.slow
def test_the_wheel_packs_everything_once_as_files(wheel: Path, checkout: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        links = [each.filename for each in packed.infolist() if (each.external_attr >> 28) == 0o12]
        (top,) = [packed.read(name).decode().split() for name in names if name.endswith("top_level.txt")]
    assert (twice(names), links, top) == ([], [], ["simclock"])
    expected = package_files(checkout)
    assert {name for name in names if ".dist-info/" not in name and not name.startswith(EXTENSION)} == expected
    assert len([name for name in names if name.startswith(EXTENSION)]) == built(), "where it can be compiled"
    for file in ("actors/node.py", "protocols/py.typed", "experiments/data/wan_latency_2026-08.csv"):
        assert f"simclock/{file}" in expected, "the list to compare with goes through the links"


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["Cython", "a C compiler"])
def test_without_what_compiles_the_wheel_has_the_plain_kernel(checkout: Path, tmp_path: Path, lacking: str) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    shutil.copytree(checkout, source, symlinks=True, ignore=shutil.ignore_patterns(*GENERATED))
    into.mkdir()
    if lacking == "Cython":
        program = "import sys; sys.modules['Cython'] = sys.modules['Cython.Build'] = None; "
    else:
        program = "import os; os.environ['CC'] = os.environ['CXX'] = '/nowhere/cc'; "
    program += f"from setuptools import build_meta; build_meta.build_wheel({str(into)!r})"
    run_in(source, sys.executable, "-c", program)
    (made,) = into.iterdir()
    with zipfile.ZipFile(made) as packed:
        names = packed.namelist()
    assert "simclock/kernel/_kernel.py" in names and not [name for name in names if name.startswith(EXTENSION)]


@pytest.mark.slow
def test_the_source_distribution_holds_everything_once_and_makes_the_same_wheel(
    wheel: Path, checkout: Path, tmp_path: Path
) -> None:
    made = build(checkout, "sdist", tmp_path)
    with tarfile.open(made) as packed:
        members = packed.getmembers()
        packed.extractall(tmp_path, filter="data")
    (source,) = (each for each in tmp_path.iterdir() if each.is_dir())
    names = [each.name.removeprefix(f"{source.name}/") for each in members if not each.isdir()]
    assert twice(names) == []
    assert not [each.name for each in members if each.issym() or each.islnk()]
    assert {name for name in names if name.startswith("simclock/")} == package_files(checkout)
    assert not [name for name in names if name.startswith(tuple(f"{room}/" for room in ROOMS))], "a second time"
    again = tmp_path / "again"
    again.mkdir()
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(build(source, "wheel", again)) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


@pytest.mark.slow
def test_pytest_runs_beside_a_project_of_the_same_names(installed: Path, project: Path) -> None:
    told = run_in(project, installed / "python", "-m", "pytest", "-p", "no:cacheprovider")
    assert "3 passed" in told


@pytest.mark.slow
def test_the_command_line_runs_beside_a_project_of_the_same_names(installed: Path, project: Path) -> None:
    goldens = (ROOT / "tests" / "goldens" / "catalog.txt").read_text(encoding="utf-8").splitlines()
    (recorded,) = [line.split()[1] for line in goldens if line.startswith("raft-kv:1 ")]
    assert digest_in(run_in(project, installed / "simclock", "run", "raft-kv", "--seed", "1")) == recorded
    by_file = run_in(project, installed / "simclock", "run", "game.py:game", "--seed", "1")
    by_name = run_in(project, installed / "simclock", "run", "game:game", "--seed", "1")
    assert digest_in(by_file) == digest_in(by_name)


@pytest.mark.slow
@pytest.mark.ray
def test_ray_runs_beside_a_project_of_the_same_names(installed: Path, project: Path) -> None:
    command = (installed / "simclock", "run", "game.py:game", "--seed", "1")
    assert digest_in(run_in(project, *command, "--placement", "ray:hosts=2")) == digest_in(run_in(project, *command))


def test_no_module_of_a_checkout_has_two_names() -> None:
    """All of simclock is imported from the checkout's root, where its rooms lie a second time."""
    program = """
import os, pkgutil, sys
import simclock
for found in pkgutil.walk_packages(simclock.__path__, "simclock."):
    __import__(found.name)
names = {}
for name, module in sys.modules.items():
    if getattr(module, "__file__", None):
        names.setdefault(os.path.realpath(module.__file__), []).append(name)
assert os.path.realpath("actors/node.py") in names
rooms = tuple(os.path.abspath(room) + os.sep for room in ("simclock", "actors", "protocols", "experiments"))
print([each for file, each in names.items() if len(each) > 1 and file.startswith(rooms)])
"""
    assert run_in(ROOT, sys.executable, "-c", program).strip() == "[]"


@pytest.mark.parametrize("room", ROOMS)
def test_a_second_copy_of_a_room_is_refused(room: str) -> None:
    program = f"""
try:
    import {room}
except ImportError as error:
    print(error)
"""
    assert run_in(ROOT, sys.executable, "-c", program).strip() == (
        f"{room} would be a second copy of simclock.{room}: import that"
    )
