"""A change of who is in a Raft cluster, step by step (Ongaro 2014, chapter 4): rounds of catching up, what waits for
what, who hears of its end, and who asks to be let in.

As in test_raft_dissertation.py the servers have no run: their handlers are called by hand.
"""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, led
from simclock import ms
from simclock.actors.standalone import Standalone
from simclock.environment.disk import FULL_DISK, Corrupt, Disk
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
    RequestVote,
    RequestVoteReply,
    Role,
)
from simclock.protocols.raft.configuration import Move, enter_joint, leave_joint

PUT = encode_command(Command("put", "k", "x"))
MAX_NS = ms(300)
FIRST = Configuration((0, 1, 2))


def replies(sent):
    return [each for each in sent if isinstance(each[1], OperatorReply)]


# 4.2.1: catching up.


def catching_up(**settings):
    """A leader that lets node 3 catch up: the first round ends at index 2, the entry that made it a learner is next."""
    server = led(spares=(3,), **settings)
    assert server.log.last_index == 2
    server.hears(CLIENT, ChangeMembership(7, (3,), ()))
    server.acknowledge(1)
    assert server.configuration == Configuration((0, 1, 2), (), (3,)) and server.commit_index == 3
    return server


def test_a_round_replicates_all_that_was_in_the_log_when_it_began():
    """4.2.1: "each round replicates all the log entries present in the leader's log at the start of the round"."""
    server = catching_up()
    server.acknowledge(3, 1)
    assert not server.configuration.joint, "one entry of it is missing"
    server.acknowledge(3, 2)
    assert server.configuration == Configuration((0, 1, 2, 3), (0, 1, 2)), "what came later is not of this round"


def test_who_took_an_election_timeout_for_a_round_has_another_one():
    """4.2.1: a new server is let in "if the last round lasts less than an election timeout"."""
    server = catching_up(catch_up_rounds=2)
    server.passes(MIN_NS)
    server.acknowledge(3, 2)
    assert server.configuration.learners == (3,), "not less than an election timeout"
    server.passes(MIN_NS - 1)
    server.acknowledge(3, 3)
    assert server.configuration == Configuration((0, 1, 2, 3), (0, 1, 2))


def test_who_is_slow_in_every_round_is_given_up():
    """4.2.1: the leader waits "a fixed number of rounds"; then "the leader aborts the change with an error"."""
    server = catching_up(catch_up_rounds=2)
    server.passes(MIN_NS)
    assert replies(server.acknowledge(3, 2)) == []
    server.passes(MIN_NS)
    answers = replies(server.acknowledge(3, 3))
    assert answers == [(CLIENT, OperatorReply(7, False, "not caught up: 3", 0))]
    assert server.configuration == FIRST and "catch up" not in server.timers


def test_who_says_nothing_is_given_up_when_all_rounds_could_have_been():
    """4.2.1: a server that is unavailable must not hold up the change for ever."""
    server = catching_up(catch_up_rounds=4)
    assert server.timers["catch up"] == 4 * MAX_NS
    server.acknowledge(3)
    assert server.configuration.joint and "catch up" not in server.timers


def test_several_new_servers_have_each_to_catch_up():
    server = led(spares=(3, 4))
    server.hears(CLIENT, ChangeMembership(1, (4, 3), ()))
    server.acknowledge(1)
    server.acknowledge(3)
    assert server.configuration == Configuration((0, 1, 2), (), (3, 4))
    server.acknowledge(4)
    assert server.configuration == Configuration((0, 1, 2, 3, 4), (0, 1, 2))


def test_who_has_caught_up_goes_with_who_has_not():
    """A change that is given up names who was late; nobody becomes a voter."""
    server = led(spares=(3, 4))
    server.hears(CLIENT, ChangeMembership(1, (3, 4), ()))
    server.acknowledge(1)
    server.acknowledge(3)
    server.out.take()
    server.on_timer("catch up")
    assert (CLIENT, OperatorReply(1, False, "not caught up: 4", 0)) in server.out.take_sent()
    assert server.configuration == Configuration((0, 1, 2), (), (3,))


