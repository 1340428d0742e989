"""Raft, sentence by sentence: what chapter 4 of Ongaro's dissertation says of servers that catch up."""

import pytest

from raft_alone import CLIENT, Alone
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import (
    AppendEntries,
    ChangeMembership,
    Configuration,
    Entry,
    OperatorReply,
    RequestVote,
    RequestVoteReply,
)


def put(value):
    return encode_command(Command("put", "k", value))


def configured(configuration, *, node=0, committed=0):
    """A server whose log has, after an entry of term 1, one with this configuration."""
    server = Alone([1], node=node, spares=(3, 4))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", configuration),), committed))
    return server


def stands(server):
    """It stands for election; whom it asks."""
    server.out.take()
    server.on_timer("election")
    return [target for target, message in server.out.take_sent() if isinstance(message, RequestVote)]


def votes(server, *voters):
    for voter in voters:
        server.on_message(voter, RequestVoteReply(server.current_term, True))


def answers(sent):
    """What of it a client gets."""
    return [message for target, message in sent if target == CLIENT]


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
