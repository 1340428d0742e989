"""What a comparison does not measure, and says so: what takes too long, what fails, and a Ray that dies."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import simclock
from comparisons import PLACES, bouncing, compare, instead, mine, rows
from simclock import PlacementError, RunResult, Scenario, UsageError, ms, seconds
from simclock.actors import run
from simclock.actors.run import Look, Placement
from simclock.experiments.comparing import rounds
from simclock.experiments.comparing.comparing import ray_for
from simclock.experiments.comparing.comparison import Case
from simclock.experiments.comparing.limit import SIGNAL, Limit, Seen, over_limit
from simclock.experiments.comparing.rounds import Plan, measure
from simclock.experiments.watching.progress import RunProgress
from simclock.kernel.standing import Standing

__all__ = ["mine"]


@pytest.mark.slow
def test_a_run_that_would_exceed_the_limit_is_left_out_with_a_word() -> None:
    words = ("--nodes", 2, "--placements", "inline,windows", "--limit", "100ms", "--format", "json")
    Path("long.toml").write_text('scenario = "phold"\nduration = "1000000s"\n', encoding="utf-8")
    result = compare("long.toml", "stormy.toml", *words)
    first, second, *others = rows(result)
    for row in (first, second):
        assert row["note"].startswith("left out: about ") and row["note"].endswith(" s a run, limit 100ms")
        assert row["digest"] is None and row["rounds"] == 0 and row["agree"] is None
    assert [(row["note"], row["rounds"]) for row in others] == [(None, 3)] * 2
    assert result.exit_code == 3, "a limit was hit"
    alone = compare("long.toml", *words, "--plot", "empty.svg")
    assert alone.exit_code == 3 and "nothing was measured" in Path("empty.svg").read_text(encoding="utf-8")
    shown = compare("--resume", 1, "--plot", "picture.svg")
    assert "| left out: about " in shown.stdout and shown.exit_code == 3
    assert "long.toml, inline (not measured: 2 nodes)" in Path("picture.svg").read_text(encoding="utf-8")
    assert signal.getsignal(SIGNAL) == signal.SIG_DFL


@pytest.mark.parametrize("placement", PLACES)
def test_a_run_of_which_no_end_is_known_is_left_out_at_the_limit(placement: str) -> None:
    found = simclock.compare({"endless": bouncing(), "short": bouncing(duration_ns=ms(5))}, placements=(placement,),
                             limit="50ms")  # fmt: skip
    endless, short = found.rows
    assert endless.word == "left out: over 50ms a run" and short.rounds == 3
    assert found.status == 3


def test_the_limit_reckons_from_the_pace_of_a_run() -> None:
    def word(first: tuple[float, int] | None, now_s: float, virtual_s: int, **more: Any) -> str:
        standing = Standing(seconds(virtual_s), seconds(100), 9, **more)
        seen = None if first is None else Seen(first[0], seconds(first[1]))
        return over_limit(standing, seen, Seen(now_s, seconds(virtual_s)), 60)

    assert word((3, 1), 6, 2) == "", "300 s, but little was seen"
    assert word((3, 10), 6, 11) == "" and word((3, 1), 6, 1) == ""
    assert word((3, 1), 9, 3) == "left out: about 300 s a run, limit 60s"
    assert word((9, 5), 21, 10) == "left out: about 237 s a run, limit 60s"
    assert word((9, 5), 21, 40) == ""
    assert word((30, 1), 42, 15) == "", "what it needed to get going is not its pace"
    assert word(None, 30, 0) == word((3, 5), 30, 5) == ""
    assert word(None, 60, 0) == "left out: over 60s a run"
    start = "starting 101 Ray actors: 43 up"
    assert word(None, 30, 0, starting=start) == ""
    assert word(None, 60, 0, starting=start) == f"left out: after 60s still {start}"


class Clock:
    """Each wait takes as long as it says, or until the run is over, and a look nothing."""

    def __init__(self, end_s: float) -> None:
        self.now_s, self.end_s = 0.0, end_s

    def monotonic(self) -> float:
        return self.now_s

    def over(self, timeout_s: float) -> bool:
        self.now_s = min(self.end_s, self.now_s + timeout_s)
        return self.now_s == self.end_s


@pytest.mark.parametrize(("whole_s", "left_out"), [(25, False), (350, True)])
def test_a_pilot_begins_when_the_run_does(whole_s: int, left_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers need 30 s, and all the run `whole_s` more."""
    clock, limit = Clock(30 + whole_s), Limit(seconds(60))
    monkeypatch.setattr("simclock.experiments.comparing.limit.time", clock)
    monkeypatch.setattr(limit, "end", lambda standing: None)

    def look(closely: bool) -> Standing:
        if clock.now_s < 30:
            return Standing(0, None, 0, starting="starting 9 Ray actors: 3 up")
        return Standing(int(seconds(100) * (clock.now_s - 30) / whole_s), seconds(100), 9)

    limit.watch(look, clock.over)
    assert limit.word == ("left out: about 380 s a run, limit 60s" if left_out else "")
    assert clock.now_s < 40 if left_out else clock.now_s == 55


