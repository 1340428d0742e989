"""Small specifications as node classes: exploration counts the states that TLC and Stateright count.

Sources: stateright/stateright (examples/linearizable-register.rs, single-copy-register.rs, src/actor/model.rs) and
tlaplus/Examples (transaction_commit/TCommit.tla, SpanningTree/SpanTree.tla).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from simclock import Message, Node, Observer, Scenario
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.search import Asked, Bounds, Findings
from simclock.experiments.exploring.states.bfs import bfs


def unlimited(findings: Findings) -> None:
    pass


# A message that changes nothing (Stateright, `no_op_depends_on_network`).


class Ignored(Message):
    pass


class Interesting(Message):
    pass


class Sends(Node):
    def on_start(self) -> None:
        self.send(1, Ignored())
        self.send(1, Interesting())


class Awaits(Node):
    def on_start(self) -> None:
        self.got = False

    def on_message(self, source: int, message: Message) -> None:
        self.got = self.got or isinstance(message, Interesting)


class AwaitsOnly(Awaits):
    """Without order, Stateright leaves a message that changes nothing where it is."""

    def takes(self, source: int, message: Message) -> bool:
        return isinstance(message, Interesting)


@pytest.mark.parametrize(("model", "kind", "states"), [("fifo", Awaits, 3), ("bag", AwaitsOnly, 2), ("set", Awaits, 2)])
def test_a_message_that_changes_nothing(model: str, kind: type[Awaits], states: int) -> None:
    scenario = Scenario(name="no-op", nodes=2, build=lambda node: kind() if node else Sends())
    assert bfs(Asked(scenario=scenario, model=model), unlimited).states == states


# Registers, with Stateright's clients and its record of what was asked and answered.


class Put(Message):
    request: int
    value: str


class Get(Message):
    request: int


class PutOk(Message):
    request: int


class GetOk(Message):
    request: int
    value: str


class Query(Message):
    request: int


class AckQuery(Message):
    request: int
    sequence: tuple[int, int]
    value: str


class Record(Message):
    request: int
    sequence: tuple[int, int]
    value: str


class AckRecord(Message):
    request: int


class Client(Node):
    """Puts a value, then gets one from the next server."""

    def __init__(self, servers: int) -> None:
        self.servers = servers
        self.awaited = 0

    def on_start(self) -> None:
        self.awaited = self.id
        self.observe("asked", ("put", chr(ord("A") + self.id - self.servers)))
        self.send(self.id % self.servers, Put(self.id, chr(ord("A") + self.id - self.servers)))

    def takes(self, source: int, message: Any) -> bool:
        return bool(message.request == self.awaited)

    def on_message(self, source: int, message: Message) -> None:
        if isinstance(message, PutOk):
            self.observe("answered", "")
            self.awaited = 2 * self.id
            self.observe("asked", ("get", ""))
            self.send((self.id + 1) % self.servers, Get(2 * self.id))
        elif isinstance(message, GetOk):
            self.awaited = 0
            self.observe("answered", message.value)


class SingleCopy(Node):
    value = ""

    def on_message(self, source: int, message: Message) -> None:
        if isinstance(message, Put):
            self.value = message.value
            self.send(source, PutOk(message.request))
        elif isinstance(message, Get):
            self.send(source, GetOk(message.request, self.value))


class Abd(Node):
    """Attiya, Bar-Noy and Dolev's register, two servers: both are the majority."""

    def __init__(self) -> None:
        self.sequence = (0, 0)
        self.value = ""
        self.phase: tuple[Any, ...] = ()
        """("query", request, client, value to write or None) or ("record", request, client, value read or None)."""

    def on_start(self) -> None:
        self.other = 1 - self.id

    def takes(self, source: int, message: Message) -> bool:
        match message:
            case Put() | Get():
                return not self.phase
            case AckQuery(request):
                return self.phase[:2] == ("query", request)
            case AckRecord(request):
                return self.phase[:2] == ("record", request)
        return True

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Put(request, value):
                self.phase = "query", request, source, value, (self.sequence, self.value)
                self.send(self.other, Query(request))
            case Get(request):
                self.phase = "query", request, source, None, (self.sequence, self.value)
                self.send(self.other, Query(request))
            case Query(request):
                self.send(source, AckQuery(request, self.sequence, self.value))
            case AckQuery(request, sequence, value):
                self.queried(request, max((sequence, value), self.phase[4]))
            case Record(request, sequence, value):
                self.send(source, AckRecord(request))
                self.store(sequence, value)
            case AckRecord(request):
                _, _, client, read = self.phase
                self.phase = ()
                self.send(client, PutOk(request) if read is None else GetOk(request, read))

    def queried(self, request: int, latest: tuple[tuple[int, int], str]) -> None:
        _, _, client, write, _ = self.phase
        sequence, value = latest
        if write is not None:
            sequence, value = (sequence[0] + 1, self.id), write
        self.phase = "record", request, client, value if write is None else None
        self.send(self.other, Record(request, sequence, value))
        self.store(sequence, value)

    def store(self, sequence: tuple[int, int], value: str) -> None:
        if sequence > self.sequence:
            self.sequence, self.value = sequence, value


