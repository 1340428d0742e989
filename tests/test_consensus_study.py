"""What engines cost: studies count what was sent, to measure a run does not change it, and theory is near."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from simclock import UsageError, ms, seconds
from simclock.actors import run
from simclock.experiments.catalog import entries, studies
from simclock.experiments.consensus.engines import ENGINES
from simclock.experiments.consensus.measuring import Commits, cost_of, weighed
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import parameters_of
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, StudySettings


def measured(name: str, **asked: Any) -> tuple[Sequence[Row], Sequence[str]]:
    study = studies()[name]
    rows = tuple(study.rows(StudySettings(parameters={**parameters_of(study), **asked})))
    return rows, study.notes(rows)


def made(engine: str, **more: Any) -> Any:
    settings = Settings(seed=3, duration_ns=seconds(2), parameters={"engine": engine}, **more)
    return make_scenario(entries()["key-value"], settings)


@pytest.mark.parametrize("engine", ENGINES)
def test_to_measure_a_run_changes_nothing_of_it(engine: str) -> None:
    plain, measuring = run(made(engine)), run(weighed(made(engine)))
    assert measuring.digest == plain.digest
    assert run(weighed(made(engine)), "windows:hosts=2").final == measuring.final


def test_bytes_are_of_all_that_was_sent_by_those_too_that_crashed() -> None:
    result = run(weighed(made("raft")))
    crashed = [node for node, lives in result.fallen.items() if lives]
    assert crashed and all(result.fallen[node][0] > 1000 for node in crashed)
    cost = cost_of(result)
    octets = sum(result.final.values()) + sum(sum(lives) for lives in result.fallen.values())
    assert cost.octets_per_commit == octets / cost.agreed
    assert 40 < octets / result.counters["sent"] < 200, "bytes a message"


def test_the_time_without_a_commit_is_from_the_crash_to_the_next() -> None:
    result = run(weighed(made("raft")))
    cost, grown_ns = cost_of(result), result.report(Commits)
    crashed_ns = seconds(1)
    assert cost.unavailable_ns is not None and ms(150) < cost.unavailable_ns < seconds(1)
    assert crashed_ns + cost.unavailable_ns in grown_ns
    assert not any(crashed_ns < time_ns < crashed_ns + cost.unavailable_ns for time_ns in grown_ns)
    assert cost_of(run(weighed(made("raft", faults=())))).unavailable_ns is None


@pytest.mark.parametrize("servers", [3, 5])
def test_theory_is_near_where_nothing_is_wrong(servers: int) -> None:
    rows, notes = measured("consensus", nodes=(servers,), troubles=("none",), lasts="2s")
    assert [row[0] for row in rows] == list(ENGINES)
    for row in rows:
        assert 3.5 < row[5] < 4.5, "delays"
        assert row[9] <= row[8] < row[9] * 1.25, "messages"
        assert row[11] is None
    by_engine = {row[0]: row for row in rows}
    assert by_engine["zab"][8] > by_engine["raft"][8] + servers - 2, "commits are messages of their own"
    assert sum("of theory" in note for note in notes) == len(ENGINES)


def test_trouble_is_what_it_says() -> None:
    troubles = ("none", "leader crash", "minority cut off", "5 % loss", "wan")
    rows, notes = measured("consensus", engines=("raft",), nodes=(3,), troubles=troubles, lasts="2s")
    quiet, crash, minority, loss, wan = rows
    assert crash[11] > 100 and crash[12] > quiet[12], "a leader was elected"
    assert minority[12] > quiet[12] and minority[11] is None, "who was cut off asked for votes"
    assert loss[7] < quiet[7] * 3 / 4 and wan[3] > 20 * quiet[3]
    assert len(notes) == 5


def test_placements_are_compared_by_their_digests() -> None:
    rows, notes = measured(
        "consensus",
        engines=("zab",),
        nodes=(3,),
        troubles=("none",),
        lasts="1s",
        placements=("inline", "windows:hosts=2"),
    )
    assert rows[0][16] == rows[1][16] and [row[13] for row in rows] == ["inline", "windows:hosts=2"]
    assert notes[-1] == "digests of 1 runs on 2 placements: all agree"


def test_terms_climb_where_an_engine_numbers_attempts() -> None:
    rows, notes = measured("election-timeout", lasts="4s")
    asked = {engine: [row[2] for row in rows if row[0] == engine] for engine in ENGINES}
    for engine in ("raft", "multi-paxos"):
        assert all(after > 3 * before // 2 for before, after in zip(asked[engine], asked[engine][1:], strict=False))
        assert all(row[4] >= 1 for row in rows if row[0] == engine), "it costs the others their leader"
    assert max(asked["zab"]) == 0 and max(asked["vsr"]) <= 1
    assert len(notes) == len(ENGINES)


def test_small_commands_cost_more_bytes_and_heavy_ones_more_time_than_some_between() -> None:
    rows, _ = measured("proposal-size", engines=("raft",), commands=(1, 16, 512))
    one, some, many = rows
    assert some[3] < one[3] and some[3] < many[3]
    assert one[5] < many[5] and one[4] < many[4]
    with pytest.raises(UsageError, match=r"commands: 65536 bytes cannot be divided into 7"):
        measured("proposal-size", commands=(7,))


def test_dumps_grow_with_their_rounds() -> None:
    rows, notes = measured("lab-dump-size", rounds=(200, 400, 800))
    assert len(rows) == 6 and all("no size is further than 0." in note for note in notes)
    clocks = [row[2] for row in rows if row[0] == "db-16"]
    assert clocks[2] - clocks[1] == 2 * (clocks[1] - clocks[0])
