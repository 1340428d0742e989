"""A node without a run: its handlers are called by hand, and all that it lets out is taken from `out`.

    alone = Standalone(Pinger, id=0, nodes=2)
    alone.on_message(1, Ping(3))
    assert alone.out.take() == [Sent(1, Ping(0)), Sent(1, Ping(4))]

For tests of a paper's rules, for schedules written by hand, for whoever wants to decide himself what comes next. No
time passes, no message arrives and no timer runs out unless the caller says so. Laws: the node is the same as in a run,
on the kernel's own host: what a run refuses (a message that is none, a target that does not exist, a mutable
observation) is refused here; `out` is in the order in which the node did it; a crash leaves what the disk had synced,
the clock and the luck, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from simclock.actors.message import check_message
from simclock.environment.disk import Disk, DiskContents, DiskModel
from simclock.environment.network import Network
from simclock.environment.quartz import Clocks, PhysicalClock
from simclock.errors import Halt, UsageError
from simclock.faults import Crash, Fault, Restart
from simclock.kernel.events import ENVIRONMENT, FAULT, MESSAGE, START, TIMER, Event
from simclock.kernel.host import Host
from simclock.kernel.mail import NEVER_NS, HostPlan
from simclock.kernel.process import HALTED, Process
from simclock.kernel.strikes import strike
from simclock.readable import say

NodeT = TypeVar("NodeT", bound=Process)


@dataclass(frozen=True)
class Sent:
    """It sent a message."""

    target: int
    message: Any
    durable: DiskContents = field(default=DiskContents({}, {}, 0), compare=False, repr=False)
    """What a crash would have left of its disk at that moment, and (`unsynced`) how much it would have taken."""


@dataclass(frozen=True)
class TimerSet:
    """It set a timer."""

    name: Any
    duration_ns: int
    """By its own clock."""


@dataclass(frozen=True)
class TimerCancelled:
    """It cancelled a timer that was set."""

    name: Any


@dataclass(frozen=True)
class Observed:
    """It told the observers something; ("halted", reason) if it ended itself."""

    name: str
    value: Any


Effect = Sent | TimerSet | TimerCancelled | Observed


class State(NamedTuple):
    """What a node is between two events, but for its clock's time."""

    node: Any
    timers: tuple[tuple[Any, int], ...]
    """Those that are set: name and duration, in the order in which they were set."""
    is_up: bool
    halted: str | None


class Out(list[Effect]):
    """What a node has let out, oldest first, until it is taken."""

    def take(self) -> list[Effect]:
        """Everything; `out` is empty afterwards."""
        taken = list(self)
        self.clear()
        return taken

    def take_sent(self) -> list[tuple[int, Any]]:
        """What it sent, as (target, message); everything else stays."""
        taken = [(each.target, each.message) for each in self.sent]
        self[:] = [each for each in self if not isinstance(each, Sent)]
        return taken

    @property
    def sent(self) -> list[Sent]:
        """What it sent."""
        return [each for each in self if isinstance(each, Sent)]

    @property
    def observed(self) -> list[tuple[str, Any]]:
        """What it told the observers, as (name, value)."""
        return [(each.name, each.value) for each in self if isinstance(each, Observed)]


