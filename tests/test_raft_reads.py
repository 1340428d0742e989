"""Queries that do not go through Raft's log, and leases (Ongaro 2014, 6.4), rule by rule."""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, led
from simclock import UsageError, ms
from simclock.protocols.key_value.store import Answer, Command, decode_answer, encode_command
from simclock.protocols.raft import RaftSettings, RequestVote, RequestVoteReply, TransferLeadership
from simclock.protocols.replication import ClientQuery, ClientReply

PUT = encode_command(Command("put", "k", "new"))

# 6.4: queries.


def test_a_query_is_answered_when_a_quorum_says_that_it_leads():
    """6.4, steps 2 to 5: the answers must be to requests that were sent after the query came."""
    server = led()
    old = server.round
    assert [target for target, _ in server.query()] == [1, 2], "one round of heartbeats"
    assert server.acknowledge(1, round=old) == [], "an answer to an earlier round says nothing"
    (answer,) = server.acknowledge(1)
    assert answer[0] == CLIENT and decode_answer(answer[1].response) == Answer("new")


def test_queries_that_come_meanwhile_wait_for_a_round_of_their_own():
    server = led()
    server.query(1)
    first = server.round
    assert server.query(2) == [], "one round at a time"
    answers = server.acknowledge(1, round=first)
    assert [message.request_id for target, message in answers if target == CLIENT] == [1]
    assert server.round == first + 1
    assert [message.request_id for target, message in server.acknowledge(1) if target == CLIENT] == [2]


def test_a_query_waits_until_an_entry_of_the_leaders_own_term_is_committed():
    """6.4, step 1; RAFT-44: before that the leader does not know what is committed."""
    server = Alone([1])
    server.lead()
    assert server.query() == []
    assert server.acknowledge(1, 1) == [], "a quorum has the entry of term 1, which commits nothing"
    server.propose(encode_command(Command("put", "k", "new")))
    server.acknowledge(1)
    (answer,) = [message for target, message in server.acknowledge(2) if target == CLIENT]
    assert decode_answer(answer.response) == Answer("new")


def test_who_does_not_lead_names_who_does():
    server = Alone([1])
    server.hears_leader(2)
    assert server.query() == [(CLIENT, ClientReply(1, "not_leader", b"", 2))]


def test_a_query_that_would_change_something_is_refused():
    server = led()
    server.hears(CLIENT, ClientQuery(1, encode_command(Command("put", "k", "x"))))
    (answer,) = [message for target, message in server.acknowledge(1) if target == CLIENT]
    assert decode_answer(answer.response).refused and server.state_machine.values == {"k": "new"}


def leased(**settings):
    server = led(sticky=True, reads="lease", **settings)
    server.on_timer("heartbeat")
    server.acknowledge(1)
    return server


def test_a_lease_answers_at_once_until_it_ends():
    """6.4.1: from the start of the round for an election timeout, by the leader's own clock."""
    server = leased()
    server.passes(MIN_NS - 1)
    (answer,) = server.query()
    assert answer[0] == CLIENT
    server.passes(1)
    assert [target for target, _ in server.query()] == [1, 2]


def test_a_lease_counts_from_when_the_round_was_sent():
    """RAFT-46."""
    server = led(sticky=True, reads="lease")
    server.on_timer("heartbeat")
    server.passes(ms(100))
    server.acknowledge(1)
    server.passes(ms(50))
    assert [target for target, _ in server.query()] == [1, 2]


