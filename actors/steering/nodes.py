"""The nodes of a steered world: each is in a local state that is known by a number, and an event leads to another.

    nodes = LocalNodes(scenario)
    first = nodes.begins(0, 0)                                   # Outcome(state, effects): what on_start did
    then = nodes.after(0, first.state, ("message", 1, Ping(3)), 0)

Law: a handler is a function of the node's state (attributes, disk, timers, incarnation, luck, its clock) and the event,
so it runs once for each pair, and what it did is remembered. Two states have one number exactly where `freezing` writes
them alike. A handler that has read its clock is remembered with the time that it saw.

Where time stands still (`timed=False`), a timer's duration is no part of a state, and each handler draws from the
beginning of its node's luck: durations and draws say when something happens, which somebody else decides there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

from simclock.actors.standalone import Effect, Sent, Standalone, State
from simclock.actors.steering.freezing import Unfreezable, Writer, copied, copied_luck, digest_of, hash_of_luck, refusal
from simclock.environment.disk import Disk, DiskContents
from simclock.environment.quartz import PhysicalClock
from simclock.errors import Failure, UsageError
from simclock.immutable import settled_copy
from simclock.kernel.failures import describe_error, is_interrupt
from simclock.kernel.process import NodeClock, Process
from simclock.readable import say
from simclock.scenario import Scenario
from simclock.streams import Stream, stream

NAMED_MAX = 5
"""Of more nodes, not all are named."""
LocalEvent = tuple[Any, ...]
"""("message", source, message), ("timer", name), ("crash", kept, torn), ("restart",) or ("ask", call, arguments)."""


class Outcome(NamedTuple):
    """What an event did to a node."""

    state: int
    """The number of the state it leads to."""
    effects: tuple[Effect, ...]
    """What the node let out, in order."""
    failure: Failure | None = None
    """The error that ended the handler; the state is the one before."""


class View(NamedTuple):
    """What is to be seen of a local state, as plain values."""

    node: int
    is_up: bool
    halted: str | None
    incarnation: int
    timers: tuple[tuple[Any, int], ...]
    """Name and duration of those that are set."""
    durable: DiskContents
    """What a crash would leave of the disk; `unsynced` is how many operations it would take."""
    written: DiskContents
    """All that is on the disk."""
    fingerprint: bytes
    """The same in every process for the same state."""


class Nodes(Protocol):
    """Where a world's nodes are: in this process, or elsewhere. Only plain values cross."""

    timed: bool

    def begins(self, node: int, now_ns: int) -> Outcome:
        """The node is built and begins."""

    def after(self, node: int, state: int, event: LocalEvent, now_ns: int) -> Outcome:
        """What the event does to the node in that state."""

    def takes(self, node: int, state: int, source: int, message: Any) -> bool:
        """Whether the node lets that message in now: what its method `takes(source, message)` says, if it has one."""

    def view(self, node: int, state: int) -> View:
        """What is to be seen of the state."""

    def wait_ns(self, node: int, state: int, now_ns: int, duration_ns: int) -> int:
        """How long a duration of the node's clock takes from that time on."""

    def attribute(self, node: int, state: int, name: str) -> Any:
        """A copy of an attribute: `log`, `session.open`. Raises UsageError where there is none."""

    def read(self, node: int, state: int, function: Callable[[Any], Any]) -> Any:
        """What a function says of the node, as `final` does: a copy."""

    def heed(self) -> tuple[str, ...]:
        """What who judges by these states ought to know, a line each."""


class _Watched(PhysicalClock):
    """A quartz that notices when its node reads it."""

    __slots__ = ("was_read",)

    def __init__(self, offset_ns: int, drift_ppb: int) -> None:
        super().__init__(offset_ns, drift_ppb)
        self.was_read = False

    def monotonic_ns(self, true_ns: int) -> int:
        self.was_read = True
        return super().monotonic_ns(true_ns)


