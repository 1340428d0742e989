"""A process: what a node may ask of the kernel, and what the kernel keeps for it.

A node's object is built anew after a crash and succeeds the one before: it takes over the running numbers, the
streams, the clock and the disk. Timers belong to one incarnation and die with it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from typing import Any, NoReturn

from simclock.environment.disk import Disk
from simclock.environment.latency import Latency, Sampled, own_copy
from simclock.environment.quartz import BY_NS_LIMIT, MILLION, SLEW_RATE_PPM, PhysicalClock
from simclock.errors import Halt, UsageError
from simclock.kernel.core import HostCore, KernelOwned, ProcessCore
from simclock.kernel.events import PARKED_NS, Event
from simclock.kernel.gate import Gate
from simclock.kernel.port import HostPort, ProcessPort
from simclock.streams import Stream, stream
from simclock.told import Halted

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

    Not `__getattr__`: a class that has it makes CPython take the slow way for every attribute. Nor is a process's
    `__dict__` looked into: an object whose dict was asked for has that way no more to any of its attributes.
    """

    def __init__(self, make: Callable[[Process, HostPort], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, process: Process | None, owner: type) -> Any:
        if process is None:
            return self
        value = self._make(process, process.sim_host)
        process.sim_keep(self._name, value)
        return value


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


class Process(ProcessCore):
    """What a simulated node is to the kernel; a protocol derives its class from it, through `simclock.Node`.

    Fields that begin with `sim_` are the kernel's.
    """

    __slots__ = ("__dict__", "__weakref__")

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

    sim_random: Stream = _MadeWhenUsed(_node_stream)  # type: ignore[assignment]
    sim_node_clock: NodeClock = _MadeWhenUsed(lambda process, host: NodeClock(host, process.sim_clock))  # type: ignore[assignment]
    sim_disk: Disk = _MadeWhenUsed(_disk)  # type: ignore[assignment]
    sim_host: HostPort
    sim_luck: Stream = _MadeWhenUsed(lambda process, host: stream(host.seed, "latency", process.id))  # type: ignore[assignment]
    """The stream of latencies."""
    sim_bits: Callable[[int], int] = _MadeWhenUsed(lambda process, host: process.sim_luck.getrandbits)  # type: ignore[assignment]
    """Draws from it, for a latency model."""
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
    """What comes due and has to wait; there is none for most nodes: see `sim_existing_gate`."""
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

    # What a node may do: the core has send, broadcast, set_timer, cancel_timer and observe.

    def halt(self, reason: str) -> NoReturn:
        """End the process from inside, as `exit` does; observers see "halted" with the reason.

        Nothing of the handler after this call happens, but for `finally` blocks and the ends of `with` blocks. For the
        rest it is a crash: what the disk had not synced is lost, and the node is down until something restarts it.
        """
        self.observe(HALTED, reason)
        raise Halt(self)

    # The kernel's part.

    def sim_keep(self, name: str, value: Any) -> None:
        """Give the process what survives a crash: one of what is made when it is used."""
        setattr(self, name, value)
        if name not in self.sim_kept:
            self.sim_kept = (*self.sim_kept, name)

    def sim_choose_path(self) -> None:
        """Decide whether sending and receiving may take the short way; called when anything they depend on changes."""
        host = self.sim_host
        gate = self.sim_existing_gate()
        straight = self.sim_up and not host.links
        self.sim_open = straight and (gate is None or gate.idle(host.now_ns)) and host.trace is None
        self.sim_open = self.sim_open and not host.canonical
        fast = (
            straight
            and host.network.plain
            and not host.delays.by_ends_ns
            and not (gate is not None and gate.busy_ns)
            and self.sim_ready_ns <= host.now_ns
            and not (self.disk.sync_ns if "sim_disk" in self.sim_kept else host.disk_model.sync_ns)
            and host.trace is None
        )
        self.sim_fast = host.message_types if fast else ()

    def sim_existing_gate(self) -> Gate | None:
        """The gate, where anything ever had to wait."""
        return self.sim_gate if "sim_gate" in self.sim_kept else None

    def sim_run_timer(self, goal_ns: int, event: Event) -> None:
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


def new_process(host: HostCore, latency: Latency, node: int) -> Process:
    """A process with no node in it yet: it is down."""
    process = Process()
    process.sim_begin(host, node)
    process.sim_delay_low_ns, process.sim_delay_span_ns = latency.everywhere_uniform or (0, 0)
    return process


def succeed(node: Process, before: ProcessPort) -> None:
    """Give a node that was just built what survives: number, streams, clock, disk and running numbers."""
    node.sim_succeed(before)
    for name in node.sim_kept:
        setattr(node, name, getattr(before, name))
    node.sim_incarnation += 1
    node.sim_up = True
    node.sim_choose_path()
