"""ZAB's election and discovery, one test per rule: the step of the paper stands in each docstring.

DSN 2011 is Junqueira, Reed and Serafini's "Zab: High-performance broadcast for primary-backup systems", Medeiros his
"ZooKeeper's atomic broadcast protocol" (2012). The server is node 1 of five unless a test says so.
"""

import itertools

import pytest

from simclock.protocols.zab import (
    ZERO,
    AckEpoch,
    AckLd,
    CEpoch,
    NewEpoch,
    NewLeader,
    Notification,
    Phase,
    Ping,
    Propose,
    Vote,
    Zxid,
)
from zab_alone import FOLLOWING, LEADING, LOOKING, Alone, txns

# Phase 0: fast leader election.


def test_who_looks_votes_for_itself_and_tells_all():
    server = Alone(epochs=(4, 3), history=[(3, 1)])
    expected = Notification(Vote(3, Zxid(3, 1), 1), 1, LOOKING)
    assert server.out.take_sent()[-4:] == [(node, expected) for node in (0, 2, 3, 4)]


def test_votes_are_compared_by_epoch_then_zxid_then_id():
    """Medeiros 4.1, definition 2: the better vote."""
    ordered = [Vote(1, Zxid(1, 9), 4), Vote(2, Zxid(1, 1), 0), Vote(2, Zxid(1, 2), 0), Vote(2, Zxid(1, 2), 3)]
    assert all(first < second for first, second in itertools.pairwise(ordered))
    server = Alone(epochs=(2, 2), history=[(1, 1)])
    for vote, changes in zip(ordered, (False, False, True, True), strict=True):
        sent = server.hears(vote.leader or 2, Notification(vote, 1, LOOKING))
        assert [message.vote for _, message in sent] == [vote] * 4 * changes
    assert server.vote == ordered[-1]


def test_a_later_round_is_joined_and_an_earlier_one_answered():
    """Votes of one round are counted together."""
    server = Alone()
    server.hears(0, Notification(Vote(0, ZERO, 1), 1, LOOKING))
    better, worse = Vote(0, ZERO, 3), Vote(0, ZERO, 0)
    assert server.hears(3, Notification(better, 4, LOOKING)) == [
        (node, Notification(better, 4, LOOKING)) for node in (0, 2, 3, 4)
    ]
    assert server.votes == {3: better, 1: better}, "votes of the round before are forgotten"
    assert server.says(2, Notification(worse, 3, LOOKING)) == Notification(better, 4, LOOKING)
    assert server.round == 4 and 2 not in server.votes
    other = Alone()
    other.hears(0, Notification(worse, 2, LOOKING))
    assert other.vote == Vote(0, ZERO, 1), "its own vote is better than the one it hears"


def test_a_quorum_of_equal_votes_decides_after_a_wait_for_better_ones():
    server = Alone()
    own = server.vote
    server.hears(0, Notification(own, 1, LOOKING))
    assert "finalize" not in server.timers
    server.hears(0, Notification(own, 1, LOOKING))
    assert "finalize" not in server.timers, "servers are counted, not messages"
    server.hears(2, Notification(own, 1, LOOKING))
    assert "finalize" in server.timers and server.role is LOOKING
    server.hears(3, Notification(Vote(0, ZERO, 3), 1, LOOKING))
    assert "finalize" not in server.timers and server.vote.leader == 3
    for voter in (2, 4):
        server.hears(voter, Notification(server.vote, 1, LOOKING))
    server.on_timer("finalize")
    assert server.role is FOLLOWING and server.leader_id == 3 and "notify" not in server.timers


def test_when_all_agree_nobody_waits():
    server = Alone(servers=3)
    for voter in (0, 2):
        server.hears(voter, Notification(server.vote, 1, LOOKING))
    assert server.role is LEADING and server.phase is Phase.DISCOVERY
    assert "finalize" not in server.timers and "notify" not in server.timers


