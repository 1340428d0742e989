"""What comes due at a node that cannot take it yet waits at its gate: the node is paused, or still busy.

Laws: what waits is taken in the order in which it came due, that is in key order, each at the instant at which it is
taken and with its own (source, count), so its key stays unique. Whoever waits is at the host of the node that would
take it, so no other host is asked and no lookahead is touched. A held queue is emptied by WAKE events, one for each
event taken; their key is (time, node, 0), and a node's own numbers begin at 1.

What was held on a clogged link joins the queue at the instant of its release, ordered by key among what is released
with it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simclock.kernel.events import MESSAGE, WAKE, Event

if TYPE_CHECKING:
    from simclock.kernel.host import Host
    from simclock.kernel.process import Process


class Gate:
    """What waits at one node, and why."""

    __slots__ = ("busy_ns", "free_ns", "held", "paused")

    def __init__(self) -> None:
        self.paused = False
        self.busy_ns = 0
        """How long the node is busy with each message or timer."""
        self.free_ns = 0
        """The node is busy until then."""
        self.held: deque[Event] = deque()
        """What came due and waits, oldest first. While it is not empty and the node not paused, a WAKE is queued."""

    def shut(self, now_ns: int) -> bool:
        """Whether what comes due now has to wait."""
        return self.paused or bool(self.held) or now_ns < self.free_ns

    def idle(self, now_ns: int) -> bool:
        """Whether the node might as well have no gate."""
        return not self.busy_ns and not self.shut(now_ns)

    def crash(self) -> list[Event]:
        """The process is gone; gives what waited."""
        held = list(self.held)
        self.held.clear()
        self.paused = False
        self.free_ns = 0
        return held


def come_due(host: Host, process: Process, event: Event) -> None:
    """A message or timer of a node that is up comes due: it is handled, or waits."""
    gate = process.existing_gate()
    if gate is not None and gate.shut(host.now_ns):
        host.count_waiting()
        hold(host, process, event)
    else:
        _take(host, process, gate, event)


def hold(host: Host, process: Process, event: Event) -> None:
    """Have an event wait behind all that waits already."""
    gate = process.sim_gate
    if not gate.held and not gate.paused:
        wake_later(host, process)
    gate.held.append(event)


def wake_later(host: Host, process: Process) -> None:
    """Have the node take what waits as soon as it is free."""
    node = process.sim_id
    host.queue.push((max(host.now_ns, process.sim_gate.free_ns), node, 0, node, WAKE, None))


def wake(host: Host, process: Process) -> None:
    """Take the event that has waited longest, if the node is free now."""
    gate = process.existing_gate()
    if gate is None or gate.paused or host.now_ns < gate.free_ns:
        return
    while gate.held:
        event = gate.held.popleft()
        if event[4] == MESSAGE or process.sim_timers.get(event[5]) == event[2]:
            if gate.held:
                node = process.sim_id
                host.queue.push((host.now_ns + gate.busy_ns, node, 0, node, WAKE, None))
            _take(host, process, gate, event)
            return
    process.choose_path()


def _take(host: Host, process: Process, gate: Gate | None, event: Event) -> None:
    if gate is not None:
        if gate.busy_ns:
            gate.free_ns = host.now_ns + gate.busy_ns
            process.sim_ready_ns = max(process.sim_ready_ns, gate.free_ns)
        elif not gate.held:
            process.choose_path()
    host.handle(process, event)
