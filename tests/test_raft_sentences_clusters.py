"""Raft, sentence by sentence: chapter 4 of Ongaro's dissertation and section 6 of the paper, changes of the cluster.

As in test_raft_sentences.py, which has chapter 3; docs/raft-rules.md says which test each sentence has.
"""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, answers, led, put, votes
from simclock.protocols.raft import (
    AppendEntries,
    ChangeMembership,
    Configuration,
    Entry,
    InstallSnapshot,
    OperatorReply,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
    Role,
    TransferLeadership,
)
from simclock.protocols.replication import ClientReply, ClientRequest


def configured(configuration, *, node=0, committed=0, **settings):
    """A server whose log has, after an entry of term 1, one with this configuration."""
    server = Alone([1], node=node, spares=(3, 4), **settings)
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", configuration),), committed))
    return server


def stands(server):
    """It stands for election; whom it asks."""
    server.out.take()
    server.on_timer("election")
    return [target for target, message in server.out.take_sent() if isinstance(message, RequestVote)]


def answered(sent):
    """Of which requests."""
    return [each.request_id for each in answers(sent) if isinstance(each, ClientReply) and each.status == "ok"]


# 4.1: requests are taken whatever the receiver's configuration says.


def test_entries_are_taken_from_a_leader_outside_the_configuration():
    """4.1: "otherwise, a new server could never be added"."""
    server = Alone([1])
    ((target, reply),) = server.hears(4, AppendEntries(2, 4, 1, 1, (Entry(2, put("x")),), 2))
    assert target == 4 and reply.success and server.state_machine.values == {"k": "x"} and server.leader_id == 4
    ((target, reply),) = server.hears(5, InstallSnapshot(3, 5, 9, 3, Configuration((5,)), 0, b"", False))
    assert target == 5 and server.leader_id == 5


def test_a_vote_is_given_to_a_candidate_outside_the_configuration():
    """4.1: its vote may be needed; with pre-votes, what it would do."""
    server = Alone([1], pre_vote=True)
    server.passes(MIN_NS)
    assert server.hears(4, RequestPreVote(2, 4, 1, 1)) == [(4, RequestPreVoteReply(1, 2, True))]
    assert server.hears(4, RequestVote(2, 4, 1, 1)) == [(4, RequestVoteReply(2, True))]


def test_a_configuration_is_sent_at_once_as_any_entry_is():
    """4.1: it is appended to the leader's log and replicated "using the normal Raft mechanism"."""
    server = led()
    server.acknowledge(2)
    sent = server.hears(CLIENT, ChangeMembership(1, (), (2,)))
    joint = Entry(2, b"", Configuration((0, 1), (0, 1, 2)))
    assert [(target, message.entries) for target, message in sent] == [(1, (joint,)), (2, (joint,))]
    assert server.log.durable_index == server.log.last_index


# 4.2.1: learners, and how they catch up.


def test_learners_are_counted_neither_in_elections_nor_in_commitment():
    """4.2.1: a new server gets the log, "but it is not yet counted towards majorities"."""
    server = configured(Configuration((0, 1, 2), learners=(3, 4)))
    assert stands(server) == [1, 2]
    votes(server, 3, 4)
    assert server.role is Role.CANDIDATE
    votes(server, 2)
    assert server.role is Role.LEADER and sorted(server.progress) == [1, 2, 3, 4]
    server.propose(put("x"))
    for learner in (3, 4):
        server.acknowledge(learner)
    assert server.commit_index == 0
    server.acknowledge(1)
    assert server.commit_index == 3


def learning(**settings):
    """A leader whose server 3 learns; that it does is committed."""
    server = led(spares=(3,), **settings)
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    server.acknowledge(1)
    assert server.configuration.learners == (3,)
    return server


def test_a_round_ends_where_the_log_ended_when_it_began():
    """4.2.1: "each round replicates all the log entries present in the leader's log at the start of the round"."""
    server = learning()
    server.acknowledge(3, 1)
    assert not server.configuration.joint, "the log ended at 2 when the change was asked for"
    server.acknowledge(3, 2)
    assert server.configuration.joint


def test_who_takes_an_election_timeout_for_a_round_is_given_another():
    """4.2.1: who is let in has just gone through a round in less; so others soon wait for it no more."""
    server = learning()
    server.passes(MIN_NS)
    for value in "ab":
        server.propose(put(value))
    server.acknowledge(3, 4)
    assert not server.configuration.joint
    server.acknowledge(3, 4)
    server.passes(MIN_NS - 1)
    server.acknowledge(3, 5)
    assert server.configuration.joint


