"""Raft, sentence by sentence: chapters 6 (clients, queries) and 9 (pre-votes) of Ongaro's dissertation.

As in test_raft_sentences.py, which has chapter 3; docs/raft-rules.md says which test each sentence has.
"""

from raft_alone import CLIENT, Alone, answers, led, put, votes
from simclock.protocols.key_value.store import Answer, decode_answer
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    Entry,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    Role,
    TimeoutNow,
    TransferLeadership,
)
from simclock.protocols.replication import ClientRequest

# 6.2: who leads.


def hint(server):
    ((_, reply),) = server.hears(CLIENT, ClientRequest(1, put("x")))
    return reply.leader_hint


def test_a_leader_is_forgotten_with_its_term_and_with_an_election():
    """6.2: followers "must discard this information when starting a new election or when the term changes"."""
    server = Alone([1])
    server.hears_leader(2)
    assert hint(server) == 2
    server.on_timer("election")
    assert hint(server) is None
    server.hears_leader(2)
    assert hint(server) == 2
    server.hears(1, RequestVote(3, 1, 0, 0))
    assert hint(server) is None, "of term 3 nobody is known"


# 6.4: queries.


def test_one_round_answers_all_that_wait():
    """6.4: "it can use a single round of heartbeats for any number of read-only queries that it has accumulated"."""
    server = led()
    server.query(1)
    for request_id in (2, 3, 4):
        assert server.query(request_id) == []
    assert [each.request_id for each in answers(server.acknowledge(1))] == [1]
    assert [each.request_id for each in answers(server.acknowledge(1))] == [2, 3, 4]


def test_a_round_that_was_sent_before_a_query_came_does_not_answer_it():
    """6.4, step 3: by then another may have been elected; a heartbeat is a round too while a query waits."""
    server = led()
    server.query(1)
    server.on_timer("heartbeat")
    assert [each.request_id for each in answers(server.acknowledge(1, round=1))] == [1]
    server.query(2)
    assert answers(server.acknowledge(1, round=2)) == []
    assert [each.request_id for each in answers(server.acknowledge(1, round=3))] == [2]


def test_a_leader_that_was_deposed_answers_no_query_of_before():
    """6.4, step 3: it is no leader that "hasn't been superseded", also where it is elected again."""
    server = led()
    server.query()
    server.hears(2, AppendEntries(3, 2, 2, 2, (Entry(3, put("other")),), 2))
    server.lead()
    server.propose(put("mine"))
    for member in (1, 2):
        assert answers(server.acknowledge(member, round=9)) == []


def test_an_answer_to_an_earlier_term_confirms_nothing():
    """6.4, step 3: a round is of this leadership."""
    server = led()
    server.query()
    late = AppendEntriesReply(server.current_term - 1, True, 0, 1, 0, 0, server.round)
    assert server.hears(1, late) == []
    assert len(answers(server.acknowledge(1))) == 1


def test_what_is_committed_while_a_query_waits_may_be_seen_by_it():
    """6.4, step 2: the commit index when it came is a lower bound; no copy of the state is kept for it."""
    server = led()
    server.propose(put("later"))
    before = server.round
    server.query()
    assert answers(server.acknowledge(1, round=before)) == [] and server.commit_index == 3
    (answer,) = answers(server.acknowledge(1))
    assert decode_answer(answer.response) == Answer("later")


def test_a_query_that_comes_during_a_transfer_asks_who_leads():
    """3.10, 6.4: a transfer turns commands away; a query is safe, as whoever is elected answers the round no more."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    assert [target for target, _ in server.query()] == [1, 2]
    assert len(answers(server.acknowledge(1))) == 1


# 6.4.1: leases.


def test_a_lease_begins_when_a_majority_has_answered():
    """6.4.1: "once the leader's heartbeats were acknowledged by a majority of the cluster"."""
    server = Alone([1], servers=5, sticky=True, reads="lease")
    server.on_timer("election")
    votes(server, 1, 2)
    server.propose(put("x"))
    for member in (1, 2):
        server.acknowledge(member, round=0)
    server.on_timer("heartbeat")
    server.acknowledge(1)
    assert server.lease_until_ns is None and answers(server.query(1)) == []
    server.acknowledge(2)
    assert len(answers(server.query(2))) == 1


def test_a_lease_answers_nothing_before_an_entry_of_the_term_is_committed():
    """6.4, step 1: a lease says who leads, and not what is committed."""
    server = Alone([1], sticky=True, reads="lease")
    server.lead()
    server.on_timer("heartbeat")
    server.acknowledge(1)
    assert server.lease_until_ns is not None and answers(server.query()) == []
    server.propose(put("x"))
    server.acknowledge(1)
    (answer,) = answers(server.acknowledge(2))
    assert decode_answer(answer.response) == Answer("x")


def test_a_lease_ends_with_the_leadership():
    """6.4.1: who leads again has a lease only once a majority has answered it again."""
    server = led(sticky=True, reads="lease")
    server.on_timer("heartbeat")
    server.acknowledge(1)
    assert len(answers(server.query(1))) == 1
    server.hears(2, AppendEntries(3, 2, 2, 2, (Entry(3, put("other")),), 3))
    server.hears(2, TimeoutNow(3, 2))
    votes(server, 1)
    server.propose(put("mine"))
    server.acknowledge(1, round=0)
    assert server.commit_index == server.log.last_index and answers(server.query(2)) == []


# 9.6: pre-votes.


def test_a_majority_of_the_cluster_has_to_be_willing():
    """9.6: a candidate takes a new term only once "a majority of the cluster" would vote for it; each counts once."""
    server = Alone([1], servers=5, pre_vote=True)
    server.on_timer("election")
    for _ in range(2):
        server.on_message(1, RequestPreVoteReply(1, 2, True))
    assert (server.role, server.current_term) == (Role.FOLLOWER, 1)
    server.on_message(2, RequestPreVoteReply(1, 2, True))
    assert (server.role, server.current_term) == (Role.CANDIDATE, 2)


def test_who_nobody_answers_asks_again_and_takes_no_term():
    """9.6: "while a server is partitioned, it won't be able to increment its term"."""
    server = Alone([1], pre_vote=True)
    for _ in range(5):
        server.out.take()
        server.on_timer("election")
        assert server.out.take_sent() == [(each, RequestPreVote(2, 0, 1, 1)) for each in (1, 2)]
        assert "election" in server.timers
    assert (server.role, server.current_term) == (Role.FOLLOWER, 1)
