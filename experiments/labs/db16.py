"""Lab db-16: Lamport and vector clocks over a deterministic network.

In each of `rounds` ticks every node sends one message; where to, how long it travels (1 to 3 ticks) and its payload are
drawn from (seed, tick, sender) by SplitMix64. The dump is the log of all sends and receipts with both clocks.

The lab's order of work, and how the kernel comes to keep it:

    lab                                              here
    tick t                                           the virtual times from t to t + 1, times TICK_NS
    first, whatever is due is delivered,             a message arrives at an instant of its tick that is its own:
      by (delivery time, sender, sequence)             3 * sender + 3 - delay (of two messages of one sender that
                                                       are due in one tick, the one with more delay was sent first)
    then every node sends, in ascending order        a timer at 3 * nodes of the tick; at one instant, the kernel goes
                                                       by node
    the log is in order of emission                  observations come by (time, node, number): no two differ

Nodes share nothing, so a sender cannot know the lab's sequence number; its own ticks order its messages as well.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simclock import Control, Network, Observation, Observer, RunResult, Scenario, Told, UsageError, seconds
from simclock.actors import Message, Node, Placement, run
from simclock.clocks import LamportClock, NodeId, VectorClock
from simclock.experiments.labs.splitmix import MASK, VIGNA, splitmix64

TICK_NS = seconds(1)
DELAY_MAX = 3
"""Ticks."""
EVENTS_MAX = (1 << 32) - 1
"""What the dump's count can say."""

SEND = 1
RECEIVE = 2


@dataclass(frozen=True)
class Draw:
    """What the lab draws for the message that `sender` sends in `tick`."""

    seed: int
    tick: int
    sender: int

    @property
    def bits(self) -> int:
        """64 bits, the source of the rest."""
        return splitmix64(self.seed ^ self.tick << 32 ^ self.sender + 1, VIGNA)

    def target(self, nodes: int) -> int:
        """Any node but the sender."""
        drawn = (self.bits & 0xFFFF) % (nodes - 1)
        return drawn + 1 if drawn >= self.sender else drawn

    @property
    def delay(self) -> int:
        """1 to 3 ticks."""
        return 1 + (self.bits >> 16 & 0xFFFF) % DELAY_MAX

    @property
    def payload(self) -> int:
        """One byte."""
        return self.bits >> 32 & 0xFF


@dataclass(frozen=True, kw_only=True)
class DrawnDelay:
    """The lab's latency: what `Draw` says, to an instant of the tick that belongs to this message alone."""

    model: ClassVar[str] = "db-16"
    everywhere_uniform: ClassVar[None] = None
    seed: int
    nodes: int

    def check(self, nodes: int) -> None:
        if nodes != self.nodes:
            raise UsageError(f"network: lab db-16 was set up for {self.nodes} nodes, but the scenario has {nodes}")

    def delay_ns_min(self, nodes: int) -> int:
        return self._travel_ns(0, 1)

    def sample_ns(self, source: int, target: int, now_ns: int, bits: object) -> int:
        return self._travel_ns(source, Draw(self.seed, now_ns // TICK_NS, source).delay)

    def _travel_ns(self, source: int, delay: int) -> int:
        return delay * TICK_NS + _arrival_ns(source, delay) - _sending_ns(self.nodes)

    def __str__(self) -> str:
        return "1..3 ticks as lab db-16 draws them"


def _arrival_ns(source: int, delay: int) -> int:
    """When in its tick a message arrives."""
    return DELAY_MAX * source + DELAY_MAX - delay


def _sending_ns(nodes: int) -> int:
    """When in each tick all nodes send: after every arrival."""
    return DELAY_MAX * nodes


class Stamped(Message):
    """A message with its sender's clocks, after the event of sending it."""

    payload: int
    lamport: int
    vector: tuple[tuple[NodeId, int], ...]


class Logged(Told, observed_as="log"):
    """An event, with what a node's clocks show after it."""

    kind: int
    """SEND or RECEIVE."""
    peer: int
    """The other node."""
    lamport: int
    vector: tuple[tuple[int | str, int], ...]
    """(node, count)."""
    payload: int


class Clerk(Node):
    """Sends one message per tick and keeps both clocks."""

    def __init__(self, lab_seed: int, rounds: int) -> None:
        self.lab_seed = lab_seed
        self.rounds = rounds
        self.tick = 0

    def on_start(self) -> None:
        self.lamport = LamportClock(0, self.id)
        self.vector = VectorClock()
        if self.rounds:
            self.set_timer("send", _sending_ns(self.nodes))

    def on_timer(self, timer: str) -> None:
        draw = Draw(self.lab_seed, self.tick, self.id)
        target = draw.target(self.nodes)
        self.lamport = self.lamport.tick()
        self.vector = self.vector.tick(self.id)
        self._log(SEND, target, draw.payload)
        self.send(target, Stamped(draw.payload, self.lamport.count, self.vector.entries))
        self.tick += 1
        if self.tick < self.rounds:
            self.set_timer("send", TICK_NS)

    def on_message(self, source: int, message: Stamped) -> None:
        self.lamport = self.lamport.receive(LamportClock(message.lamport, source))
        self.vector = self.vector.receive(VectorClock(message.vector), self.id)
        self._log(RECEIVE, source, message.payload)

    def _log(self, kind: int, peer: int, payload: int) -> None:
        self.observe(Logged(kind, peer, self.lamport.count, self.vector.entries, payload))


class Log(Observer):
    """Every logged event, encoded, in order of emission."""

    reacts = False

    def __init__(self) -> None:
        self._events: list[bytes] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = Logged.read(observation)
        if told is None:
            return
        tick = observation.time_ns // TICK_NS
        head = struct.pack("<BQIIQI", told.kind, tick, observation.node, told.peer, told.lamport, len(told.vector))
        entries = b"".join(struct.pack("<IQ", node, count) for node, count in told.vector)
        self._events.append(head + entries + struct.pack("<IB", 1, told.payload))

    def report(self) -> Sequence[bytes]:
        return tuple(self._events)


def db16(seed: int, nodes: int, rounds: int) -> Scenario:
    """The lab as a scenario. Two nodes at least: every message goes to another node."""
    if type(seed) is not int or not 0 <= seed <= MASK:
        raise UsageError(f"seed: {seed!r} is not a seed of the lab: a whole number from 0 to 2**64 - 1")
    if type(nodes) is not int or nodes < 2:
        raise UsageError(f"nodes: {nodes!r} is too few: in lab db-16 every node sends to another one, so 2 or more")
    if type(rounds) is not int or rounds < 0:
        raise UsageError(f"rounds: {rounds!r} is not a number of rounds: 0 or more")
    if 2 * nodes * rounds > EVENTS_MAX:
        raise UsageError(f"rounds: {rounds} rounds of {nodes} nodes make more events than a dump can count")
    return Scenario(
        name="lab-db-16",
        seed=seed,
        nodes=nodes,
        build=lambda node: Clerk(seed, rounds),
        network=Network(latency=DrawnDelay(seed=seed, nodes=nodes)),
        observers=(Log,),
        parameters={"rounds": rounds},
    )


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run."""
    events: Any = result.reports["Log"]
    return b"DSE6" + struct.pack("<I", len(events)) + b"".join(events)


def run_db16(seed: int, nodes: int, rounds: int, placement: Placement | str = "inline") -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = f"simclock lab db-16 --seed {seed} --nodes {nodes} --rounds {rounds}"
    return dump(run(db16(seed, nodes, rounds), placement, replay=replay))
