"""Raft beyond the paper's Figure 2, rule by rule (Ongaro 2014, "the dissertation"; section 6 of the paper).

As in test_raft_paper.py the servers have no run: their handlers are called by hand. Snapshots are in
test_raft_snapshots.py, configurations as values in test_raft_membership.py.
"""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, led
from simclock.actors.standalone import Standalone
from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import (
    AppendEntries,
    ChangeMembership,
    Configuration,
    Entry,
    Join,
    OperatorReply,
    RaftServer,
    RaftSettings,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
    Role,
    TimeoutNow,
    TransferLeadership,
)
from simclock.protocols.replication import ClientReply, ClientRequest

# 9.6: pre-votes.


def test_who_asks_for_pre_votes_keeps_its_term_and_its_vote():
    """9.6: "only if the candidate believed it could get votes from a majority would it increment its term"."""
    server = Alone([1], pre_vote=True)
    server.on_timer("election")
    assert (server.current_term, server.voted_for, server.role) == (1, None, Role.FOLLOWER)
    assert server.out.take_sent() == [(each, RequestPreVote(2, 0, 1, 1)) for each in (1, 2)]
    server.on_message(1, RequestPreVoteReply(1, 2, False))
    assert server.role is Role.FOLLOWER
    server.on_message(2, RequestPreVoteReply(1, 2, True))
    assert (server.current_term, server.voted_for, server.role) == (2, 0, Role.CANDIDATE)


def test_a_pre_vote_of_another_term_does_not_count():
    server = Alone([1], pre_vote=True)
    server.on_timer("election")
    server.on_message(1, RequestPreVoteReply(1, 1, True))
    assert server.role is Role.FOLLOWER


def test_a_pre_vote_is_no_vote():
    """RAFT-07: what was granted before an election is asked for again in it."""
    server = Alone([1], servers=5, pre_vote=True)
    server.on_timer("election")
    for voter in (1, 2):
        server.on_message(voter, RequestPreVoteReply(1, 2, True))
    assert server.role is Role.CANDIDATE and server.votes == {0}


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (RequestPreVote(2, 1, 1, 1), True),
        (RequestPreVote(3, 1, 1, 1), True),
        (RequestPreVote(1, 1, 1, 1), False),  # it has that term already
        (RequestPreVote(2, 1, 0, 0), False),  # its log ends earlier
    ],
)
def test_a_pre_vote_is_granted_where_a_vote_would_be_and_changes_nothing(asked, granted):
    server = Alone([1], pre_vote=True)
    server.passes(MIN_NS)
    before = dict(server.timers)
    assert server.hears(1, asked) == [(1, RequestPreVoteReply(1, asked.next_term, granted))]
    assert (server.current_term, server.voted_for) == (1, None) and server.timers == before


def test_no_pre_vote_is_granted_while_a_leader_is_heard_but_to_that_leader():
    """9.6, 4.2.3; RAFT-11: a leader that asks knows best that it leads no more."""
    server = Alone([1], pre_vote=True)
    server.hears_leader(1)
    assert server.hears(2, RequestPreVote(2, 2, 1, 1)) == [(2, RequestPreVoteReply(1, 2, False))]
    assert server.hears(1, RequestPreVote(2, 1, 1, 1)) == [(1, RequestPreVoteReply(1, 2, True))]
    server.passes(MIN_NS)
    assert server.hears(2, RequestPreVote(2, 2, 1, 1)) == [(2, RequestPreVoteReply(1, 2, True))]


def test_two_that_have_lost_their_leader_elect_one_of_them():
    """RAFT-10: who asks for pre-votes refuses nobody for the leader that it had."""
    server = Alone([1], pre_vote=True)
    server.hears_leader(1)
    server.on_timer("election")
    assert server.leader_id is None
    assert server.hears(2, RequestPreVote(2, 2, 1, 1)) == [(2, RequestPreVoteReply(1, 2, True))]


def test_who_hears_a_leader_asks_no_more():
    server = Alone([1], pre_vote=True)
    server.on_timer("election")
    server.hears_leader(1)
    server.on_message(2, RequestPreVoteReply(1, 2, True))
    assert server.role is Role.FOLLOWER and server.current_term == 1


# 6.2: a leader without a quorum steps down. Section 6, 4.2.3: servers that hear a leader are not disrupted.


def test_a_leader_that_hears_no_quorum_steps_down():
    """6.2: "if an election timeout elapses without a successful round of heartbeats to a majority of its cluster"."""
    server = Alone([1], check_quorum=True)
    server.lead()
    server.acknowledge(1, 0)
    server.on_timer("quorum")
    assert server.role is Role.LEADER, "one of two others and itself are a majority"
    server.on_timer("quorum")
    assert (server.role, server.leader_id, server.current_term) == (Role.FOLLOWER, None, 2)
    assert ("quorum_lost", 2) in server.out.observed