def test_a_new_server_is_not_blamed_where_others_do_not_acknowledge_that_it_is_let_in():
    server = led(spares=(3,))
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    server.acknowledge(3)
    assert not server.change.rounds and not server.configuration.joint
    server.out.take()
    server.on_timer("catch up")
    (answer,) = replies(server.out.take_sent())
    assert answer == (CLIENT, OperatorReply(1, False, "that learners are let in was not committed", 0))


def test_who_has_caught_up_becomes_a_voter_once_it_is_a_learner_for_good():
    """One step after the other: the entry that made it a learner has to be committed first."""
    server = led(spares=(3,))
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    server.acknowledge(3)
    assert server.configuration == Configuration((0, 1, 2), (), (3,)), "no voter but the leader has that entry"
    server.acknowledge(1)
    assert server.configuration == Configuration((0, 1, 2, 3), (0, 1, 2))


def test_a_new_server_is_sent_the_log_at_once():
    """4.2.1: it does not wait for the next heartbeat; the entry that makes it a learner is what it is asked about."""
    server = led(spares=(3,))
    sent = server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    assert [message.prev_log_index for target, message in sent if target == 3] == [3]
    assert [target for target, _ in sent] == [1, 3], "and nobody is sent anything twice"


# Section 6, 4.3: one step after the other.


def test_a_joint_configuration_is_left_only_once_it_is_committed():
    """Section 6: "once C_old,new has been committed": what is committed before it says nothing of it."""
    server = led()
    before = server.propose(PUT)
    server.hears(CLIENT, ChangeMembership(1, (), (2,)))
    assert server.configuration == Configuration((0, 1), (0, 1, 2))
    server.acknowledge(1, before)
    assert server.commit_index == before and server.configuration.joint
    server.acknowledge(1)
    assert server.configuration == Configuration((0, 1))


def test_a_change_ends_when_its_last_configuration_is_committed():
    server = led()
    server.hears(CLIENT, ChangeMembership(1, (), (2,)))
    assert replies(server.acknowledge(1)) == [], "C_new is in the log, and on no majority"
    assert replies(server.acknowledge(1)) == [(CLIENT, OperatorReply(1, True, "", 0))]
    assert replies(server.acknowledge(1)) == [], "once"


def test_a_whole_cluster_may_be_replaced():
    server = led(spares=(3, 4))
    sent = server.hears(CLIENT, ChangeMembership(1, (3, 4), (0, 1, 2)))
    for member in (1, 3, 4, 1, 3, 4, 3, 4):
        if server.role is Role.LEADER:
            sent += server.acknowledge(member)
    assert server.configuration == Configuration((3, 4)) and server.role is Role.FOLLOWER
    assert replies(sent) == [(CLIENT, OperatorReply(1, True, "", 0))]


def test_a_change_to_what_the_cluster_is_already_is_done():
    answer = [(CLIENT, OperatorReply(1, True, "", 0))]
    assert led().hears(CLIENT, ChangeMembership(1, (0, 1, 2), ())) == answer
    assert led(spares=(3,)).hears(CLIENT, ChangeMembership(1, (), (3,))) == answer


def test_a_new_leader_that_is_not_in_the_last_configuration_steps_down_too():
    """4.2.2: whoever leads when C_new is committed, and has not begun the change."""
    server = Alone([1])
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", Configuration((1, 2))),), 0))
    server.on_timer("election")
    for voter in (1, 2):
        server.on_message(voter, RequestVoteReply(2, True))
    server.propose(PUT)
    server.acknowledge(1)
    assert server.role is Role.LEADER
    last = server.log.last_index
    sent = server.acknowledge(2)
    assert server.commit_index == last and (server.role, server.leader_id) == (Role.FOLLOWER, None)
    assert {target for target, message in sent if message.leader_commit == last} == {1, 2}