def test_a_change_is_given_up_after_so_many_rounds():
    """4.2.1: "otherwise, the leader aborts the configuration change with an error"; the caller may try again."""
    server = learning(catch_up_rounds=3)
    for _ in range(3):
        assert server.configuration.learners == (3,)
        server.passes(MIN_NS)
        server.propose(put("x"))
        sent = server.acknowledge(3, server.log.last_index)
    assert answers(sent) == [OperatorReply(1, False, "not caught up: 3", 0)]
    assert server.configuration == Configuration((0, 1, 2))
    server.acknowledge(1)
    assert answers(server.hears(CLIENT, ChangeMembership(2, (3,), ()))) == []
    assert server.configuration.learners == (3,)


@pytest.mark.parametrize("behind", [True, False])
def test_a_learner_that_an_earlier_leader_has_let_in_catches_up_too(behind):
    """4.2.1: before it is a voter, and whoever leads by then; one that has caught up need not wait."""
    server = configured(Configuration((0, 1, 2), learners=(3,)), committed=2)
    stands(server)
    votes(server, 1)
    server.propose(put("x"))
    server.acknowledge(1)
    server.acknowledge(3, 1 if behind else 3)
    assert answers(server.hears(CLIENT, ChangeMembership(1, (3,), ()))) == []
    assert server.configuration.joint is not behind
    server.acknowledge(3, 3)
    assert server.configuration == Configuration((0, 1, 2, 3), (0, 1, 2))


def test_a_learner_of_an_earlier_leader_that_does_not_catch_up_goes():
    """4.2.1: that it was let in by another leader does not keep it."""
    server = configured(Configuration((0, 1, 2), learners=(3,)), committed=2)
    stands(server)
    votes(server, 1)
    server.propose(put("x"))
    server.acknowledge(1)
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    assert "catch up" in server.timers
    server.out.take()
    server.on_timer("catch up")
    assert answers(server.out.take_sent()) == [OperatorReply(1, False, "not caught up: 3", 0)]
    assert server.configuration == Configuration((0, 1, 2))


# 4.2.2, 4.2.4: leaders that leave.


def test_who_is_elected_though_it_has_left_steps_down_once_that_is_committed():
    """4.2.4: "it would confirm the commitment of the Cnew entry and soon step down"."""
    server = configured(Configuration((1, 2)))
    assert stands(server) == [1, 2]
    votes(server, 1, 2)
    server.propose(put("x"))
    server.acknowledge(1)
    assert server.role is Role.LEADER and server.commit_index == 0
    server.acknowledge(2)
    assert server.role is Role.FOLLOWER and server.commit_index == 3


def test_the_leader_leads_until_its_leaving_is_committed():
    """4.2.2, Figure 4.6: before that it may be the only one that can; it goes on taking commands and sending them."""
    server = led()
    server.hears(CLIENT, ChangeMembership(1, (), (0,)))
    for member in (1, 2):
        server.acknowledge(member)
    assert server.configuration == Configuration((1, 2)) and server.role is Role.LEADER
    server.acknowledge(1)
    server.out.take()
    server.on_timer("heartbeat")
    assert [target for target, _ in server.out.take_sent()] == [1, 2]
    assert server.propose(put("x")) is not None and server.role is Role.LEADER


# 4.2.3: servers that disrupt.


def test_a_leader_of_an_earlier_term_keeps_nobody_from_voting():
    """4.2.3: a server ignores candidates within the timeout of hearing from a *current* leader."""
    server = Alone([1, 2], sticky=True)
    server.passes(MIN_NS)
    server.hears(1, AppendEntries(1, 1, 1, 1, (), 0))
    assert server.hears(2, RequestVote(3, 2, 2, 2)) == [(2, RequestVoteReply(3, True))]


def test_a_leader_ignores_candidates_for_as_long_as_it_leads():
    """4.2.3: it hears itself; that it has just started is not why."""
    server = Alone([1], sticky=True)
    server.passes(MIN_NS)
    server.lead()
    server.passes(10 * MIN_NS)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == [] and server.role is Role.LEADER


# 4.3: joint consensus.

JOINT = Configuration((0, 3, 4), (0, 1, 2))


@pytest.mark.parametrize(("first", "last"), [((3, 4), 1), ((1, 2), 4)])
def test_a_joint_election_needs_both_majorities(first, last):
    """4.3: "agreement (for elections and entry commitment) requires separate majorities" of old and new cluster."""
    server = configured(JOINT)
    assert stands(server) == [1, 2, 3, 4]
    votes(server, *first)
    assert server.role is Role.CANDIDATE
    votes(server, last)
    assert server.role is Role.LEADER


