"""Every scenario of the catalog has a story, or there is a reason why not; a story changes nothing of its run."""

from __future__ import annotations

import dataclasses
import re

import pytest

from simclock import Crash, Told, ms
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.telling.chronicle import LINES_MAX, Chronicle, story_lines

LOAD = "a load, whose nodes tell nothing"
SCRIPT = "a script tells it, step by step"
EXPLORED = "it is explored, and a counterexample is told as a script"
UNTOLD = {
    "phold": LOAD,
    "ping-pong": LOAD,
    "timers": LOAD,
    "broadcast": LOAD,
    "everything": LOAD,
    "raft-script": SCRIPT,
    "multi-paxos-script": SCRIPT,
    "vsr-script": SCRIPT,
    "zab-script": SCRIPT,
    "chat-script": SCRIPT,
    "causal-script": SCRIPT,
    "dynamo-script": SCRIPT,
    "deadlocks-script": SCRIPT,
    "snapshots-script": SCRIPT,
    "leases-script": SCRIPT,
    "two-phase-commit": EXPLORED,
    "paxos-specification": EXPLORED,
    "ping-pong-specification": EXPLORED,
    "paxos-commit": EXPLORED,
    "lamport-mutex": EXPLORED,
    "safra-termination": EXPLORED,
    "raft-small": EXPLORED,
}
NONE = {field.name: field.default for field in dataclasses.fields(Entry)}["story"]
CHRONICLES = sorted(name for name, entry in entries().items() if isinstance(entry.story, Chronicle))


def test_every_scenario_has_a_story_or_a_reason_why_not() -> None:
    assert {name for name, entry in entries().items() if entry.story is NONE} == set(UNTOLD)
    assert not [name for name in UNTOLD if name.endswith("-hunt")]


@pytest.mark.parametrize("name", CHRONICLES)
def test_a_chronicle_tells_what_nodes_did(name: str) -> None:
    entry = entries()[name]
    assert isinstance(entry.story, Chronicle)
    scenario = make_scenario(entry, Settings(seed=1))
    result = run(entry.story.kept_of(scenario))
    lines = list(entry.story(result))
    assert any(re.match(r" *\S+s  node \d+ \w+", line) for line in lines), lines[:5]
    assert not any("{" in line for line in lines if " node " in line)
    assert len(lines) <= LINES_MAX + 1
    if name == "paxos":
        assert run(scenario).digest == result.digest
        assert [line for line in entry.story(run(scenario)) if "proposes" in line] == []


class Rang(Told):
    """Something with a time, several values, and nothing."""

    wait_ns: int
    bells: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    by: int | None


def test_fields_are_told_in_words() -> None:
    entry = entries()["ping-pong"]
    result = run(make_scenario(entry, Settings(faults=(Crash(at_ns=ms(2), node=0),), duration_ns=ms(5))))
    observed = type(
        "Seen", (), {"time_ns": ms(1), "node": 3, "name": "rang", "value": (-ms(5), (1, 2), ((1, 2),), None)}
    )
    seen = result._replace(reports={**result.reports, "Chronicled": (observed(),)})
    told = list(Chronicle({Rang: "rings {bells} after {wait_ns}, {pairs} by {by}"})(seen))
    assert told == ["         1ms  node 3 rings 1, 2 after -5ms, (1, 2) by none", "         2ms  -- crash node 0"]
    many = list(story_lines(result, [(ms(time), "a") for time in range(100)]))
    assert len(many) == LINES_MAX + 1 and many[LINES_MAX // 2].split() == ["...", "41", "more"]
