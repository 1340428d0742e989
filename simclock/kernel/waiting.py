"""What comes due at a node that cannot take it yet waits at its gate: the node is paused, or still busy.

Laws: what waits is taken in the order in which it came due, that is in key order, each at the instant at which it is
taken and with its own (source, count), so its key stays unique. Whoever waits is at the host of the node that would
take it, so no other host is asked and no lookahead is touched. A held queue is emptied by WAKE events, one for each
event taken; their key is (time, node, 0), and a node's own numbers begin at 1.

What was held on a clogged link joins the queue at the instant of its release, ordered by key among what is released
with it.
"""

from __future__ import annotations

from simclock.kernel.events import MESSAGE, WAKE, Event
from simclock.kernel.gate import Gate
from simclock.kernel.port import HostPort, ProcessPort


def come_due(host: HostPort, process: ProcessPort, event: Event) -> None:
    """A message or timer of a node that is up comes due: it is handled, or waits."""
    gate = process.sim_existing_gate()
    if gate is not None and gate.shut(host.now_ns):
        host.count_waiting()
        hold(host, process, event)
    else:
        _take(host, process, gate, event)


def hold(host: HostPort, process: ProcessPort, event: Event) -> None:
    """Have an event wait behind all that waits already."""
    gate = process.sim_gate
    if not gate.held and not gate.paused:
        wake_later(host, process)
    gate.held.append(event)


def wake_later(host: HostPort, process: ProcessPort) -> None:
    """Have the node take what waits as soon as it is free."""
    node = process.sim_id
    host.queue.push((max(host.now_ns, process.sim_gate.free_ns), node, 0, node, WAKE, None))


def wake(host: HostPort, process: ProcessPort) -> None:
    """Take the event that has waited longest, if the node is free now."""
    gate = process.sim_existing_gate()
    if gate is None or gate.paused or host.now_ns < gate.free_ns:
        return
    while gate.held:
        event = gate.held.popleft()
        if event[4] == MESSAGE or process.sim_timers.get(event[5]) is event:
            if gate.held:
                node = process.sim_id
                host.queue.push((host.now_ns + gate.busy_ns, node, 0, node, WAKE, None))
            _take(host, process, gate, event)
            return
    process.sim_choose_path()


def _take(host: HostPort, process: ProcessPort, gate: Gate | None, event: Event) -> None:
    if gate is not None:
        if gate.busy_ns:
            gate.free_ns = host.now_ns + gate.busy_ns
            process.sim_ready_ns = max(process.sim_ready_ns, gate.free_ns)
        elif not gate.held:
            process.sim_choose_path()
    host.handle(process, event)
