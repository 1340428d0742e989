"""A host runs a set of nodes: their events, streams, clocks, disks, and their view of the network.

    advance(horizon_ns, inbox, faults) -> Window(next time, outbox, observations)

One method does the work: it handles every event of its nodes earlier than the horizon, in key order. What nodes send
to nodes of this host stays in its queue; the rest goes to the outbox, stamped with key and delivery time. Inline has
one host with every node and one horizon; Ray has many hosts and many windows. Both run this code, which is why their
digests agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, NoReturn, get_args

import msgspec

from simclock.durations import MILLISECOND
from simclock.environment.network import Delays, Links, Network
from simclock.environment.quartz import Clocks
from simclock.errors import Failure, Halt, UsageError
from simclock.faults import Fault, NodeFault
from simclock.immutable import settled_copy
from simclock.kernel.core import EventQueue, HostCore
from simclock.kernel.encoding import CANNOT_ENCODE, UNSORTED, encode, encode_canonically
from simclock.kernel.events import ENVIRONMENT, FAULT, MESSAGE, START, TIMER, WAKE, Event, event_text
from simclock.kernel.failures import describe_error, is_interrupt, unencodable
from simclock.kernel.handler_names import NODE_HANDLERS, misspelt_handlers
from simclock.kernel.mail import HostPlan, Observation, Summary, Tell, Window
from simclock.kernel.port import ProcessPort
from simclock.kernel.process import Process, new_process, succeed
from simclock.kernel.quiet import Drop, last_lost
from simclock.kernel.sending import send_carefully
from simclock.kernel.standing import Frames, HostStanding, in_host, place_in, readable
from simclock.kernel.strikes import strike
from simclock.kernel.strikes.process import crash
from simclock.kernel.strikes.strike import EFFECT
from simclock.kernel.waiting import come_due, wake
from simclock.trace import Trace

_time_ns = itemgetter(0)

EVENTS_PER_SLOT = 64
LOOKAHEADS_PER_SLOT = 8
"""Of a few nodes, a slot would last too long, and too much be put into it while it is emptied."""
EVENTS_PER_INSTANT_MAX = 1_000_000
"""So many events one after the other, all at one instant, are taken for a loop without end."""


class _TimeStandsStillError(UsageError):
    """The one failure after which the rest of its instant cannot happen: there is no end to it."""


class Host(HostCore):
    """A set of nodes and everything they touch."""

    __slots__ = (
        "_altered",
        "_crashes_losing_writes",
        "_decode",
        "_dropped",
        "_effects",
        "_failures",
        "_fallen",
        "_halts",
        "_host_of",
        "_lost",
        "_others",
        "_outbox",
        "_starts",
        "clocks",
        "clogged",
        "delays",
        "disk_model",
        "encode",
        "halted",
        "links",
        "lookahead_ns",
        "network",
        "number",
        "plan",
        "seed",
        "tell",
    )
    # With as many fields a dict of them would have no short way in CPython: each event would look up a dozen names.

    processes: dict[int, Process]
    trace: Trace | None
    observations: list[Observation]

    def __init__(self, plan: HostPlan, number: int) -> None:
        super().__init__(plan.nodes)
        self.plan: HostPlan = plan
        self.number = number
        self.seed: int = plan.seed
        self.lookahead_ns = plan.lookahead_ns
        self.network: Network = plan.network
        """What every link does now: the scenario's model, as faults have changed it."""
        self.delays = Delays()
        """What a fault has added to every delay between different nodes."""
        self.clocks: Clocks = plan.clocks
        self.clocks_differ = plan.clocks.differ
        self.disk_model = plan.disk
        self.links = Links(plan.nodes)
        self.clogged: dict[tuple[int, int], list[Event]] = {}
        """Link -> messages to nodes of this host that came due while it was clogged."""
        self.tell: Tell | None = None
        """How a lone host tells observers itself, when it has come to where they may react; else its window ends."""
        self.trace = Trace() if plan.traced else None
        self.observation_type = Observation
        self.reaction_ns = max(1, plan.lookahead_ns) if plan.watched else -1
        self.instant_events_max = EVENTS_PER_INSTANT_MAX
        self.encode = encode
        self._host_of = plan.host_of
        self._outbox: defaultdict[int, list[Event]] = defaultdict(list)
        self._failures: list[Failure] = []
        self._decode = _decoder(plan)
        self._begin_counting()
        members = [node for node, host in enumerate(plan.host_of) if host == number]
        self.queue = EventQueue(_slot_ns(plan, len(members)))
        if not UNSORTED.isdisjoint(get_args(plan.payload_type) or (plan.payload_type,)):
            self.encode_canonically()
        for node in members:
            self.seat(new_process(self, plan.network.latency, node))
            self.queue.push((0, ENVIRONMENT, node, node, START, None))
        self.accept_faults(plan.faults)

    def _begin_counting(self) -> None:
        self._others = {"start": 0, "fault": 0}
        """Of what was handled, the starts and faults."""
        self._effects: dict[str, int] = {}
        """Counters of what faults did: "fault_crash", "held_by_clogs" and so on."""
        self._starts = 0
        """How many nodes have been started, the restarts counted."""
        self._lost: dict[int, Drop] = {}
        """Source -> the latest of its messages that was dropped here."""
        self._dropped: dict[str, int] = {}
        self._altered = self._crashes_losing_writes = 0
        self._halts: list[tuple[int, int]] = []
        """(time, node) of every node that ended itself."""
        self._fallen: dict[int, tuple[Any, ...]] = {}
        """Node -> what the scenario's `fallen` made of each of its incarnations that crashed."""
        self.halted: set[int] = set()
        """Nodes that are down because they ended themselves."""

    # The one method that does the work.

    def advance(self, horizon_ns: int, inbox: Iterable[bytes], faults: Iterable[tuple[int, Fault]]) -> Window:
        """Handle every event earlier than the horizon, in key order."""
        self.accept_faults(faults)
        for parcel in inbox:
            self.queue.push_all(self._unpack(parcel))
        self.horizon_ns = horizon_ns
        handled = self.handled
        while True:
            try:
                self.handle_events()
            except Halt as halt:
                self._halted(*halt.args)
            except _TimeStandsStillError as error:
                self._failures.append(self._failure(error))
                break
            except BaseException as error:
                if is_interrupt(error):
                    raise
                self._failures.append(self._failure(error))
                # Nodes share nothing: the rest of this instant still happens, so that the error reported is the
                # earliest by (time, node) on every placement.
                self.horizon_ns = min(self.horizon_ns, self.now_ns + 1)
            else:
                if self.tell is None or not self.observations or self._failures:
                    break
                self._tell_observers(self.tell, horizon_ns)
        window = Window(
            self.queue.next_time_ns(),
            {host: self._pack(events) for host, events in self._outbox.items()},
            {host: min(map(_time_ns, events)) for host, events in self._outbox.items()},
            self.observations,
            self.trace.take() if self.trace is not None else [],
            self._failures,
            self.handled - handled,
            self.now_ns,
        )
        self._outbox.clear()
        self.observations = []
        self._failures = []
        return window

    def _tell_observers(self, tell: Tell, horizon_ns: int) -> None:
        """As the scheduler does it after a window: everything earlier than their reactions has happened."""
        observations, self.observations = self.observations, []
        end_ns, faults = tell(observations)
        self.horizon_ns = min(horizon_ns, end_ns)
        self.accept_faults(faults)

    def _pack(self, events: list[Event]) -> bytes:
        try:
            return self.encode(events)
        except CANNOT_ENCODE:
            self._failures.append(unencodable(events))
        return encode([])

    def _unpack(self, parcel: bytes) -> list[Event]:
        assert self._decode is not None, "a host that gets mail knows the message classes"
        try:
            return self._decode(parcel)
        except msgspec.MsgspecError:
            for raw in msgspec.msgpack.decode(parcel, type=list[msgspec.Raw]):
                try:
                    self._decode(encode([raw]))
                except msgspec.MsgspecError as error:
                    time_ns, source, _, target, _, payload = msgspec.msgpack.decode(raw)
                    text = f"message {payload} from node {source} does not hold what its class declares: {error}"
                    failure = Failure(time_ns, target, "a message from another host", text, "the wire", "", True)
                    self._failures.append(failure)
            return []

    # What the core calls.

    send_carefully = staticmethod(send_carefully)

    def handle_other(self, event: Event) -> None:
        """A start, a fault or a wake-up comes due."""
        _, _, _, target, kind, payload = event
        if kind == START:
            self._others["start"] += 1
            self.start(self.processes[target], event)
        elif kind == WAKE:
            wake(self, self.processes[target])
            if self.event is event:
                self.idle()
        else:
            starts = self._starts
            strike(self, payload, event)
            if self.event is event and self._starts == starts:
                self.idle()

    def timer_due(self, process: Process, event: Event) -> None:
        """A timer that is not stale comes due at a node that is not simply open."""
        come_due(self, process, event)

    def time_stands_still(self) -> NoReturn:
        """There have been more events at one instant than there can be."""
        raise _TimeStandsStillError(
            f"virtual time stands still: more than {EVENTS_PER_INSTANT_MAX:,} events in one instant; give the network "
            "or the timers a delay above zero"
        )

    def cannot_encode(self, event: Event) -> None:
        """What a node handled or observed has no encoding."""
        self._failures.append(unencodable((event,)))
        self.horizon_ns = min(self.horizon_ns, self.now_ns + 1)

    def receive(self, process: Process, event: Event) -> None:
        """A message comes due at a node that is not simply open: down, at its gate, or some link is not well."""
        link = event[1], event[3]
        if self.links and self.links.blocked(*link):
            self.drop(process, event, "cut" if process.sim_up else "down")
        elif self.links and self.links.clogged(*link):
            self.clogged.setdefault(link, []).append(event)
            self._count("held_by_clogs")
        elif process.sim_up:
            come_due(self, process, event)
        else:
            self.drop(process, event, "down")

    # What processes, gates, faults and the scheduler call.

    def handle(self, process: ProcessPort, event: Event) -> None:
        """A node takes a message, or a timer that is not stale: now, which may be later than it came due."""
        if event[0] != self.now_ns:
            event = (self.now_ns, *event[1:])
        self.event = event
        _, source, _, _, kind, payload = event
        if kind == MESSAGE:
            self.record(process, event)
            process.on_message(source, payload)
        else:
            del process.sim_timers[payload]
            self.timers_handled += 1
            self.record(process, event)
            process.on_timer(payload)

    def start(self, process: ProcessPort, event: Event) -> None:
        """A node is built, and begins."""
        self.record(process, event)
        self._starts += 1
        node = self.plan.build(process.sim_id)
        if not isinstance(node, Process):
            raise UsageError(f"the scenario built {node!r} for node {process.sim_id}, which is not a simclock.Node")
        if hasattr(node, "sim_host"):
            raise UsageError(built_twice(node))
        succeed(node, process)
        self.halted.discard(node.sim_id)
        self.seat(node)
        node.on_start()

    def _halted(self, process: Process) -> None:
        """A node has ended itself; its observation of that is in its records."""
        self._halts.append((self.now_ns, process.sim_id))
        self.halted.add(process.sim_id)
        self._count("halts")
        crash(self, process, torn=False)
        process.sim_choose_path()

    def count_fault(self) -> None:
        """A fault has struck a node."""
        self._others["fault"] += 1

    def record_fault(self, process: ProcessPort, event: Event) -> None:
        """A fault strikes a node, and shows in what the node lived through."""
        self.count_fault()
        self.record(process, event)

    @property
    def faults_struck(self) -> int:
        """How many faults have struck a node of this host."""
        return self._others["fault"]

    def count_effect(self, fault: Fault) -> None:
        """A fault has changed something."""
        self._count(f"{EFFECT}{fault.kind}")

    def count_waiting(self) -> None:
        """A message or timer has to wait at its node's gate."""
        self._count("waited_at_nodes")

    def _count(self, name: str) -> None:
        self._effects[name] = self._effects.get(name, 0) + 1

    def count_altered(self) -> None:
        """A message was damaged, and nobody will notice."""
        self._altered += 1

    def count_lost_writes(self) -> None:
        """A node has crashed before its disk had synced what it wrote."""
        self._crashes_losing_writes += 1

    def accept_faults(self, faults: Iterable[tuple[int, Fault]]) -> None:
        """Put environment events into the queue."""
        for count, fault in faults:
            self.queue.push((fault.at_ns, ENVIRONMENT, count, ENVIRONMENT, FAULT, fault))

    def admit(self, process: ProcessPort, target: int, message: Any) -> None:
        """Let in a message of a class that no node here has sent before. Raises MessageTypeError for what is none."""
        self.plan.check_message((self.now_ns, process.sim_id, process.sim_count, target, MESSAGE, message))
        if message.__class__ in UNSORTED:
            self.encode_canonically()
        self.message_types.add(message.__class__)

    def encode_canonically(self) -> None:
        """From now on, whatever is encoded here: some of it has sets that `encode` does not put in order."""
        if not self.canonical:
            self.canonical, self.encode = True, encode_canonically
            for process in self.processes.values():
                process.sim_choose_path()  # the short way encodes by itself

    def send_away(self, event: Event) -> None:
        """Put a message for another host into the outbox."""
        target = event[3]
        if not 0 <= target < self.nodes:
            raise UsageError(f"send to {target!r}: nodes are the whole numbers 0 to {self.nodes - 1}")
        self._outbox[self._host_of[target]].append(event)

    def drop(self, process: ProcessPort, event: Event, reason: str) -> None:
        """A message is lost: at its sender, or where it would have arrived."""
        process.sim_dropped += 1
        self._dropped[reason] = self._dropped.get(reason, 0) + 1
        self._lost[event[1]] = (event, self.now_ns, reason)
        if self.trace is not None:
            self.trace.dropped(process.sim_id, self.now_ns, event, reason)

    def finish(self, end_ns: int) -> Summary:
        """The host's share of the result of a run that ended then."""
        quiet_ns = self._quiet_ns()
        self.now_ns = end_ns  # a clock that `final` reads shows the same on every placement
        final = self.plan.final
        values = {} if final is None else {node: self._left_by(p, "final", final) for node, p in self.processes.items()}
        digests = {node: process.sim_hashed() for node, process in self.processes.items()}
        lost = last_lost(self._lost) if quiet_ns is not None else ()
        classes = {type(process) for process in self.processes.values()}
        warnings = {warning for each in classes for warning in misspelt_handlers(each, NODE_HANDLERS)}
        return Summary(
            digests,
            values,
            self._fallen,
            self.counters(),
            self._failures,
            self._halts,
            quiet_ns,
            lost,
            tuple(warnings),
        )

    def counters(self) -> dict[str, int]:
        """What was counted so far; "handled" is events and observations."""
        processes = self.processes.values()
        others = {"timer": self.timers_handled, **self._others, "observation": self.observations_made}
        counters = {"handled": self.handled, "messages": self.handled - sum(others.values()), **others}
        counters["sent"] = sum(
            process.sim_count - process.sim_timers_set - process.sim_duplicated for process in processes
        )
        counters["duplicated"] = sum(process.sim_duplicated for process in processes)
        counters["timers_set"] = sum(process.sim_timers_set for process in processes)
        counters |= self._effects
        if self._altered:
            counters["corrupted"] = self._altered
        if self._crashes_losing_writes:
            counters["crashes_losing_writes"] = self._crashes_losing_writes
        for reason, count in self._dropped.items():
            counters[f"dropped_{reason}"] = count
        return counters

    def _quiet_ns(self) -> int | None:
        """Since when nothing has happened at these nodes, where nothing is left to; else None."""
        timers = {node: process.sim_timers for node, process in self.processes.items()}
        for event in self.queue.unordered():
            _, _, _, target, kind, payload = event
            if kind not in (TIMER, FAULT) or (kind == TIMER and timers[target].get(payload) is event):
                return None
        held = any(self.clogged.values()) or any(
            ("sim_parked" in process.sim_kept and process.sim_parked)
            or ((gate := process.sim_existing_gate()) is not None and gate.held)
            for process in self.processes.values()
        )
        return None if held else self.still_since_ns()

    def standing(self, frames: Frames | None = None) -> HostStanding:
        """Where the host stands; with the frames of who runs it, also what it was doing."""
        if frames is None:
            return HostStanding(self.now_ns, self.handled, "", False)
        _, source, _, target, kind, payload = self.event
        handler = {MESSAGE: "on_message, ", TIMER: "on_timer, ", START: "on_start, "}.get(kind, "")
        who = "the environment" if target == ENVIRONMENT else f"node {target}"
        busy = in_host(frames)
        place = place_in(frames) if busy else ""
        what = readable(lambda: event_text(source, kind, payload))
        doing = f"{who}, {handler}{what}{f' ({place})' if place else ''}"
        return HostStanding(self.now_ns, self.handled, doing, busy)

    def keep_fallen(self, process: ProcessPort) -> None:
        """A node that is up is about to crash: keep what the scenario wants to know of it."""
        fallen = self.plan.fallen
        if fallen is not None and process.sim_up:
            value = self._left_by(process, "fallen", fallen)
            self._fallen[process.sim_id] = (*self._fallen.get(process.sim_id, ()), value)

    def _left_by(self, process: ProcessPort, what: str, says: Callable[[Any], Any]) -> Any:
        """What `final` or `fallen` says of a node."""
        if not process.sim_up:
            return None
        when = "the end of the run" if what == "final" else "its crash"
        if what == "final":
            self.event = (self.now_ns, ENVIRONMENT, 0, process.sim_id, FAULT, when)
        try:
            return settled_copy(says(process), what, process.sim_id)
        except BaseException as raised:
            if is_interrupt(raised):
                raise
            error = raised
            if isinstance(raised, Halt):
                error = UsageError(f"{what}: a node cannot halt there").with_traceback(raised.__traceback__)
            self._failures.append(describe_error(self.now_ns, process.sim_id, when, error, says))
            return None

    def _failure(self, error: BaseException) -> Failure:
        if isinstance(error, CANNOT_ENCODE):
            try:
                self.encode(self.event)
            except CANNOT_ENCODE:
                return unencodable((self.event,))
        time_ns, source, _, target, kind, payload = self.event
        what = event_text(source, kind, payload)
        if isinstance(payload, NodeFault) and isinstance(payload.node, int):
            target = payload.node
        return describe_error(time_ns, target, what, error, self.plan.build)


def built_twice(node: Process) -> str:
    """Why an object that has been a node already cannot be one again."""
    return f"the scenario built one {type(node).__name__} twice: build makes a new one each time"


def _decoder(plan: HostPlan) -> Callable[[bytes], list[Event]] | None:
    """What reads mail from other hosts, where there are any."""
    if plan.payload_type is None:
        return None
    event_type = tuple[int, int, int, int, int, plan.payload_type]  # type: ignore[name-defined]
    return msgspec.msgpack.Decoder(list[event_type]).decode


def _slot_ns(plan: HostPlan, members: int) -> int:
    """A slot that holds some dozens of events when every node has one under way."""
    uniform = plan.network.latency.everywhere_uniform
    delay_ns = uniform[0] + uniform[1] // 2 if uniform else 2 * plan.lookahead_ns
    wide_ns = (delay_ns or MILLISECOND) * EVENTS_PER_SLOT // max(1, members)
    return max(1 << 10, min(wide_ns, LOOKAHEADS_PER_SLOT * plan.lookahead_ns or wide_ns))
