"""A process: what a node may ask of the kernel, and what the kernel keeps for it.

A node's object is built anew after a crash and succeeds the one before: it takes over the running numbers, the
streams, the clock and the disk. Timers belong to one incarnation and die with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Mapping
from hashlib import blake2b
from heapq import heappush
from inspect import getattr_static
from operator import attrgetter
from typing import Any, NoReturn

from simclock.environment.disk import Disk
from simclock.environment.latency import Sampled, own_copy
from simclock.environment.quartz import BY_NS_LIMIT, MILLION, SLEW_RATE_PPM, PhysicalClock
from simclock.errors import Halt, UsageError
from simclock.immutable import check_immutable
from simclock.kernel.encoding import SETTLED
from simclock.kernel.events import MESSAGE, OBSERVATION, TIMER, Event
from simclock.kernel.gate import Gate
from simclock.kernel.port import HostPort, ProcessPort
from simclock.kernel.sending import send_carefully
from simclock.readable import say
from simclock.streams import Stream, stream
from simclock.told import Halted, Told, ToldMeta, refusal

DIGEST_BYTES = 16
_NO_WORDS = array("I")
PARKED_NS = 0
"""The time of a timer that is not queued: when it runs out is not known, or not yet."""
HALTED = Halted.observed_as
"""What a node observes when it ends itself."""


class NodeClock:
    """A node's view of its own clock; it has no way to the true time."""

    __slots__ = ("_host", "_physical")

    def __init__(self, host: HostPort, physical: PhysicalClock) -> None:
        self._host = host
        self._physical = physical

    def monotonic_ns(self) -> int:
        """Nanoseconds since the start of the run by this clock; never goes back."""
        return self._physical.monotonic_ns(self._host.now_ns)

    def wall_ns(self) -> int:
        """The time of day by this clock, in nanoseconds."""
        return self._physical.wall_ns(self._host.now_ns)

    def step(self, by_ns: int) -> None:
        """Set the wall clock forward, or (below zero) back, at once; what is left of a slew is forgotten."""
        self._physical.step(self._host.now_ns, _correction("step", by_ns))

    def slew(self, by_ns: int, rate_ppm: int = SLEW_RATE_PPM) -> None:
        """Correct the wall clock by `rate_ppm` millionths of what this clock shows, until all is corrected.

        It replaces what is left of the slew before; the wall clock never goes back. `slew(0)` ends one.
        """
        if type(rate_ppm) is not int or not 0 < rate_ppm < MILLION:
            raise UsageError(f"slew: rate {rate_ppm!r} is out of range: 1 to {MILLION - 1:,} ppm")
        self._physical.slew(self._host.now_ns, _correction("slew", by_ns), rate_ppm)

    def slew_left_ns(self) -> int:
        """What a slew under way has still to correct; 0 if there is none."""
        return self._physical.slew_left_ns(self._host.now_ns)


def _correction(what: str, by_ns: int) -> int:
    if type(by_ns) is not int or abs(by_ns) >= BY_NS_LIMIT:
        raise UsageError(f"{what}: by {by_ns!r} is not a time: whole nanoseconds, less than 70 years")
    return by_ns