class LocalNodes:
    """The nodes in this process."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        timed: bool = True,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`around` is opened around a node's own code, as the guard is."""
        if scenario.clocks.wander_ppb_max:
            raise UsageError("clocks.wander: a steered world has clocks with offset and drift, and none that wander")
        self.scenario = scenario
        self.timed = timed
        self._around = around
        self._alone: dict[int, Standalone[Any]] = {}
        self._began: dict[tuple[int, int], Outcome] = {}
        self._states: list[State] = []
        self._fingerprints: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._after: dict[Hashable, Outcome] = {}
        self._reads_clock: set[int] = set()
        self._draws: set[int] = set()

    def __len__(self) -> int:
        return len(self._states)

    def begins(self, node: int, now_ns: int) -> Outcome:
        """The node is built and begins: once, since the states that are known from then on stay its own."""
        known = self._began.get((node, now_ns))
        if known is not None:
            return known
        scenario = self.scenario
        usual = scenario.clocks.clock(scenario.seed, node)
        clock = _Watched(usual.offset_ns, usual.drift_ppb)
        with self._around():
            alone: Standalone[Any] = Standalone(
                lambda: scenario.build_node(node),
                id=node,
                nodes=scenario.nodes,
                seed=scenario.seed,
                clock=clock,
                now_ns=now_ns,
            )
        self._alone[node] = alone
        outcome = self._began[node, now_ns] = Outcome(self._number(node, alone), self._taken(node, alone))
        return outcome

    def after(self, node: int, state: int, event: LocalEvent, now_ns: int) -> Outcome:
        """What the event does to the node in that state; at once, where the pair has been met before."""
        key = (state, event)
        try:
            known = self._after.get(key)
        except TypeError:  # a message with a field that has no hash
            return self._run(node, state, event, now_ns)
        if known is not None:
            return known
        if node in self._reads_clock:
            known = self._after.get((key, now_ns))
            if known is not None:
                return known
        outcome = self._run(node, state, event, now_ns)
        if self._alone[node].node.sim_clock.was_read:
            self._reads_clock.add(node)
            self._after[key, now_ns] = outcome
        else:
            self._after[key] = outcome
        return outcome

    def takes(self, node: int, state: int, source: int, message: Any) -> bool:
        """Whether the node lets that message in now: what its method `takes(source, message)` says, if it has one."""
        process: Any = self._states[state].node
        says = getattr(process, "takes", None)
        return not callable(says) or bool(says(source, message))

    def _run(self, node: int, state: int, event: LocalEvent, now_ns: int) -> Outcome:
        alone = self._alone[node]
        kept = self._states[state]
        process = _copy_of(kept.node, self.timed)
        process.sim_clock.was_read = False
        alone.sees(now_ns)
        alone.stand(kept._replace(node=process))
        try:
            with self._around():
                _happens(alone, event)
        except BaseException as error:
            if is_interrupt(error):
                raise
            failure = describe_error(now_ns, node, _event_text(event), error, self.scenario.build)
            alone.out.take()
            return Outcome(state, (), failure)
        return Outcome(self._number(node, alone), self._taken(node, alone))

    def _taken(self, node: int, alone: Standalone[Any]) -> tuple[Effect, ...]:
        return tuple(Sent(each.target, each.message) if isinstance(each, Sent) else each for each in alone.out.take())

    def _number(self, node: int, alone: Standalone[Any]) -> int:
        state = alone.state()
        process = state.node
        fields = own_fields(process) if state.is_up else {}
        try:
            text = self._text(node, state, process, fields)
        except Unfreezable as unfreezable:
            raise refusal(f"node {node} ({type(process).__name__})", fields, unfreezable) from None
        fingerprint = digest_of(text)
        number = self._numbers.get(fingerprint)
        if number is None:
            number = self._numbers[fingerprint] = len(self._states)
            self._states.append(state)
            self._fingerprints.append(fingerprint)
        return number

    def _text(self, node: int, state: State, process: Process, fields: dict[str, Any]) -> Any:
        held = process.__dict__
        names = {id(process): "node"}
        for name in ("sim_disk", "sim_random", "sim_node_clock"):
            if name in held:
                names[id(held[name])] = name
        writer = Writer(names)
        luck = held.get("sim_random")
        if luck is not None:
            self._draws.add(node)
        timers = [(writer.write(name), duration_ns if self.timed else 0) for name, duration_ns in state.timers]
        return (
            node,
            state.is_up,
            state.halted,
            process.sim_incarnation,
            tuple(sorted(timers, key=repr)),
            _disk_text(held["sim_disk"], writer) if "sim_disk" in held else (),
            _clock_text(process.sim_clock),
            hash_of_luck(luck) if luck is not None and self.timed else "",
            type(process).__qualname__,
            tuple((name, writer.write(value)) for name, value in sorted(fields.items())),
        )

    def renamed(self, node: int, state: int, new: tuple[int, ...]) -> int:
        """The same local state of node `new[node]`, with `new` for the numbers of nodes that its `rename` knows of."""
        kept, alone = self._states[state], self._alone[new[node]]
        twin = _copy_of(kept.node, self.timed)
        lives = twin.sim_incarnation, twin.sim_up
        twin.sim_succeed(alone.node)
        twin.sim_incarnation, twin.sim_up = lives
        if kept.is_up and hasattr(twin, "rename"):
            twin.rename(new)
        alone.out.clear()
        alone.stand(kept._replace(node=twin))
        return self._number(new[node], alone)

    # What there is to see.

    def view(self, node: int, state: int) -> View:
        """What is to be seen of the state."""
        kept = self._states[state]
        process = kept.node
        disk: Disk | None = process.__dict__.get("sim_disk")
        nothing = DiskContents({}, {}, 0)
        return View(
            node,
            kept.is_up,
            kept.halted,
            process.sim_incarnation,
            kept.timers,
            nothing if disk is None else disk.durable(),
            nothing if disk is None else disk.contents(),
            self._fingerprints[state],
        )

    def timers(self, state: int) -> tuple[tuple[Any, int], ...]:
        """Name and duration of the timers that are set."""
        return self._states[state].timers

    def is_up(self, state: int) -> bool:
        """Whether a node in that state takes anything."""
        return self._states[state].is_up

    def fingerprint(self, state: int) -> bytes:
        """The same in every process for the same state."""
        return self._fingerprints[state]

    def wait_ns(self, node: int, state: int, now_ns: int, duration_ns: int) -> int:
        """How long a duration of the node's clock takes from that time on."""
        clock: PhysicalClock = self._states[state].node.sim_clock
        wait_ns = clock.true_duration_ns(now_ns, duration_ns)
        return duration_ns if wait_ns is None else wait_ns

    def attribute(self, node: int, state: int, name: str) -> Any:
        """A copy of an attribute: `log`, `session.open`. Raises UsageError where there is none."""
        value: Any = self._states[state].node
        way = f"node {node}"
        for part in name.split("."):
            try:
                value = getattr(value, part)
            except AttributeError:
                has = ", ".join(sorted(_names(value))) or "none"
                raise UsageError(f"{way} has no attribute {part}: it has {has}") from None
            way = f"{way}.{part}"
        return self._copied_out(value, way)

    def read(self, node: int, state: int, function: Callable[[Any], Any]) -> Any:
        """What a function says of the node, as `final` does: a copy."""
        return settled_copy(function(self._states[state].node), "read", node)

    def _copied_out(self, value: Any, way: str) -> Any:
        try:
            return copied(value, {})
        except Unfreezable:
            raise UsageError(f"{way}: a {type(value).__name__} cannot be handed out") from None

    def noticed(self) -> tuple[frozenset[int], frozenset[int]]:
        """The nodes that have read their clocks, and those that have drawn luck."""
        return frozenset(self._reads_clock), frozenset(self._draws)

    def notice(self, noticed: tuple[frozenset[int], frozenset[int]]) -> None:
        """What was noticed of the same nodes elsewhere."""
        self._reads_clock |= noticed[0]
        self._draws |= noticed[1]

    def heed(self) -> tuple[str, ...]:
        """What who judges by these states ought to know, a line each."""
        told = []
        if not self.timed and self._reads_clock:
            told.append(f"{_nodes(self._reads_clock)} read the clock, which stands still here")
        if not self.timed and self._draws:
            told.append(f"{_nodes(self._draws)} drew luck, and each handler drew the same")
        return tuple(told)


