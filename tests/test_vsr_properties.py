"""The properties of Viewstamped Replication can fail, on streams made by hand; the zoo's wrong servers are found."""

import pytest
from msgspec.structs import replace

from simclock import Control, Observation
from simclock.actors.standalone import Observed
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Ground, ground_of, hunt, named, right_one
from simclock.protocols.viewstamped_replication import (
    Entry,
    Log,
    Prepare,
    Reconfiguration,
    Recovery,
    ServerLog,
    StartView,
    VsrProperties,
    server,
    term_of,
)
from vsr_alone import Alone

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


def restart(node, term, *, kept, normal=0, op_number=0):
    """A durable server starts again, with (commit-number, members, crash vector, first op-number, operations)."""
    return [(node, "started", (term, normal, 0, op_number, False)), (node, "kept", kept)]


COMMITTED = (prepared(0, 1, 0, A), prepared(1, 1, 0, A))
"""An operation is committed in view 0."""
EXECUTED = (*COMMITTED, (0, "commit", 1), (0, "applied", (1, *A)))
HAS_A = restart(0, 0, kept=(0, SERVERS, (), 1, (A,)), op_number=1)
"""Node 0 has it after a restart, and does not know that it is committed."""
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
    "a durable server has another operation": (
        [prepared(0, 1, 0, A), *restart(0, 0, kept=(0, SERVERS, (), 1, (B,)), op_number=1)],
        ["Durable State"],
        False,
    ),
    "a durable server has another operation in the place of one that it has executed": (
        [
            *COMMITTED,
            (0, "commit", 1),
            (0, "applied", (1, *A)),
            *restart(0, 1, kept=(0, SERVERS, (), 1, (B,)), normal=1, op_number=1),
        ],
        ["Durable State"],
        False,
    ),
    "a durable server has lost what it kept of a commit": (
        [
            *COMMITTED,
            (0, "commit", 1),
            (0, "applied", (1, *A)),
            prepared(0, 2, 0, B),
            *restart(0, 0, kept=(0, SERVERS, (), 1, (A, B)), op_number=2),
        ],
        ["Durable State"],
        False,
    ),
    "a durable server has forgotten that it was normal": (
        [(2, "candidate", 1), (2, "joined", (1, 0)), *restart(2, 1, kept=(0, SERVERS, (), 1, ()))],
        ["Durable State"],
        False,
    ),
    "a durable server has forgotten a crash": (
        [(0, "crashes_known", (0, 2, 1)), *restart(0, 0, kept=(0, SERVERS, (0, 2, 0), 1, ()))],
        ["Durable State"],
        False,
    ),
    "a durable server has another group": (
        [(0, "reconfigured", (1, 1, (0, 1))), *restart(0, term_of(1, 0), kept=(0, SERVERS, (), 1, ()))],
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


@pytest.mark.parametrize(
    "told",
    [
        # A commit-number is synced with what is synced next.
        [*EXECUTED, *HAS_A, (0, "leader", (0, 1)), *HAS_A],
        # It stopped when a later view's log had taken the place of its own, and had not told.
        [prepared(0, 1, 0, A), *restart(0, 1, kept=(0, SERVERS, (), 1, (B,)), normal=1, op_number=1)],
        # And what it has told since in that view does not bring back what it owed before.
        [
            prepared(0, 1, 0, A),
            *restart(0, 1, kept=(0, SERVERS, (), 1, (B,)), normal=1, op_number=1),
            prepared(0, 2, 1, B),
            *restart(0, 1, kept=(0, SERVERS, (), 1, (B, B)), normal=1, op_number=2),
        ],
        # What a view begins with is told again, but for what is committed; the rest is not in the log any more.
        [
            prepared(2, 1, 0, A),
            (2, "candidate", 1),
            (2, "joined", (1, 1)),
            *restart(2, 1, kept=(0, SERVERS, (), 1, (B,)), normal=1, op_number=1),
        ],
        # A checkpoint is in the place of what was executed.
        [
            *EXECUTED,
            (0, "snapshotted", (1, b"x")),
            prepared(0, 2, 0, B),
            *restart(0, 0, kept=(1, SERVERS, (), 2, (B,)), op_number=2),
        ],
        # Its disk could not be read, and it has recovered from the others.
        [
            prepared(0, 1, 0, A),
            (0, "crashes_known", (0, 1, 0)),
            (0, "started", (0, 0, 0, 0, True)),
            (0, "recovered", (0, 0)),
            *restart(0, 0, kept=(0, SERVERS, (0, 0, 0), 1, ())),
        ],
    ],
    ids=["commit-number", "later view", "later view, and on", "view begun", "checkpoint", "recovered"],
)
def test_a_durable_server_owes_what_it_has_told_as_durable_and_no_more(told):
    assert judge(*told, durable=True) == ([], False)


# Servers whose view and op-number are all there after a restart, and something else is not.


class KeepsWhatStoodThere(ServerLog):
    """What a later view's log has put in the place of operations is not read again."""

    def _take(self, record):
        before = tuple(self.entries[record.op_number - self.checkpoint.index :])
        super()._take(replace(record, entries=before or record.entries))


class ForgetsCommitNumber(ServerLog):
    def commit(self, commit_number):
        self.committed = commit_number


class ForgetsNormalView(ServerLog):
    def _take(self, record):
        super()._take(replace(record, last_normal_view=0))


class ForgetsCrashes(ServerLog):
    def _take(self, record):
        super()._take(replace(record, crash_vector=self.crash_vector))


class StaysInOldGroup(ServerLog):
    def _take(self, record):
        group = record.group
        super()._take(replace(record, group=replace(group, members=group.former or group.members)))


X, Y, Z = Entry(0, b"x"), Entry(0, b"y"), Entry(1, b"z")
NEXT_VIEW = ((0, StartView(0, 1, Log(1, (Z,)), 0)),)
DURABLE = {
    KeepsWhatStoodThere: ((0, Prepare(0, 0, (X,), 1, 0)), *NEXT_VIEW),
    ForgetsCommitNumber: ((0, Prepare(0, 0, (X,), 1, 1)), (0, Prepare(0, 0, (Y,), 2, 1))),
    ForgetsNormalView: NEXT_VIEW,
    ForgetsCrashes: ((1, Recovery(1, (0, 1, 0, 0, 0))),),
    StaysInOldGroup: ((0, Prepare(0, 0, (X, Entry(0, b"", Reconfiguration(1, (2, 3, 4), ()))), 1, 2)),),
}


@pytest.mark.parametrize("wrong", DURABLE)
@pytest.mark.parametrize("is_wrong", [True, False])
def test_a_server_that_forgets_is_named(monkeypatch, wrong, is_wrong):
    if is_wrong:
        monkeypatch.setattr(server, "ServerLog", wrong)
    alone = Alone(node=2, servers=3, spares=(3, 4), durable=True)
    for source, message in DURABLE[wrong]:
        alone.on_message(source, message)
    before = term_of(alone.epoch, alone.log.view), alone.log.op_number
    told = told_by(alone)
    alone.restart()
    again = told_by(alone)
    assert (again[0][2][0], again[0][2][3]) == before, "view and op-number are there"
    found, _ = judge(*told, *again, spares=(3, 4), durable=True)
    assert ("Durable State" in found) == is_wrong


def told_by(alone):
    """What it has told since the last time."""
    return [(alone.id, each.name, each.value) for each in alone.out.take() if isinstance(each, Observed)]


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
