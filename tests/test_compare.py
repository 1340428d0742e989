"""Comparisons: rows as they come, rounds in turn, nothing lost by an interrupt, own columns, and a picture."""

from __future__ import annotations

import json
import os
import pty
import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import simclock
from comparisons import MINE, PLACES, SMALL, TIMES, bouncing, compare, instead, mine, rows, simclock_says
from simclock import Scenario, UsageError, ms, seconds
from simclock.actors import run
from simclock.actors.run import Placement
from simclock.experiments.comparing.comparing import limit_ns
from simclock.experiments.comparing.comparison import Measurement, Spot, comparison_of
from simclock.experiments.comparing.numbers import numbers_of
from simclock.experiments.comparing.table import comparison_text

__all__ = ["mine"]
ROOT = Path(__file__).parent.parent


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


def test_a_terminal_shows_which_run_of_how_many_and_how_far_it_is() -> None:
    """The run waits until it has been seen to."""
    words = ["compare", "mine.py:waits", "--nodes", "2", "--placement", "inline", "--repeats", "2"]
    program = f"from simclock.experiments.command_line import main; main({words})"
    above, below = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL, stderr=below
    ) as process:
        os.close(below)
        said = ""
        while "0s of 20ms (0%), " not in said:
            assert select.select([above], [], [], 60)[0], said
            said += os.read(above, 10_000).decode()
        Path("go").touch()
        with suppress(OSError):  # the program has ended
            while more := os.read(above, 10_000):
                said += more.decode()
        assert process.wait(60) == 0, said
    os.close(above)
    first, _, second = said.partition("1/2    mine.py:waits")
    assert "run 1 of 2: mine.py:waits, 2 nodes, inline |" in first
    assert "run 2 of 2: mine.py:waits, 2 nodes, inline |" in second


def test_rounds_are_interleaved(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = instead(monkeypatch, lambda number, scenario, placement: None)
    assert compare(*SMALL, "--repeats", 3).exit_code == 0
    once = [(name, nodes, place) for name in ("phold", "everything") for nodes in (2, 3) for place in PLACES]
    assert ran == once * 3


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


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE comparisons SET asked = '{}'",
        "UPDATE comparisons SET asked = replace(asked, '\"nodes\":[2]', '\"nodes\":[2,3]')",
        "UPDATE comparisons SET state = x'00'",
        "UPDATE comparison_runs SET measured = '[1'",
        "ALTER TABLE comparison_runs RENAME COLUMN measured TO other",
    ],
)
def test_a_damaged_comparison_is_refused_in_a_line(damage: str) -> None:
    compare("phold", "--nodes", 2, "--placement", "inline", "--duration", "1ms")
    with closing(sqlite3.connect(".simclock/results.db")) as connection:
        connection.execute(damage)
        connection.commit()
    result = compare("--resume", 1)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1, result.stderr
    assert " damaged" in result.stderr and result.stderr.startswith("simclock: .simclock/results.db: ")


def test_what_cannot_be_saved_is_shown_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from simclock.experiments.comparing.records import Records
    from simclock.experiments.runs.database import ResultsUnwritable

    def full(*arguments: object) -> None:
        raise ResultsUnwritable("x.db: cannot be written: is the disk full?")

    monkeypatch.setattr(Records, "save", full)
    result = compare("phold", "--nodes", 2, "--placement", "inline", "--duration", "1ms")
    assert result.exit_code == 3 and "| phold " in result.stdout
    assert result.stderr.splitlines()[-1].endswith("saved: x.db: cannot be written: is the disk full?")


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