def test_a_vote_is_sent_again_until_it_is_decided():
    server = Alone()
    assert [target for target, _ in server.times_out("notify")] == [0, 2, 3, 4]
    assert "notify" in server.timers


def test_who_has_a_leader_answers_who_looks():
    server = Alone()
    server.follow(0)
    assert server.says(4, Notification(Vote(0, ZERO, 4), 7, LOOKING)) == Notification(server.vote, 1, FOLLOWING)
    assert server.hears(4, Notification(Vote(0, ZERO, 4), 7, FOLLOWING)) == []


def test_a_leader_that_a_quorum_follows_is_joined():
    """The leader must say so itself: its followers may not have noticed that it is gone."""
    server = Alone()
    vote = Vote(3, Zxid(3, 1), 4)
    server.hears(0, Notification(vote, 8, FOLLOWING))
    server.hears(2, Notification(vote, 8, FOLLOWING))
    server.hears(3, Notification(vote, 8, FOLLOWING))
    assert server.role is LOOKING
    server.hears(4, Notification(vote, 8, LEADING))
    assert server.role is FOLLOWING and server.leader_id == 4 and server.round == 8


# Phase 1: discovery.


def test_a_follower_tells_the_epoch_it_has_accepted():
    """Step f.1.1."""
    server = Alone(epochs=(4, 3))
    server.elect(0, 0, 2)
    assert server.role is FOLLOWING and server.times_out("connect") == [(0, CEpoch(4))]


def test_a_leader_proposes_an_epoch_above_all_that_a_quorum_has_accepted():
    """Step l.1.1."""
    server = Alone(epochs=(2, 2))
    server.lead(0, until=Phase.DISCOVERY)
    assert server.epoch is None
    server.hears(0, CEpoch(1))
    assert server.epoch is None, "servers are counted, not messages"
    assert server.hears(3, CEpoch(6)) == [(0, NewEpoch(7)), (3, NewEpoch(7))]
    assert server.current_term == 7 and server.says(4, CEpoch(3)) == NewEpoch(7)
    server.restart()
    assert server.current_term == 7, "it is durable before it is sent"


def test_a_follower_accepts_a_later_epoch_and_tells_how_far_its_history_goes():
    """Step f.1.2: if e' > f.p; then f.p = e' is durable."""
    server = Alone(epochs=(4, 3), history=[(2, 1), (3, 1)])
    server.follow(0)
    server.on_message(0, NewEpoch(5))
    (sent,) = server.out.sent
    assert sent.message == AckEpoch(5, 3, Zxid(3, 1), True)
    assert sent.durable.unsynced == 0 and sent.durable.values["acceptedEpoch"] == 5
    assert server.says(0, NewEpoch(5)) == AckEpoch(5, 3, Zxid(3, 1), True), "it may have got lost"


def test_a_follower_says_at_once_that_it_follows_when_its_leader_says_that_it_leads():
    """It had elected it before the other had decided, which then knew nobody who follows."""
    server = Alone()
    server.follow(0)
    leads = Notification(server.vote, 1, LEADING)
    assert server.hears(2, leads) == [] and server.hears(0, Notification(server.vote, 1, FOLLOWING)) == []
    assert server.says(0, leads) == CEpoch(0)
    server.hears(0, NewEpoch(3))
    assert server.hears(0, leads) == [], "it has answered"
    assert "connect" not in server.timers


def test_an_epoch_is_accepted_of_one_leader():
    """What was accepted before, of another or before a crash, is not accepted again: the answer does not count."""
    server = Alone(epochs=(5, 3))
    server.follow(0)
    assert server.says(0, NewEpoch(5)) == AckEpoch(5, 3, ZERO, False)


def test_an_earlier_epoch_is_not_accepted():
    server = Alone(epochs=(5, 3))
    server.follow(0)
    server.hears(0, NewEpoch(4))
    assert server.role is LOOKING and server.current_term == 5


