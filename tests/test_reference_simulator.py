"""The kernel against an independent simulator of its rules: one heap, no slots, no short ways, no windows.

`Reference` shares no code with the kernel but the named streams, whose luck both draw; every rule stands here once
more, in the most naive form. Random scenarios with every kind of fault, clocks that drift, wander, jump and stop, and
disks must give the same observations, in order, and the same counts of drops. `REFERENCE_SCENARIOS` in the environment
sets how many are tried.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from random_scenarios import KINDS, Logic, Noted, drawn_scenario
from simclock import (
    AddDelay,
    Clocks,
    Clog,
    ClogNode,
    Corrupt,
    CorruptRecord,
    Crash,
    Cut,
    DiskFull,
    Fault,
    FillDisk,
    Heal,
    JumpClock,
    LoseSyncs,
    Mend,
    MendDisk,
    Partition,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    Silence,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    TornCrash,
    Unclog,
    UnclogNode,
    stream,
)
from simclock.actors import run

PARTS = 10**9


class Halting(Exception):
    """How the reference's nodes leave a handler by `halt`."""


# The reference.


class Quartz:
    """A clock as the list of everything that happened to it; each reading goes through it from the last change on."""

    def __init__(self, model: Clocks, seed: int, node: int) -> None:
        luck = stream(seed, "clock", node)
        some = bool(model.offset_ns_max or model.drift_ppb_max) and node not in model.true_nodes
        self.offset_ns = luck.uniform_ns(-model.offset_ns_max, model.offset_ns_max) if some else 0
        self.own_ppb = luck.uniform_ns(-model.drift_ppb_max, model.drift_ppb_max) if some else 0
        self.wanders = bool(model.wander_ppb_max) and node not in model.true_nodes
        self.every_ns, self.bound = model.wander_every_ns, model.wander_ppb_max
        self.luck, self.drawn = stream(seed, "wander", node), []
        self.since_ns = self.shown_ns = 0
        self.stopped = False
        self.slewing: tuple[int, int, int] | None = None

    def drift_ppb(self, piece: int) -> int:
        if not self.wanders:
            return self.own_ppb
        while len(self.drawn) <= piece:
            self.drawn.append(self.luck.uniform_ns(-self.bound, self.bound))
        return self.own_ppb + self.drawn[piece]

    def monotonic(self, at_ns: int) -> int:
        shown_ns, since_ns = self.shown_ns, self.since_ns
        if self.stopped:
            return shown_ns
        while True:
            piece = since_ns // self.every_ns if self.wanders else 0
            end_ns = min(at_ns, (piece + 1) * self.every_ns) if self.wanders else at_ns
            shown_ns += (end_ns - since_ns) + (end_ns - since_ns) * self.drift_ppb(piece) // PARTS
            if end_ns == at_ns:
                return shown_ns
            since_ns = end_ns

    def when(self, now_ns: int, goal_ns: int) -> int | None:
        """The first instant from now on at which it shows the goal, by bisection; None while it stands."""
        if self.monotonic(now_ns) >= goal_ns:
            return now_ns
        if self.stopped:
            return None
        low_ns, high_ns = now_ns, now_ns + 3 * (goal_ns - self.monotonic(now_ns)) + 3
        while high_ns - low_ns > 1:
            middle_ns = (low_ns + high_ns) // 2
            low_ns, high_ns = (low_ns, middle_ns) if self.monotonic(middle_ns) >= goal_ns else (middle_ns, high_ns)
        return high_ns

    def change(self, now_ns: int, do: Callable[[], None]) -> None:
        self.shown_ns, self.since_ns = self.monotonic(now_ns), now_ns
        do()

    def slewed(self, now_ns: int) -> int:
        if self.slewing is None:
            return 0
        began_ns, by_ns, rate_ppm = self.slewing
        done_ns = min(abs(by_ns), (self.monotonic(now_ns) - began_ns) * rate_ppm // 10**6)
        return done_ns if by_ns > 0 else -done_ns


class Clock:
    """What a node sees of its quartz."""

    def __init__(self, owner: ReferenceNode) -> None:
        self.owner = owner

    def monotonic_ns(self) -> int:
        return self.owner.quartz.monotonic(self.owner.world.now_ns)

    def wall_ns(self) -> int:
        quartz, now_ns = self.owner.quartz, self.owner.world.now_ns
        return quartz.offset_ns + quartz.monotonic(now_ns) + quartz.slewed(now_ns)

    def slew_left_ns(self) -> int:
        quartz = self.owner.quartz
        return quartz.slewing[1] - quartz.slewed(self.owner.world.now_ns) if quartz.slewing else 0

    def step(self, by_ns: int) -> None:
        quartz = self.owner.quartz
        quartz.offset_ns += quartz.slewed(self.owner.world.now_ns) + by_ns
        quartz.slewing = None

    def slew(self, by_ns: int, rate_ppm: int) -> None:
        self.step(0)
        if by_ns:
            self.owner.quartz.slewing = self.monotonic_ns(), by_ns, rate_ppm


class Platter:
    """A disk as two pictures of it, volatile and durable; what was written has a number, so that equal is not same."""

    def __init__(self, world: Reference, node: int, sync_ns: int) -> None:
        self.world, self.node, self.sync_ns = world, node, sync_ns
        self.volatile: dict[str, Any] = {"a": None, "b": None, "log": []}
        self.durable: dict[str, Any] = {"a": None, "b": None, "log": []}
        self.pending: list[tuple[Any, ...]] = []
        self.full = self.lies = False
        self.written = 0

    @staticmethod
    def apply(picture: dict[str, Any], operation: tuple[Any, ...]) -> None:
        what, name, entry = operation
        if what == "write":
            picture[name] = entry
        elif what == "append":
            picture[name] = [*picture[name], entry]
        else:
            picture[name] = picture[name][:entry]

    def do(self, what: str, name: str, argument: Any) -> None:
        if what != "truncate":
            if self.full:
                raise DiskFull("full")
            self.written += 1
            argument = self.written, argument
        self.pending.append((what, name, argument))
        self.apply(self.volatile, self.pending[-1])

    def write(self, name: str, value: Any) -> None:
        self.do("write", name, value)

    def append(self, name: str, value: Any) -> None:
        self.do("append", name, value)

    def truncate(self, name: str, length: int) -> None:
        self.do("truncate", name, length)

    def read(self, name: str) -> Any:
        return None if self.volatile[name] is None else self.volatile[name][1]

    def records(self, name: str) -> tuple[Any, ...]:
        return tuple(value for _, value in self.volatile[name])

    def sync(self) -> None:
        if not self.lies:
            for operation in self.pending:
                self.apply(self.durable, operation)
            self.pending = []
        if self.sync_ns:
            owner = self.world.nodes[self.node]
            owner.ready_ns = max(owner.ready_ns, self.world.now_ns) + self.sync_ns

    def crash(self, torn: bool) -> None:
        if torn:
            luck = stream(self.world.seed, f"torn write {self.world.now_ns}", self.node)
            kept = luck.randrange(len(self.pending) + 1)
            tears = luck.randrange(2)
            for number, operation in enumerate(self.pending[:kept], 1):
                if number == kept and tears and operation[0] != "truncate":
                    operation = (*operation[:2], (operation[2][0], Corrupt()))
                self.apply(self.durable, operation)
        self.pending = []
        self.volatile = {name: list(entry) if name == "log" else entry for name, entry in self.durable.items()}

    def rot(self) -> None:
        places = [(name, None) for name in ("a", "b") if self.durable[name] is not None]
        places += [("log", position) for position in range(len(self.durable["log"]))]
        if not places:
            return
        name, position = places[
            stream(self.world.seed, f"corrupt record {self.world.now_ns}", self.node).randrange(len(places))
        ]
        number = (self.durable[name] if position is None else self.durable[name][position])[0]
        for picture in (self.durable, self.volatile):
            if position is None and picture[name][0] == number:
                picture[name] = number, Corrupt()
            elif position is not None and position < len(picture[name]) and picture[name][position][0] == number:
                picture[name] = [*picture[name][:position], (number, Corrupt()), *picture[name][position + 1 :]]


SURVIVES = (
    *("count", "random", "latency", "loss", "duplication", "damage", "last_ns", "free_link_ns"),
    *("held", "paused", "busy_ns", "free_ns", "ready_ns", "quartz", "disk"),
)


class ReferenceNode(Logic):
    def __init__(self, world: Reference, node: int, before: ReferenceNode | None) -> None:
        self.world, self.id, self.nodes = world, node, world.count
        self.incarnation = before.incarnation + 1 if before else 0
        self.up = True
        self.timers: dict[Any, int] = {}
        self.parked: list[tuple[int, tuple[Any, ...]]] = []
        self.clock = Clock(self)
        if before:
            for name in SURVIVES:
                setattr(self, name, getattr(before, name))
            return
        self.count = self.busy_ns = self.free_ns = self.ready_ns = 0
        self.paused = False
        self.held: list[tuple[Any, ...]] = []
        self.last_ns: dict[int, int] = {}
        self.free_link_ns: dict[int, int] = {}
        purposes = {"random": "node", "latency": "latency", "loss": "loss", "duplication": "duplication"}
        for name, purpose in {**purposes, "damage": "corruption"}.items():
            setattr(self, name, stream(world.seed, purpose, node))
        self.quartz = Quartz(world.scenario.clocks, world.seed, node)
        self.disk = Platter(world, node, world.scenario.disk.sync_ns)

    def number(self) -> int:
        self.count += 1
        return self.count

    def observe(self, name: str, value: Any = None) -> None:
        self.world.seen.append((self.world.now_ns, self.id, self.number(), name, value))

    def halt(self, reason: str) -> None:
        self.observe("halted", reason)
        raise Halting

    def set_timer(self, name: Any, duration_ns: int) -> None:
        count = self.timers[name] = self.number()
        self.put_timer(self.quartz.monotonic(self.world.now_ns) + duration_ns, (self.id, count, self.id, "timer", name))

    def put_timer(self, goal_ns: int, rest: tuple[Any, ...]) -> None:
        at_ns = self.quartz.when(self.world.now_ns, goal_ns)
        if at_ns is None:
            self.parked.append((goal_ns, rest))
        else:
            self.world.push((at_ns, *rest))

    def cancel_timer(self, name: Any) -> None:
        self.timers.pop(name, None)

    def broadcast(self, message: Noted) -> None:
        for target in range(self.nodes):
            if target != self.id:
                self.send(target, message)

    def send(self, target: int, message: Noted) -> None:
        world, count, elsewhere = self.world, self.number(), target != self.id
        leaves_ns = max(world.now_ns, self.ready_ns)
        if elsewhere and world.bytes_per_s:
            size = len(msgspec.msgpack.encode(message))
            begins_ns = max(leaves_ns, self.free_link_ns.get(target, 0))
            leaves_ns = self.free_link_ns[target] = begins_ns + -(-size * 10**9 // world.bytes_per_s)

        def arrives_ns() -> int:
            span = world.high_ns - world.low_ns + 1
            drawn_ns = world.low_ns + (self.latency.getrandbits(32) * span >> 32)
            return leaves_ns + drawn_ns + (world.added_ns(self.id, target) if elsewhere else 0)

        at_ns = arrives_ns()
        if world.fifo:
            at_ns = self.last_ns[target] = max(at_ns, self.last_ns.get(target, 0))
        cut = world.blocked(self.id, target)
        if cut:
            world.drop("cut")
        elif elsewhere and world.loss and self.loss.getrandbits(32) < world.loss:
            world.drop("lost")
        else:
            arriving = self.damaged(message) if elsewhere and world.either else message
            if arriving is None:
                world.drop("corrupt")
            else:
                world.push((at_ns, self.id, count, target, "message", arriving))
        if elsewhere and world.twice and self.duplication.getrandbits(32) < world.twice:
            count = self.number()
            again_ns = max(at_ns, arrives_ns())
            if cut:
                world.drop("cut")
            else:
                world.push((again_ns, self.id, count, target, "message", message))

    def damaged(self, message: Noted) -> Noted | None:
        """Another note in its place where the damage goes unseen; None where a checksum sees it."""
        bits = self.damage.getrandbits
        drawn = bits(32)
        if drawn >= self.world.either:
            return message
        if drawn >= self.world.unseen:
            return None

        def below(limit: int) -> int:
            return bits(32) * limit >> 32

        if message.padding and below(2):
            at = below(len(message.padding))
            other = bytearray(message.padding)
            other[at] ^= 1 << below(8)
            return Noted(message.number, bytes(other))
        if not message.padding:
            below(1)
        flipped = message.number ^ (1 << below(min(62, message.number.bit_length() + 1)))
        return Noted(flipped, message.padding)


class Reference:
    """Runs a scenario; `seen` is what was observed, `dropped` what was lost and why."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.seed, self.count = scenario, scenario.seed, scenario.nodes
        network = scenario.network
        self.low_ns, self.high_ns = network.latency.low_ns, network.latency.high_ns
        self.fifo, self.bytes_per_s = network.order == "fifo", network.bytes_per_s
        self.delays: list[tuple[int | None, int | None, int]] = []
        self.loss, self.twice = int(network.loss * 2**32), int(network.duplication * 2**32)
        self.unseen = int(network.undetected_corruption * 2**32)
        self.either = self.unseen + int(network.corruption * 2**32)
        self.cuts: set[tuple[int, int]] = set()
        self.clogs: set[tuple[int, int]] = set()
        self.clogged_nodes: set[int] = set()
        self.groups: dict[int, int] = {}
        self.one_way = False
        self.waiting: list[tuple[Any, ...]] = []
        self.now_ns = 0
        self.seen: list[tuple[Any, ...]] = []
        self.dropped: dict[str, int] = {}
        self.nodes: dict[int, ReferenceNode] = {}
        self.heap: list[tuple[Any, ...]] = []
        for node in range(self.count):
            self.push((0, -1, node, node, "start", None))
        for number, fault in enumerate(scenario.plan, self.count):
            self.push((fault.at_ns, -1, number, -1, "fault", fault))
        while self.heap and self.heap[0][0] < scenario.duration_ns:
            event = heapq.heappop(self.heap)
            self.now_ns = event[0]
            getattr(self, event[4])(event)

    def push(self, event: tuple[Any, ...]) -> None:
        heapq.heappush(self.heap, event)

    def drop(self, why: str) -> None:
        self.dropped[why] = self.dropped.get(why, 0) + 1

    def added_ns(self, source: int, target: int) -> int:
        """What the last of the added delays that are meant for this link adds."""
        meant = [ns for one, other, ns in self.delays if one in (None, source) and other in (None, target)]
        return meant[-1] if meant else 0

    def blocked(self, source: int, target: int) -> bool:
        if source == target:
            return False
        one, other = self.groups.get(source), self.groups.get(target)
        apart = one is not None and other is not None and (one > other if self.one_way else one != other)
        return (source, target) in self.cuts or apart

    def clogged(self, source: int, target: int) -> bool:
        return source != target and ((source, target) in self.clogs or bool({source, target} & self.clogged_nodes))

    def call(self, node: ReferenceNode, handler: Callable[..., None], *arguments: Any) -> None:
        try:
            handler(*arguments)
        except Halting:
            self.crash(node, torn=False)

    # Events.

    def start(self, event: tuple[Any, ...]) -> None:
        node = self.nodes[event[3]] = ReferenceNode(self, event[3], self.nodes.get(event[3]))
        self.call(node, node.on_start)

    def timer(self, event: tuple[Any, ...]) -> None:
        node = self.nodes[event[3]]
        if node.timers.get(event[5]) == event[2]:
            self.due(node, event)

    def message(self, event: tuple[Any, ...]) -> None:
        node = self.nodes[event[3]]
        if self.blocked(event[1], event[3]):
            self.drop("cut" if node.up else "down")
        elif self.clogged(event[1], event[3]):
            self.waiting.append(event)
        elif not node.up:
            self.drop("down")
        else:
            self.due(node, event)

    def due(self, node: ReferenceNode, event: tuple[Any, ...]) -> None:
        if node.paused or node.held or self.now_ns < node.free_ns:
            self.hold(node, event)
        else:
            self.take(node, event)

    def hold(self, node: ReferenceNode, event: tuple[Any, ...]) -> None:
        if not node.held and not node.paused:
            self.push((max(self.now_ns, node.free_ns), node.id, 0, node.id, "wake", None))
        node.held.append(event)

    def take(self, node: ReferenceNode, event: tuple[Any, ...]) -> None:
        if node.busy_ns:
            node.free_ns = self.now_ns + node.busy_ns
            node.ready_ns = max(node.ready_ns, node.free_ns)
        if event[4] == "message":
            self.call(node, node.on_message, event[1], event[5])
        else:
            del node.timers[event[5]]
            self.call(node, node.on_timer, event[5])

    def wake(self, event: tuple[Any, ...]) -> None:
        node = self.nodes[event[3]]
        if node.paused or self.now_ns < node.free_ns:
            return
        while node.held:
            first = node.held.pop(0)
            if first[4] == "message" or node.timers.get(first[5]) == first[2]:
                if node.held:
                    self.push((self.now_ns + node.busy_ns, node.id, 0, node.id, "wake", None))
                self.take(node, first)
                return

    # Faults.

    def crash(self, node: ReferenceNode, torn: bool) -> None:
        for event in node.held:
            if event[4] == "message":
                self.drop("down")
        node.up, node.timers, node.held, node.paused, node.free_ns = False, {}, [], False, 0
        node.parked = []
        node.disk.crash(torn)

    def fault(self, event: tuple[Any, ...]) -> None:
        fault = event[5]
        node = self.nodes.get(getattr(fault, "node", None))
        match fault:
            case Crash() if node.up:
                self.crash(node, isinstance(fault, TornCrash))
            case Restart() if not node.up:
                self.start((self.now_ns, -1, 0, node.id, "start", None))
            case Pause() if node.up:
                node.paused = True
            case Resume() if node.paused:
                node.paused = False
                if node.held:
                    self.push((max(self.now_ns, node.free_ns), node.id, 0, node.id, "wake", None))
            case SlowNode():
                node.busy_ns = fault.busy_ns
            case JumpClock():
                node.quartz.offset_ns += fault.by_ns
            case SetDrift() | StopClock() | StartClock():
                self.change_clock(node, fault)
            case FillDisk():
                node.disk.full = True
            case LoseSyncs():
                node.disk.lies = True
            case SlowDisk():
                node.disk.sync_ns = fault.sync_ns
            case MendDisk():
                node.disk.full = node.disk.lies = False
                node.disk.sync_ns = self.scenario.disk.sync_ns
            case CorruptRecord():
                node.disk.rot()
            case AddDelay():
                self.delays.append((fault.source, fault.target, fault.delay_ns))
            case SetLoss():
                self.loss, self.twice = int(fault.loss * 2**32), int(fault.duplication * 2**32)
            case SetCorruption():
                self.unseen = int(fault.undetected * 2**32)
                self.either = self.unseen + int(fault.detected * 2**32)
            case SetBandwidth():
                self.bytes_per_s = fault.bytes_per_s
            case _:
                self.change_links(fault)

    def change_clock(self, node: ReferenceNode, fault: Fault) -> None:
        """Timers to come are put back where the clock will then show what it would have shown when they were due."""
        quartz = node.quartz
        if isinstance(fault, StopClock | StartClock) and quartz.stopped == isinstance(fault, StopClock):
            return
        goals = list(node.parked)
        kept = []
        for event in self.heap:
            if event[4] == "timer" and event[3] == node.id and event[0] > self.now_ns:
                if node.timers.get(event[5]) == event[2]:
                    goals.append((quartz.monotonic(event[0]), event[1:]))
            else:
                kept.append(event)
        self.heap = kept
        heapq.heapify(self.heap)
        node.parked = []
        if isinstance(fault, SetDrift):
            quartz.change(self.now_ns, lambda: setattr(quartz, "own_ppb", fault.drift_ppb))
        else:
            quartz.change(self.now_ns, lambda: setattr(quartz, "stopped", isinstance(fault, StopClock)))
        for goal_ns, rest in goals:
            node.put_timer(goal_ns, rest)

    def change_links(self, fault: Fault) -> None:
        match fault:
            case Cut():
                self.cuts.add((fault.source, fault.target))
            case Mend():
                self.cuts.discard((fault.source, fault.target))
            case Clog():
                self.clogs.add((fault.source, fault.target))
            case Unclog():
                self.clogs.discard((fault.source, fault.target))
            case ClogNode():
                self.clogged_nodes.add(fault.node)
            case UnclogNode():
                self.clogged_nodes.discard(fault.node)
            case Partition():
                groups = fault.groups
                if len(groups) == 1:
                    groups = (*groups, tuple(set(range(self.count)) - set(groups[0])))
                numbered = list(enumerate(groups))
                self.groups = {node: number for number, group in reversed(numbered) for node in group}
                self.one_way = isinstance(fault, Silence)
            case Heal():
                self.cuts, self.groups, self.clogs, self.clogged_nodes = set(), {}, set(), set()
        free = [event for event in self.waiting if not self.clogged(event[1], event[3])]
        self.waiting = [event for event in self.waiting if self.clogged(event[1], event[3])]
        for event in sorted(free, key=lambda event: event[:3]):
            node = self.nodes[event[3]]
            if not node.up:
                self.drop("down")
            elif self.blocked(event[1], event[3]):
                self.drop("cut")
            else:
                self.hold(node, event)


SCENARIOS = int(os.environ.get("REFERENCE_SCENARIOS", "300"))
PARTS_OF_ALL = 4
"""Tests that share the scenarios, so that several workers can take them."""


@pytest.mark.parametrize("part", range(PARTS_OF_ALL))
def test_the_kernel_does_what_the_rules_say(part: int) -> None:
    for seed in range(part, SCENARIOS, PARTS_OF_ALL):
        scenario = drawn_scenario(seed)
        result, reference = run(scenario), Reference(scenario)
        seen = result.reports["Told"]
        expected = tuple(sorted(reference.seen, key=lambda each: each[:3]))
        plan = "\n".join(map(str, sorted(scenario.plan, key=lambda fault: fault.at_ns)))
        for got, wanted in zip(seen, expected, strict=False):
            assert got == wanted, f"seed {seed}: {scenario.network}, {scenario.clocks}, {scenario.disk}\n{plan}"
        assert len(seen) == len(expected), f"seed {seed}\n{plan}"
        dropped = {name.removeprefix("dropped_"): n for name, n in result.counters.items() if "dropped_" in name}
        assert dropped == reference.dropped, f"seed {seed}\n{plan}"


def test_the_scenarios_have_everything_in_them() -> None:
    """What is never drawn is not compared."""
    kinds, names, reasons = set(), set(), set()
    for seed in range(200):
        reference = Reference(scenario := drawn_scenario(seed))
        kinds |= {type(fault) for fault in scenario.faults}
        names |= {name for _, _, _, name, _ in reference.seen}
        reasons |= set(reference.dropped)
    assert kinds == KINDS
    assert names == {"start", "rang", "got", "disk", "full", "halted"}
    assert reasons == {"cut", "lost", "corrupt", "down"}


def test_a_kernel_that_breaks_a_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself can fail: a clogged link that lets go too late is enough."""
    monkeypatch.setattr("simclock.kernel.strikes.links._release", lambda host: None)
    with pytest.raises(AssertionError):
        for part in range(PARTS_OF_ALL):
            test_the_kernel_does_what_the_rules_say(part)
