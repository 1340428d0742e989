"""What faults do to a node's process."""

from __future__ import annotations

from simclock.faults import Crash, Fault, Pause, Restart, Resume, SlowNode, TornCrash
from simclock.kernel.events import MESSAGE, Event
from simclock.kernel.port import HostPort, ProcessPort
from simclock.kernel.strikes.strike import Strike, of_node, recorded
from simclock.kernel.waiting import wake_later
from simclock.streams import stream


def crash(host: HostPort, process: ProcessPort, *, torn: bool) -> None:
    """The incarnation ends: its timers, what waits at its gate and what its disk had not synced are gone."""
    host.keep_fallen(process)
    process.sim_up = False
    process.sim_timers.clear()
    process.sim_parked.clear()
    gate = process.sim_existing_gate()
    for event in gate.crash() if gate is not None else ():
        if event[4] == MESSAGE:
            host.drop(process, event, "down")
    if "sim_disk" not in process.sim_kept:
        return
    if torn:
        lost = process.sim_disk.crash_torn(stream(host.seed, f"torn write {host.now_ns}", process.sim_id).randrange)
    else:
        lost = process.sim_disk.crash()
    if lost:
        host.count_lost_writes()


def _crash(host: HostPort, process: ProcessPort, fault: Crash, event: Event) -> None:
    if process.sim_up:
        host.record_fault(process, event)
        crash(host, process, torn=False)
    process.sim_choose_path()


def _crash_torn(host: HostPort, process: ProcessPort, fault: TornCrash, event: Event) -> None:
    if process.sim_up:
        host.record_fault(process, event)
        crash(host, process, torn=True)
    process.sim_choose_path()


def _restart(host: HostPort, process: ProcessPort, fault: Restart, event: Event) -> None:
    if not process.sim_up and process.sim_incarnation >= 0:
        host.count_fault()
        host.start(process, event)


def _pause(host: HostPort, process: ProcessPort, fault: Pause, event: Event) -> None:
    if process.sim_up and not _paused(process):
        host.record_fault(process, event)
        process.sim_gate.paused = True
    process.sim_choose_path()


def _resume(host: HostPort, process: ProcessPort, fault: Resume, event: Event) -> None:
    if _paused(process):
        host.record_fault(process, event)
        process.sim_gate.paused = False
        if process.sim_gate.held:
            wake_later(host, process)
    process.sim_choose_path()


def _slow(host: HostPort, process: ProcessPort, fault: SlowNode, event: Event) -> None:
    host.record_fault(process, event)
    process.sim_gate.busy_ns = fault.busy_ns
    process.sim_choose_path()


def _paused(process: ProcessPort) -> bool:
    gate = process.sim_existing_gate()
    return gate is not None and gate.paused


def _slowness(host: HostPort, process: ProcessPort, fault: SlowNode) -> int | None:
    if not fault.busy_ns:  # it ends what was counted
        return None
    gate = process.sim_existing_gate()
    return gate.busy_ns if gate is not None else 0


PROCESS: dict[type[Fault], Strike] = {
    Crash: of_node(_crash, recorded),
    TornCrash: of_node(_crash_torn, recorded),
    Restart: of_node(_restart, recorded),
    Pause: of_node(_pause, recorded),
    Resume: of_node(_resume, recorded),
    SlowNode: of_node(_slow, _slowness),
}
