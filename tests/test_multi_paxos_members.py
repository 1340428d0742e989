"""Changes of the members of a Multi-Paxos cluster: a change holds from alpha slots after it (PMS 3)."""

import pytest

from simclock import UsageError, seconds
from simclock.actors import run
from simclock.actors.standalone import Standalone
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.entries.changes import changes_of
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.protocols.multi_paxos import (
    NO_OP,
    Accept,
    Accepted,
    Change,
    Heartbeat,
    HeartbeatReply,
    MultiPaxosServer,
    MultiPaxosSettings,
    Prepare,
    Promise,
    PValue,
    Reconfigure,
    Reconfigured,
    Role,
    Value,
)
from simclock.protocols.replication import ClientQuery, ClientReply, ClientRequest

ALPHA = 3
CHANGE = Change(1, (1, 3, 4))
"""Nodes 0 and 2 go, 3 and 4 come. Ballots of node 0 are 5, 10, ..., of node 1 6, 11, ..., of node 3 8, 13, ..."""


class Machine:
    def __init__(self):
        self.applied = []

    def apply(self, command):
        self.applied.append(command)
        return b"did " + command

    def query(self, command):
        return b"%d applied" % len(self.applied)

    def snapshot(self):
        return b",".join(self.applied)

    def restore(self, state):
        self.applied = state.split(b",")


class Alone(Standalone):
    """A server of three, with two spares."""

    def __init__(self, node=1, **settings):
        settings = MultiPaxosSettings(servers=(0, 1, 2), spares=(3, 4), alpha=ALPHA, **settings)
        super().__init__(lambda: MultiPaxosServer(settings, Machine()), id=node, nodes=10, seed=1)

    def __getattr__(self, name):
        return getattr(self.node, name)

    def hears(self, source, message):
        self.out.take_sent()
        self.on_message(source, message)
        return self.out.take_sent()

    def lead(self):
        self.on_timer("election")
        self.hears(2, Promise(self.ballot, self.commit_index + 1, ()))
        assert self.leads
        return self

    def accepted(self, *slots, by=(0, 2)):
        for slot in slots:
            for acceptor in by:
                self.hears(acceptor, Accepted(self.ballot, slot, 1))


def changed():
    """A leader that has applied the change at slot 1: it holds from slot 4 on."""
    server = Alone().lead()
    assert server.hears(9, Reconfigure(1, CHANGE))[0] == (9, Reconfigured(1, False, 1))
    server.accepted(1)
    assert server.commit_index == 1
    return server


def test_a_leader_goes_no_further_ahead_than_it_knows_the_members_of():
    server = Alone().lead()
    assert [server.propose(b"%d" % number) for number in range(1, 5)] == [1, 2, 3, 4]
    assert sorted(server.proposed) == [1, 2], "alpha - 1"
    server.accepted(1)
    assert sorted(server.proposed) == [2, 3] and len(server.queue) == 1


def test_a_change_is_followed_by_no_ops_that_bring_the_slot_from_which_it_holds():
    server = changed()
    assert server.configurations == ((1, 0, (0, 1, 2)), (4, 1, (1, 3, 4)))
    filler = Value(6, NO_OP)
    assert server.proposed == {2: filler, 3: filler} and server.queue == [filler]


def test_among_new_members_it_proposes_when_a_quorum_of_them_has_promised_and_counts_them_alone():
    server = changed()
    server.accepted(2, 3)
    assert server.commit_index == 3 and server.proposed == {}, "of 1, 3 and 4 only node 1 has promised"
    server.on_timer("heartbeat")
    asked = [target for target, message in server.out.take_sent() if message == Prepare(6, 4)]
    assert asked == [0, 3, 4]
    server.hears(0, Promise(6, 4, ()))
    assert server.leads and server.proposed == {}, "node 0 is none of them, and tells of no slot before"
    sent = server.hears(3, Promise(6, 4, ()))
    assert (4, Accept(6, 4, (Value(6, NO_OP),), 3)) in sent
    server.accepted(4, by=(0, 2))
    assert server.commit_index == 3
    server.accepted(4, by=(4,))
    assert server.commit_index == 4


def test_what_a_late_promise_reports_goes_before_what_waits():
    server = changed()
    server.accepted(2, 3)
    server.hears(9, ClientRequest(7, b"waits"))
    assert list(server.waiting) == [5]
    server.hears(3, Promise(6, 4, (PValue(4, 3, Value(3, b"old")),)))
    assert server.proposed == {4: Value(3, b"old")} and server.queue == []
    assert server.waiting == {}, "what is chosen there is not what the client has asked for"


def test_who_waits_for_the_next_slot_is_not_answered_where_a_late_promise_reports_of_it():
    """The request is dropped, as what was chosen there may be another: `ok` would tell of that."""
    server = Alone().lead()
    for number in (1, 2, 3):
        server.hears(9, ClientRequest(number, b"%d" % number))
    assert server.next_slot == 3 and list(server.waiting) == [1, 2, 3], "alpha - 1 ahead"
    server.hears(0, Promise(6, 1, (PValue(3, 3, Value(3, b"old")),)))
    answers = []
    for slot in (1, 2, 3):
        answers += [message for target, message in server.hears(0, Accepted(6, slot, 1)) if target == 9]
    assert answers == [ClientReply(number, "ok", b"did %d" % number, None) for number in (1, 2)]
    assert server.state_machine.applied == [b"1", b"2", b"old"]


