"""One PYTHONHASHSEED: the command starts again under it, a set one is honoured and named, Ray's workers have it too."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

INSTALLED = any(each.value == "simclock.experiments.pytest_plugin" for each in entry_points(group="pytest11"))
PLUGIN = () if INSTALLED else ("-p", "simclock.experiments.pytest_plugin")

WALKS = """
from simclock.actors import Message, Node
from simclock import Scenario, seconds

class Word(Message):
    text: str

class Walks(Node):
    def on_start(self):
        for word in {"a", "b", "c", "d", "e"}:
            self.send(1 - self.id, Word(word))

walks = Scenario(name="walks", nodes=2, build=lambda number: Walks(), duration_ns=seconds(1))
"""

TEST = """
from walking import walks
from simclock.actors import run
from simclock.experiments.pytest_plugin import simclock_seeds

@simclock_seeds(3)
def test_walks(seed):
    result = run(walks)
    print("ran", result.hash_seed, result.digest)
    assert seed < 1
"""


@pytest.fixture
def shell(tmp_path):
    (tmp_path / "walking.py").write_text(WALKS, encoding="utf-8")

    def called(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if name not in ("PYTHONHASHSEED", "RAY_ADDRESS")}
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**own, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return called


def simclock(*arguments: str) -> tuple[str, ...]:
    return "-c", "from simclock.experiments.start import main; main()", *arguments


def row(done: subprocess.CompletedProcess[str], label: str) -> str:
    (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"  {label} "))
    return line.removeprefix(f"  {label}").strip()


def test_every_shell_gets_the_same_digest(shell):
    """By chance three drawn hash seeds would agree in the order of five letters once in ten thousand times."""
    runs = [shell(*simclock("run", "walking.py:walks")) for _ in range(3)]
    assert len({row(done, "digest") for done in runs}) == 1
    assert "hash seed" not in runs[0].stdout and row(runs[0], "replay") == "simclock run walking.py:walks --seed 0"


def test_who_imports_the_command_line_gets_it_too(shell):
    old = ("-c", "from simclock.experiments.command_line import main; main()", "run", "walking.py:walks")
    assert "hash seed" not in shell(*old).stdout, "it is the usual one"


def test_a_set_one_is_honoured_and_stands_in_the_report_and_the_replay_line(shell):
    usual = shell(*simclock("run", "walking.py:walks"))
    other = shell(*simclock("run", "walking.py:walks"), PYTHONHASHSEED="5")
    assert row(other, "hash seed") == "5"
    assert row(other, "replay") == "PYTHONHASHSEED=5 simclock run walking.py:walks --seed 0"
    assert row(other, "digest") != row(usual, "digest")


def test_where_it_cannot_be_set_the_report_says_so(shell):
    done = shell("-P", "-E", *("-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}]; {simclock()[1]}"), "run", "phold")
    assert row(done, "hash seed").startswith("random, so a node that walks through a set")


@pytest.mark.slow
def test_a_recorded_result_is_replayed_under_its_own(shell):
    swept = shell(*simclock("sweep", "walking.py:walks", "--seeds", "0:2", "--jobs", "1"), PYTHONHASHSEED="5")
    assert swept.returncode == 3, swept.stderr
    for environment in ({}, {"PYTHONHASHSEED": "7"}):
        again = shell(*simclock("replay", "1:1"), **environment)
        assert row(again, "hash seed") == "5" and "the same to the last bit" in row(again, "recorded")
    assert "nothing: no sweep has run" in row(shell(*simclock("replay", "walking.py:walks@1")), "recorded")
    shell(*simclock("sweep", "walking.py:walks", "--seeds", "0:2", "--jobs", "1"))
    parted = shell(*simclock("diff", "1:1", "2:1"))
    assert parted.returncode == 2 and parted.stderr == (
        "simclock: 2:1: it ran under PYTHONHASHSEED=0, and this process has 5: set it to 0\n"
    )


@pytest.mark.slow
def test_tests_over_seeds_run_under_it(shell, tmp_path):
    (tmp_path / "test_walking.py").write_text(TEST, encoding="utf-8")
    once = ("-m", "pytest", "-q", *PLUGIN, "-p", "no:cacheprovider", "test_walking.py")
    said = shell(*once).stdout
    assert "simclock: started again with PYTHONHASHSEED=0" in said
    digest = row(shell(*simclock("run", "walking.py:walks")), "digest")
    assert re.findall("ran 0 (.*)", said) == [digest] * 3
    other = shell(*once, PYTHONHASHSEED="5").stdout
    assert "started again" not in other and "replay: PYTHONHASHSEED=5 pytest test_walking.py::test_walks" in other


@pytest.mark.slow
def test_tests_of_a_program_that_calls_pytest_say_that_it_is_random(shell, tmp_path):
    (tmp_path / "test_walking.py").write_text(TEST, encoding="utf-8")
    calls = f"import pytest; pytest.main([*{PLUGIN!r}, '-q', 'test_walking.py'])"
    said = shell("-c", calls).stdout
    assert "started again" not in said and "PYTHONHASHSEED is random here" in said


@pytest.mark.ray
@pytest.mark.slow
def test_workers_have_the_hash_seed_of_who_started_them(shell):
    on_ray = """
import ray
from walking import walks
from simclock.actors.run import Placement, run

there = run(walks, Placement(kind="ray", hosts=2))
ray.init(address="local", logging_level="ERROR", log_to_driver=False, include_dashboard=False)
joined = run(walks, Placement(kind="ray", hosts=2))
print(run(walks).digest, there.digest, joined.digest, there.hash_seed, joined.hash_seed)
"""
    here, there, joined, *seeds = shell("-c", on_ray, PYTHONHASHSEED="5").stdout.split()
    assert here == there == joined and seeds == ["5", "5"]
