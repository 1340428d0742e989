"""Every clock that orders events, carried by the same messages: which laws hold under a swarm of faults.

Each message carries a Lamport clock, two vector clocks, a hybrid timestamp and an interval tree stamp. Nodes tell what
each event looks like to each clock, and how an incoming clock compares to their own; `ClockLaws` knows from the events
themselves which happened before which, and names the law that is broken. Clocks jump back and forth, nodes crash and
come back with what they had on disk, messages are lost, doubled and late. Node 0 owns the whole interval at first; the
others ask for a part.

In `clock-overflow-hunt` the hybrid clock's counter has but a few bits, which the seed draws, so that it overflows all
the time while a wall clock stands or is behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simclock import Clocks, Network, RunResult, Scenario, Uniform, UsageError, ms, seconds, stream
from simclock.actors import Message, Node
from simclock.clocks import DenseVectorClock, HybridClock, HybridTime, LamportClock, NodeId, Stamp, VectorClock
from simclock.clocks.hybrid import LOGICAL_BITS
from simclock.experiments.catalog.clock_laws.judge import ClockLaws
from simclock.experiments.catalog.clock_laws.observed import Joined, Received, Refused, Sent
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.chronicle import Chronicle

MILLISECOND = 1_000_000
EPOCH_MS = 1_790_000_000_000
"""What a right wall clock shows at the start: some day in 2026."""
OFFSET_MS_MAX = 500
RHYTHM_NS = ms(100)
KEPT = 6
"""How many clocks of others a node remembers, to compare what comes with them."""

PARAMETERS = Parameters(
    bug=PUT_IN,
    counter_bits=Whole(LOGICAL_BITS, least=1, help="Of the hybrid clock's counter."),
)
OVERFLOW_PARAMETERS = Parameters(
    bug=PUT_IN,
    counter_bits=Whole(0, least=0, help="Of the hybrid clock's counter; 0: what the seed draws."),
)
FEW_BITS = (1, 2, 4)
Partial = tuple[VectorClock, DenseVectorClock, Stamp]
"""The clocks whose order is partial."""


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """The classes of the clocks; a bug replaces one of them."""

    lamport: type[LamportClock] = LamportClock
    vector: type[VectorClock] = VectorClock
    dense: type[DenseVectorClock] = DenseVectorClock
    hybrid: type[HybridClock] = HybridClock
    stamp: type[Stamp] = Stamp


class Clocked(Message):
    """A message and its clocks."""

    number: int
    """The sender's event: which one it is."""
    lamport: int
    vector: tuple[tuple[NodeId, int], ...]
    dense: tuple[int, ...]
    hybrid: int
    stamp: bytes
    grant: bool
    """Whether the stamp owns a part of the interval, for the receiver to keep."""
    wanted: bool
    """Whether the sender owns none, and asks for a part."""


