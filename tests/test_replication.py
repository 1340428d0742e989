"""What consensus engines and their users share: a service runs on an engine that is not Raft, and names none."""

import ast
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import Constant, Network, Scenario, ms, seconds
from simclock.actors import Message, Node, run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.leases import (
    Holder,
    HolderWork,
    LeaseProperties,
    LeaseServer,
    LeaseSettings,
    LeaseTable,
    StorageNode,
)
from simclock.protocols.raft import RaftServer
from simclock.protocols.raft.observed import (
    Appended,
    Candidate,
    Follower,
    Leader,
    Progressed,
    Started,
    Truncated,
    Voted,
)
from simclock.protocols.replication import (
    Call,
    Caller,
    ClientReply,
    ClientRequest,
    Engine,
    Front,
    Sessions,
    based_on,
    majority,
    reached_by,
)
from simclock.protocols.replication.observed import Applied, CommitIndex
from simclock.protocols.replication.properties import Replica, ReplicationProperties

TOLD = (
    *(Started, Candidate, Voted, Leader, Follower, Truncated, Appended, Progressed),
    *(CommitIndex, Applied),
)
"""Module, name and type of everything that a Raft server says."""

PROTOCOLS = Path(__file__).resolve().parent.parent / "protocols"
SERVERS = (0, 1, 2)


# Another engine: the first server orders, the others follow. It survives nothing, and needs no more than the seam.


class Ordered(Message):
    index: int
    command: bytes


class Sequencer(Front):
    """Reliable channels of constant delay, and nobody fails: what the first server says is agreed upon."""

    WRONG: ClassVar = False

    def __init__(self, servers, state_machine):
        super().__init__(servers, state_machine)
        self.leader_id, self.current_term, self.index = servers[0], 1, 0

    @property
    def leads(self):
        return self.id == self.leader_id

    def on_start(self):
        if self.leads:
            self.on_leading()

    def on_message(self, source, message):
        match message:
            case ClientRequest():
                self._on_client_request(source, message)
            case Ordered(index, command):
                self._agreed(index, command[::-1] if self.WRONG and self.id == 2 else command)

    def propose(self, command):
        if not self.leads:
            return None
        self.index += 1
        self._taken(self.index)
        for server in self.settings[1:]:
            self.send(server, Ordered(self.index, command))
        self._agreed(self.index, command)
        return self.index

    def _agreed(self, index, command):
        self.observe("commit", index)
        self.observe("applied", (index, self.current_term, command))
        if not self.WRONG:
            self._apply(index, command)
        self.on_applied()


class Reversing(Sequencer):
    """A wrong engine: one server applies something else."""

    WRONG: ClassVar = True


class LeaseSequencer(LeaseServer, Sequencer):
    """Leases on the other engine."""


def play(build, *observers, nodes, names):
    return run(
        Scenario(
            name="another-engine",
            nodes=nodes,
            build=build,
            duration_ns=seconds(4),
            network=Network(latency=Constant(delay_ns=ms(2))),
            observers=(
                partial(ReplicationProperties, {server: Replica() for server in SERVERS}),
                partial(Recorded, names),
                *observers,
            ),
        )
    )


def store(engine):
    def build(node: int) -> Node:
        if node in SERVERS:
            return engine(SERVERS, Sessions(KeyValueStore()))
        return Client(SERVERS, Workload(processes=2, pause_ns=ms(20)))

    return play(build, nodes=5, names=("invoke", "ok", "fail", "unknown"))


def test_the_store_and_its_clients_run_on_another_engine():
    result = store(Sequencer)
    told = [each.name for each in recorded(result)]
    assert result.violations == () and told.count("ok") > 200
    assert told.count("invoke") - told.count("ok") <= 4 and not {"fail", "unknown"} & set(told)
    assert result.reports["ReplicationProperties"]["applied"] >= told.count("ok")


def test_what_any_engine_must_do_is_judged_without_raft():
    violation = store(Reversing).violations[0]
    assert (violation.property, violation.node) == ("State Machine Safety", 2)


def test_leases_run_on_another_engine_and_expire_there():
    """Two holders want one lock; the first is told so, and each writes in its turn."""
    leases = LeaseSettings(term_ns=seconds(1))
    works = (HolderWork(writes=3, rest_ns=ms(300)), HolderWork(writes=3, rest_ns=ms(300), first_ns=ms(50)))

    def build(node: int) -> Node:
        if node in SERVERS:
            return LeaseSequencer(SERVERS, leases, LeaseTable())
        return StorageNode() if node == 3 else Holder(SERVERS, 3, leases, works[node - 4])

    observer = partial(LeaseProperties, SERVERS, leases.term_ns)
    result = play(build, observer, nodes=6, names=("accepted", "lease"))
    writers = {each.value[3] for each in recorded(result) if each.name == "accepted"}
    assert result.violations == () and writers == {4, 5}
    appliers = {each.node for each in recorded(result) if each.name == "lease"}
    assert appliers == set(SERVERS), "every replica tells what a command did to its table"


def test_what_a_raft_server_tells_has_the_types_that_are_declared():
    entry = entries()["raft-kv"]
    scenario = make_scenario(entry, Settings(seed=1, duration_ns=seconds(4)))
    result = run(replace(scenario, observers=(partial(Recorded, TOLD),)))
    seen = recorded(result)
    kinds = {kind.observed_as: kind for kind in TOLD}
    assert {each.name for each in seen} == set(kinds)
    for each in seen:
        told = kinds[each.name].read(each)
        assert msgspec.convert(msgspec.structs.asdict(told), type(told)) == told


