"""What a ZAB server tells those who judge it, in what order; and whom a follower listens to."""

import pytest

from simclock.protocols.replication import ClientRequest
from simclock.protocols.zab import (
    ZERO,
    Ack,
    CEpoch,
    Commit,
    CommitLd,
    NewEpoch,
    NewLeader,
    Ping,
    Propose,
    Snapshot,
    Zxid,
)
from simclock.protocols.zab.state import digest_of
from zab_alone import Alone, txns


def test_what_a_follower_tells():
    """Steps f.1.1 to f.3.3. What is kept is told when it is durable: f.a after the history that it speaks of."""
    server = Alone(epochs=(2, 2), history=[(1, 1), (2, 1)], snapshot_every=2)
    server.out.take()
    server.restart()
    assert server.out.observed == [
        ("started", (2, 2, 0, ((1, 1), (2, 1)))),
        ("looking", 1),
        ("voted", (1, 2, (2, 1), 1)),
    ]
    server.out.take()
    server.follow(0)
    assert server.out.observed == [("voted", (1, 9, (9, 9), 0)), ("chooses", (0, 1))]
    server.out.take()
    server.hears(0, NewEpoch(4))
    server.hears(0, NewLeader(4, "TRUNC", Zxid(1, 1), None, txns((3, 1))))
    kept = [("epoch_accepted", (4, 0)), ("truncated", 1), ("logged", (2, 3, 1, b"3.1")), ("epoch_entered", 4)]
    assert server.out.observed == kept
    server.out.take()
    server.hears(0, CommitLd(4, Zxid(3, 1)))
    assert server.out.observed == [
        ("follower", (4, 0)),
        ("commit", 2),
        ("applied", (1, 1, b"1.1")),
        ("applied", (2, 3, b"3.1")),
        ("snapshotted", (2, digest_of(b"1.1,3.1"))),
    ]
    server.out.take()
    server.hears(0, Propose(4, Zxid(3, 1), txns((4, 1))))
    server.hears(0, Commit(4, Zxid(4, 1)))
    server.on_timer("election")
    assert server.out.observed == [
        ("logged", (3, 4, 1, b"4.1")),
        ("commit", 3),
        ("applied", (3, 4, b"4.1")),
        ("looking", 2),
        ("voted", (2, 4, (4, 1), 1)),
    ]


def test_what_a_follower_tells_of_a_snapshot():
    server = Alone()
    server.follow(0)
    server.hears(0, NewEpoch(4))
    server.hears(0, NewLeader(4, "SNAP", Zxid(3, 2), Snapshot(2, Zxid(3, 2), b"x,y"), txns((3, 3), (3, 4))))
    assert server.out.observed[-5:] == [
        ("epoch_accepted", (4, 0)),
        ("installed", (2, digest_of(b"x,y"))),
        ("logged", (3, 3, 3, b"3.3")),
        ("logged", (4, 3, 4, b"3.4")),
        ("epoch_entered", 4),
    ]


def test_what_a_leader_tells():
    """Steps l.1.1 to l.3.2: its own acceptance is durable before it counts, its transaction before it is sent."""
    server = Alone(epochs=(1, 1), history=[(1, 1)])
    server.out.take()
    server.lead(0, 2)
    assert server.out.observed == [
        ("elected", 1),
        ("epoch_accepted", (2, 1)),
        ("discovered", 2),
        ("epoch_entered", 2),
        ("synchronizes", (0, "DIFF")),
        ("synchronizes", (2, "DIFF")),
        ("leader", (2, 1)),
        ("commit", 1),
        ("applied", (1, 1, b"1.1")),
    ]
    server.out.take()
    server.hears(9, ClientRequest(7, b"x"))
    server.hears(0, Ack(2, Zxid(2, 1)))
    server.hears(2, Ack(2, Zxid(2, 1)))
    server.hears(2, CEpoch(9))
    assert server.out.observed == [
        ("broadcast", (2, 2, 1, b"x")),
        ("logged", (2, 2, 1, b"x")),
        ("commit", 2),
        ("applied", (2, 2, b"x")),
        ("looking", 2),
        ("voted", (2, 2, (2, 1), 1)),
    ]


@pytest.mark.parametrize(("source", "epoch"), [(2, 4), (0, 3), (0, 5)])
def test_a_follower_listens_to_its_leader_in_its_epoch_alone(source, epoch):
    """Steps f.2.2 to f.3.3 are of one leader and one epoch; nor does another put the election off."""
    server = Alone()
    server.follow(0, epoch=4, committed=ZERO)
    server.hears(0, Propose(4, ZERO, txns((4, 1))))
    server.out.take()
    for message in (
        NewLeader(epoch, "DIFF", Zxid(4, 1), None, txns((4, 2))),
        CommitLd(epoch, Zxid(4, 1)),
        Propose(epoch, Zxid(4, 1), txns((4, 2))),
        Commit(epoch, Zxid(4, 1)),
        Ping(epoch, Zxid(4, 1), 7),
    ):
        server.on_message(source, message)
        assert server.out.take() == [], message
    assert server.zxids() == [(4, 1)] and server.commit_index == 0