def test_a_lease_is_shorter_by_what_clocks_may_be_off():
    """6.4.1: "assuming a bound on clock drift": the leader's slow by 10 %, others' fast by 10 %."""
    server = leased(clock_drift_ppm=100_000)
    server.passes(MIN_NS * 9 // 11 - 1)
    assert [target for target, _ in server.query()] == [CLIENT]
    server.passes(2)
    assert [target for target, _ in server.query()] == [1, 2]


def test_a_lease_ends_with_a_transfer_also_if_that_is_given_up():
    """3.10, RAFT-47: what tells the target to stand may come at any time."""
    server = leased()
    server.hears(CLIENT, TransferLeadership(1, 2))
    assert CLIENT not in [target for target, _ in server.query(1)]
    server.on_timer("transfer")
    assert CLIENT not in [target for target, _ in server.query(2)]


def test_a_lease_without_servers_that_ignore_candidates_is_refused():
    with pytest.raises(UsageError, match=r"^raft.reads: a lease rests on servers that ignore candidates"):
        RaftSettings(servers=(0, 1, 2), reads="lease")


def test_a_leader_that_is_deposed_forgets_who_waits():
    """Clients ask elsewhere: it answers nothing from a term that is over, nor in the next it leads."""
    server = led()
    server.query()
    server.hears(2, RequestVote(9, 2, 9, 9))
    assert (server.queries, server.round) == ([], 0)
    server.lead()
    server.commit_all()
    assert server.queries == []


def test_queries_that_came_before_law_1_held_share_a_round():
    """6.4, step 3: one round of heartbeats for all that wait."""
    server = Alone([1])
    server.lead()
    assert server.query(1) == server.query(2) == []
    server.propose(PUT)
    sent = server.acknowledge(1)
    assert server.round == 1 and [target for target, message in sent if message.round == 1] == [1, 2]
    answers = [message.request_id for target, message in server.acknowledge(2) if target == CLIENT]
    assert answers == [1, 2]


def test_a_heartbeat_is_a_round_only_while_somebody_waits():
    """What nobody waits for needs no number."""
    server = led()
    server.on_timer("heartbeat")
    assert server.round == 0
    server.query()
    server.on_timer("heartbeat")
    assert server.round == 2, "an answer to a later request says it too"
    assert [message.request_id for target, message in server.acknowledge(1, round=1) if target == CLIENT] == [1]


def test_an_answer_to_a_later_round_answers_all_before():
    server = led()
    server.query()
    server.on_timer("heartbeat")
    assert [target for target, _ in server.acknowledge(2, 2, round=2)] == [CLIENT]


def test_a_leader_of_one_answers_at_once():
    """A majority of one is itself; its lease, if it has one, rests on nobody else."""
    for settings in ({}, {"sticky": True, "reads": "lease"}):
        server = Alone([1], servers=1, **settings)
        server.on_timer("election")
        server.propose(PUT)
        (answer,) = [message for target, message in server.query() if target == CLIENT]
        assert decode_answer(answer.response) == Answer("new")


def test_a_query_is_not_answered_by_a_leader_that_a_minority_hears():
    """6.4, step 3: "from a majority of the cluster"."""
    server = Alone([1], servers=5)
    server.on_timer("election")
    for voter in (1, 2):
        server.on_message(voter, RequestVoteReply(2, True))
    server.propose(PUT)
    server.acknowledge(1)
    server.acknowledge(2)
    server.query()
    assert server.acknowledge(3) == server.acknowledge(3) == []
    assert [target for target, _ in server.acknowledge(4)] == [CLIENT]


def test_each_round_that_is_answered_renews_the_lease():
    """6.4.1: "the leader would use a normal heartbeat mechanism to maintain a lease"."""
    server = led(sticky=True, reads="lease")
    server.on_timer("heartbeat")
    server.passes(ms(60))
    server.on_timer("heartbeat")
    last = server.round
    server.acknowledge(1, round=last - 1)
    server.passes(ms(60))
    server.acknowledge(2, round=last)
    server.passes(MIN_NS - ms(60) - 1)
    assert [target for target, _ in server.query(1)] == [CLIENT]
    server.passes(1)
    assert CLIENT not in [target for target, _ in server.query(2)]


def test_a_late_answer_does_not_shorten_a_lease():
    server = led(sticky=True, reads="lease")
    server.on_timer("heartbeat")
    server.passes(ms(60))
    server.on_timer("heartbeat")
    server.acknowledge(1)
    server.acknowledge(2, round=server.round - 1)
    server.passes(MIN_NS - 1)
    assert [target for target, _ in server.query(1)] == [CLIENT]


def test_a_lease_answers_nothing_before_an_entry_of_the_leaders_term_is_committed():
    """6.4, step 1, holds with a lease too."""
    server = Alone([1], sticky=True, reads="lease")
    server.lead()
    server.acknowledge(1)
    assert CLIENT not in [target for target, _ in server.query()]


def test_a_new_leadership_has_no_lease_of_the_last():
    """Nor of a transfer in it: rounds are counted anew."""
    server = leased()
    server.hears(CLIENT, TransferLeadership(1, 2))
    server.hears(2, RequestVote(9, 2, 9, 9, transfer=True))
    server.lead()
    server.propose(PUT)
    server.acknowledge(1, round=0)
    assert server.commit_index == server.log.last_index
    assert CLIENT not in [target for target, _ in server.query(1)]
    server.acknowledge(1)
    assert [target for target, _ in server.query(2)] == [CLIENT]


def test_index_reads_rest_on_no_lease():
    server = led()
    server.query(1)
    server.acknowledge(1)
    assert CLIENT not in [target for target, _ in server.query(2)], "each time anew"
