"""Raft small enough to be looked at in full: one membership change, or one snapshot, and wrong lines that it names."""

import pytest
from click.testing import CliRunner

from simclock.experiments.catalog import entries
from simclock.experiments.catalog.raft.small import KeptJournal
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.search import Asked, Bounds
from simclock.experiments.exploring.states.bfs import bfs


def explored(parameters, timers=(), **bounds):
    entry = entries()["raft-small"]
    exploration = entry.exploration
    made = make_scenario(entry, Settings(parameters=parameters))
    named = {**exploration.bounds["named_timers"], **dict(timers)}
    asked = Asked(
        scenario=made,
        model="fifo",
        bounds=Bounds(named_timers=named, **bounds),
        asks=exploration.asks,
        instant=exploration.instant(made),
    )
    return bfs(asked, lambda findings: None)


SLOW = pytest.mark.slow
AGAIN = {"retry": 1}
TWO_OF_TWO = {"servers": 2, "change": "", "snapshot_every": 2}
TO_A_NEW_ONE = {"servers": 1, "change": "0s:+1", "snapshot_every": 2, "snapshot_chunk": 2}


@pytest.mark.parametrize(
    ("parameters", "timers", "bounds", "states"),
    [
        pytest.param({"change": "0s:+2"}, AGAIN, {"commands": 1}, 9333, id="a third server comes in", marks=SLOW),
        pytest.param({"servers": 3, "change": "0s:-0"}, AGAIN, {}, 9525, id="one of three goes"),
        pytest.param({"change": "0s:+2"}, AGAIN, {"crashes": 1}, 11274, id="a third comes in, one crashes", marks=SLOW),
        pytest.param(TWO_OF_TWO, {}, {"commands": 2, "crashes": 1, "torn": 1}, 569, id="a snapshot, a torn disk"),
        pytest.param(TO_A_NEW_ONE, {}, {"commands": 2, "crashes": 1}, 3568, id="a snapshot in chunks, a crash"),
    ],
)
def test_a_small_cluster_is_right_in_every_state(parameters, timers, bounds, states):
    findings = explored(parameters, timers, **bounds)
    assert findings.complete and not findings.found
    assert findings.states == states


@pytest.mark.parametrize(
    ("bug", "parameters", "timers", "steps"),
    [
        ("RAFT-36", {"change": "0s:+2"}, {"retry": 1, "election": 2}, 15),
        ("RAFT-36b", {"change": "0s:+2"}, {"retry": 1, "election": 2}, 15),
        # The change ends in the step in which its operator is told so, which comes at once.
        ("RAFT-37", {"servers": 2, "change": "0s:-0"}, AGAIN, 9),
        ("RAFT-38", {"change": "0s:+2"}, AGAIN, 11),
    ],
)
def test_a_wrong_quorum_is_named_by_the_fewest_steps(bug, parameters, timers, steps):
    findings = explored({**parameters, "bug": bug}, timers)
    (found,) = findings.found
    assert found.violation.property == entries()["raft-whole-hunt"].bugs[bug].property
    assert len(found.steps) == steps


def test_the_snapshot_is_really_reached():
    """That a change is, the wrong quorums above show."""
    fewer = explored({**TWO_OF_TWO, "snapshot_every": 0}, {}, commands=2, crashes=1, torn=1)
    more = explored(TWO_OF_TWO, {}, commands=2, crashes=1, torn=1)
    assert fewer.states != more.states


def test_a_journal_is_what_its_snapshot_says():
    journal, other = KeptJournal(), KeptJournal()
    assert journal.snapshot() == b"" and KeptJournal().commands == []
    for command in (b"a", b"", b"bc"):
        journal.apply(command)
    other.apply(b"x")
    other.restore(journal.snapshot())
    assert other.commands == [b"a", b"", b"bc"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--servers", "12"], "servers: 12 are not 1 to 9"),
        (["--change", "2s:3"], "change: '2s:3'"),
    ],
)
def test_bad_input_is_one_line(words, says):
    done = CliRunner().invoke(main, ["explore", "raft-small", *words])
    assert done.exit_code == 2 and says in done.output and "Traceback" not in done.output
