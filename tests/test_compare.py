"""Comparisons: rows as they come, rounds in turn, nothing lost by an interrupt, a limit, own columns, and a picture."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import simclock
from simclock import Constant, Network, PlacementError, RunResult, Scenario, UsageError, ms, seconds
from simclock.actors import Message, Node, run
from simclock.actors.run import Look, Placement
from simclock.experiments.command_line import main
from simclock.experiments.comparing import rounds
from simclock.experiments.comparing.comparing import limit_ns
from simclock.experiments.comparing.comparison import Measurement, Spot, comparison_of
from simclock.experiments.comparing.limit import SIGNAL, Limit, over_limit
from simclock.experiments.comparing.numbers import numbers_of
from simclock.experiments.comparing.table import comparison_text
from simclock.experiments.watching.progress import RunProgress
from simclock.kernel.standing import Standing

ROOT = Path(__file__).parent.parent

MINE = """
import os
from dataclasses import dataclass
from simclock import Constant, Message, Network, Node, Observer, Scenario, ms


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        if self.id == 0:
            self.send(1, Ball(0))

    def on_message(self, source, message):
        self.observe("ball", message.n)
        self.send(source, Ball(message.n + 1))


class Waits(Player):
    def on_start(self):
        while not os.path.exists("go"):
            pass
        super().on_start()


class Faulty(Player):
    def on_message(self, source, message):
        raise KeyError("dropped")


@dataclass
class Played:
    bounces: int
    per_node: dict


class Game(Observer):
    judges = False

    def __init__(self):
        self.bounces = 0

    def on_observation(self, observation, control):
        self.bounces += 1

    def report(self):
        return Played(self.bounces, {"mean": self.bounces / 2, "none": float("nan"), "all": True})


def made(player, seed=0):
    return Scenario(
        name="game", nodes=2, seed=seed, build=lambda node: player(), duration_ns=ms(20), observers=(Game,),
        network=Network(latency=Constant(delay_ns=ms(1))),
    )


def game(seed):
    return made(Player, seed)


def waits(seed):
    return made(Waits, seed)


faulty = made(Faulty)
"""
TIMES = ("wall time", "events/s", "speed-up", "wall min", "wall max", "speed-up min", "speed-up max", "started")


def simclock_says(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def compare(*arguments: object) -> Result:
    return simclock_says("compare", *arguments)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "stormy.toml").write_text(
        'scenario = "phold"\nduration = "20ms"\n[parameters]\ntokens = 5\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)


Runs = Callable[..., RunResult]


def instead(monkeypatch: pytest.MonkeyPatch, before: Callable[[int, Scenario, Placement], None]) -> list[Any]:
    """Have `before` be called with a run's number, scenario and placement, and may raise; gives what was run."""
    ran: list[Any] = []

    def fake(scenario: Scenario, placement: Placement, **named: Any) -> RunResult:
        ran.append((scenario.name, scenario.nodes, str(placement).partition(",")[0]))
        before(len(ran), scenario, placement)
        return run(scenario, placement, **named)

    monkeypatch.setattr(rounds, "run", fake)
    return ran


SMALL = ("phold", "everything", "--nodes", "2,3", "--placements", "inline,windows", "--duration", "20ms")


# Rows, in order.


def test_a_row_is_told_as_soon_as_it_is_measured() -> None:
    """The second scenario waits for a file, which is made when the row of the first has been read."""
    words = ["compare", "mine.py:game", "mine.py:waits", "--nodes", "2", "--placement", "inline", "--repeats", "1"]
    program = f"from simclock.experiments.command_line import main; main({words})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = ""
        while "1/1    mine.py:game" not in said:
            assert select.select([process.stderr], [], [], 60)[0], said
            said += os.read(process.stderr.fileno(), 10_000).decode()
        assert process.poll() is None and "mine.py:waits" not in said
        Path("go").touch()
        table, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert rest.startswith(b"1/1    mine.py:waits") and b"| mine.py:game " in table
    assert b"|" not in rest, "no bar where nobody looks"


