"""The properties of ZAB can fail, on streams made by hand."""

from dataclasses import replace

import pytest

from simclock import Control, Observation
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Ground, ground_of, hunt, named, right_one
from simclock.protocols.zab import Commit, ZabProperties, ZabServer

SERVERS = (0, 1, 2)


def judge(*told):
    """The violations of a stream of (node, name, value), and whether the run was to end."""
    observer = ZabProperties(SERVERS)
    control = Control(1)
    for node in SERVERS:
        observer.on_observation(Observation(0, node, 1, "started", (0, 0, 0, ())), control)
    for number, (node, name, value) in enumerate(told, start=2):
        control.now_ns = number
        observer.on_observation(Observation(number, node, number, name, value), control)
    return [violation.property for violation in control.violations], control.stop_ns is not None


def accepted(epoch, *nodes):
    return tuple((node, "epoch_accepted", (epoch, nodes[0])) for node in nodes)


def established(epoch, leader, *followers):
    """A leader of an epoch, as it ought to be."""
    nodes = (leader, *followers)
    entered = tuple((node, "epoch_entered", epoch) for node in nodes)
    return *accepted(epoch, *nodes), (leader, "discovered", epoch), *entered, (leader, "leader", (epoch, 0))


def broadcast(node, index, epoch, counter, command=b"x"):
    return node, "broadcast", (index, epoch, counter, command)


def logged(index, epoch, counter, *nodes, command=b"x"):
    return tuple((node, "logged", (index, epoch, counter, command)) for node in nodes)


def delivered(index, epoch, *nodes, command=b"x"):
    return tuple(
        each for node in nodes for each in ((node, "commit", index), (node, "applied", (index, epoch, command)))
    )


ONE = (*established(1, 0, 1), broadcast(0, 1, 1, 1), *logged(1, 1, 1, 0, 1), *delivered(1, 1, 0))
"""Transaction (1, 1) is broadcast, in the histories of nodes 0 and 1, committed, and delivered by node 0."""
LATER = accepted(2, 1, 2)
THIRD = (
    *established(1, 0, 1),
    broadcast(0, 1, 1, 1),
    *logged(1, 1, 1, 0),
    *accepted(2, 2, 1),
    *logged(1, 1, 1, 1),
    *established(3, 0, 1),
    *delivered(1, 1, 0),
)
"""Transaction (1, 1) is committed in epoch 3; node 2 has been elected for epoch 2, and has heard of nothing since."""

