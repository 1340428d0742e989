"""Queries that do not go through Raft's log, and leases (Ongaro 2014, 6.4), rule by rule."""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, led
from simclock import UsageError, ms
from simclock.protocols.key_value.store import Answer, Command, decode_answer, encode_command
from simclock.protocols.raft import (
    RaftSettings,
    TransferLeadership,
)
from simclock.protocols.replication import ClientQuery, ClientReply

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