def test_rounds_are_interleaved(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = instead(monkeypatch, lambda number, scenario, placement: None)
    assert compare(*SMALL, "--repeats", 3).exit_code == 0
    once = [(name, nodes, place) for name in ("phold", "everything") for nodes in (2, 3) for place in PLACES]
    assert ran == once * 3


PLACES = ("inline", "windows")


def measurement(place: str, round: int, wall_s: float, **more: Any) -> Measurement:
    named = {"name": "x", "nodes": 3, "events": 100, "digest": "d" * 32, **more}
    return Measurement(placement=place, round=round, wall_s=wall_s, **named)


def test_ratios_are_paired_within_a_round_and_medians_stand_between_least_and_most() -> None:
    """The machine was ten times slower in the second round, and nothing but that."""
    spots = [Spot("x", 3, "inline"), Spot("x", 3, "ray")]
    walls = {"inline": (1.0, 10.0, 1.0), "ray": (2.0, 20.0, 4.0)}
    measured = [measurement(place, at + 1, wall) for place, all_of in walls.items() for at, wall in enumerate(all_of)]
    inline, ray = comparison_of(spots, 3, measured).rows
    assert inline.wall_s == (1.0, 1.0, 10.0) and ray.wall_s == (4.0, 2.0, 20.0)
    assert ray.speed_up == (0.5, 0.25, 0.5) and inline.speed_up == (1.0, 1.0, 1.0)
    assert ray.events_per_s == 25 and ray.agree
    alone = comparison_of(spots[1:], 3, [each for each in measured if each.placement == "ray"])
    assert alone.rows[0].speed_up is None


def test_a_spread_is_shown_behind_its_median() -> None:
    spots = [Spot("x", 3, "inline"), Spot("x", 3, "ray")]
    several = [
        measurement(place, round, round * wall) for place, wall in (("inline", 1), ("ray", 2)) for round in (1, 3)
    ]
    shown = comparison_text(comparison_of(spots, 2, several), "plain").splitlines()[2]
    assert " 4.000 s (2.000 to 6.000) " in shown and " to " not in shown.partition("6.000)")[2]
    assert " to " not in comparison_text(comparison_of(spots, 1, several[::2]), "plain")


# Interrupted, and gone on with.


def interrupt_at(number: int) -> Callable[[int, Scenario, Placement], None]:
    def before(at: int, scenario: Scenario, placement: Placement) -> None:
        if at == number:
            raise KeyboardInterrupt

    return before


def without_times(result: Result) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows(result)]


@pytest.mark.parametrize("at", [1, 6, 8])
def test_an_interrupt_keeps_what_there_is_and_resume_goes_on(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*SMALL, "--repeats", 2, "--format", "json", "--column", "counters.sent")
    whole = compare(*words, "--database", "whole.db")
    with monkeypatch.context() as patched:
        instead(patched, interrupt_at(at))
        stopped = compare(*words)
    assert stopped.exit_code == 130
    assert f"simclock: interrupted: {at - 1} of 16 runs are measured\n" in stopped.stderr
    assert stopped.stderr.endswith("simclock: it goes on with `simclock compare --resume 1`\n")
    notes = [row["note"] for row in rows(stopped)]
    assert notes == ["1 of 2 rounds" if number < at - 1 else "not measured" for number in range(8)]
    assert "interrupted" in simclock_says("results", "comparisons").stdout
    ran = instead(monkeypatch, lambda number, scenario, placement: None)
    gone_on = compare("--resume", *words[-4:])
    assert gone_on.stderr.startswith(f"simclock: comparison 1 goes on: {at - 1} of 16 runs are done\n")
    assert (gone_on.exit_code, len(ran)) == (0, 17 - at)
    assert without_times(gone_on) == without_times(whole)
    assert all(row["rounds"] == 2 and row["note"] is None for row in rows(gone_on))
    again = compare("--resume", 1, "--format", "json")
    assert len(ran) == 17 - at and again.stderr == "", "a finished one is shown, and nothing is run"
    assert [row["wall time"] for row in rows(again)] == [row["wall time"] for row in rows(gone_on)]


def test_the_same_command_goes_on_with_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("mine.py:game", "--nodes", 2, "--placement", "inline", "--resume")
    with monkeypatch.context() as patched:
        instead(patched, interrupt_at(2))
        assert compare(*words).exit_code == 130
    assert "comparison 1 goes on: 1 of 3 runs are done" in compare(*words).stderr
    assert "goes on" not in compare(*words, "--repeats", 4).stderr
    Path("mine.py").write_text(f"{MINE}\nMORE = 1\n", encoding="utf-8")
    assert "goes on" not in compare(*words).stderr, "what other code did is not of today's"


def test_what_other_code_measured_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        instead(patched, interrupt_at(2))
        compare("mine.py:game", "--nodes", 2, "--placement", "inline")
    Path("mine.py").write_text(f"{MINE}\nMORE = 1\n", encoding="utf-8")
    result = compare("--resume")
    assert result.exit_code == 2 and "--resume: comparison 1 was of other code (" in result.stderr