class Carrier(Node):
    """Sends now and then to somebody, and takes in what comes."""

    def __init__(self, kinds: Kinds, counter_bits: int) -> None:
        self.kinds = kinds
        self.counter_bits = counter_bits

    def on_start(self) -> None:
        first = self.kinds.stamp.seed() if self.id == 0 else self.kinds.stamp(0, 0)
        counts = (0,) * self.nodes
        state = self.disk.read("clocks", (0, 0, (), counts, 0, 0, 0, first.encode(), ()))
        assert isinstance(state, tuple), "no disk is damaged here"
        self.number, count, vector, dense, latest, greatest_ms, monotonic_ms, stamp, granted = state
        self.lamport = self.kinds.lamport(count, self.id)
        self.vector, self.dense = self.kinds.vector(vector), self.kinds.dense(dense)
        self.hybrid = self.kinds.hybrid(
            offset_ms_max=OFFSET_MS_MAX,
            latest=HybridTime(latest),
            physical_ms_max=greatest_ms,
            monotonic_ms=monotonic_ms,
            logical_bits=self.counter_bits,
        )
        self.stamp = self.kinds.stamp.decode(stamp)
        self.granted: tuple[tuple[int, int], ...] = granted
        self.heard: list[tuple[int, int, Partial]] = []
        self.set_timer("speak", self.random.uniform_ns(ms(5), ms(60)))

    def on_timer(self, timer: Any) -> None:
        self.set_timer("speak", self.random.uniform_ns(ms(20), ms(120)))
        target = self.random.randrange(self.nodes - 1)
        self._send(target + (target >= self.id), grant=self.random.randrange(8) == 0)

    def on_message(self, source: int, message: Message) -> None:
        assert isinstance(message, Clocked)
        if message.wanted:
            if self.stamp.id != 0:
                self._send(source, grant=True)
            return
        if self.stamp.id == 0 and not message.grant:
            return
        if message.grant and (source, message.number) in self.granted:
            return  # a copy of what is already owned
        self._take_in(source, message)

    # Events. Each is one step of every clock.

    def _send(self, target: int, *, grant: bool) -> None:
        if self.stamp.id == 0:
            self.send(target, Clocked(0, 0, (), (), 0, self.kinds.stamp(0, 0).encode(), False, True))
            return
        wall_ms, monotonic_ms = self._readings()
        self.number += 1
        self.lamport = self.lamport.tick()
        self.vector, self.dense = self.vector.tick(self.id), self.dense.tick(self.id)
        self.hybrid = self.hybrid.tick(wall_ms, monotonic_ms)
        self.stamp = self.stamp.tick()
        if grant:
            self.stamp, sent = self.stamp.fork()
        else:
            sent = self.stamp.peek()
        self._keep()
        self.observe(Sent(*self._event(wall_ms, monotonic_ms), sent.encode(), grant))
        vectors = (self.vector.entries, self.dense.counts)
        hybrid = self.hybrid.latest.packed
        self.send(target, Clocked(self.number, self.lamport.count, *vectors, hybrid, sent.encode(), grant, False))

    def _take_in(self, source: int, message: Clocked) -> None:
        wall_ms, monotonic_ms = self._readings()
        remote = HybridTime(message.hybrid)
        if not self.hybrid.accepts(remote, wall_ms, monotonic_ms):
            self.observe(Refused(source, message.number))
            return
        vector, dense = self.kinds.vector(message.vector), self.kinds.dense(message.dense)
        stamp = self.kinds.stamp.decode(message.stamp)
        compared = self._compare((vector, dense, stamp))
        owned = self.stamp.id
        joined = self.stamp.join(stamp)
        if message.grant:
            self.observe(Joined(_tree(owned), _tree(stamp.id), _tree(joined.id)))
            if joined.id == 0:
                return
            self.granted = (*self.granted, (source, message.number))
        self.number += 1
        self.lamport = self.lamport.receive(self.kinds.lamport(message.lamport, source))
        self.vector, self.dense = self.vector.receive(vector, self.id), self.dense.receive(dense, self.id)
        self.hybrid = self.hybrid.receive(remote, wall_ms, monotonic_ms)
        self.stamp = joined.tick()
        self._keep()
        self.heard = [*self.heard[1 - KEPT :], (source, message.number, (vector, dense, stamp))]
        self.observe(Received(*self._event(wall_ms, monotonic_ms), source, message.number, compared))

    def _compare(self, incoming: Partial) -> tuple[tuple[int, int, tuple[str, str, str]], ...]:
        """How what comes stands to the own latest event and to what came before: (node, number, by each clock)."""
        own = [(self.id, self.number, (self.vector, self.dense, self.stamp))] if self.number else []
        return tuple(
            (node, number, (one.compare(vector).value, two.compare(dense).value, tree.compare(stamp).value))
            for vector, dense, stamp in (incoming,)
            for node, number, (one, two, tree) in (*own, *self.heard)
        )

    def _readings(self) -> tuple[int, int]:
        return EPOCH_MS + self.clock.wall_ns() // MILLISECOND, self.clock.monotonic_ns() // MILLISECOND

    def _event(self, wall_ms: int, monotonic_ms: int) -> tuple[int, int, int, int, int, int, str]:
        latest = self.hybrid.latest.packed
        readings = (self.hybrid.physical_ms_max, wall_ms, monotonic_ms)
        return (self.number, self.lamport.count, latest, *readings, _tree(self.stamp.id))

    def _keep(self) -> None:
        """What a message says must not be said again otherwise: durable before it leaves."""
        hybrid = self.hybrid
        times = (hybrid.latest.packed, hybrid.physical_ms_max, hybrid.monotonic_ms)
        vectors = (self.vector.entries, self.dense.counts)
        state = (self.number, self.lamport.count, *vectors, *times, self.stamp.encode(), self.granted)
        self.disk.write("clocks", state)
        self.disk.sync()


