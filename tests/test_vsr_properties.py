"""The properties of Viewstamped Replication can fail, on streams made by hand; the zoo's wrong servers are found."""

import pytest

from simclock import Control, Observation
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Ground, ground_of, hunt, named, right_one
from simclock.protocols.viewstamped_replication import VsrProperties, term_of

SERVERS = (0, 1, 2)
A, B = (0, b"a"), (1, b"b")


def judge(*told, servers=SERVERS, spares=(), durable=False):
    """The violations of a stream of (node, name, value), and whether the run was to end."""
    observer = VsrProperties(servers, spares, durable)
    control = Control(1)
    for node in servers + spares:
        observer.on_observation(Observation(0, node, 1, "started", (0, 0, 0, 0, False)), control)
    for number, (node, name, value) in enumerate(told, start=2):
        control.now_ns = number
        observer.on_observation(Observation(number, node, number, name, value), control)
    return [violation.property for violation in control.violations], control.stop_ns is not None


def prepared(node, op_number, term, operation):
    return node, "prepared", (op_number, term, *operation)


def view(term, *nodes):
    """They leave for a view, and bring their logs."""
    left = [(node, "candidate", term) for node in nodes]
    return [*left, *((node, "handed", (term, 0, 0)) for node in nodes)]


COMMITTED = (prepared(0, 1, 0, A), prepared(1, 1, 0, A))
"""An operation is committed in view 0."""
STARTED = "started"

WRONG = {
    "another operation is committed": (
        [*COMMITTED, prepared(1, 1, 1, B), prepared(2, 1, 1, B)],
        ["Committed Survives", "Agreement"],
        True,
    ),
    "another stands there later": ([*COMMITTED, prepared(2, 1, 1, B)], ["Committed Survives"], False),
    "another stood there before it was committed": (
        [prepared(2, 1, 1, B), *COMMITTED],
        ["Committed Survives"],
        False,
    ),
    "a view begins without it": ([*COMMITTED, *view(1, 1, 2), (1, "leader", (1, 0))], ["Committed Survives"], False),
    "two operations in one view": ([prepared(0, 1, 0, A), prepared(1, 1, 0, B)], ["One Operation Per View"], False),
    "two primaries of one view": (
        [*view(1, 1, 2), (1, "leader", (1, 0)), (2, "leader", (1, 0))],
        ["One Primary"],
        False,
    ),
    "a primary out of turn": ([*view(1, 1, 2), (2, "leader", (1, 0))], ["One Primary"], False),
    "a view begins with too few logs": (
        [(1, "candidate", 1), (2, "candidate", 1), (1, "handed", (1, 0, 0)), (1, "leader", (1, 0))],
        ["Begun By Majority"],
        False,
    ),
    "a log is brought where too few have left": (
        [(1, "candidate", 1), (1, "handed", (1, 0, 0))],
        ["Left By Majority"],
        False,
    ),
    "back to an earlier view": ([(2, "candidate", 2), (2, "candidate", 1)], ["Views Increase"], False),
    "back to an earlier view by joining it": ([(2, "candidate", 2), (2, "joined", (1, 0))], ["Views Increase"], False),
    "a durable server has lost its view": (
        [(2, "candidate", 1), (2, STARTED, (0, 0, 0, 0, False))],
        ["Durable State"],
        False,
    ),
    "a durable server has lost an operation": (
        [prepared(0, 1, 0, A), (0, STARTED, (0, 0, 0, 0, False))],
        ["Durable State"],
        False,
    ),
    "recovered without what was committed": (
        [*COMMITTED, (1, STARTED, (0, 0, 0, 0, True)), (1, "recovered", (0, 0))],
        ["Recovery Complete"],
        False,
    ),
    "executed, not committed": (
        [prepared(0, 1, 0, A), (0, "commit", 1), (0, "applied", (1, *A))],
        ["Applied Is Committed"],
        False,
    ),
    "two operations executed": (
        [*COMMITTED, (0, "commit", 1), (0, "applied", (1, *A)), (1, "commit", 1), (1, "applied", (1, *B))],
        ["State Machine Safety", "Applied Is Committed"],
        True,
    ),
    "executed out of order": ([*COMMITTED, (0, "applied", (1, *A))], ["Applied In Order"], False),
    "an epoch has two groups": (
        [(0, "reconfigured", (1, 1, (0, 1))), (1, "reconfigured", (1, 1, (0, 2)))],
        ["Epochs Agree"],
        False,
    ),
    "an epoch begins twice": (
        [(0, "reconfigured", (1, 1, (0, 1))), (1, "reconfigured", (2, 1, (0, 1)))],
        ["Epochs Agree"],
        False,
    ),
    "an epoch's own members count": (
        [(0, "reconfigured", (1, 1, (0, 1))), *view(term_of(1, 1), 1, 2), (1, "leader", (term_of(1, 1), 0))],
        ["Left By Majority", "Left By Majority", "Begun By Majority"],
        False,
    ),
    "checkpoints differ": ([(0, "snapshotted", (2, b"x")), (1, "installed", (2, b"y"))], ["Snapshots Agree"], False),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_broken_property_is_named(name):
    told, properties, ends = WRONG[name]
    assert judge(*told, durable="durable" in name) == (properties, ends)


def test_what_is_right_is_not_named():
    told = [
        (0, "leader", (0, 0)),
        *COMMITTED,
        (0, "commit", 1),
        (0, "applied", (1, *A)),
        (1, "started", (0, 0, 0, 0, True)),
        (1, "recovered", (0, 1)),
        (1, "joined", (0, 1)),
        prepared(0, 2, 0, (0, b"lost")),
        *view(1, 1, 2),
        (1, "leader", (1, 1)),
        prepared(1, 2, 1, B),
        prepared(2, 2, 1, B),
        (1, "snapshotted", (1, b"x")),
    ]
    assert judge(*told) == ([], False)


def test_a_server_that_is_not_durable_may_start_with_nothing():
    assert judge(*COMMITTED, (1, "started", (0, 0, 0, 0, True))) == ([], False)
    assert judge(*COMMITTED, (1, "started", (0, 0, 0, 0, False)))[0] == []


def test_what_was_prepared_before_a_crash_counts_once():
    told = [prepared(0, 1, 0, A), (0, "started", (0, 0, 0, 0, True)), prepared(0, 1, 0, A), *view(1, 1, 2)]
    assert judge(*told, (1, "leader", (1, 0))) == ([], False)


# The zoo.

QUICK = ("VSR-04", "VSR-05", "VRR-4.1a", "VRR-4.1b", "VRR-4.1c", "VRR-4.2d", "VRR-4.3b", "VRR-4.3c", "VSR-D1")


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 40)
    assert found.found is not None
    ground = ground_of(BUGS[row])
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert named(ground, found.found, None) == frozenset()


@pytest.mark.parametrize("liveness_ns", [None, 5_000_000_000])
def test_the_right_one_passes_the_seeds(liveness_ns):
    assert right_one(Ground("vsr-hunt", liveness_ns), range(15)) == []