def test_a_database_of_sweeps_alone_is_read_and_takes_comparisons() -> None:
    """As an earlier version left it: its tables stay, and comparisons get their own when there is one."""
    simclock_says("sweep", "phold", "--seeds", "0:2", "--jobs", 1, "--duration", "1ms")
    listed = simclock_says("results", "comparisons", "--format", "json")
    assert (listed.exit_code, json.loads(listed.stdout)) == (0, [])
    assert "no comparison in" in compare("--resume").stderr
    assert compare("phold", "--nodes", 2, "--placement", "inline", "--duration", "1ms").exit_code == 0
    (kept,) = json.loads(simclock_says("results", "comparisons", "--format", "json").stdout)
    assert (kept["scenarios"], kept["runs"], kept["state"]) == ("phold", 3, "finished")
    assert len(json.loads(simclock_says("results", "--format", "json").stdout)) == 1


def test_what_cannot_be_saved_is_shown_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from simclock.experiments.comparing.records import Records
    from simclock.experiments.runs.database import ResultsUnwritable

    def full(*arguments: object) -> None:
        raise ResultsUnwritable("x.db: cannot be written: is the disk full?")

    monkeypatch.setattr(Records, "save", full)
    result = compare("phold", "--nodes", 2, "--placement", "inline", "--duration", "1ms")
    assert result.exit_code == 3 and "| phold " in result.stdout
    assert result.stderr.splitlines()[-1].endswith("saved: x.db: cannot be written: is the disk full?")


# What is not measured says why.


def test_a_run_that_would_exceed_the_limit_is_left_out_with_a_word() -> None:
    short, long = "mine.py:game", "phold"
    words = ("--nodes", 2, "--placements", "inline,windows", "--limit", "100ms", "--format", "json")
    Path("long.toml").write_text('scenario = "phold"\nduration = "1000000s"\n', encoding="utf-8")
    result = compare("long.toml", "long.toml".replace("long", "stormy"), *words)
    first, second, *others = rows(result)
    for row in (first, second):
        assert row["note"].startswith("left out: about ") and row["note"].endswith(" s a run, limit 100ms")
        assert row["digest"] is None and row["rounds"] == 0 and row["agree"] is None
    assert [(row["note"], row["rounds"]) for row in others] == [(None, 3)] * 2
    assert result.exit_code == 3, "a limit was hit"
    assert "| left out: about " in compare("--resume", 1).stdout and short != long
    assert signal.getsignal(SIGNAL) == signal.SIG_DFL


class Bounces(Node):
    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Ball())

    def on_message(self, source: int, message: Message) -> None:
        self.send(source, message)


class Ball(Message):
    pass


def bouncing(**named: Any) -> Scenario:
    network = Network(latency=Constant(delay_ns=ms(1)))
    return Scenario(name="bouncing", nodes=2, build=lambda node: Bounces(), network=network, **named)


@pytest.mark.parametrize("placement", PLACES)
def test_a_run_of_which_no_end_is_known_is_left_out_at_the_limit(placement: str) -> None:
    found = simclock.compare({"endless": bouncing(), "short": bouncing(duration_ns=ms(5))}, placements=(placement,),
                             limit="50ms")  # fmt: skip
    endless, short = found.rows
    assert endless.word == "left out: over 50ms a run" and short.rounds == 3
    assert found.status == 3


def test_the_limit_reckons_from_where_a_run_stands() -> None:
    def word(virtual_s: int, now_s: float, started_s: float = 0, **more: Any) -> str:
        standing = Standing(seconds(virtual_s), seconds(100), 9, **more)
        return over_limit(standing, now_s=now_s, started_s=started_s, limit_s=60)

    assert word(5, 3) == ""
    assert word(4, 3) == "left out: about 75 s a run, limit 60s"
    assert word(0, 3) == "" and word(0, 60) == "left out: over 60s a run"
    assert word(10, 33, started_s=30) == "", "a start is not done again for each tenth"
    assert word(10, 34, started_s=30) == "left out: about 70 s a run, limit 60s"
    start = "starting 101 Ray actors: 43 up"
    assert word(0, 30, 30, starting=start) == ""
    assert word(0, 60, 60, starting=start) == f"left out: after 60s still {start}"


