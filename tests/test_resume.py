"""A sweep that was interrupted or killed goes on, and has lost nothing but what had just come."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock.experiments.command_line import main
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.code_version import CodeVersion
from simclock.experiments.runs.database import open_results
from simclock.experiments.runs.outcome import Outcome, SeedRunner
from simclock.experiments.runs.source import find_source
from simclock.experiments.runs.sweep import Keeper

ROOT = Path(__file__).parent.parent

PLAYERS = """
import os
from simclock.actors import Node
from simclock import Observer, Scenario, ms


class Player(Node):
    def on_start(self):
        self.observe("luck", self.random.randrange(4))


class NoThree(Observer):
    def on_observation(self, observation, control):
        if observation.value == 3:
            control.violated("no three", observation.node, "a three")


def game(seed):
    while seed == 25 and os.path.exists("hang"):
        pass
    return Scenario(
        name="game", nodes=1, seed=seed, build=lambda node: Player(), duration_ns=ms(5), observers=(NoThree,)
    )
"""


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def game(tmp_path, monkeypatch):
    """A scenario of which some seeds are violated, and seed 25 never ends while a file is there."""
    (tmp_path / "players.py").write_text(PLAYERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "players.py:game"


def read(name: str = ".simclock/results.db") -> list[Outcome]:
    with open_results(Path(name)) as opened:
        return [result.outcome for result in opened.results()]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what must come; a deadline that no slow machine meets."""
    end_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.01)


def test_a_sweep_that_is_killed_loses_no_result_and_goes_on(game):
    """It is killed in a run that never ends: what came before is saved, though nothing came after."""
    whole = simclock("sweep", game, "--seeds", "10:40", "--jobs", 1, "--database", "whole.db")
    Path("hang").touch()
    words = ["sweep", game, "--seeds", "10:40", "--jobs", "1"]
    program = f"from simclock.experiments.command_line import main; main({words})"
    with subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        file = Path(".simclock/results.db")
        try:
            wait_until(lambda: file.exists() and file.stat().st_size > 0 and len(read()) == 15, "15 results are saved")
        finally:
            process.kill()
    before = read()
    assert "unfinished" in simclock("results").stdout
    Path("hang").unlink()
    result = simclock("sweep", "--resume", "--jobs", 1)
    assert result.exit_code == whole.exit_code
    assert result.stderr.startswith("simclock: sweep 1 goes on: 15 of 30 seeds are done\n")
    assert "  runs         30, 15 of them done before, in " in result.stdout
    after = read()
    assert after[:15] == before, "what was done is not done again"
    kept = ("seed", "digest", "verdict", "properties", "detail", "counters")
    assert [[getattr(a, k) for k in kept] for a in after] == [[getattr(b, k) for k in kept] for b in read("whole.db")]
    assert "10:40" in simclock("results").stdout and "finished" in simclock("results").stdout


def interrupted_at(seed: int, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Result:
    true_runner = SeedRunner.outcome

    def interrupted(runner, each):
        if each == seed:
            raise KeyboardInterrupt
        return true_runner(runner, each)

    with monkeypatch.context() as patched:
        patched.setattr(SeedRunner, "outcome", interrupted)
        return simclock("sweep", *arguments, "--jobs", 1)


@pytest.mark.slow
def test_a_sweep_is_resumed_by_its_number_by_its_command_or_as_the_last(game, monkeypatch):
    for words in (["--resume", 1], [2, "--resume"], [game, "--seeds", "0:9", "--nodes", 2, "--resume"], ["--resume"]):
        assert interrupted_at(4, monkeypatch, game, "--seeds", "0:9", "--nodes", 2).exit_code == 130
        result = simclock("sweep", *words, "--jobs", 1)
        assert "goes on: 4 of 9 seeds are done\n" in result.stderr, words
    with open_results(Path(".simclock/results.db")) as opened:
        assert [(each.state, sum(each.verdicts.values())) for each in opened.sweeps()] == [("finished", 9)] * 4


def test_one_command_begins_a_sweep_goes_on_with_it_and_shows_it(game, monkeypatch):
    command = (game, "--seeds", "3,5:9", "--resume")
    assert interrupted_at(6, monkeypatch, *command).exit_code == 130
    assert "goes on: 2 of 5 seeds are done" in simclock("sweep", *command, "--jobs", 1).stderr
    shown = simclock("sweep", *command, "--jobs", 1)
    assert "goes on: 5 of 5 seeds are done" in shown.stderr
    assert "runs         5, 5 of them done before, in " in shown.stdout
    with open_results(Path(".simclock/results.db")) as opened:
        assert [each.id for each in opened.sweeps()] == [1]


def test_failures_of_a_resumed_sweep_are_replayed_by_their_result(game, monkeypatch):
    interrupted_at(2, monkeypatch, game, "--seeds", "0:40", "--database", "x.db")
    told = simclock("sweep", "--resume", "--jobs", 1, "--database", "x.db").stderr
    failing = next(each.seed for each in read("x.db") if not each.passed and each.seed > 2)
    assert f"  replay: simclock replay 1:{failing} --database x.db\n" in told


def test_results_of_other_code_are_not_mixed(game, monkeypatch):
    interrupted_at(4, monkeypatch, game, "--seeds", "0:9")
    Path("players.py").write_text(f"{PLAYERS}\nMORE = 1\n", encoding="utf-8")
    result = simclock("sweep", "--resume", "--jobs", 1)
    assert result.exit_code == 2
    assert "--resume: sweep 1 was of other code (" in result.stderr
    result = simclock("sweep", game, "--seeds", "0:9", "--resume", "--jobs", 1)
    assert "goes on" not in result.stderr and result.stdout.startswith("sweep 2: ")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--resume"], "no sweep in .simclock/results.db is unfinished"),
        (["--resume", 7], "there is no sweep 7"),
        (["--resume", "9" * 5000], "there is no sweep "),
        (["--resume", 1, "--seeds", "0:3"], "a sweep goes on with its own seeds and settings"),
        (["--resume", "--nodes", 3], "a sweep goes on with its own seeds and settings"),
        (["phold", "--resume"], "has no unfinished sweep of phold"),
        ([], "Missing argument 'SCENARIO'"),
    ],
)
def test_what_cannot_be_resumed_is_refused_in_a_line(game, words, text):
    simclock("sweep", game, "--seeds", "0:2", "--jobs", 1)
    result = simclock("sweep", *words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_result_is_saved_though_nothing_comes_after_it(tmp_path):
    with open_results(tmp_path / "x.db", create=True) as opened:
        number = opened.begin("phold", "", "0:4", CodeVersion("", ""))
        with Keeper(opened, number) as keeper:
            keeper.add(
                [SeedRunner(entry=find_source("phold").entry, settings=Settings(nodes=1, duration_ns=1)).outcome(0)]
            )
            wait_until(lambda: [each.seed for each in read(str(tmp_path / "x.db"))] == [0], "it is saved")