def test_an_old_newepoch_does_not_part_a_follower_from_its_leader():
    server = Alone()
    server.follow(0, epoch=4)
    assert server.hears(0, NewEpoch(2)) == [] and server.role is FOLLOWING
    server.hears(0, NewEpoch(5))
    assert server.hears(0, NewEpoch(4)) == [] and server.role is FOLLOWING, "it has accepted a later one of this leader"


def test_nobody_but_the_leader_it_has_elected_is_answered():
    server = Alone()
    server.follow(0)
    for message in (
        NewEpoch(5),
        NewLeader(0, "DIFF", ZERO, None, ()),
        Propose(0, ZERO, txns((1, 1))),
        Ping(0, ZERO, 1),
    ):
        assert server.hears(2, message) == []
    assert server.current_term == 0 and server.zxids() == []


def test_a_leader_goes_on_when_a_quorum_has_accepted_its_epoch():
    """Steps l.1.2 and l.2.1: then its own currentEpoch is the new one, and durable."""
    server = Alone(epochs=(1, 1), history=[(1, 1)])
    server.lead(0, 2, until=Phase.DISCOVERY)
    server.hears(0, AckEpoch(2, 1, Zxid(1, 1), True))
    server.hears(0, AckEpoch(2, 1, Zxid(1, 1), True))
    server.hears(3, AckEpoch(2, 1, Zxid(1, 1), False))
    server.hears(4, AckEpoch(1, 1, Zxid(1, 1), True))
    assert server.phase is Phase.DISCOVERY, "once a server, of this epoch, and only where it counts"
    sent = server.hears(2, AckEpoch(2, 0, ZERO, True))
    assert server.phase is Phase.SYNCHRONIZATION and server.journal.current_epoch == 2
    none, all_of_it = NewLeader(2, "DIFF", Zxid(1, 1), None, ()), NewLeader(2, "DIFF", ZERO, None, txns((1, 1)))
    assert sent == [(0, none), (2, all_of_it), (3, none)]


@pytest.mark.parametrize("ahead", [(1, Zxid(1, 3)), (2, ZERO)])
def test_a_leader_that_is_not_ahead_of_a_follower_gives_up(ahead):
    """Step l.1.2 takes the history of the best follower; the implementation elects again (Medeiros 4.2)."""
    server = Alone(epochs=(1, 1), history=[(1, 2)])
    server.lead(0, 2, until=Phase.DISCOVERY)
    server.hears(0, AckEpoch(2, *ahead, True))
    assert server.role is LOOKING


def test_a_leader_gives_up_for_who_has_accepted_a_later_epoch():
    server = Alone()
    server.lead()
    assert server.leads
    server.hears(4, CEpoch(server.epoch + 1))
    assert server.role is LOOKING


def test_a_leader_that_leads_again_begins_anew():
    """Steps l.1.1 to l.2.2 ask for a quorum of this leadership: what was said to an earlier one counts for nothing."""
    server = Alone()
    server.lead(0, 2)
    server.propose(b"x")
    server.hears(3, CEpoch(9))
    assert server.role is LOOKING and server.epoch is None
    assert server.accepted_epochs == server.histories == server.acknowledged == server.sent_again == {}
    assert server.promises == server.synchronized == server.heard == set()
    server.elect(1, 0, 2)
    assert server.hears(0, CEpoch(1)) == [], "a quorum's CEPOCH"
    assert server.hears(2, CEpoch(1)) == [(0, NewEpoch(2)), (2, NewEpoch(2))]
    assert server.hears(0, AckEpoch(2, 1, ZERO, True)) == [], "a quorum's ACK-E"
    assert [target for target, _ in server.hears(2, AckEpoch(2, 1, ZERO, True))] == [0, 2]
    assert server.hears(0, AckLd(2, Zxid(1, 1))) == [] and not server.leads, "a quorum's ACK-LD"
    server.hears(2, AckLd(2, Zxid(1, 1)))
    assert server.leads and server._next_zxid() == Zxid(2, 1)