def _nodes(numbers: set[int]) -> str:
    few = sorted(numbers)[:NAMED_MAX]
    more = f" and {len(numbers) - NAMED_MAX} more" if len(numbers) > NAMED_MAX else ""
    return f"node{'s' * (len(numbers) > 1)} {', '.join(map(str, few))}{more}"


def _names(value: Any) -> list[str]:
    return [name for name in vars(value) if not name.startswith("sim_")] if hasattr(value, "__dict__") else []


def _happens(alone: Standalone[Any], event: LocalEvent) -> None:
    match event[0]:
        case "message":
            alone.on_message(event[1], event[2])
        case "timer":
            alone.on_timer(event[1])
        case "crash":
            alone.crash(event[1], torn=event[2])
        case "restart":
            alone.restart()
        case "ask":
            alone.asks(event[1], *event[2])
        case _:
            raise UsageError(f"{say(event)} is nothing that happens to a node")


def _event_text(event: LocalEvent) -> str:
    match event[0]:
        case "message":
            return f"message {event[2]} from node {event[1]}"
        case "timer":
            return f"timer {event[1]!r}"
        case "ask":
            return f"call of {event[1]}"
        case _:
            return str(event[0])


def own_fields(process: Process) -> dict[str, Any]:
    """What the node's own code keeps in it."""
    fields = {name: value for name, value in process.__dict__.items() if not name.startswith("sim_")}
    for cls in type(process).__mro__:
        if cls is Process:
            break
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(process, name):
                fields[name] = getattr(process, name)
    return fields