def test_who_is_no_member_any_more_leads_no_more_and_does_not_stand():
    server = Alone(node=0).lead()
    server.hears(9, Reconfigure(1, CHANGE))
    for slot in (1, 2, 3):
        server.accepted(slot, by=(1, 2))
    assert server.role is Role.FOLLOWER and server.commit_index == 3
    server.out.take_sent()
    server.on_timer("election")
    assert server.role is Role.FOLLOWER and server.out.sent == []


def test_a_spare_learns_and_does_not_stand():
    spare = Alone(node=3)
    spare.on_timer("election")
    assert spare.role is Role.FOLLOWER and spare.out.take_sent() == [] and "election" in spare.timers
    spare.hears(1, Accept(6, 1, (Value(6, b"a"),), 1))
    assert spare.state_machine.applied == [b"a"]


def test_a_change_that_comes_again_or_too_late_changes_nothing():
    server = changed()
    assert server.hears(9, Reconfigure(1, CHANGE)) == [(9, Reconfigured(1, True, 1))]
    assert server.hears(9, Reconfigure(0, Change(0, (2,)))) == [(9, Reconfigured(0, True, 1))]
    late = Alone(node=3)
    values = (Value(6, NO_OP, Change(2, (2, 3))), Value(6, NO_OP, CHANGE))
    late.hears(1, Accept(6, 1, values, 2))
    assert late.configurations == ((1, 0, (0, 1, 2)), (4, 2, (2, 3)))


def test_a_change_under_way_is_not_proposed_twice():
    server = Alone().lead()
    server.hears(9, Reconfigure(1, CHANGE))
    server.hears(9, Reconfigure(1, CHANGE))
    assert sum(value.change is not None for value in (*server.proposed.values(), *server.queue)) == 1


def test_a_query_needs_the_members_of_every_slot_that_a_later_leader_may_have_chosen_for():
    server = changed()
    server.accepted(2)
    assert server.next_slot == 4, "the members of slot 4 are others"
    server.hears(9, ClientQuery(5, b"q"))
    assert server.hears(2, HeartbeatReply(6, server.spoken)) == []
    assert server.hears(4, HeartbeatReply(6, server.spoken)) == [(9, ClientReply(5, "ok", b"0 applied", None))]


def test_members_are_in_snapshots_and_snapshots_of_snapshots():
    server = Alone(node=3, snapshot_every=1)
    server.hears(1, Accept(6, 1, (Value(6, NO_OP, CHANGE), *[Value(6, b"a")] * 5), 1))
    for chosen in range(2, 7):
        server.hears(1, Heartbeat(6, chosen, chosen))
    assert server.journal.snapshot.configurations == ((4, 1, (1, 3, 4)),)
    for _ in range(2):
        server.restart()
        assert server.configurations == ((4, 1, (1, 3, 4)),)
        server.hears(1, Accept(6, server.commit_index + 1, (Value(6, b"b"),), server.commit_index + 1))


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"alpha": 1}, "alpha"), ({"spares": (3,)}, "spares"), ({"spares": (2,), "alpha": 2}, "spares")],
)
def test_settings_that_make_no_sense_are_refused(settings, named):
    with pytest.raises(UsageError, match=f"multi_paxos.{named}"):
        MultiPaxosSettings(servers=(0, 1, 2), **settings)


def test_changes_as_text():
    assert changes_of("2s:3+1 ; 1s:0") == ((seconds(1), (0,)), (seconds(2), (1, 3)))
    for text in ("2s", "2s:", "2s:1+1", "x:1"):
        with pytest.raises(UsageError, match="change"):
            changes_of(text)


def test_a_cluster_moves_to_other_servers_while_clients_go_on(same_everywhere):
    """None of the first three is a member at the end."""
    entry = entries()["multi-paxos-kv"]
    parameters = {"change": "500ms:1+2+3 900ms:2+3+4 1300ms:3+4+5", "snapshot_every": 40}
    scenario = make_scenario(entry, Settings(seed=3, duration_ns=seconds(3), parameters=parameters))
    result = same_everywhere(scenario)
    assert entry.judge(result).status == VALID
    assert result.reports["MultiPaxosProperties"]["reconfigurations"] == 3
    assert sum(each.outcome == "ok" and each.call > seconds(2) for each in history_of(result)) > 50
    assert {node for node in range(6) if result.final[node] and result.final[node].role == "leader"} <= {3, 4, 5}


def test_a_server_that_is_far_off_is_refused():
    entry = entries()["multi-paxos-kv"]
    with pytest.raises(UsageError, match="change: server 900 is far off"):
        run(make_scenario(entry, Settings(seed=1, parameters={"change": "1s:900"})))