def _tree(tree: Any) -> str:
    return str(tree).replace(" ", "")


def clock_overflow_hunt(settings: Settings, parts: Kinds) -> Scenario:
    """The same with few bits."""
    asked = {**OVERFLOW_PARAMETERS, **settings.parameters}
    drawn = stream(settings.seed, "clock-overflow-hunt").choice(FEW_BITS)
    parameters = {**asked, "counter_bits": asked["counter_bits"] or drawn}
    return replace(clock_laws(replace(settings, parameters=parameters), parts), name="clock-overflow-hunt")


def clock_laws(settings: Settings, parts: Kinds) -> Scenario:
    """As many nodes as the seed draws, all of whose clocks are tried."""
    parameters = {**PARAMETERS, **settings.parameters}
    counter_bits = parameters["counter_bits"]
    if type(counter_bits) is not int or not 1 <= counter_bits <= LOGICAL_BITS:
        raise UsageError(f"counter_bits: {counter_bits!r} is not a number of bits of the counter: 1 to {LOGICAL_BITS}")
    luck = stream(settings.seed, "clock-laws")
    nodes = luck.choice((3, 4, 5)) if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} has nobody to talk to: 2 or more")
    return Scenario(
        name="clock-laws",
        nodes=nodes,
        build=lambda node: Carrier(parts, counter_bits),
        duration_ns=seconds(2),
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=luck.choice((ms(10), ms(50), ms(150)))),
            loss=luck.choice((0.0, 0.05)),
            duplication=luck.choice((0.0, 0.1)),
        ),
        clocks=Clocks(offset_ns_max=ms(100), drift_ppb_max=200_000),
        observers=(partial(ClockLaws, OFFSET_MS_MAX),),
        parameters=parameters,
    )


def _prey(scenario: Scenario) -> Prey:
    return Prey(servers=tuple(range(scenario.nodes)), rhythm_ns=RHYTHM_NS)


def sometimes(result: RunResult) -> dict[str, int]:
    """What the laws were tried on."""
    counts: dict[str, int] = result.reports["ClockLaws"]
    return counts


STORY = Chronicle(
    {
        Sent: "sends event {number}: Lamport {counted}, wall {wall_ms} ms, interval tree id {owned}",
        Received: "receives event {sent_number} of node {source} as its {number}: Lamport {counted}, wall {wall_ms} ms",
        Joined: "takes over the id {granted}: it had {before}, and has {after}",
        Refused: "refuses event {sent_number} of node {source}: its time is too far ahead",
    }
)

CLOCK_LAWS = Entry(
    name="clock-laws",
    summary="Lamport, vector, hybrid and interval tree clocks on the same messages, under a swarm of faults",
    source="Lamport 1978; Mattern 1989; Kulkarni et al. 2014; Almeida, Baquero & Fonte 2008",
    make=clock_laws,
    parts=Kinds(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    prey=_prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
CLOCK_OVERFLOW_HUNT = replace(
    CLOCK_LAWS,
    name="clock-overflow-hunt",
    summary="the same with a hybrid clock whose counter has few bits, drawn by the seed, and overflows",
    make=clock_overflow_hunt,
    parameters=OVERFLOW_PARAMETERS,
)