class Linearizable(Observer[None]):
    """Stateright's LinearizabilityTester: of each operation, how much of each other client was complete before it."""

    def __init__(self) -> None:
        self.done: dict[int, tuple[Any, ...]] = {}
        self.open: dict[int, Any] = {}

    def on_observation(self, observation: Any, control: Any) -> None:
        node = observation.node
        asked = dict(self.open)
        done = dict(self.done)
        if observation.name == "asked":
            before = tuple((other, len(those)) for other, those in sorted(done.items()) if other != node)
            asked[node] = before, observation.value
        else:
            before, (kind, value) = asked.pop(node)
            done[node] = (*done.get(node, ()), (before, (kind, value or observation.value)))
        self.open, self.done = dict(sorted(asked.items())), dict(sorted(done.items()))
        if not self.holds():
            control.violated("linearizable", node, str(self.done))

    def holds(self) -> bool:
        """Whether some order of the complete operations, and of any open puts, explains what was read."""
        complete = [(node, place) for node, those in self.done.items() for place in range(len(those))]
        puts = [(node, len(self.done.get(node, ()))) for node, (_, what) in self.open.items() if what[0] == "put"]
        subsets = [
            complete + [put for bit, put in enumerate(puts) if mask >> bit & 1] for mask in range(1 << len(puts))
        ]
        return any(self.explains(order) for subset in subsets for order in permutations(subset))

    def explains(self, order: tuple[tuple[int, int], ...]) -> bool:
        value = ""
        so_far: dict[int, int] = {}
        for node, place in order:
            those = self.done.get(node, ())
            before, (kind, said) = those[place] if place < len(those) else self.open[node]
            if so_far.get(node, 0) != place or any(so_far.get(other, 0) < count for other, count in before):
                return False
            if kind == "get" and said != value:
                return False
            value = said
            so_far[node] = place + 1
        return True


def registers(kind: type[Node], servers: int) -> Asked:
    scenario = Scenario(
        name="register",
        nodes=servers + 2,
        build=lambda node: kind() if node < servers else Client(servers),
        observers=(Linearizable,),
    )
    return Asked(scenario=scenario)


def test_a_register_of_two_servers_is_linearizable_in_544_states() -> None:
    findings = bfs(registers(Abd, 2), unlimited)
    assert findings.complete and not findings.found
    assert findings.states == 544


def test_one_copy_is_linearizable_in_93_states_and_two_are_not() -> None:
    one = bfs(registers(SingleCopy, 1), unlimited)
    assert one.complete and not one.found and one.states == 93
    (found,) = bfs(registers(SingleCopy, 2), unlimited).found
    assert found.violation.property == "linearizable" and len(found.steps) == 4


class StillLinearizable(Linearizable):
    """The same, and the search goes on beyond a history that is not."""

    def on_observation(self, observation: Any, control: Any) -> None:
        stop = control.stop_ns, control.stop_reason
        super().on_observation(observation, control)
        control.stop_ns, control.stop_reason = stop


def test_two_copies_have_54_states_within_seven_steps_and_66_in_all() -> None:
    """Stateright's test asserts 54, of a search that its counterexamples end: all there is but for the last answers."""
    asked = registers(SingleCopy, 2)
    asked = replace(asked, scenario=replace(asked.scenario, observers=(StillLinearizable,)), all_violations=True)
    found = [bfs(replace(asked, bounds=Bounds(steps=steps)), unlimited) for steps in (7, None)]
    assert [each.states for each in found] == [54, 66]


# Transaction commit (Gray and Lamport, TCommit.tla): managers who see each other.


class Is(Message):
    state: str


class Manager(Node):
    """Its timers are the actions that the specification lets it take; what it is, all others know at once."""

    def on_start(self) -> None:
        self.states = ("working",) * self.nodes
        self.may()

    def may(self) -> None:
        mine, states = self.states[self.id], self.states
        guards = {
            "prepare": mine == "working",
            "commit": mine == "prepared" and set(states) <= {"prepared", "committed"},
            "abort": mine in ("working", "prepared") and "committed" not in states,
        }
        for action, holds in guards.items():
            if holds:
                self.set_timer(action, 1)
            else:
                self.cancel_timer(action)

    def now(self, node: int, state: str) -> None:
        self.states = (*self.states[:node], state, *self.states[node + 1 :])
        self.may()

    def on_timer(self, timer: str) -> None:
        state = {"prepare": "prepared", "commit": "committed", "abort": "aborted"}[timer]
        self.now(self.id, state)
        self.broadcast(Is(state))

    def on_message(self, source: int, message: Is) -> None:
        self.now(source, message.state)


