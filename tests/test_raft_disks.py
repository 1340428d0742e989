"""Raft on a disk that is full, or that has lost a record: the server says nothing more, and the others go on.

Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018: a server that takes its log for
shorter than what it has acknowledged can lose what the cluster has committed.
"""

from dataclasses import replace

import pytest

from simclock import CorruptRecord, Crash, FillDisk, MendDisk, Restart, ms, seconds
from simclock.actors import run
from simclock.actors.run import Placement
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, hunt, named

# In a cluster.


def play(*faults):
    entry = entries()["raft-kv"]
    scenario = make_scenario(entry, Settings(seed=1, nodes=3, duration_ns=seconds(4), faults=faults))
    return entry, scenario


def answered_after(result, time_ns):
    return sum(each.outcome == "ok" and each.call > time_ns for each in history_of(result))


@pytest.mark.parametrize("struck", ["leader", "voted"])
def test_others_go_on_without_a_server_whose_disk_is_full_until_it_has_room(struck):
    """Clients of a leader that says nothing time out and go elsewhere."""
    faults = (
        FillDisk(at_ns=seconds(1), node=struck),
        MendDisk(at_ns=seconds(3), node="filled"),
        Restart(at_ns=seconds(3), node="filled"),
    )
    entry, scenario = play(*faults)
    result = run(scenario)
    (filled,) = {fault.node for fault in result.faults}
    raft = result.reports["RaftProperties"]
    assert [node for _, node in result.halts] == [filled] and raft["halts_full_disk"] == 1
    assert seconds(1) < result.halts[0][0] < seconds(3) - ms(500)
    assert entry.judge(result).status == VALID
    assert answered_after(result, result.halts[0][0] + seconds(1)) > 50
    assert result.final[filled].commit_index > 100, "it is back, and has what the others have"


def test_while_there_is_no_room_it_halts_after_every_start(same_everywhere):
    restarts = tuple(Restart(at_ns=ms(1500 + 500 * n), node="filled") for n in range(3))
    result = same_everywhere(play(FillDisk(at_ns=seconds(1), node="leader"), *restarts)[1])
    assert len(result.halts) == 4 and result.reports["RaftProperties"]["restarts"] == 3


def rotten(node, at_ns):
    return (CorruptRecord(at_ns=at_ns, node=node), Crash(at_ns=at_ns, node=node), Restart(at_ns=at_ns + 1, node=node))


def test_a_rotten_minority_is_missed_by_nobody(same_everywhere):
    again = tuple(Restart(at_ns=seconds(second), node=0) for second in (2, 3))
    entry, scenario = play(*rotten(0, seconds(1)), *again)
    result = same_everywhere(scenario)
    assert result.halts == ((seconds(1) + 1, 0), (seconds(2), 0), (seconds(3), 0)) and result.final[0] is None
    assert entry.judge(result).status == VALID and answered_after(result, seconds(2)) > 100


def test_with_a_rotten_majority_nothing_is_committed_and_nothing_lost():
    """What the third server has not committed by then is open for good."""
    entry, scenario = play(*rotten(0, seconds(1)), *rotten(1, seconds(2)))
    result = run(scenario)
    raft = result.reports["RaftProperties"]
    assert raft["halts_corrupt_record"] == 2 and raft["halts_full_disk"] == 0
    assert entry.judge(result).status == VALID and answered_after(result, seconds(2)) == 0


@pytest.mark.ray
@pytest.mark.slow
def test_who_halts_is_the_same_on_ray():
    _, scenario = play(*rotten(0, ms(500)), FillDisk(at_ns=ms(600), node="leader"))
    scenario = replace(scenario, duration_ns=ms(1200))
    inline, packed = run(scenario), run(scenario, Placement(kind="ray", hosts=2))
    assert len(inline.halts) == 2 and (inline.digest, inline.halts) == (packed.digest, packed.halts)


# The same with one wrong line.


@pytest.mark.parametrize("row", ["DISK-01", "DISK-03"])
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 40)
    assert found.found is not None
    ground = ground_of(BUGS[row])
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert named(ground, found.found, None) == frozenset()


def test_the_hunt_reaches_both():
    entry = entries()["raft-hunt"]
    counts = [entry.sometimes(run(make_scenario(entry, Settings(seed=seed)))) for seed in range(12)]
    for name in ("halts on full disks", "halts on corrupt records"):
        assert sum(count[name] > 0 for count in counts) >= 1