class Standalone(Generic[NodeT]):
    """One node and what is around it: a disk, a clock, its luck, and `out` in place of a network.

    `build` makes the node (its class, or a lambda), now and at each restart; it begins at once, by `on_start`. It is
    number `id` of `nodes`, in its incarnation `incarnation`. A `disk` may be that of another; a new one is empty. The
    clock shows `now_ns` unless one with an offset or a drift is given. An error of the node's code goes to the caller.
    """

    def __init__(
        self,
        build: Callable[[], NodeT],
        *,
        id: int = 0,
        nodes: int = 1,
        seed: int = 0,
        incarnation: int = 0,
        disk: Disk | None = None,
        clock: PhysicalClock | None = None,
        now_ns: int = 0,
    ) -> None:
        if type(nodes) is not int or type(id) is not int or not 0 <= id < nodes:
            raise UsageError(f"id: node {say(id)} is out of range: nodes are 0 to {say(nodes)} - 1")
        if type(now_ns) is not int or not 0 <= now_ns < NEVER_NS:
            raise UsageError(f"now_ns: {say(now_ns)} is not a time of a run: whole nanoseconds, 0 to below 2**63 - 1")
        self.id = id
        self._host = _Apart(build, id, nodes, seed)
        self._host.now_ns = now_ns
        process = self._host.processes[id]
        process.sim_incarnation = incarnation - 1
        process.sim_local = {}  # what it sends to itself leaves too
        process.sim_timers = self._host.timers
        if disk is not None:
            process.sim_keep("sim_disk", disk)
        if clock is not None:
            process.sim_keep("sim_clock", clock)
        self._start()

    # What there is to see.

    @property
    def out(self) -> Out:
        """What the node has let out and nobody has taken."""
        self._host.note_timers()
        return self._host.out

    @property
    def node(self) -> NodeT:
        """The node itself; another object after each restart. After a crash, the one that has crashed."""
        node: NodeT = self._host.processes[self.id]  # type: ignore[assignment] # what `build` made
        return node

    @property
    def disk(self) -> Disk:
        """Its disk: `durable()` is what a crash would leave of it, `contents()` all that is written."""
        return self.node.disk

    @property
    def timers(self) -> dict[Any, int]:
        """The timers that are set: name -> duration in nanoseconds, as it was set."""
        return self._host.set_timers()

    @property
    def is_up(self) -> bool:
        """Whether it takes anything: it has neither crashed nor halted, or was restarted since."""
        return self.node.sim_up

    @property
    def halted(self) -> str | None:
        """Why it ended itself; None if it did not, or was restarted since."""
        return self._host.reason if self.id in self._host.halted else None

    # What happens to it.

    @property
    def now_ns(self) -> int:
        """The true time, which its clock may or may not show."""
        return self._host.now_ns

    def passes(self, duration_ns: int) -> None:
        """Time passes, in nanoseconds; no timer runs out by itself."""
        if type(duration_ns) is not int or duration_ns < 0:
            raise UsageError(f"passes: {say(duration_ns)} is not a duration: whole nanoseconds, zero or more")
        if self._host.now_ns + duration_ns >= NEVER_NS:
            raise UsageError(f"passes: {say(duration_ns)} is too long: a run knows times below 2**63 ns, 292 years")
        self._host.note_timers()
        self._host.now_ns += duration_ns

    def on_message(self, source: int, message: Any) -> None:
        """A message arrives from that node."""
        self._check_up()
        self._does(lambda: self._host.handle(self.node, (self.now_ns, source, 0, self.id, MESSAGE, message)))

    def on_timer(self, name: Any) -> None:
        """A timer that is set runs out. Raises UsageError for one that is not: it never would."""
        self._check_up()
        if name not in self.timers:
            raise UsageError(f"timer {say(name)} is not set: set are {', '.join(map(say, self.timers)) or 'none'}")
        self._does(lambda: self._host.handle(self.node, (self.now_ns, self.id, 0, self.id, TIMER, name)))

    def asks(self, call: str, *arguments: Any) -> None:
        """A method of the node is called, as by a client beside it."""
        self._check_up()
        method = getattr(self.node, call, None)
        if not callable(method):
            raise UsageError(f"node {self.id}: {type(self.node).__name__} has no method {say(call)}")
        self._does(lambda: method(*arguments))

    def crash(self, kept: int = 0, *, torn: bool = False) -> None:
        """It ends: its timers and what its disk had not synced are gone; no effect if it is down.

        The disk keeps the first `kept` operations that it had not synced; `torn`: the last of them unreadable.
        """
        if kept and self.is_up:
            chosen = [int(torn), kept]
            self.disk.crash_torn(lambda _: chosen.pop())
        self._strike(Crash(at_ns=self.now_ns, node=self.id))

    def restart(self) -> None:
        """It is built anew and begins, with what its disk kept; one that is up crashes first."""
        self.crash()
        self._strike(Restart(at_ns=self.now_ns, node=self.id))

    # What it is, for who keeps it and comes back to it.

    def state(self) -> State:
        """What it is now: its object, its timers, whether it is up. The object is the node's own, and no copy."""
        return State(self.node, tuple(self.timers.items()), self.is_up, self.halted)

    def stand(self, state: State) -> None:
        """Be what that says from now on. The object, no other run's, is the node's own from here on."""
        self.out.clear()
        self._host.put_in_place(state.node, dict(state.timers), state.is_up, state.halted)

    def sees(self, now_ns: int) -> None:
        """It is that time, which may be earlier than it was."""
        self._host.note_timers()
        self._host.now_ns = now_ns

    def _start(self) -> None:
        event: Event = (self.now_ns, ENVIRONMENT, self.id, self.id, START, None)
        self._does(lambda: self._host.start(self._host.processes[self.id], event))

    def _strike(self, fault: Fault) -> None:
        event: Event = (self.now_ns, ENVIRONMENT, 0, ENVIRONMENT, FAULT, fault)
        self._does(lambda: strike(self._host, fault, event))

    def _does(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Halt as halt:
            self._host.ended_itself(*halt.args)

    def _check_up(self) -> None:
        if not self.is_up:
            raise UsageError(f"node {self.id} is down{f' ({self.halted})' if self.halted else ''}: restart it first")


class _Apart(Host):
    """The host of one node alone: what leaves it goes to `out`, and its timers wait for the caller."""

    def __init__(self, build: Callable[[], Process], node: int, nodes: int, seed: int) -> None:
        network = Network()
        plan = HostPlan(
            seed=seed,
            nodes=nodes,
            build=lambda node: build(),
            check_message=check_message,
            network=network,
            clocks=Clocks(),
            disk=DiskModel(),
            final=None,
            fallen=None,
            payload_type=None,
            watched=False,
            lookahead_ns=network.latency.delay_ns_min(nodes),
            traced=False,
            faults=(),
            host_of=[int(each != node) for each in range(nodes)],
        )
        super().__init__(plan, 0)
        self.out = Out()
        self.timers = _Timers(self)
        self.reason = ""
        """Why the node ended itself, if it did."""
        self._node = node
        self._durations_ns: dict[Any, int] = {}
        self.queue.take_out(lambda event: True)  # its start: the caller's business

    def send_away(self, event: Event) -> None:
        """The node sent a message."""
        super().send_away(event)
        self._outbox.clear()
        self.note_timers()
        process = self.processes[self._node]
        durable = process.disk.durable() if "sim_disk" in process.sim_kept else DiskContents({}, {}, 0)
        self.out.append(Sent(event[3], event[5], durable))

    def record(self, process: Any, event: Event) -> None:
        """The node handles or observes something, which has to have an encoding."""
        super().record(process, event)
        if self._failures:
            raise UsageError(self._failures.pop().error)

    def observed(self, time_ns: int, node: int, number: int, name: str, value: Any) -> None:
        """The node told the observers something."""
        self.note_timers()
        self.out.append(Observed(name, value))
        if name == HALTED:
            self.reason = value

    def note_timers(self) -> None:
        """What the node has set since it last did something else; the kernel has put that into the queue."""
        for time_ns, _, _, _, _, name in sorted(self.queue.take_out(lambda event: True), key=lambda event: event[2]):
            self._durations_ns[name] = time_ns - self.now_ns
            self.out.append(TimerSet(name, time_ns - self.now_ns))

    def note_cancelled(self, name: Any) -> None:
        """The node cancelled a timer that was set."""
        self.note_timers()
        self.out.append(TimerCancelled(name))

    def set_timers(self) -> dict[Any, int]:
        """Name -> duration of the timers that are set."""
        self.note_timers()
        return {name: self._durations_ns[name] for name in self.timers}

    def put_in_place(self, process: Process, timers: dict[Any, int], up: bool, halted: str | None) -> None:
        """The node is that object, with those timers, from now on."""
        self.queue.take_out(lambda event: True)
        self._durations_ns = timers
        self.timers.clear()
        for number, (name, duration_ns) in enumerate(timers.items()):
            event = (self.now_ns + duration_ns, self._node, number, self._node, TIMER, name)
            self.timers[name] = event
        process.sim_timers = self.timers
        process.sim_up = up
        self.processes[self._node] = process
        self.halted = {self._node} if halted is not None else set()
        self.reason = halted or ""
        process.sim_choose_path()

    def ended_itself(self, process: Process) -> None:
        """It has halted, and said why."""
        self._halted(process)


class _Timers(dict[Any, Event]):
    """The kernel's table of a node's timers, which tells when one is cancelled."""

    def __init__(self, host: _Apart) -> None:
        super().__init__()
        self._host = host

    def pop(self, name: Any, *default: Any) -> Any:
        """What `cancel_timer` does."""
        if name in self:
            self._host.note_cancelled(name)
        return super().pop(name, *default)