def tcommit_by_hand(managers: int) -> tuple[int, int]:
    """States and transitions of the specification."""

    def after(states: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        for place, mine in enumerate(states):
            then = ["prepared"] if mine == "working" else []
            if mine == "prepared" and all(each in ("prepared", "committed") for each in states):
                then.append("committed")
            if mine in ("working", "prepared") and all(each != "committed" for each in states):
                then.append("aborted")
            found += [(*states[:place], each, *states[place + 1 :]) for each in then]
        return found

    seen = {("working",) * managers}
    stack, transitions = list(seen), 0
    while stack:
        for each in after(stack.pop()):
            transitions += 1
            if each not in seen:
                seen.add(each)
                stack.append(each)
    return len(seen), transitions


@pytest.mark.parametrize("managers", [1, 2, 3, 4])
def test_transaction_commit_has_the_states_of_a_search_by_hand(managers: int) -> None:
    scenario = Scenario(name="tcommit", nodes=managers, build=lambda node: Manager())
    findings = bfs(Asked(scenario=scenario, model="set", instant=tuple(range(managers))), unlimited)
    assert (findings.states, findings.transitions) == tcommit_by_hand(managers)
    assert managers != 3 or findings.states == 34


# A spanning tree (SpanTree.tla): a node takes a neighbour for its mother whose distance is smaller.

EDGES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
MOST = 6


class Distance(Message):
    value: int


class InTree(Node):
    def on_start(self) -> None:
        self.near = tuple(sorted({node for edge in EDGES if self.id in edge for node in edge} - {self.id}))
        self.mother = self.id
        self.distance = 0 if self.id == 0 else MOST
        self.known = tuple(0 if node == 0 else MOST for node in self.near)
        self.may()

    def may(self) -> None:
        for node, known in zip(self.near, self.known, strict=True):
            for distance in range(1, MOST):
                if known < distance < self.distance:
                    self.set_timer((node, distance), 1)
                else:
                    self.cancel_timer((node, distance))

    def on_timer(self, timer: tuple[int, int]) -> None:
        self.mother, self.distance = timer
        self.may()
        for node in self.near:
            self.send(node, Distance(self.distance))

    def on_message(self, source: int, message: Distance) -> None:
        self.known = tuple(
            message.value if node == source else known for node, known in zip(self.near, self.known, strict=True)
        )
        self.may()


def test_the_spanning_tree_has_the_states_of_tlc() -> None:
    scenario = Scenario(name="tree", nodes=5, build=lambda node: InTree())
    findings = bfs(Asked(scenario=scenario, model="bag", instant=(0, 1, 2, 3, 4)), unlimited)
    assert (findings.states, findings.transitions) == (1236, 10277)


# The catalog's own protocols, alone.


def protocol(name: str, nodes: int | None = None, bounds: dict[str, Any] | None = None, **parameters: Any) -> Findings:
    entry = entries()[name]
    exploration = entry.exploration
    return bfs(
        Asked(
            scenario=make_scenario(entry, Settings(nodes=nodes, parameters=parameters)),
            model="fifo",
            bounds=Bounds(**{**exploration.bounds, **(bounds or {})}),
            asks=exploration.asks,
        ),
        unlimited,
    )


def test_chat_snapshots_and_locks_hold_within_their_bounds() -> None:
    found = [
        protocol("chat-script", nodes=2, bounds={"commands": 2}),
        protocol("snapshots-script"),
        protocol("snapshots-script", algorithm="lai-yang"),
        protocol("deadlocks-script"),
        protocol("deadlocks-script", policy="wound-wait"),
    ]
    assert all(each.complete and not each.found for each in found)
    assert [each.states for each in found] == [97, 458, 468, 695, 705]


@pytest.mark.parametrize(
    ("name", "bug", "more", "property", "steps"),
    [
        ("chat-script", "TOTAL-01", {"nodes": 2, "bounds": {"commands": 2}}, "Total Order", 2),
        ("snapshots-script", "SNAP-03", {"bounds": {"commands": 3}}, "Channel State", 6),
        ("deadlocks-script", "LOCK-03", {}, "Timestamp Order", 4),
        ("deadlocks-script", "LOCK-08", {"policy": "wound-wait"}, "Mutual Exclusion", 6),
    ],
)
def test_rows_of_the_zoo_are_found(name: str, bug: str, more: dict[str, Any], property: str, steps: int) -> None:
    findings = protocol(name, bug=bug, **more)
    assert (property, steps) in [(each.violation.property, len(each.steps)) for each in findings.found]


def test_a_node_that_refuses_is_not_asked() -> None:
    """The lock manager begins no transaction, and nobody pays himself."""
    findings = protocol("deadlocks-script", bounds={"steps": 1, "timers": 0})
    assert findings.states == 5 and not findings.found