class Clock:
    """Each wait takes as long as it says, and a look nothing."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looked: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, timeout_s: float) -> bool:
        self.now_s += timeout_s
        self.looked.append(self.now_s)
        return False


def test_a_pilot_begins_when_the_workers_are_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """They need 30 s, and all the run 20 s more: it is not over the limit."""
    clock, limit = Clock(), Limit(seconds(60))
    monkeypatch.setattr("simclock.experiments.comparing.limit.time", clock)

    def look(closely: bool) -> Standing:
        if clock.now_s < 30:
            return Standing(0, None, 0, starting="starting 9 Ray actors: 3 up")
        if clock.now_s >= 50:
            limit.over()
        return Standing(int(seconds(100) * (clock.now_s - 30) / 20), seconds(100), 9)

    limit.watch(look, clock.wait)
    assert limit.word == "" and 33 <= min(each for each in clock.looked if each > 30.5) < 34


def test_what_was_measured_once_is_measured_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit is for a row's first run: a busy machine must not tear a hole into the second round."""
    limits: list[int | None] = []
    true_limit = rounds.Limit

    def noted(limit: int | None) -> Limit:
        limits.append(limit)
        return true_limit(limit)

    monkeypatch.setattr(rounds, "Limit", noted)
    compare("phold", "--nodes", 2, "--placement", "inline", "--duration", "1ms", "--limit", "9s")
    assert limits == [seconds(9), None, None]


def test_a_ray_that_dies_is_a_word_in_its_row_and_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(number: int, scenario: Scenario, placement: Placement) -> None:
        if placement.kind == "windows" and scenario.nodes == 3:
            raise PlacementError("the scheduler's worker died: killed by signal 9; replay: x", "A block\nof Ray")

    words = ("phold", "--nodes", "2,3", "--placements", "inline,windows", "--duration", "5ms")
    with monkeypatch.context() as patched:
        ran = instead(patched, dies)
        result = compare(*words, "--format", "json")
    assert result.exit_code == 3
    word = "failed: the scheduler's worker died: killed by signal 9"
    assert [row["note"] for row in rows(result)] == [None, None, None, word]
    assert [row["agree"] for row in rows(result)] == [True, True, True, None]
    assert ran.count(("phold", 3, "windows")) == 1, "who died is not asked in every round"
    assert "simclock: phold, 3 nodes, windows: the scheduler's worker died" in result.stderr
    assert "A block" not in result.stderr and "(--verbose shows what Ray says)" in result.stderr
    assert result.stderr.endswith("simclock: it goes on with `simclock compare --resume 1`\n")
    later = compare("--resume", "--format", "json")
    assert later.exit_code == 0 and [row["rounds"] for row in rows(later)] == [3] * 4


def test_a_ray_that_dies_in_a_later_round_leaves_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(number: int, scenario: Scenario, placement: Placement) -> None:
        if number == 4:
            raise PlacementError("it is gone")

    instead(monkeypatch, dies)
    result = compare("phold", "--nodes", 2, "--placements", "inline,windows", "--duration", "5ms", "--format", "json")
    assert [(row["rounds"], row["note"]) for row in rows(result)] == [
        (3, None),
        (1, "1 of 3 rounds; failed: it is gone"),
    ]


def test_code_that_fails_is_a_word_in_its_row_and_told_in_full_once() -> None:
    result = compare("mine.py:faulty", "mine.py:game", "--nodes", 2, "--placements", "inline,windows")
    assert result.exit_code == 4
    lines = result.stdout.splitlines()[2:]
    assert ["| failed: KeyError at mine.py:" in line for line in lines] == [True, True, False, False]
    assert result.stderr.count('raise KeyError("dropped")') == 1
    assert "replay: simclock run mine.py:faulty --seed 0 --nodes 2" in result.stderr
    assert "goes on with" not in result.stderr, "it would fail in the same way"


def test_digests_that_differ_are_shouted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(scenario: Scenario, placement: Placement, **named: Any) -> RunResult:
        result = run(scenario, placement)
        return result._replace(digest="f" * 32) if (placement.kind, scenario.nodes) == ("windows", 3) else result

    monkeypatch.setattr(rounds, "run", fake)
    result = compare("phold", "--nodes", "2,3", "--placements", "inline,windows", "--duration", "5ms")
    assert result.exit_code == 1
    assert [" NO " in line for line in result.stdout.splitlines()[2:]] == [False, False, True, True]
    early, late = (line for line in result.stderr.splitlines() if "DIGESTS DIFFER" in line)
    assert early == "simclock: DIGESTS DIFFER: phold with 3 nodes, windows in round 1"
    assert "phold with 3 nodes: digests differ: inline " in late and "windows ffffffffffff" in late