def test_a_leader_that_is_deposed_knows_no_change_any_more():
    """Its change is the next leader's now, who tells nobody; it may begin another when it leads again."""
    server = catching_up()
    server.hears(1, RequestVote(9, 1, 9, 9))
    assert server.role is Role.FOLLOWER and "catch up" not in server.timers
    server.lead()
    server.propose(PUT)
    server.acknowledge(1)
    server.hears(CLIENT, ChangeMembership(8, (), (2,)))
    assert server.configuration == Configuration((0, 1), (0, 1, 2), (3,))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ChangeMembership(1, (3,), (0, 1, 2, 3)), "it would leave nobody"),
        (ChangeMembership(1, (1,), (1,)), "it adds and removes the same member"),
    ],
)
def test_a_change_that_contradicts_itself_is_refused(change, reason):
    server = led(spares=(3,)) if change.add != (3,) else with_learner()
    assert replies(server.hears(CLIENT, change)) == [(CLIENT, OperatorReply(1, False, reason, 0))]
    assert not server.configuration.joint


def with_learner():
    """A leader of 0, 1 and 2 whose predecessor has left 3 a learner."""
    server = Alone([1], spares=(3,))
    learner = Configuration((0, 1, 2), (), (3,))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", learner),), 2))
    server.lead()
    server.commit_all()
    return server


def test_a_follower_begins_no_change_and_names_its_leader():
    server = Alone([1])
    server.hears_leader(2)
    refused = OperatorReply(1, False, "this server does not lead", 2)
    assert server.hears(CLIENT, ChangeMembership(1, (), (1,))) == [(CLIENT, refused)]
    assert server.hears(CLIENT, ChangeMembership(1, (1,), ())) == [(CLIENT, refused)], "nor says that it is done"


# A server that has lost its disk.


def lost(node=1, *, spares=(), entries=(), generation=2):
    """A server in its second life."""
    disk = Disk()
    disk.write("generation", generation)
    disk.write("vote", (1, None))
    for entry in entries:
        disk.append("log", entry)
    disk.sync()
    return Alone(node=node, spares=spares, disk=disk, rejoin=True)


def test_who_has_lost_its_disk_asks_all_until_it_is_a_voter():
    server = lost(spares=(5,))
    assert server.out.take_sent() == [(each, Join(21)) for each in (0, 2, 5)]
    assert server.timers["join"] == MAX_NS
    server.on_timer("join")
    assert server.out.take_sent() == [(each, Join(21)) for each in (0, 2, 5)] and "join" in server.timers
    server.hears(0, AppendEntries(1, 0, 0, 0, (Entry(1, b"", Configuration((0, 2, 21), (0, 1, 2))),), 0))
    server.out.take()
    server.on_timer("join")
    assert server.out.take_sent() == [] and "join" not in server.timers


def test_who_has_been_let_in_again_does_not_ask():
    server = lost(entries=[Entry(1, b"", Configuration((0, 2, 21)))])
    assert server.out.take_sent() == [] and "join" not in server.timers


def test_a_server_that_has_lost_nothing_does_not_ask():
    """A spare waits until an operator adds it."""
    spare = Alone(node=5, spares=(5,))
    assert spare.out.take_sent() == [] and "join" not in spare.timers


def unreadable(node=1):
    disk = Disk()
    disk.append("log", Corrupt())
    disk.append("log", Entry(3, b"x"))
    disk.write("vote", (3, 2))
    disk.sync()
    return disk


def joining(disk):
    settings = RaftSettings(servers=(0, 1, 2), rejoin=True)
    return Standalone(lambda: RaftServer(settings, KeyValueStore()), id=1, nodes=10, disk=disk, incarnation=2)


def test_a_new_identity_is_durable_before_it_is_used():
    """Law 4: after a crash it is that member still, and has nothing of the one before."""
    server = joining(unreadable())
    for sent in server.out.sent:
        assert sent.durable.values["generation"] == 2 and sent.durable.values["vote"] == (0, None)
        assert sent.durable.logs["log"] == () and sent.durable.unsynced == 0
    server.crash()
    server.restart()
    assert server.node.member == 21 and server.node.log.last_index == 0