def test_learners_are_no_part_of_a_quorum():
    """RAFT-38: a leader that is cut off with its learners steps down."""
    server = Alone([1], check_quorum=True, spares=(3, 4))
    server.lead()
    server.commit_all()
    server.hears(CLIENT, ChangeMembership(1, (3, 4), ()))
    assert server.configuration.learners == (3, 4)
    server.on_timer("quorum")
    for learner in (3, 4):
        server.acknowledge(learner, 0)
    server.on_timer("quorum")
    assert server.role is Role.FOLLOWER


def test_a_candidate_is_ignored_while_a_leader_is_heard():
    """4.2.3: "it does not update its term or grant its vote"."""
    server = Alone([1], sticky=True)
    server.hears_leader(1)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == []
    assert (server.current_term, server.voted_for) == (1, None)
    server.passes(MIN_NS)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == [(2, RequestVoteReply(9, True))]


def test_a_leader_ignores_candidates_too():
    server = Alone([1], sticky=True)
    server.lead()
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == [] and server.role is Role.LEADER


def test_who_has_just_started_ignores_candidates():
    """6.4.1: it may have heard a leader just before; another's lease may rest on that."""
    server = Alone([1], sticky=True)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == []
    server.passes(MIN_NS)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) != []


# 3.10: leadership transfer.


def test_a_transfer_waits_until_the_target_has_the_whole_log():
    """3.10, steps 1 to 3."""
    server = led()
    answers = server.hears(CLIENT, TransferLeadership(1, 2))
    assert answers == [(CLIENT, OperatorReply(1, True, "", 0))]
    assert server.propose(b"x") is None, "the prior leader stops accepting new client requests"
    assert server.acknowledge(2, 1) != [(2, TimeoutNow(2, 0))]
    assert (2, TimeoutNow(2, 0)) in server.acknowledge(2)


def test_the_target_stands_at_once_and_is_not_ignored():
    """3.10: its election need not wait for a timeout, and disrupts nothing."""
    target = Alone([1], sticky=True, pre_vote=True)
    target.hears_leader(1)
    sent = target.hears(1, TimeoutNow(1, 1))
    assert sent == [(each, RequestVote(2, 0, 1, 1, transfer=True)) for each in (1, 2)]
    voter = Alone([1], node=2, sticky=True)
    voter.hears_leader(1)
    assert voter.hears(0, sent[1][1]) == [(0, RequestVoteReply(2, True))]


def test_a_transfer_of_an_earlier_term_is_not_followed():
    target = Alone([1, 2])
    assert target.hears(1, TimeoutNow(1, 1)) == [] and target.role is Role.FOLLOWER


