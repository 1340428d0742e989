"""The zoo finds what is documented, names it by its own property, and the right protocol passes the same seeds."""

import inspect

import pytest
from click.testing import CliRunner

from experiments.command_line import main
from experiments.zoo import elections, logs, services
from experiments.zoo import raft as raft_rows
from experiments.zoo.bug import LIVENESS, SAFETY
from experiments.zoo.bugs import BUGS, NOT_APPLICABLE
from experiments.zoo.hunt import Found, Ground, Hunt, ground_of, hunt, hunt_rows, is_found, named, right_one
from experiments.zoo.raft import parts_of
from experiments.zoo.table import zoo_text
from protocols.raft import RaftServer
from simclock import UsageError

QUICK = ("RAFT-16", "RAFT-18", "RAFT-19", "RAFT-20", "RAFT-22", "PAPER-5.2")
SEEDS = 40


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, SEEDS)
    assert found.found is not None and found.seeds <= SEEDS
    ground = ground_of(BUGS[row])
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert named(ground, found.found, None) == frozenset()


def test_the_right_protocol_passes_the_seeds():
    assert right_one(Ground("raft-hunt", None), range(12)) == []


def test_another_property_does_not_count():
    assert not is_found(BUGS["RAFT-01"], frozenset({"Vote Once", "Committed On Majority"}))
    assert is_found(BUGS["RAFT-01"], frozenset({"Vote Once", "Leader Completeness"}))


def test_a_hunt_that_finds_nothing_says_what_it_saw():
    missed = Hunt(start=0, found=None, seeds=9, others=(("Vote Once", 3),), wall_s=1.0)
    caught = Hunt(start=100, found=104, seeds=5, others=(), wall_s=1.0)
    row = Found(bug=BUGS["RAFT-02b"], hunts=(missed, missed, caught), right=())
    assert row.seeds is None
    text = zoo_text([row], "plain")
    assert "not found" in text and "Vote Once (6 of 18 runs)" in text and "1 of 3" in text
    assert Found(bug=row.bug, hunts=(missed, caught, caught), right=()).seeds == 5


def test_how_many_processes_hunt_changes_nothing():
    rows = [BUGS["RAFT-18"], BUGS["RAFT-16"]]
    tables = []
    for jobs in (1, 2):
        found = hunt_rows(rows, first=0, hunts=2, seeds_max=20, jobs=jobs)
        tables.append([(row.bug.id, [each.found for each in row.hunts], row.right) for row in found])
    assert tables[0] == tables[1] and tables[0][0][2] == ()


def test_there_are_at_least_twenty_rows_of_each_its_own_class():
    assert sum(bug.kind == SAFETY for bug in BUGS.values()) >= 20
    assert len({bug.wrong for bug in BUGS.values()}) == len(BUGS)
    defined = {
        each
        for module in (elections, logs, services)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__
    }
    assert defined == {bug.wrong for bug in raft_rows.BUGS}
    assert all(bug.kind in (SAFETY, LIVENESS) and bug.source for bug in BUGS.values()) and NOT_APPLICABLE


def test_the_right_parts_are_the_default():
    assert parts_of("").server is RaftServer
    with pytest.raises(UsageError, match="unknown bug 'raft01'"):
        parts_of("raft01")


def test_an_unknown_row_is_told_in_a_short_line():
    result = CliRunner().invoke(main, ["zoo", "--rows", "NOPE"])
    assert result.exit_code == 2
    assert result.stderr.startswith("simclock: --rows: unknown row 'NOPE': use one of ") and len(result.stderr) < 200