# What is compared.


def test_a_parameter_is_set_of_one_scenario_and_the_others_are_left_alone() -> None:
    words = ("--nodes", 3, "--placement", "inline", "--duration", "20ms", "--format", "json", "--repeats", 1)
    (plain,), (seven,) = rows(compare("phold", *words)), rows(compare("phold", *words, "--set", "tokens=7"))
    named = compare("few=phold", "many=phold", "stormy.toml", *words, "--set", "many.tokens=7")
    few, many, stormy = rows(named)
    assert (few["scenario"], many["scenario"], stormy["scenario"]) == ("few", "many", "stormy.toml")
    assert (few["digest"], many["digest"]) == (plain["digest"], seven["digest"]) and few["digest"] != many["digest"]
    short = rows(compare("phold", "stormy.toml", *words, "--set", "stormy.tokens=7"))
    assert (short[0]["digest"], short[1]["digest"]) == (plain["digest"], seven["digest"])
    assert stormy["digest"] not in (plain["digest"], seven["digest"])


def test_names_files_and_python_mix() -> None:
    result = compare("phold", "mine.py:game", "stormy.toml", "--nodes", 2, "--placement", "inline", "--format", "json")
    assert result.exit_code == 0
    assert [row["scenario"] for row in rows(result)] == ["phold", "mine.py:game", "stormy.toml"]
    assert [row["virtual time"] for row in rows(result)][1:] == [0.02, 0.02]


def test_own_measurements_are_columns() -> None:
    words = ("phold", "mine.py:game", "--nodes", 2, "--placement", "inline", "--duration", "20ms")
    columns = ("--column", "Game.bounces", "--column", "game.per-node.mean", "--column", "counters.sent")
    phold, game = rows(compare(*words, *columns, "--format", "json"))
    assert (game["Game.bounces"], game["game.per-node.mean"], game["counters.sent"]) == (19, 9.5, 20)
    assert (phold["Game.bounces"], phold["counters.sent"] > 0) == (None, True)
    table = compare("--resume", 1, "--column", "Game.bounces").stdout
    assert table.splitlines()[0].endswith("|   Game.bounces |")
    assert [line.split("|")[-2].strip() for line in table.splitlines()[2:]] == ["", "19"]


def test_numbers_are_those_of_reports_and_counters() -> None:
    from simclock.experiments.runs.source import find_source

    found = numbers_of(run(find_source("mine.py:game").scenario()))
    own = {name: value for name, value in found.items() if not name.startswith("counters.")}
    assert own == {"Game.bounces": 19, "Game.per_node.mean": 9.5}, "neither a truth nor NaN is a number"


def test_a_wrong_column_is_refused_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("mine.py:game", "--nodes", 2, "--placement", "inline")
    with monkeypatch.context() as patched:
        ran = instead(patched, lambda number, scenario, placement: None)
        result = compare(*words, "--column", "Gmae.bounces")
    assert (result.exit_code, ran, result.stdout) == (2, [], "")
    assert "unknown measurement 'Gmae.bounces': did you mean 'Game.bounces'? there is Game.bounces, " in result.stderr
    late = compare(*words, "--column", "Game.bonces")
    assert late.exit_code == 2 and "did you mean 'Game.bounces'?" in late.stderr
    assert "| mine.py:game " in late.stdout, "what was measured is not lost"


def test_the_picture_has_a_line_for_each_scenario_and_placement() -> None:
    result = compare(*SMALL, "--repeats", 2, "--plot", "picture.svg")
    assert result.exit_code == 0
    drawn = Path("picture.svg").read_text(encoding="utf-8")
    for text in ("phold, inline", "everything, windows", "messages delivered", "events per second", "wall time"):
        assert text in drawn


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = instead(monkeypatch, lambda number, scenario, placement: None)
    for name, why in (("a.png", "its name must end in .svg"), ("nowhere/a.svg", "there is no folder nowhere")):
        result = compare(*SMALL, "--plot", name)
        assert result.exit_code == 2 and why in result.stderr and result.stderr.count("\n") == 1
    assert ran == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("phold", "phold"), "phold, 3 nodes, inline stands there twice: leave one out, or give the scenario a name"),
        (("phold", "--nodes", "3,3"), "phold, 3 nodes, inline stands there twice"),
        (("phold", "--limit", "soon"), "--limit"),
        (("phold", "--limit", "0s"), "--limit: '0s' leaves no time to run"),
        (("phold", "--set", "pholt.tokens=3"), "--set pholt.tokens: unknown scenario of this comparison 'pholt'"),
        (("phold", "--set", "phold.tokns=3"), "--set: unknown parameter of phold 'tokns': did you mean 'tokens'?"),
        (("phold", "raft-kv", "--set", "tokens=3"), "--set SCENARIO.NAME=VALUE sets it of one scenario alone"),
        (("x=nowhere.toml",), "nowhere.toml: cannot be read"),
        (("--resume",), "there are no results yet"),
        (("--resume", 7), "there are no results yet"),
        (("--resume", "--nodes", 3), "a comparison goes on with its own scenarios and options"),
        (("phold", "--database", "/proc/nowhere/x.db"), "name another with --database"),
    ],
)
def test_bad_input_is_one_line(words: tuple[object, ...], text: str) -> None:
    result = compare(*words, "--placement", "inline") if "--resume" not in words else compare(*words)
    assert result.exit_code == 2 and text in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert result.stdout == ""


