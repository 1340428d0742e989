"""What a server of Viewstamped Replication tells those who judge it, in what order: each is (name, values)."""

from simclock.actors.standalone import Observed
from simclock.protocols.replication.observed import digest_of
from simclock.protocols.viewstamped_replication import (
    Checkpoint,
    Entry,
    Group,
    Log,
    NewState,
    Prepare,
    RecoveryResponse,
    StartView,
    StartViewChange,
)
from vsr_alone import NO_CRASH, Alone, do_view_change

A, B, C = Entry(0, b"a"), Entry(0, b"b"), Entry(0, b"c")
X, Y, Z = Entry(1, b"x"), Entry(1, b"y"), Entry(1, b"z")


def told(server):
    """Since the last time."""
    return [(each.name, each.value) for each in server.out.take() if isinstance(each, Observed)]


def test_what_a_backup_tells():
    """4.1, 4.2 and 5.2: what it acknowledges, what it brings into a view, what it has taken of others."""
    server = Alone(node=2, snapshot_every=2)
    server.hears(0, Prepare(0, 0, (A, B), 1, 1))
    assert told(server) == [
        ("prepared", (1, 0, 0, b"a")),
        ("prepared", (2, 0, 0, b"b")),
        ("commit", 1),
        ("applied", (1, 0, b"a")),
    ]
    server.leave(1, 3, 4)
    assert told(server) == [("candidate", 1), ("handed", (1, 0, 2))]
    server.hears(1, StartView(0, 1, Log(2, (X, Y)), 2))
    assert told(server) == [
        ("prepared", (3, 1, 1, b"y")),
        ("joined", (1, 3)),
        ("commit", 2),
        ("applied", (2, 1, b"x")),
        ("snapshotted", (2, digest_of(b"a,x"))),
    ]
    server.hears(1, NewState(0, 1, Log(4, (Z,)), 3))
    assert told(server) == [
        ("prepared", (4, 1, 1, b"z")),
        ("transferred", (1, 4)),
        ("commit", 3),
        ("applied", (3, 1, b"y")),
    ]
    server.hears(3, NewState(0, 6, Log(4, (Entry(6, b"w"),)), 3))
    assert told(server) == [("prepared", (4, 6, 6, b"w")), ("transferred", (6, 4)), ("joined", (6, 4))]


def test_what_a_backup_tells_of_a_checkpoint():
    """5.1."""
    server = Alone(node=2)
    server.hears(0, NewState(0, 0, Log(3, (C,), Checkpoint(2, b"a,b")), 3))
    assert told(server) == [
        ("installed", (2, digest_of(b"a,b"))),
        ("transferred", (0, 3)),
        ("commit", 3),
        ("applied", (3, 0, b"c")),
    ]


def test_what_a_primary_tells():
    """4.2: with which log it has begun a view, and that it leads no more."""
    server = Alone(node=1)
    server.leave(6, 0, 2)
    server.hears(2, do_view_change(6, (A, X), 5, 1))
    told(server)
    server.hears(3, do_view_change(6, (A, X), 5, 1))
    assert told(server) == [
        ("prepared", (2, 6, 1, b"x")),
        ("leader", (6, 2)),
        ("commit", 1),
        ("applied", (1, 0, b"a")),
    ]
    server.leave(7, 3)
    assert told(server) == [("follower", 6), ("candidate", 7)]


def test_what_a_server_tells_that_has_crashed():
    """4.3."""
    server = Alone(node=2, crash_vectors=False)
    server.restart()
    assert told(server) == [("started", (0, 0, 0, 0, True))]
    group = Group(0, 0, (), (0, 1, 2, 3, 4), 0)
    for source, log in ((0, Log(1, (A, B))), (1, None), (3, None)):
        server.hears(source, RecoveryResponse(0, 1, log, 1, group, ()))
    assert told(server) == [
        ("prepared", (2, 0, 0, b"b")),
        ("recovered", (0, 2)),
        ("commit", 1),
        ("applied", (1, 0, b"a")),
    ]


def test_who_has_missed_that_a_view_begins_is_told_what_is_committed_in_it():
    """4.2, step 3: STARTVIEW has the log and the commit-number of the new primary."""
    server = Alone(node=1)
    server.leave(1, 2, 3)
    server.hears(2, do_view_change(1, (A, B), 0, 1))
    server.hears(3, do_view_change(1, (A, B), 0, 1))
    assert server.says(4, StartViewChange(0, 1, NO_CRASH)) == StartView(0, 1, Log(1, (A, B)), 1)


def test_what_is_built_on_a_primary_is_told_when_its_view_has_begun():
    """It is primary, and has executed what is known to be committed."""
    server, led = Alone(node=1), []
    server.node.on_leading = lambda: led.append((server.leads, server.commit_number))
    server.leave(1, 2, 3)
    server.hears(2, do_view_change(1, (A, B), 0, 1))
    assert led == []
    server.hears(3, do_view_change(1, (A, B), 0, 1))
    assert led == [(True, 1)]
