"""The properties of Multi-Paxos can fail, on streams made by hand; and the wrong servers of the zoo are found."""

import pytest

from simclock import Control, Observation
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Ground, ground_of, hunt, named, right_one
from simclock.protocols.multi_paxos import MultiPaxosProperties, quorums_of

SERVERS = (0, 1, 2)
A, B = (4, b"a"), (5, b"b")


def judge(*told, servers=SERVERS, phase_one=None, phase_two=None):
    """The violations of a stream of (node, name, value), and whether the run was to end."""
    observer = MultiPaxosProperties(quorums_of(servers, phase_one, phase_two))
    control = Control(1)
    for node in servers:
        observer.on_observation(Observation(0, node, 1, "started", (0, 0, ())), control)
    for number, (node, name, value) in enumerate(told, start=2):
        control.now_ns = number
        observer.on_observation(Observation(number, node, number, name, value), control)
    return [violation.property for violation in control.violations], control.stop_ns is not None


def voted(node, slot, ballot, value):
    return node, "voted", (slot, ballot, *value)


CHOSEN = (voted(0, 1, 4, A), voted(1, 1, 4, A))
"""A value is chosen for slot 1."""

WRONG = {
    "another value is chosen": (
        [*CHOSEN, voted(0, 1, 5, B), voted(2, 1, 5, B)],
        ["Agreement"],
        True,
    ),
    "another value is proposed later": ([*CHOSEN, (2, "proposed", (1, 5, *B))], ["Chosen Stays Chosen"], False),
    "another was proposed before": (
        [(2, "proposed", (1, 5, *B)), *CHOSEN],
        ["Chosen Stays Chosen"],
        False,
    ),
    "two values in one ballot": ([voted(0, 1, 4, A), voted(1, 1, 4, B)], ["One Value Per Ballot"], False),
    "a ballot is used twice": ([(0, "candidate", 3), (1, "candidate", 3)], ["Ballots Unique"], False),
    "a leader without a quorum": ([(0, "promised", 3), (0, "leader", (3, 1, 0))], ["Elected By Quorum"], False),
    "chosen without a quorum": ([voted(0, 1, 4, A), (0, "chosen", (1, 4))], ["Chosen By Quorum"], False),
    "chosen in another ballot": (
        [voted(0, 1, 4, A), voted(1, 1, 5, A), (0, "chosen", (1, 4))],
        ["Chosen By Quorum"],
        False,
    ),
    "a promise that regresses": ([(0, "promised", 4), (0, "promised", 3)], ["Promise Kept"], False),
    "accepted below a promise": ([(0, "promised", 5), voted(0, 1, 4, A)], ["Promise Kept"], False),
    "accepted below what was accepted": ([voted(0, 1, 5, B), voted(0, 1, 4, A)], ["Promise Kept"], False),
    "a promise is lost": ([(0, "promised", 4), (0, "started", (0, 0, ()))], ["Durable State"], False),
    "a value is lost": ([voted(0, 1, 4, A), (0, "started", (0, 0, ()))], ["Durable State"], False),
    "applied, not chosen": (
        [voted(0, 1, 4, A), (0, "commit", 1), (0, "applied", (1, *A))],
        ["Applied Is Chosen"],
        False,
    ),
    "two values applied": (
        [*CHOSEN, (0, "commit", 1), (0, "applied", (1, *A)), (1, "commit", 1), (1, "applied", (1, *B))],
        ["State Machine Safety", "Applied Is Chosen"],
        True,
    ),
    "applied out of order": (
        [*CHOSEN, (0, "applied", (1, *A))],
        ["Applied In Order"],
        False,
    ),
    "members differ": (
        [(0, "reconfigured", (1, 4, (0, 1))), (1, "reconfigured", (1, 4, (0, 2)))],
        ["Members Agree"],
        False,
    ),
    "a slot's own members count": (
        [(0, "reconfigured", (1, 4, (0, 1))), voted(1, 4, 4, A), voted(2, 4, 4, A), (0, "chosen", (4, 4))],
        ["Chosen By Quorum"],
        False,
    ),
    "snapshots differ": ([(0, "snapshotted", (2, b"x")), (1, "installed", (2, b"y"))], ["Snapshots Agree"], False),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_broken_property_is_named(name):
    told, properties, ends = WRONG[name]
    assert judge(*told) == (properties, ends)


def test_what_is_right_is_not_named():
    told = [
        (0, "promised", 3),
        (1, "promised", 3),
        (0, "candidate", 3),
        (0, "leader", (3, 1, 0)),
        (0, "proposed", (1, 3, 3, b"a")),
        *(voted(node, 1, 3, (3, b"a")) for node in (0, 1)),
        (0, "chosen", (1, 3)),
        (0, "commit", 1),
        (0, "applied", (1, 3, b"a")),
        (1, "started", (3, 0, ((1, 3),))),
        (2, "promised", 5),
        (1, "promised", 5),
        (2, "leader", (5, 1, 1)),
        *(voted(node, 1, 5, (3, b"a")) for node in (2, 1)),
        (0, "snapshotted", (1, b"x")),
        (0, "started", (3, 1, ())),
    ]
    assert judge(*told) == ([], False)


def test_what_a_quorum_is_is_data():
    assert judge(voted(0, 1, 4, A), (0, "chosen", (1, 4)), phase_one=3, phase_two=1) == ([], False)
    assert judge(*CHOSEN, (0, "chosen", (1, 4)), phase_two=((0, 2),)) == (["Chosen By Quorum"], False)


# The zoo.

QUICK = ("PAXOS-01", "PAXOS-01b", "PAXOS-01c", "PAXOS-04", "PAXOS-05", "PAXOS-10", "PMS-2.2b", "PMS-2.3a", "FLEXIBLE-1")


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 40)
    assert found.found is not None
    ground = ground_of(BUGS[row])
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert named(ground, found.found, None) == frozenset()


@pytest.mark.parametrize("liveness_ns", [None, pytest.param(5_000_000_000, marks=pytest.mark.slow)])
def test_the_right_one_passes_the_seeds(liveness_ns):
    assert right_one(Ground("multi-paxos-hunt", liveness_ns), range(15)) == []
