"""What faults do to the clock of a node, up or down. Timers that are set follow all but a jump."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simclock.faults import Fault, JumpClock, SetDrift, StartClock, StopClock
from simclock.kernel.events import Event
from simclock.kernel.port import HostPort, ProcessPort
from simclock.kernel.strikes.strike import Strike, of_node, recorded


def _jump(host: HostPort, process: ProcessPort, fault: JumpClock, event: Event) -> None:
    host.record_fault(process, event)
    process.sim_clock.jump(fault.by_ns)


def _drift(host: HostPort, process: ProcessPort, fault: SetDrift, event: Event) -> None:
    host.record_fault(process, event)
    with _timers_following(host, process):
        process.sim_clock.set_drift(host.now_ns, fault.drift_ppb)


def _stop(host: HostPort, process: ProcessPort, fault: StopClock, event: Event) -> None:
    if not process.sim_clock.stopped:
        host.record_fault(process, event)
        with _timers_following(host, process):
            process.sim_clock.stop(host.now_ns)


def _start(host: HostPort, process: ProcessPort, fault: StartClock, event: Event) -> None:
    if process.sim_clock.stopped:
        host.record_fault(process, event)
        with _timers_following(host, process):
            process.sim_clock.start(host.now_ns)


@contextmanager
def _timers_following(host: HostPort, process: ProcessPort) -> Iterator[None]:
    """While the clock's rate is changed: timers run out at the readings at which they would have."""
    clock = process.sim_clock
    goals = [(clock.ahead_ns(timer[0]), timer) for timer in _timers_to_come(host, process)] + process.sim_parked
    process.sim_parked.clear()
    host.clocks_differ = True
    yield
    for goal_ns, timer in goals:
        process.sim_run_timer(goal_ns, timer)


def _timers_to_come(host: HostPort, process: ProcessPort) -> list[Event]:
    """Take the node's timers out of the queue, but for those that are due now."""
    timers = sorted(timer for timer in process.sim_timers.values() if timer[0] > host.now_ns)
    host.queue.remove(timers)
    return timers


def _jumped(host: HostPort, process: ProcessPort, fault: JumpClock) -> int | None:
    return recorded(host, process, fault) if fault.by_ns else None


def _own_drift_ppb(host: HostPort, process: ProcessPort, fault: SetDrift) -> int:
    return process.sim_clock.own_drift_ppb()


CLOCK: dict[type[Fault], Strike] = {
    JumpClock: of_node(_jump, _jumped),
    SetDrift: of_node(_drift, _own_drift_ppb),
    StopClock: of_node(_stop, recorded),
    StartClock: of_node(_start, recorded),
}