def test_a_transfer_that_takes_too_long_is_given_up():
    """3.10: "the prior leader aborts the transfer and resumes accepting client requests"."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    server.on_timer("transfer")
    assert server.role is Role.LEADER and server.propose(encode_command(Command("get", "k"))) is not None


@pytest.mark.parametrize(("target", "reason"), [(7, "node 7 is no voter"), (5, "node 5 is no voter")])
def test_who_is_no_voter_is_handed_nothing(target, reason):
    assert led(spares=(5,)).hears(CLIENT, TransferLeadership(1, target)) == [
        (CLIENT, OperatorReply(1, False, reason, 0))
    ]


# Section 6, chapter 4: membership.


def test_a_change_goes_by_learners_and_a_joint_configuration():
    """4.2.1, 4.3: the new server catches up, both majorities agree, then the new one alone."""
    server = led(spares=(3,))
    sent = server.hears(CLIENT, ChangeMembership(7, (3,), (1,)))
    assert server.configuration == Configuration((0, 1, 2), (), (3,)) and 3 in [target for target, _ in sent]
    server.acknowledge(1)
    assert not server.configuration.joint, "it has not caught up"
    server.acknowledge(3)
    assert server.configuration == Configuration((0, 2, 3), (0, 1, 2))
    server.acknowledge(1)
    assert server.configuration.joint, "a majority of the old cluster, none of the new"
    server.acknowledge(3)
    assert server.configuration == Configuration((0, 2, 3))
    answers = server.acknowledge(3)
    assert (CLIENT, OperatorReply(7, True, "", 0)) in answers and 1 not in server.progress


def test_a_configuration_holds_from_when_it_is_appended_and_not_when_it_is_gone():
    """4.1: "a server always uses the latest configuration in its log, regardless of whether the entry is committed"."""
    server = Alone([1])
    joint = Configuration((0, 2, 3), (0, 1, 2))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", joint),), 0))
    assert server.configuration == joint
    server.hears(2, AppendEntries(2, 2, 1, 1, (Entry(2, b"x"),), 0))
    assert server.configuration == Configuration((0, 1, 2))


def test_a_new_leader_ends_what_another_began():
    """Law 2: C_old,new in its log is gone on with once it is committed."""
    server = Alone([1])
    joint = Configuration((0, 2), (0, 1, 2))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", joint),), 0))
    server.on_timer("election")
    server.on_message(2, RequestVoteReply(2, True))
    assert server.role is Role.LEADER, "of both clusters 0 and 2 are a majority"
    server.propose(encode_command(Command("put", "k", "x")))
    server.acknowledge(2)
    assert server.configuration == Configuration((0, 2))


def test_a_leader_that_leaves_does_not_count_itself_and_steps_down():
    """4.2.2; RAFT-37."""
    server = led()
    server.hears(CLIENT, ChangeMembership(1, (), (0,)))
    server.acknowledge(1)
    assert server.configuration.joint, "a majority of the old cluster, and one of two of the new"
    server.acknowledge(2)
    assert server.configuration == Configuration((1, 2))
    index = server.log.last_index
    server.acknowledge(1)
    assert server.commit_index < index, "of 1 and 2 only one has it: the leader is none of them"
    answers = server.acknowledge(2)
    assert server.commit_index == index and server.role is Role.FOLLOWER
    assert (CLIENT, OperatorReply(1, True, "", 0)) in answers
    commits = [message.leader_commit for target, message in answers if isinstance(message, AppendEntries)]
    assert index in commits, "the others hear of it"


@pytest.mark.parametrize(("committed", "stands"), [(2, True), (3, False)])
def test_who_has_left_stands_until_it_knows_that_its_leaving_is_committed(committed: int, stands: bool):
    """4.2.2, Figure 4.6: "it might still be needed until the Cnew entry is committed"; its own vote does not count."""
    server = Alone([1, 1])
    gone = Entry(1, b"", Configuration((1, 2)))
    server.hears(1, AppendEntries(1, 1, 2, 1, (gone,), committed))
    server.on_timer("election")
    asked = [target for target, message in server.out.take_sent() if isinstance(message, RequestVote)]
    assert (asked, server.role) == (([1, 2], Role.CANDIDATE) if stands else ([], Role.FOLLOWER))
    if stands:
        server.on_message(1, RequestVoteReply(server.current_term, True))
        assert server.role is Role.CANDIDATE, "one of two voters: 0 is none of them"
        server.on_message(2, RequestVoteReply(server.current_term, True))
        assert server.role is Role.LEADER


def test_a_learner_never_stands():
    """4.2.1: it does not vote and does not count, even where the entry that let it in is not committed."""
    server = Alone([1])
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", Configuration((1, 2), learners=(0,))),), 2))
    server.on_timer("election")
    assert server.role is Role.FOLLOWER


def test_one_change_at_a_time():
    """4.1; RAFT-35."""
    server = led(spares=(3, 4))
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    refused = OperatorReply(2, False, "another change is under way", 0)
    assert server.hears(CLIENT, ChangeMembership(2, (4,), ())) == [(CLIENT, refused)]


def test_a_new_leader_begins_no_change_over_one_that_is_not_committed():
    """4.1: "each server uses the latest configuration in its log"; the next change waits until that is committed."""
    server = Alone([1], spares=(3,))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", Configuration((0, 1, 2), learners=(3,))),), 0))
    server.lead()
    refused = OperatorReply(1, False, "another change is under way", 0)
    assert server.hears(CLIENT, ChangeMembership(1, (), (2,))) == [(CLIENT, refused)]


def test_no_change_before_an_entry_of_the_leaders_own_term_is_committed():
    """RAFT-34."""
    server = Alone([1], spares=(3,))
    server.lead()
    refused = OperatorReply(1, False, "nothing of this leader's term is committed yet", 0)
    assert server.hears(CLIENT, ChangeMembership(1, (3,), ())) == [(CLIENT, refused)]


def test_a_change_that_is_done_already_is_answered():
    server = led()
    assert server.hears(CLIENT, ChangeMembership(1, (1,), (5,))) == [(CLIENT, OperatorReply(1, True, "", 0))]


def test_a_change_that_leaves_nobody_is_refused():
    refused = OperatorReply(1, False, "it would leave nobody", 0)
    assert led().hears(CLIENT, ChangeMembership(1, (), (0, 1, 2))) == [(CLIENT, refused)]


def test_a_server_that_does_not_catch_up_is_given_up():
    """4.2.1: "the leader aborts the change with an error", and the learner goes."""
    server = led(spares=(3,))
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    server.acknowledge(1)
    server.out.take()
    server.on_timer("catch up")
    assert (CLIENT, OperatorReply(1, False, "not caught up: 3", 0)) in server.out.take_sent()
    assert server.configuration == Configuration((0, 1, 2))


def test_a_server_votes_without_asking_its_own_configuration():
    """4.1; RAFT-40: it may not know yet that it is a voter."""
    learner = Alone([1], node=3, spares=(3,))
    assert not learner.configuration.is_voter(3)
    assert learner.hears(1, RequestVote(2, 1, 1, 1)) == [(1, RequestVoteReply(2, True))]


def test_who_does_not_vote_does_not_stand():
    learner = Alone([1], node=3, spares=(3,))
    learner.on_timer("election")
    assert learner.role is Role.FOLLOWER and learner.current_term == 1


def test_a_server_that_has_lost_its_disk_is_another_member():
    """Law 4: it answers in the new name, and what the old one had promised is nobody's any more."""
    disk = Disk()
    disk.append("log", Corrupt())
    disk.write("vote", (3, 2))
    disk.sync()
    server = Standalone(
        lambda: RaftServer(RaftSettings(servers=(0, 1, 2), rejoin=True), KeyValueStore()),
        id=1,
        nodes=10,
        seed=1,
        disk=disk,
        incarnation=2,
    )
    assert server.node.member == 21 and server.node.current_term == 0
    assert [message for _, message in server.out.take_sent()] == [Join(21)] * 2
    server.on_message(2, RequestVote(3, 2, 0, 0))
    assert server.out.take_sent() == [(2, RequestVoteReply(3, True, generation=2))]