WRONG = {
    "a worse vote in one round": (
        [(0, "voted", (1, 2, (1, 1), 1)), (0, "voted", (1, 1, (1, 9), 2))],
        ["Votes Improve"],
        False,
    ),
    "two leaders of an epoch": ([*established(1, 0, 1), (2, "leader", (1, 0))], ["One Leader Per Epoch"], True),
    "accepted by nobody else": ([*accepted(1, 0), (0, "discovered", 1)], ["Accepted By Quorum"], False),
    "accepted of another": (
        [*accepted(1, 0, 1), *accepted(1, 2), (2, "discovered", 1)],
        ["Accepted By Quorum"],
        False,
    ),
    "entered by nobody else": (
        [*accepted(1, 0, 1), (0, "epoch_entered", 1), (0, "leader", (1, 0))],
        ["Established By Quorum"],
        False,
    ),
    "an epoch that regresses": ([*accepted(2, 0), *accepted(1, 0)], ["Epochs Increase"], False),
    "another epoch than was accepted": ([*accepted(2, 0), (0, "epoch_entered", 1)], ["Epochs Increase"], False),
    "an epoch entered twice": (
        [*accepted(2, 0), (0, "epoch_entered", 2), (0, "epoch_entered", 2)],
        ["Epochs Increase"],
        False,
    ),
    "a server that does not lead broadcasts": (
        [*established(1, 0, 1), broadcast(1, 1, 1, 1)],
        ["Primary Alone"],
        False,
    ),
    "a zxid for two transactions": (
        [*established(1, 0, 1), broadcast(0, 1, 1, 1), broadcast(0, 2, 1, 1)],
        ["Primary Alone"],
        False,
    ),
    "an initial history without what is committed": (
        [*ONE, *LATER, (2, "epoch_entered", 2)],
        ["Initial History"],
        False,
    ),
    "an initial history without what was committed in an earlier epoch": (
        [*THIRD, *accepted(4, 2, 1), (2, "epoch_entered", 4)],
        ["Initial History"],
        False,
    ),
    "what is committed is deleted": ([*ONE, (1, "truncated", 0)], ["Committed Is Kept"], False),
    "another command of a zxid": ([*ONE, *logged(1, 1, 1, 2, command=b"y")], ["History Matching"], False),
    "another history before a zxid": ([*ONE, *logged(1, 1, 2, 2), *logged(2, 1, 1, 2)], ["History Matching"], False),
    "committed without a quorum": (
        [*established(1, 0, 1), broadcast(0, 1, 1, 1), *logged(1, 1, 1, 0), (0, "commit", 1)],
        ["Committed By Quorum"],
        False,
    ),
    "committed, and not there": ([*established(1, 0, 1), (0, "commit", 1)], ["Committed By Quorum"], False),
    "an epoch is lost": ([*accepted(1, 0), (0, "started", (0, 0, 0, ()))], ["Durable State"], False),
    "a current epoch is lost": ([*established(1, 0, 1), (0, "started", (1, 0, 0, ()))], ["Durable State"], False),
    "a transaction is lost": ([*ONE, (1, "started", (1, 1, 0, ()))], ["Durable State"], False),
    "snapshots differ": (
        [*ONE, (0, "snapshotted", (1, b"x")), (2, "installed", (1, b"y"))],
        ["Snapshots Agree"],
        False,
    ),
    "delivered, and never broadcast": (
        [*established(1, 0, 1), *logged(1, 1, 1, 0, 1), *delivered(1, 1, 0)],
        ["Integrity"],
        False,
    ),
    "another transaction at its place": (
        [*ONE, broadcast(0, 1, 1, 2, b"y"), *logged(1, 1, 2, 2, command=b"y"), *delivered(1, 1, 2, command=b"y")],
        ["Agreement", "Local Primary Order", "State Machine Safety"],
        True,
    ),
    "one transaction at two places": (
        [
            *ONE,
            broadcast(0, 2, 1, 2, b"y"),
            *logged(1, 1, 2, 2, command=b"y"),
            *logged(2, 1, 1, 2),
            *logged(2, 1, 1, 1),
            (2, "commit", 2),
            (2, "applied", (1, 1, b"y")),
            (2, "applied", (2, 1, b"x")),
        ],
        [
            "History Matching",
            "History Matching",
            "Agreement",
            "Local Primary Order",
            "State Machine Safety",
            "Total Order",
            "Local Primary Order",
        ],
        True,
    ),
    "a gap in a primary's order": (
        [*established(1, 0, 1), broadcast(0, 1, 1, 2), *logged(1, 1, 2, 0, 1), *delivered(1, 1, 0)],
        ["Local Primary Order"],
        False,
    ),
    "an earlier primary's after a later one's": (
        [
            *established(1, 0, 1),
            *established(2, 0, 1),
            broadcast(0, 1, 1, 1),
            broadcast(0, 1, 2, 1),
            *logged(1, 2, 1, 0, 1),
            *logged(2, 1, 1, 0, 1),
            *delivered(1, 2, 0),
            *delivered(2, 1, 0),
        ],
        ["Global Primary Order", "Primary Integrity"],
        False,
    ),
    "a primary that has not delivered what went before": (
        [
            *ONE,
            *accepted(2, 1, 2),
            *logged(1, 1, 1, 2),
            (1, "epoch_entered", 2),
            (2, "epoch_entered", 2),
            (1, "leader", (2, 1)),
            broadcast(1, 2, 2, 1),
        ],
        ["Primary Integrity"],
        False,
    ),
    "applied out of order": ([*ONE, (1, "applied", (1, 1, b"x"))], ["Applied In Order"], False),
    "a commit index that regresses": ([*ONE, (0, "commit", 1)], ["Commit Monotone"], False),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_broken_property_is_named(name):
    told, properties, ends = WRONG[name]
    assert judge(*told) == (properties, ends)


RIGHT = {
    "a worse vote in another round, or another election": [
        (0, "voted", (1, 2, (1, 1), 1)),
        (0, "voted", (2, 1, (1, 9), 2)),
        (0, "looking", 2),
        (0, "voted", (2, 1, (1, 8), 2)),
    ],
    "who stood still enters an epoch without what a later one committed": [
        *THIRD,
        (2, "discovered", 2),
        (2, "epoch_entered", 2),
    ],
    "one is delivered by all": [*ONE, *logged(1, 1, 1, 2), *delivered(1, 1, 1, 2)],
    "a restart, and delivered again": [*ONE, (0, "started", (1, 1, 0, ((1, 1),))), *delivered(1, 1, 0)],
    "what is not committed is cut off": [*ONE, *logged(2, 1, 2, 0), (0, "truncated", 1)],
    "a later primary": [
        *ONE,
        *delivered(1, 1, 1),
        *established(2, 1, 0),
        broadcast(1, 2, 2, 1),
        *logged(2, 2, 1, 0, 1),
        *delivered(2, 2, 0, 1),
    ],
    "a snapshot, and what follows it": [
        *ONE,
        (0, "snapshotted", (1, b"s")),
        (2, "installed", (1, b"s")),
        broadcast(0, 2, 1, 2),
        *logged(2, 1, 2, 2, 0),
        *delivered(2, 1, 2),
        (0, "started", (1, 1, 1, ((1, 2),))),
        *delivered(2, 1, 0),
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(name):
    assert judge(*RIGHT[name]) == ([], False)


def test_it_counts_what_happened():
    observer = ZabProperties(SERVERS)
    control = Control(1)
    for node, name, value in (
        *ONE,
        (0, "synchronizes", (2, "SNAP")),
        (0, "elected", 1),
        (0, "halted", "the disk is full"),
    ):
        observer.on_observation(Observation(1, node, 1, name, value), control)
    told = observer.report()
    counted = ("elections", "leaders", "committed", "applied", "broadcast", "snaps", "epoch", "halts_full_disk")
    assert {name: told[name] for name in counted} == dict.fromkeys(counted, 1)


# The zoo.

QUICK = ("ZAB-01", "ZAB-04", "ZAB-04c", "ZAB-07", "ZAB-08", "DSN-f.1.2c", "DSN-f.2.1", "DSN-l.2.2", "DSN-l.3.2a")


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 40)
    assert found.found is not None
    ground = ground_of(BUGS[row])
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert named(ground, found.found, None) == frozenset()


@pytest.mark.parametrize("liveness_ns", [None, 5_000_000_000])
def test_the_right_one_passes_the_seeds(liveness_ns):
    assert right_one(Ground("zab-hunt", liveness_ns), range(15)) == []


def test_a_leader_that_slept_through_later_epochs_harms_nobody():
    """It was paused as it had a quorum's promise; the promise is out of date when it goes on."""
    assert right_one(Ground("zab-hunt", None), [7969]) == []


class KeepsMissing(ZabServer):
    """What a follower lacks is sent with the heartbeats alone, some at a time."""

    def _on_ack(self, source, message):
        self.sent_again.clear()
        super()._on_ack(source, message)


class WaitsToCommit(ZabServer):
    """A leader tells what is committed with its pings alone."""

    def _send_synchronized(self, message):
        if not isinstance(message, Commit):
            super()._send_synchronized(message)


def broken_in_calm(server, seeds):
    """What is named where all is well."""
    entry = entries()["zab-calm-hunt"]
    named = set()
    for seed in seeds:
        made = replace(entry, parts=replace(entry.parts, server=server))
        named |= {each.property for each in run(make_scenario(made, Settings(seed=seed))).violations}
    return named


def test_where_all_is_well_nobody_looks_for_a_leader_and_commits_come_at_once():
    assert broken_in_calm(ZabServer, range(8)) == set()
    assert "Followers Follow" in broken_in_calm(WaitsToCommit, range(3))
    assert {"Followers Follow"} <= broken_in_calm(KeepsMissing, (10, 11))