@pytest.mark.parametrize("node", [1, 3])
def test_a_server_of_either_cluster_may_lead(node):
    """4.3: "any server from either configuration may serve as leader"."""
    server = configured(JOINT, node=node)
    assert len(stands(server)) == 4
    votes(server, 0, 2, 4)
    assert server.role is Role.LEADER


@pytest.mark.parametrize("first", [(3, 4), (1, 2)])
def test_entries_go_to_both_clusters_and_are_committed_by_both(first):
    """4.3: "log entries are replicated to all servers in both configurations"."""
    server = configured(JOINT)
    stands(server)
    votes(server, 1, 2, 3)
    server.propose(put("x"))
    server.out.take()
    server.on_timer("heartbeat")
    assert [target for target, _ in server.out.take_sent()] == [1, 2, 3, 4]
    for member in first:
        server.acknowledge(member)
    assert server.commit_index == 0 and server.configuration == JOINT, "and C_new waits for that"
    server.acknowledge(3 if 1 in first else 1)
    assert server.configuration == Configuration((0, 3, 4))


def test_a_query_needs_both_majorities():
    """4.3, 6.4: who leads is for both to say while the configuration is joint."""
    server = configured(JOINT)
    stands(server)
    votes(server, 1, 3)
    server.propose(put("x"))
    server.acknowledge(1)
    server.node.commit_index = 3  # else what is committed would end the joint configuration
    server.query()
    assert answers(server.acknowledge(1)) == [], "of the new cluster the leader alone"
    assert len(answers(server.acknowledge(3))) == 1


def test_pre_votes_need_both_majorities():
    """4.3, 9.6: an election that a majority of one cluster alone would grant cannot be won."""
    server = configured(JOINT, pre_vote=True)
    server.on_timer("election")
    for voter in (3, 4):
        server.on_message(voter, RequestPreVoteReply(1, 2, True))
    assert (server.role, server.current_term) == (Role.FOLLOWER, 1)
    server.on_message(1, RequestPreVoteReply(1, 2, True))
    assert (server.role, server.current_term) == (Role.CANDIDATE, 2)


@pytest.mark.parametrize(("heard", "leads"), [((3, 4), False), ((1, 2), False), ((1, 4), True)])
def test_a_leader_that_hears_one_majority_of_two_steps_down(heard, leads):
    """4.3, 6.2: of the other cluster's servers another may be followed, or nobody."""
    server = configured(JOINT, check_quorum=True)
    stands(server)
    votes(server, 1, 3)
    for member in heard:
        server.acknowledge(member, 0)
    server.on_timer("quorum")
    assert (server.role is Role.LEADER) is leads


def test_clients_are_served_during_a_change():
    """4.1, 4.3: "the cluster [can] continue servicing client requests throughout the configuration change"."""
    server = led(spares=(3,))
    server.hears(CLIENT, ChangeMembership(1, (3,), (2,)))
    server.acknowledge(1)
    server.hears(CLIENT, ClientRequest(5, put("learning")))
    assert answered(server.acknowledge(1)) == [5]
    server.acknowledge(3)
    assert server.configuration.joint
    server.hears(CLIENT, ClientRequest(6, put("joint")))
    assert answered(server.acknowledge(1)) == [6], "0 and 1 are a majority of both clusters"
    assert server.configuration == Configuration((0, 1, 3))
    server.hears(CLIENT, ClientRequest(7, put("new")))
    assert answered(server.acknowledge(3)) == [7]
    assert server.state_machine.values == {"k": "new"}


def test_the_next_change_may_begin_when_one_is_done():
    """4.1: "further configuration changes can be started"."""
    server = led(spares=(3, 4))
    server.hears(CLIENT, ChangeMembership(1, (), (2,)))
    server.acknowledge(1)
    assert answers(server.acknowledge(1)) == [OperatorReply(1, True, "", 0)]
    assert server.configuration == Configuration((0, 1))
    assert answers(server.hears(CLIENT, ChangeMembership(2, (3,), ()))) == []
    assert server.configuration.learners == (3,)


def test_who_does_not_lead_changes_nothing_and_names_who_does():
    """Figure 4.1, step 1."""
    server = Alone([1], spares=(3,))
    server.hears_leader(2)
    refused = OperatorReply(1, False, "this server does not lead", 2)
    assert server.hears(CLIENT, ChangeMembership(1, (3,), ())) == [(CLIENT, refused)]
    assert server.hears(CLIENT, TransferLeadership(1, 1)) == [(CLIENT, refused)]
    assert server.log.last_index == 1