def test_a_vote_of_a_lost_member_in_its_new_name_does_not_count():
    """`raft-reconfig`: a reused identity elects two leaders."""
    server = Alone([1])
    server.on_timer("election")
    server.on_message(1, RequestVoteReply(2, True, generation=1))
    assert server.role is Role.CANDIDATE
    server.on_message(1, RequestVoteReply(2, True))
    assert server.role is Role.LEADER


def test_who_joins_again_takes_the_place_of_who_it_was():
    server = led()
    server.hears(1, Join(11))
    assert server.configuration.learners == (11,)
    server.acknowledge(2)
    server.acknowledge(1, generation=1)
    assert server.configuration == Configuration((0, 2, 11), (0, 1, 2))


def test_clients_are_told_the_node_of_a_leader():
    server = Alone([1])
    server.hears(1, AppendEntries(1, 11, 1, 1, (), 0))
    assert server.hears(CLIENT, ClientRequest(1, b"x")) == [(CLIENT, ClientReply(1, "not_leader", b"", 1))]


def test_a_learner_forgets_a_leader_that_it_does_not_hear():
    """3.4, 4.2.1: who does not vote waits; it knows no leader meanwhile, as a follower that stands knows none."""
    learner = Alone([1], node=3, spares=(3,))
    learner.hears_leader(1)
    assert learner.leader_id == 1
    learner.on_timer("election")
    assert learner.leader_id is None and "election" in learner.timers
    learner.hears_leader(2)
    assert learner.leader_id == 2


# Rules of chapters 3 to 6 that stand nowhere above.


def test_a_candidate_keeps_asking_in_a_new_term_while_nobody_wins():
    """3.4: "each candidate will time out and start a new election by incrementing its term"."""
    server = Alone([1])
    server.on_timer("election")
    server.on_timer("election")
    assert (server.role, server.current_term, server.voted_for, server.votes) == (Role.CANDIDATE, 3, 0, {0})


def test_a_query_waits_until_an_entry_of_the_leaders_term_is_committed():
    """6.4, step 1: "if the leader has not yet marked an entry from its current term committed, it waits"."""
    server = Alone([1])
    server.lead()
    assert server.query() == []
    server.propose(encode_command(Command("put", "k", "new")))
    server.acknowledge(1)
    answers = server.acknowledge(2)
    assert [target for target, _ in answers if target == CLIENT] == [CLIENT]


def test_a_command_that_comes_while_a_leader_hands_over_is_not_taken():
    """3.10: "the prior leader stops accepting new client requests"; its clients are told where to go."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    before = server.log.last_index
    server.hears(CLIENT, ClientRequest(7, encode_command(Command("get", "k"))))
    assert server.log.last_index == before


def test_a_server_that_leaves_is_sent_the_entry_that_says_so():
    """4.2.2, 4.2.3: the others learn that C_new is committed before the leader stops speaking to who has left."""
    server = led()
    server.hears(CLIENT, ChangeMembership(1, (), (2,)))
    server.acknowledge(1)
    sent = server.acknowledge(2)
    assert server.configuration == Configuration((0, 1))
    last = server.acknowledge(1)
    told = [message.leader_commit for target, message in sent + last if target == 2]
    assert server.log.last_index in told and 2 not in server.progress
