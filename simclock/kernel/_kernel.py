"""The core in plain Python: what every event of every run goes through. `_kernel.pyx` is the same, compiled.

The two are one contract, `simclock.kernel.core` chooses between them, and `tests/test_kernels.py` compares them: the
queue of events, what a process may ask of its host at any moment (send, set a timer, observe), and the host's loop over
what comes due. All else (faults, gates, careful sending, failures, observers) is Python around either of them.

A core asks what it does not know of the class derived from it: `HostCore` of `Host`, `ProcessCore` of `Process`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container
from hashlib import blake2b
from heapq import heappush, heappushpop
from operator import attrgetter
from typing import Any, NoReturn

from simclock.errors import UsageError
from simclock.immutable import check_immutable
from simclock.kernel._generator import Generator
from simclock.kernel._queue import EventQueue
from simclock.kernel.encoding import CANNOT_ENCODE, SETTLED, encode
from simclock.kernel.events import (
    DIGEST_BYTES,
    ENVIRONMENT,
    FAULT,
    MESSAGE,
    OBSERVATION,
    PARKED_NS,
    TIMER,
    Event,
)
from simclock.readable import say
from simclock.told import Told, ToldMeta, refusal

__all__ = ["NAME", "EventQueue", "Generator", "HostCore", "KernelOwned", "ProcessCore"]

NAME = "plain"
_NO_WORDS = array("I")
_new_tuple = tuple.__new__
"""Half the time that calling the class of a named tuple takes."""


class KernelOwned(property):
    """What a node reads and the kernel alone decides, kept under another name.

    A property with a getter in C costs 16 ns more than a slot; the kernel reads the slot.
    """

    def __init__(self, kept: str) -> None:
        super().__init__(attrgetter(kept), self._refuse, self._refuse)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _refuse(self, process: ProcessCore, *value: Any) -> NoReturn:
        raise UsageError(f"self.{self._name} is the kernel's, and cannot be set: choose another name")


class ProcessCore:
    """What a process is to the host's loop, and what it may do; `Process` derives from it.

    Why the node *is* its process, and not an object beside it: at thousands of nodes an event costs what it touches in
    memory, and a second object with bound methods made every event a third slower.
    """

    __slots__ = (
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
        "sim_kept",
        "sim_local",
        "sim_nodes",
        "sim_open",
        "sim_ready_ns",
        "sim_timers",
        "sim_timers_set",
        "sim_up",
        "sim_words",
    )

    sim_id: int
    sim_nodes: int
    sim_incarnation: int
    sim_host: Any
    sim_local: Container[int]
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
    sim_words: array[int]
    """The words of the stream of latencies that are made and not drawn; an empty array until the first is."""
    sim_delay_low_ns: int
    sim_delay_span_ns: int
    sim_kept: tuple[str, ...]
    """Of what `Process` makes when it is used, the names of what was made."""
    sim_ready_ns: int
    """The disk, or a slow node itself, is busy until then: nothing leaves earlier."""

    # What `Process` adds, and the core asks for.

    sim_luck: Any
    """The stream of latencies."""
    sim_clock: Any
    sim_run_timer: Callable[[int, Event], None]
    on_message: Callable[[int, Any], None]
    on_timer: Callable[[Any], None]

    def sim_begin(self, host: HostCore, node: int) -> None:
        """Become that node's process, which is down and has done nothing."""
        self.sim_id = node
        self.sim_nodes = host.nodes
        self.sim_incarnation = -1
        self.sim_host = host
        self.sim_local = host.processes
        self.sim_up = False
        self.sim_count = self.sim_timers_set = self.sim_dropped = self.sim_duplicated = 0
        self.sim_timers = {}
        self.sim_kept = ()
        self.sim_digest = blake2b(digest_size=DIGEST_BYTES)
        self.sim_hash = self.sim_digest.update
        self.sim_fast, self.sim_open = (), False
        self.sim_words = _NO_WORDS
        self.sim_ready_ns = 0

    def sim_hashed(self) -> bytes:
        """The digest of all that the node has handled so far."""
        digest: bytes = self.sim_digest.digest()
        return digest

    def sim_succeed(self, before: Any) -> None:
        """Take over all that the core keeps for the node."""
        for name, value in zip(_SURVIVES, _survives(before), strict=True):
            setattr(self, name, value)

    def send(self, target: int, message: Any) -> None:
        """Send a message; the network decides when it arrives, and whether."""
        if message.__class__ not in self.sim_fast or target.__class__ is not int:
            self.sim_host.send_carefully(self, target, message)
            return
        host = self.sim_host
        self.sim_count = count = self.sim_count + 1
        time_ns = (
            host.now_ns
            + self.sim_delay_low_ns
            + ((self.sim_words or self._fill_words()).pop() * self.sim_delay_span_ns >> 32)
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

    def _fill_words(self) -> array[int]:
        luck = self.sim_luck
        self.sim_words = luck.words
        words: array[int] = luck.words or luck.fill()
        return words

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
            self.sim_run_timer(self.sim_clock.monotonic_ns(host.now_ns) + duration_ns, event)
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
        host.observed(now_ns, own, count, name, value)


_SURVIVES = ProcessCore.__slots__
_survives = attrgetter(*_SURVIVES)


class HostCore:
    """The loop of a host over what comes due, and what its processes call most; `Host` derives from it."""

    __slots__ = (
        "_before",
        "_idle",
        "_live_ns",
        "canonical",
        "clocks_differ",
        "event",
        "handled",
        "horizon_ns",
        "instant_events_max",
        "message_types",
        "nodes",
        "now_ns",
        "observation_type",
        "observations",
        "observations_made",
        "processes",
        "queue",
        "reaction_ns",
        "timers_handled",
        "trace",
    )

    nodes: int
    now_ns: int
    horizon_ns: int
    event: Event
    """What is being handled, or was last."""
    handled: int
    """Events handled and observations made."""
    timers_handled: int
    observations_made: int
    observations: list[Any]
    """Those of which the observers have not been told."""
    observation_type: type[tuple[Any, ...]]
    reaction_ns: int
    """How long after an observation an observer's reaction takes effect; -1 where none reacts."""
    instant_events_max: int
    """So many events one after the other, all at one instant, are taken for a loop without end."""
    processes: dict[int, Any]
    message_types: set[type]
    """Classes of messages that were found to be some."""
    canonical: bool
    """Whether something here has sets that only `encode_canonically` puts in order."""
    clocks_differ: bool
    """Whether some clock's second here is not, or was not always, a true one."""
    queue: EventQueue
    trace: Any

    # What `Host` adds, and the core asks for.

    encode: Callable[[Any], bytes]
    encode_canonically: Callable[[], None]
    cannot_encode: Callable[[Event], None]
    send_carefully: Callable[[Any, int, Any], None]
    send_away: Callable[[Event], None]
    receive: Callable[[Any, Event], None]
    timer_due: Callable[[Any, Event], None]
    handle_other: Callable[[Event], None]
    time_stands_still: Callable[[], None]

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.now_ns = self.horizon_ns = 0
        self.event = self._before = (0, ENVIRONMENT, 0, ENVIRONMENT, FAULT, "the beginning of the run")
        self.handled = self.timers_handled = self.observations_made = 0
        self.observations = []
        self.reaction_ns = -1
        self.processes = {}
        self.message_types = set()
        self.canonical = self.clocks_differ = False
        self.trace = None
        self._idle: Event | None = None
        self._live_ns = 0

    def seat(self, process: Any) -> None:
        """Have a process in its node's place."""
        self.processes[process.sim_id] = process

    def handle_events(self) -> None:
        """Handle every event earlier than the horizon, in key order; observations may bring it nearer meanwhile."""
        queue = self.queue
        near = queue.near
        processes = self.processes
        timers = 0
        instant_ns, in_instant = -1, 0
        events = queue.under_way = iter(queue.current)
        try:
            while True:
                # The short ways of `_handle`, inline: a call per event would cost a tenth of the run.
                for event in events:
                    if near and near[0] < event:
                        event = heappushpop(near, event)
                    time_ns, source, _, target, kind, payload = event
                    if time_ns >= self.horizon_ns:
                        heappush(near, event)
                        return
                    if kind == MESSAGE:
                        process = processes[target]
                        if process.sim_open:
                            self.event = event
                            self.now_ns = time_ns
                            self.handled += 1
                            process.sim_hash(encode(event))
                            process.on_message(source, payload)
                            continue
                    elif kind == TIMER:
                        process = processes[target]
                        if process.sim_open and process.sim_timers.get(payload) is event:
                            self.event = event
                            self.now_ns = time_ns
                            self.handled += 1
                            timers += 1
                            del process.sim_timers[payload]
                            process.sim_hash(encode(event))
                            process.on_timer(payload)
                            continue
                    self._handle(event)
                if near:  # what was put into the slot while it was emptied
                    if near[0][0] >= self.horizon_ns:
                        return
                    in_instant = in_instant + len(queue.current) if self.now_ns == instant_ns else 0
                    instant_ns = self.now_ns
                    if in_instant > self.instant_events_max:
                        self.time_stands_still()
                    queue.take_up_near()
                elif not queue.open_slot(self.horizon_ns):
                    return
                events = queue.under_way = iter(queue.current)
        finally:
            queue.current, queue.under_way = list(events), None
            self.timers_handled += timers

    def _handle(self, event: Event) -> None:
        self._before = self.event
        self.event = event
        self.now_ns, _, _, target, kind, payload = event
        if kind == TIMER:
            process = self.processes[target]
            if process.sim_timers.get(payload) is event:
                self.timer_due(process, event)
            else:
                self.idle()
        elif kind == MESSAGE:
            self.receive(self.processes[target], event)
        else:
            self.handle_other(event)

    def idle(self) -> None:
        """What came due was nothing to any node, such as a timer that had been cancelled."""
        if self._before is not self._idle:
            self._live_ns = self._before[0]
        self._idle = self.event

    def still_since_ns(self) -> int:
        """When something last happened at a node: before the idle events in a row of which the last may be one."""
        return self._live_ns if self.event is self._idle else self.event[0]

    def record(self, process: Any, event: Event) -> None:
        """A process handled an event, or made an observation."""
        self.handled += 1
        try:
            process.sim_hash(self.encode(event))
        except CANNOT_ENCODE:
            self.cannot_encode(event)
        if self.trace is not None:
            self.trace.handled(process.sim_id, event)

    def observed(self, time_ns: int, node: int, number: int, name: str, value: Any) -> None:
        """An observation goes to the observers; if they may react, a lone host must not run past their reaction."""
        self.observations_made += 1
        self.observations.append(_new_tuple(self.observation_type, (time_ns, node, number, name, value)))
        if self.reaction_ns >= 0:
            self.horizon_ns = min(self.horizon_ns, time_ns + self.reaction_ns)