def test_what_waits_for_a_ray_that_has_died_is_ended_also_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would end this process, after a minute."""
    dead: list[bool] = []

    def waits(number: int, scenario: Scenario, placement: Placement) -> None:
        dead.append(placement.kind == "windows" and number > 1)

    instead(monkeypatch, waits)
    plan = Plan(
        cases=[Case(name=name, nodes=2, scenario=made, replay="") for name, made in NEVER_ENDING.items()],
        placements=[("windows", Placement(kind="windows"))],
        repeats=1,
        limit_ns=None,
    )
    short, endless = measure(plan, ready=lambda placement: lambda: dead[-1])
    assert short.word == "" and endless.word == "failed: Ray has died in the middle of a run"
    assert not endless.lasting, "it is tried again"


NEVER_ENDING = {"short": bouncing(duration_ns=ms(5)), "endless": bouncing()}


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


def test_a_ray_that_cannot_be_had_is_refused_and_leaves_nothing_to_go_on_with() -> None:
    result = compare("phold", "--nodes", 2, "--placements", "inline,ray", "--address", "127.0.0.1:1")
    assert result.exit_code == 2 and result.stderr.startswith("simclock: address: no Ray answers at 127.0.0.1:1")
    assert "no comparison in" in compare("--resume").stderr


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


def test_a_ray_that_has_died_is_started_again_before_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    refused = False

    @contextmanager
    def session(address: str | None) -> Iterator[None]:
        if refused:
            raise UsageError("no Ray answers")
        happened.append("up")
        yield
        happened.append("down")

    home = "simclock.actors.placements.ray.session"
    died = iter([False, True, False, True])
    monkeypatch.setattr(f"{home}.ray_session", session)
    monkeypatch.setattr(f"{home}.ray_has_died", lambda: next(died))
    ray, inline = Placement(kind="ray"), Placement()
    with ray_for([("ray", ray), ("inline", inline)], None) as ready:
        for placement in (ray, inline, ray, inline, ray):
            ready(placement)
        assert happened == ["up", "down", "up"]
        refused = True
        with pytest.raises(PlacementError, match="Ray has died, and does not start again: no Ray answers"):
            ready(ray)
    assert happened == ["up", "down", "up", "down"]
    with ray_for([("inline", inline)], None) as ready:
        ready(inline)
    assert len(happened) == 4, "who needs no Ray starts none"


# On Ray.


def test_a_start_is_shown_and_is_no_standstill() -> None:
    shown = RunProgress()
    start = Standing(0, None, 0, starting="starting 101 Ray actors: 43 up")
    for second in range(60):
        standing = shown.saw(second, start)
        assert list(shown.notes(second, standing)) == []
    assert shown.line(59, standing) == "starting 101 Ray actors: 43 up"
    assert not shown.still(59)


@pytest.mark.slow
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
    found = simclock.compare(
        {"long": bouncing(duration_ns=seconds(100_000)), "short": bouncing(duration_ns=ms(5))},
        placements=("ray:hosts=2",), repeats=1, limit="50s",
    )  # fmt: skip
    assert found.rows[0].word.startswith("left out: ")
    assert found.rows[1].rounds == 1, "the Ray lives on"