def test_a_number_of_which_there_is_no_comparison() -> None:
    compare("phold", "--nodes", 2, "--placement", "inline", "--duration", "1ms")
    for number in (7, "9" * 5000):
        result = compare("--resume", number)
        assert result.exit_code == 2 and "there is no comparison " in result.stderr and len(result.stderr) < 300


# From Python.


def test_a_comparison_from_python_is_a_value() -> None:
    told: list[Measurement] = []
    found = simclock.compare(
        ["phold", bouncing(duration_ns=ms(5))], nodes=(2, 3), placements=("inline", Placement(kind="windows")),
        repeats=2, columns=("counters.sent",), told=told.append,
    )  # fmt: skip
    assert [tuple(row.spot) for row in found.rows][-2:] == [
        ("bouncing", 3, "inline"),
        ("bouncing", 3, "windows, one host per node"),
    ]
    assert (found.status, found.differing, found.words) == (0, [], [])
    assert [row.number("counters.sent") for row in found.rows[-2:]] == [5, 5]
    assert tuple(told) == found.measured and len(told) == 16
    own = simclock.compare(bouncing(duration_ns=ms(5)))
    assert [(row.nodes, row.rounds) for row in own.rows] == [(2, 3)]


@pytest.mark.parametrize(
    ("scenarios", "named", "text"),
    [
        ([], {}, "there is nothing to compare"),
        (["phold", "phold"], {}, "stands there twice"),
        ("phold", {"repeats": 0}, "repeats: 0 is not a number of rounds"),
        ("phold", {"limit": "0s"}, "limit: '0s' leaves no time"),
        ("pholt", {}, "unknown scenario 'pholt'"),
        ("phold", {"placements": ["moon"]}, "'moon' is not a placement"),
    ],
)
def test_bad_input_from_python(scenarios: Any, named: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        simclock.compare(scenarios, **named)


def test_no_limit() -> None:
    assert limit_ns(None) is limit_ns("none") is None and limit_ns("60s") == seconds(60)


# On Ray.


def test_a_start_is_shown_and_is_no_standstill() -> None:
    shown = RunProgress()
    start = Standing(0, None, 0, starting="starting 101 Ray actors: 43 up")
    for second in range(60):
        standing = shown.saw(second, start)
        assert list(shown.notes(second, standing)) == []
    assert shown.line(59, standing) == "starting 101 Ray actors: 43 up"
    assert not shown.still(59)


@pytest.mark.ray
def test_on_ray_who_looks_on_sees_the_workers_start_and_a_limit_ends_a_run(ray: None) -> None:
    seen: list[Standing | None] = []

    @contextmanager
    def onlooker(look: Look) -> Iterator[None]:
        seen.append(look(False))
        yield
        seen.append(look(False))

    run(bouncing(duration_ns=ms(5)), "ray", onlooker=onlooker)
    before, after = seen
    assert before is not None and before.starting == "starting 2 Ray actors: 0 up"
    assert after is not None and (after.starting, after.virtual_ns > 0) == ("", True)
    began_s = time.monotonic()
    found = simclock.compare(
        {"long": bouncing(duration_ns=seconds(100_000)), "short": bouncing(duration_ns=ms(5))},
        placements=("ray:hosts=2",), repeats=1, limit="5s",
    )  # fmt: skip
    assert found.rows[0].word.startswith("left out: "), f"after {time.monotonic() - began_s:.0f} s"
    assert found.rows[1].rounds == 1, "the Ray lives on"