def _copy_of(process: Any, timed: bool) -> Any:
    """The node anew, in the same state, with a disk, a clock and luck of its own."""
    twin: Any = process.__class__.__new__(process.__class__)
    twin.sim_succeed(process)
    made: dict[int, Any] = {id(process): twin}
    held, kept = process.__dict__, twin.__dict__
    clock = kept["sim_clock"] = _copy_of_clock(process.sim_clock)
    for name, value in held.items():
        if name == "sim_disk":
            kept[name] = made[id(value)] = _copy_of_disk(value)
        elif name == "sim_random":
            kept[name] = made[id(value)] = _copy_of_luck(value, process, timed)
        elif name == "sim_node_clock":
            kept[name] = made[id(value)] = NodeClock(process.sim_host, clock)
        elif name.startswith("sim_") and name != "sim_clock":
            kept[name] = value
    for name, value in own_fields(process).items():
        twin_value = copied(value, made)
        if name in held:
            kept[name] = twin_value
        else:
            object.__setattr__(twin, name, twin_value)
    return twin


def _copy_of_luck(luck: Stream, process: Process, timed: bool) -> Stream:
    if not timed:
        return stream(process.sim_host.seed, "node", process.sim_id)
    return copied_luck(luck)


def _copy_of_clock(clock: Any) -> _Watched:
    twin = _Watched(clock.offset_ns, clock.drift_ppb)
    twin.stopped, twin._slew = clock.stopped, clock._slew
    twin._since_ns, twin._anchor_ns = clock._since_ns, clock._anchor_ns
    return twin


def _clock_text(clock: PhysicalClock) -> Any:
    return clock.offset_ns, clock.drift_ppb, clock.stopped, clock._since_ns, clock._anchor_ns, clock._slew


def _copy_of_disk(disk: Disk) -> Disk:
    """Cells are shared, since they do not change; a disk tells apart two cells of equal values."""
    twin = Disk(disk.sync_ns, disk.took_ns)
    twin._values, twin._durable_values = dict(disk._values), dict(disk._durable_values)
    twin._logs = {name: list(records) for name, records in disk._logs.items()}
    twin._durable_logs = {name: list(records) for name, records in disk._durable_logs.items()}
    twin._pending = list(disk._pending)
    twin.syncs, twin.writes, twin.full, twin.loses_syncs = disk.syncs, disk.writes, disk.full, disk.loses_syncs
    return twin


def _disk_text(disk: Disk, writer: Writer) -> Any:
    """Which cells the volatile and the durable part share is left out: only rot, which no step does, would show it."""
    tables: tuple[dict[str, Any], ...] = (disk._values, disk._durable_values, disk._logs, disk._durable_logs)
    texts = [tuple((name, writer.write(_plain(table[name]))) for name in sorted(table)) for table in tables]
    return (*texts, writer.write(tuple(disk._pending)), disk.full, disk.loses_syncs)


def _plain(kept: Any) -> Any:
    return tuple(record for (record,) in kept) if isinstance(kept, list) else kept