def test_without_room_for_a_new_identity_it_halts():
    """Law 4: nothing is said in the old name."""
    disk = unreadable()
    disk.full = True
    server = joining(disk)
    assert server.halted == FULL_DISK and server.out.sent == []


def test_a_learner_that_another_leader_left_behind_may_ask_again():
    """It takes its own place and is not put out by its own change."""
    server = Alone([1])
    learner = Configuration((0, 2), (), (11,))
    server.hears(2, AppendEntries(1, 2, 1, 1, (Entry(1, b"", learner),), 2))
    server.on_timer("election")
    server.on_message(2, RequestVoteReply(2, True))
    server.propose(PUT)
    server.acknowledge(2)
    server.hears(1, Join(11))
    assert server.configuration == learner, "it has to catch up first"
    server.acknowledge(1, generation=1)
    assert server.configuration == Configuration((0, 2, 11), (0, 2))


def test_nobody_hears_of_the_end_of_a_change_that_no_operator_asked_for():
    server = led()
    sent = server.hears(1, Join(11))
    for member in (2, 1, 2, 1, 2, 1):
        sent += server.acknowledge(member, generation=int(member == 1))
    assert server.configuration == Configuration((0, 2, 11)) and server.change is None
    assert replies(sent) == [] and {type(message) for _, message in sent} == {AppendEntries}


@pytest.mark.parametrize("member", [1, 12])
def test_who_is_a_voter_already_is_not_let_in_again(member):
    server = Alone([1])
    configuration = Configuration((0, 1, 12))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", configuration),), 2))
    server.lead()
    server.commit_all()
    last = server.log.last_index
    assert server.hears(member % 10, Join(member)) == []
    assert server.log.last_index == last and server.change is None


def test_who_asks_to_be_let_in_waits_for_the_change_that_is_under_way():
    server = catching_up()
    assert server.hears(1, Join(11)) == [] and server.configuration == Configuration((0, 1, 2), (), (3,))


def test_a_member_of_an_earlier_life_takes_nobodys_place():
    """Law 4: what it asks may arrive when a later one is in already; only who lived there before is out."""
    server = Alone([1])
    configuration = Configuration((0, 2, 21))
    server.hears(2, AppendEntries(1, 2, 1, 1, (Entry(1, b"", configuration),), 2))
    server.on_timer("election")
    server.on_message(2, RequestVoteReply(2, True))
    server.propose(PUT)
    server.acknowledge(2)
    server.hears(1, Join(11))
    assert server.change is not None and server.change.remove == ()


# Configurations as values.


def test_a_member_is_never_voter_and_learner_at_once():
    """Law of a configuration, also where one change moves a member twice: the last move counts."""
    moves = [Move("learner", 1), Move("voter", 1)]
    assert enter_joint(Configuration((1, 2)), moves) == Configuration((1, 2), (1, 2))
    moves = [Move("learner", 1), Move("out", 1)]
    assert enter_joint(Configuration((1, 2)), moves) == Configuration((2,), (1, 2))


def test_old_voters_become_learners_when_the_joint_configuration_ends():
    joint = enter_joint(Configuration((1, 2, 3), learners=(5,)), [Move("learner", 1), Move("voter", 4)])
    assert joint == Configuration((2, 3, 4), (1, 2, 3), (5,), (1,))
    assert leave_joint(joint) == Configuration((2, 3, 4), learners=(1, 5))


def test_a_configuration_in_words():
    """What observers hear of an entry that brings one."""
    assert str(Configuration((0, 1, 2))) == "(0 1 2)"
    assert str(Configuration((1, 2), (0, 1))) == "(1 2)&&(0 1)"
    assert str(Configuration((1, 2), (0, 1), (3,), (0,))) == "(1 2)&&(0 1), learners (3), next learners (0)"