# The seam.


@pytest.mark.parametrize("engine", [RaftServer, based_on(LeaseServer, RaftServer), Sequencer])
def test_an_engine_has_what_a_service_asks_of_it(engine):
    asked = {name for name in vars(Engine) if not name.startswith("_")} - {"leader_id", "current_term"}
    assert asked == {"leads", "propose"}
    assert all(getattr(engine, name) is not getattr(Front, name) for name in asked)
    assert issubclass(engine, Front)


@pytest.mark.parametrize("folder", ["replication", "key_value", "leases", "counter"])
def test_a_service_names_no_engine(folder):
    """Neither by an import of its own nor by one of what it imports."""
    seen, pending = set(), [folder]
    while pending:
        name = pending.pop()
        seen.add(name)
        for file in (PROTOCOLS / name).glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simclock.protocols."):
                    imported = node.module.split(".")[2]
                    pending += [imported] if imported not in seen else []
    assert seen <= {"replication", "key_value", "leases", "counter"}


class Alone(Front):
    """A front without a host, on an engine of which the test says when it agrees."""

    def __init__(self, at_once=()):
        super().__init__(None, self)
        self.leader_id, self.at_once, self.sent, self.index = 7, at_once, [], 0

    def apply(self, command):
        return b"did " + command

    def propose(self, command):
        if command == b"refused":
            return None
        self.index += 1
        self._taken(self.index)
        if command in self.at_once:
            self._apply(self.index, command)
        return self.index

    def send(self, target, message):
        self.sent.append((target, message))


def test_a_request_is_answered_when_it_is_applied_and_once():
    front = Alone()
    front._on_client_request(9, ClientRequest(3, b"a"))
    assert front.sent == []
    front._apply(1, b"a")
    front._apply(1, b"a")
    assert front.sent == [(9, ClientReply(3, "ok", b"did a", None))]


def test_a_cluster_of_one_answers_while_it_takes_the_request():
    front = Alone(at_once=(b"a",))
    front._on_client_request(9, ClientRequest(3, b"a"))
    assert front.sent == [(9, ClientReply(3, "ok", b"did a", None))] and front.waiting == {}


def test_nobody_waits_for_what_a_service_proposes_itself():
    """Nor for what it proposes after a request that was refused."""
    front = Alone()
    front._on_client_request(9, ClientRequest(3, b"refused"))
    assert front.sent == [(9, ClientReply(3, "not_leader", b"", 7))]
    front.propose(b"own")
    front._apply(1, b"own")
    assert len(front.sent) == 1 and front.waiting == {}


# Callers.


class Asker(Caller):
    """A caller without a host, that believes the first of three servers to lead."""

    def __init__(self):
        super().__init__((10, 11, 12), ms(100))
        self.tries, self.answers, self.timers = [], [], {}

    def ask(self, request_id=1):
        self._call_service(Call(ClientRequest(request_id, b"a")))

    def hears(self, source, status="not_leader", hint=None, request_id=1):
        self._on_reply(source, ClientReply(request_id, status, b"yes", hint))

    def _answered(self, call, response):
        self.answers.append((call.request.request_id, response))

    def send(self, target, message):
        self.tries.append(target)

    def set_timer(self, name, duration_ns):
        self.timers[name] = duration_ns

    def cancel_timer(self, name):
        self.timers.pop(name, None)


def asker():
    made = Asker()
    made.ask()
    return made


def test_a_hint_is_followed_at_once():
    caller = asker()
    caller.hears(10, hint=12)
    assert caller.tries == [10, 12] and caller.leader == 2


def test_a_server_that_knows_no_leader_is_left_but_not_at_once():
    caller = asker()
    caller.hears(10)
    caller.hears(10)
    assert caller.tries == [10], "a copy of the reply says no more than the first"
    caller._retry(1)
    assert caller.tries == [10, 11]


def test_what_another_server_than_the_last_one_tried_refuses_is_old():
    caller = asker()
    caller.hears(10, hint=12)
    caller.hears(10, hint=11)
    assert caller.tries == [10, 12] and caller.leader == 2


def test_two_calls_that_fail_at_one_server_doubt_it_once():
    caller = asker()
    caller.ask(2)
    caller._retry(1)
    caller._retry(2)
    assert caller.tries == [10, 10, 11, 11]


def test_who_answers_is_believed_to_lead_and_the_call_is_over():
    caller = asker()
    caller.hears(12, "ok")
    caller.hears(12, "ok")
    caller.hears(10, hint=11)
    assert caller.answers == [(1, b"yes")] and caller.leader == 2
    assert caller.calls == {} and caller.timers == {} and caller.tries == [10]


def test_a_call_that_nobody_waits_for_takes_its_doubt_along():
    caller = asker()
    caller.hears(10)
    caller._drop_calls()
    caller.ask(2)
    assert caller.tries == [10, 10] and list(caller.timers) == [("retry", 2)]


# Quorums.


@given(st.integers(1, 50))
def test_two_majorities_have_a_member_in_common_and_less_would_not_do(members):
    enough = majority(members)
    assert 2 * enough > members >= 2 * (enough - 1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.data())
def test_what_so_many_have_reached(values, data):
    count = data.draw(st.integers(1, len(values)))
    reached = reached_by(count, values)
    assert sum(value >= reached for value in values) >= count > sum(value > reached for value in values)