class _MadeWhenUsed:
    """Streams, clock and disk are made when a node first asks: most of 100,000 nodes never ask for all of them.

    Not `__getattr__`: a class that has it makes CPython take the slow way for every attribute.
    """

    def __init__(self, make: Callable[[Process, HostPort], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, process: Process | None, owner: type) -> Any:
        if process is None:
            return self
        value = process.__dict__[self._name] = self._make(process, process.sim_host)
        return value


class KernelOwned(property):
    """What a node reads and the kernel alone decides, kept under another name.

    A property with a getter in C costs 16 ns more than a slot; the kernel reads the slot.
    """

    def __init__(self, kept: str) -> None:
        super().__init__(attrgetter(kept), self._refuse, self._refuse)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _refuse(self, process: Process, *value: Any) -> NoReturn:
        raise UsageError(f"self.{self._name} is the kernel's, and cannot be set: choose another name")


def _node_stream(process: Process, host: HostPort) -> Stream:
    return stream(host.seed, "node", process.id)


def _quartz(process: Process, host: HostPort) -> PhysicalClock:
    return host.clocks.clock(host.seed, process.id)


def _bits(purpose: str) -> Callable[[Process, HostPort], Callable[[int], int]]:
    return lambda process, host: stream(host.seed, purpose, process.id).getrandbits


def _disk(process: Process, host: HostPort) -> Disk:
    """A disk whose sync takes time: what the node sends afterwards leaves later."""
    node = process.id

    def took_ns(sync_ns: int) -> None:
        owner = host.processes[node]
        owner.sim_ready_ns = max(owner.sim_ready_ns, host.now_ns) + sync_ns

    return Disk(host.disk_model.sync_ns, took_ns)


class Process:
    """What a simulated node is to the kernel; a protocol derives its class from it, through `simclock.Node`.

    Why the node *is* its process, and not an object beside it: at thousands of nodes an event costs what it touches in
    memory, and a second object with bound methods made every event a third slower. Fields that begin with `sim_` are
    the kernel's.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "sim_count",
        "sim_delay_low_ns",
        "sim_delay_span_ns",
        "sim_digest",
        "sim_dropped",
        "sim_duplicated",
        "sim_fast",
        "sim_hash",
        "sim_host",
        "sim_id",
        "sim_incarnation",
        "sim_local",
        "sim_nodes",
        "sim_open",
        "sim_ready_ns",
        "sim_timers",
        "sim_timers_set",
        "sim_up",
        "sim_words",
    )

    id: int = KernelOwned("sim_id")  # type: ignore[assignment]
    """The node's number, 0 to nodes - 1."""
    nodes: int = KernelOwned("sim_nodes")  # type: ignore[assignment]
    """How many nodes there are."""
    incarnation: int = KernelOwned("sim_incarnation")  # type: ignore[assignment]
    """0 at first; one more after each restart."""
    random: Stream = KernelOwned("sim_random")  # type: ignore[assignment]
    """The node's own luck."""
    clock: NodeClock = KernelOwned("sim_node_clock")  # type: ignore[assignment]
    """The node's own clock, which drifts; there is no way to the true time."""
    disk: Disk = KernelOwned("sim_disk")  # type: ignore[assignment]
    """The node's disk, which survives its crash."""

    sim_id: int
    sim_nodes: int
    sim_incarnation: int
    sim_random: Stream = _MadeWhenUsed(_node_stream)  # type: ignore[assignment]
    sim_node_clock: NodeClock = _MadeWhenUsed(lambda process, host: NodeClock(host, process.sim_clock))  # type: ignore[assignment]
    sim_disk: Disk = _MadeWhenUsed(_disk)  # type: ignore[assignment]
    sim_host: HostPort
    sim_local: Mapping[int, ProcessPort]
    """The nodes of this host."""
    sim_up: bool
    sim_count: int
    """The running number of sends, timers and observations, over all incarnations."""
    sim_timers_set: int
    """How many of `sim_count` were timers or observations."""
    sim_dropped: int
    sim_duplicated: int
    sim_timers: dict[Any, Event]
    """Timer name -> the event of its latest setting; any other event of that name is stale."""
    sim_digest: Any
    """The hash over everything the node handled: the concatenated encodings of the events."""
    sim_hash: Callable[[bytes], None]
    """Its `update`."""
    sim_fast: Container[type]
    """The classes of messages with which `send` may take the short way: those that were let in, or none."""
    sim_open: bool
    """Whether a message that comes due may take the short way: the node is up, with nothing at its gate, no link is
    cut or clogged, and nobody traces."""
    sim_luck: Stream = _MadeWhenUsed(lambda process, host: stream(host.seed, "latency", process.id))  # type: ignore[assignment]
    """The stream of latencies."""
    sim_words: array[int]
    """The words of it that are made and not drawn; an empty array until the first is."""
    sim_bits: Callable[[int], int] = _MadeWhenUsed(lambda process, host: process.sim_luck.getrandbits)  # type: ignore[assignment]
    """Draws from it, for a latency model."""
    sim_delay_low_ns: int
    sim_delay_span_ns: int
    sim_ready_ns: int
    """The disk, or a slow node itself, is busy until then: nothing leaves earlier."""
    sim_clock: PhysicalClock = _MadeWhenUsed(_quartz)  # type: ignore[assignment]
    sim_latency: Sampled = _MadeWhenUsed(  # type: ignore[assignment]
        lambda process, host: own_copy(host.network.latency, host.lookahead_ns)
    )
    """The network's model, or this sender's own copy of one that may change."""
    sim_loss_bits: Callable[[int], int] = _MadeWhenUsed(_bits("loss"))  # type: ignore[assignment]
    sim_duplication_bits: Callable[[int], int] = _MadeWhenUsed(_bits("duplication"))  # type: ignore[assignment]
    sim_last_arrival_ns: dict[int, int] = _MadeWhenUsed(lambda process, host: {})  # type: ignore[assignment]
    """FIFO links: target -> when the last message sent there arrives."""
    sim_link_free_ns: dict[int, int] = _MadeWhenUsed(lambda process, host: {})  # type: ignore[assignment]
    """Links with a bandwidth: target -> when the last message sent there has gone out."""
    sim_corruption_bits: Callable[[int], int] = _MadeWhenUsed(_bits("corruption"))  # type: ignore[assignment]
    sim_gate: Gate = _MadeWhenUsed(lambda process, host: Gate())  # type: ignore[assignment]
    """What comes due and has to wait; there is none for most nodes: see `existing_gate`."""
    sim_parked: list[tuple[int, Event]] = _MadeWhenUsed(lambda process, host: [])  # type: ignore[assignment]
    """Timers that wait for a stopped clock: (the reading at which they run out, event)."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in KERNEL_OWNED:
            if getattr_static(cls, name) is not vars(Process)[name]:
                raise UsageError(f"{cls.__qualname__}.{name}: self.{name} is the kernel's: choose another name")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise UsageError(f"a {type(self).__name__} stays on its host: hand out what it holds, not the node")

    # What a node answers. A protocol overrides these.

    def on_start(self) -> None:
        """The incarnation begins: set timers, send first messages, read the disk."""

    def on_message(self, source: int, message: Any) -> None:
        """A message arrived."""

    def on_timer(self, timer: Any) -> None:
        """A timer that the node set has run out."""

    # What a node may do.

    def send(self, target: int, message: Any) -> None:
        """Send a message; the network decides when it arrives, and whether."""
        if message.__class__ not in self.sim_fast or target.__class__ is not int:
            send_carefully(self, target, message)
            return
        host = self.sim_host
        self.sim_count = count = self.sim_count + 1
        time_ns = (
            host.now_ns
            + self.sim_delay_low_ns
            + ((self.sim_words or self.fill_words()).pop() * self.sim_delay_span_ns >> 32)
        )
        if target in self.sim_local:
            queue = host.queue
            slot = time_ns >> queue.shift
            if slot > queue.slot:
                queue.slots[slot].append((time_ns, self.sim_id, count, target, MESSAGE, message))
            else:
                heappush(queue.near, (time_ns, self.sim_id, count, target, MESSAGE, message))
        else:
            host.send_away((time_ns, self.sim_id, count, target, MESSAGE, message))

    def broadcast(self, message: Any) -> None:
        """Send a message to every other node, in ascending order."""
        send, own = self.send, self.sim_id
        for target in range(self.sim_host.nodes):
            if target != own:
                send(target, message)

    def set_timer(self, name: Any, duration_ns: int) -> None:
        """Have `on_timer(name)` called after a duration by the node's own clock; setting it again replaces it."""
        if duration_ns.__class__ is not int or duration_ns < 0:
            raise UsageError(
                f"set_timer({say(name)}, {say(duration_ns)}): a duration is a whole number of nanoseconds, "
                "zero or more, such as ms(150)"
            )
        host = self.sim_host
        if name.__class__ is not str and name.__class__ not in SETTLED and check_immutable(name, "set_timer", name):
            host.encode_canonically()
        self.sim_count = count = self.sim_count + 1
        self.sim_timers_set += 1
        own = self.sim_id
        if host.clocks_differ:
            self.sim_timers[name] = event = (PARKED_NS, own, count, own, TIMER, name)
            self.run_timer(self.sim_clock.monotonic_ns(host.now_ns) + duration_ns, event)
            return
        time_ns = host.now_ns + duration_ns
        self.sim_timers[name] = event = (time_ns, own, count, own, TIMER, name)
        queue = host.queue
        slot = time_ns >> queue.shift
        if slot > queue.slot:
            queue.slots[slot].append(event)
        else:
            heappush(queue.near, event)

    def cancel_timer(self, name: Any) -> None:
        """Forget a timer; no effect if it is not set."""
        self.sim_timers.pop(name, None)

    def observe(self, name: str | Told, value: Any = None) -> None:
        """Tell the observers something: a name, and a value that is deeply immutable; another one is refused."""
        host, own = self.sim_host, self.sim_id
        kind: Any = name.__class__
        if kind is not str:
            if kind.__class__ is not ToldMeta or value is not None:
                raise refusal(name, value)
            name, value = kind.observed_as, kind.sim_value(name)
        if value.__class__ not in SETTLED and check_immutable(value, "observe", name):
            host.encode_canonically()
        self.sim_count = count = self.sim_count + 1
        self.sim_timers_set += 1
        now_ns = host.now_ns
        host.record(self, (now_ns, own, count, own, OBSERVATION, (name, value)))
        host.observed(now_ns, own, count, name, value)  # type: ignore[arg-type] # a str by now

    def halt(self, reason: str) -> NoReturn:
        """End the process from inside, as `exit` does; observers see "halted" with the reason.

        Nothing of the handler after this call happens, but for `finally` blocks and the ends of `with` blocks. For the
        rest it is a crash: what the disk had not synced is lost, and the node is down until something restarts it.
        """
        self.observe(HALTED, reason)
        raise Halt(self)

    # The kernel's part.

    def fill_words(self) -> array[int]:
        """Make words of the stream of latencies."""
        luck = self.sim_luck
        self.sim_words = luck.words
        return luck.words or luck.fill()

    def choose_path(self) -> None:
        """Decide whether sending and receiving may take the short way; called when anything they depend on changes."""
        host = self.sim_host
        gate = self.existing_gate()
        straight = self.sim_up and not host.links
        self.sim_open = straight and (gate is None or gate.idle(host.now_ns)) and host.trace is None
        self.sim_open = self.sim_open and not host.canonical
        fast = (
            straight
            and host.network.plain
            and not host.delays.by_ends_ns
            and not (gate is not None and gate.busy_ns)
            and self.sim_ready_ns <= host.now_ns
            and not (self.disk.sync_ns if "sim_disk" in self.__dict__ else host.disk_model.sync_ns)
            and host.trace is None
        )
        self.sim_fast = host.message_types if fast else ()

    def existing_gate(self) -> Gate | None:
        """The gate, where anything ever had to wait."""
        gate: Gate | None = self.__dict__.get("sim_gate")
        return gate

    def run_timer(self, goal_ns: int, event: Event) -> None:
        """Have a timer run out when the node's clock shows `goal_ns`."""
        host = self.sim_host
        clock = self.sim_clock
        wait_ns = clock.true_duration_ns(host.now_ns, goal_ns - clock.monotonic_ns(host.now_ns))
        moved = (PARKED_NS if wait_ns is None else host.now_ns + wait_ns, *event[1:])
        if self.sim_timers.get(event[5]) is event:
            self.sim_timers[event[5]] = moved
        if wait_ns is None:
            self.sim_parked.append((goal_ns, moved))
        else:
            host.queue.push(moved)


KERNEL_OWNED = tuple(name for name, value in vars(Process).items() if isinstance(value, KernelOwned))
_SLOTS = tuple(name for name in Process.__slots__ if not name.startswith("__"))
_survives = attrgetter(*_SLOTS)
_MADE = tuple(name for name, value in vars(Process).items() if isinstance(value, _MadeWhenUsed))


def new_process(host: HostPort, node: int) -> Process:
    """A process with no node in it yet: it is down."""
    process = Process()
    process.sim_id = node
    process.sim_nodes = host.nodes
    process.sim_incarnation = -1
    process.sim_host = host
    process.sim_local = host.processes
    process.sim_up = False
    process.sim_count = process.sim_timers_set = process.sim_dropped = process.sim_duplicated = 0
    process.sim_timers = {}
    process.sim_digest = blake2b(digest_size=DIGEST_BYTES)
    process.sim_hash = process.sim_digest.update
    process.sim_fast, process.sim_open = (), False
    process.sim_words = _NO_WORDS
    process.sim_delay_low_ns, process.sim_delay_span_ns = host.network.latency.everywhere_uniform or (0, 0)
    process.sim_ready_ns = 0
    return process


def succeed(node: Process, before: ProcessPort) -> None:
    """Give a node that was just built what survives: number, streams, clock, disk and running numbers."""
    for name, value in zip(_SLOTS, _survives(before), strict=True):
        setattr(node, name, value)
    for name, value in before.__dict__.items():
        if name in _MADE:
            node.__dict__[name] = value
    node.sim_incarnation += 1
    node.sim_up = True
    node.choose_path()
