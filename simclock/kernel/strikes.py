"""What a fault does to a host: every host is told of every fault, and does its own nodes' part.

Law: a fault that changes nothing (a crash of what is down, a resume of what runs) leaves no mark on the node. One that
does is the node's first record of its instant.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simclock.environment.disk import Disk
from simclock.environment.network import Delays, Links
from simclock.faults import (
    AddDelay,
    Clog,
    ClogNode,
    CorruptRecord,
    Crash,
    Cut,
    Fault,
    FillDisk,
    Heal,
    JumpClock,
    LoseSyncs,
    Mend,
    MendDisk,
    NodeFault,
    Partition,
    Pause,
    Restart,
    Resume,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    Silence,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    TornCrash,
    Unclog,
    UnclogNode,
)
from simclock.kernel.effects import what_it_strikes
from simclock.kernel.events import MESSAGE, TIMER, Event
from simclock.kernel.gate import hold, wake_later
from simclock.streams import stream

if TYPE_CHECKING:
    from simclock.kernel.host import Host
    from simclock.kernel.process import Process


def strike(host: Host, fault: Fault, event: Event) -> None:
    """Carry out a fault whose nodes are all known by id, and count it if it changed anything."""
    before = what_it_strikes(host, fault)
    try:
        _carry_out(host, fault, event)
    finally:  # a node that is started may end itself at once
        if before is not None and before != what_it_strikes(host, fault):
            host.count_effect(fault)


def _carry_out(host: Host, fault: Fault, event: Event) -> None:
    match fault:
        case ClogNode() | UnclogNode():
            _strike_links(host, fault)
        case NodeFault(node=int(node)):
            process = host.processes.get(node)
            if process is not None:
                _strike_node(host, process, fault, event)
        case SetLoss() | SetCorruption() | AddDelay() | SetBandwidth():
            _strike_traffic(host, fault)
        case _:
            _strike_links(host, fault)


def _strike_node(host: Host, process: Process, fault: Fault, event: Event) -> None:
    match fault:
        case Restart():
            if not process.sim_up and process.incarnation >= 0:
                host.count_fault()
                host.start(process, event)
        case Crash() | Pause() | Resume() | SlowNode():
            _strike_process(host, process, fault, event)
        case JumpClock() | SetDrift() | StopClock() | StartClock():
            _strike_clock(host, process, fault, event)
        case _:
            _strike_disk(host, process, fault, event)


def _strike_process(host: Host, process: Process, fault: Fault, event: Event) -> None:
    gate = process.existing_gate()
    paused = gate is not None and gate.paused
    match fault:
        case Crash() if process.sim_up:
            host.record_fault(process, event)
            crash(host, process, torn=isinstance(fault, TornCrash))
        case Pause() if process.sim_up and not paused:
            host.record_fault(process, event)
            process.sim_gate.paused = True
        case Resume() if paused:
            host.record_fault(process, event)
            process.sim_gate.paused = False
            if process.sim_gate.held:
                wake_later(host, process)
        case SlowNode(busy_ns=busy_ns):
            host.record_fault(process, event)
            process.sim_gate.busy_ns = busy_ns
    process.choose_path()


def crash(host: Host, process: Process, *, torn: bool) -> None:
    """The incarnation ends: its timers, what waits at its gate and what its disk had not synced are gone."""
    host.keep_fallen(process)
    process.sim_up = False
    process.sim_timers.clear()
    process.sim_parked.clear()
    gate = process.existing_gate()
    for event in gate.crash() if gate is not None else ():
        if event[4] == MESSAGE:
            host.drop(process, event, "down")
    if "sim_disk" not in process.__dict__:
        return
    if torn:
        lost = process.disk.crash_torn(stream(host.seed, f"torn write {host.now_ns}", process.sim_id).randrange)
    else:
        lost = process.disk.crash()
    if lost:
        host.count_lost_writes()


# Links, and all traffic.


def strike_links(links: Links, fault: Fault) -> None:
    """Cut, clog, mend or release what the fault says."""
    match fault:
        case Cut(source=int(source), target=int(target)):
            links.cut(source, target)
        case Mend(source=int(source), target=int(target)):
            links.mend(source, target)
        case Clog(source=int(source), target=int(target)):
            links.clog(source, target)
        case Unclog(source=int(source), target=int(target)):
            links.unclog(source, target)
        case ClogNode(node=int(node)):
            links.clog_node(node)
        case UnclogNode(node=int(node)):
            links.unclog_node(node)
        case Partition():
            links.partition(fault.groups, asymmetric=isinstance(fault, Silence))  # type: ignore[arg-type]
        case Heal():
            links.heal()


def strike_delays(delays: Delays, fault: AddDelay) -> None:
    """Have messages take longer, or no longer."""
    assert not isinstance(fault.source, str) and not isinstance(fault.target, str), "names have been resolved"
    delays.set(fault.delay_ns, fault.source, fault.target)


def _strike_links(host: Host, fault: Fault) -> None:
    strike_links(host.links, fault)
    if host.clogged:
        _release(host)
    for process in host.processes.values():
        process.choose_path()


def _release(host: Host) -> None:
    """What was held on links that are clogged no more arrives now, in key order, behind what already waits."""
    free = [link for link in host.clogged if not host.links.clogged(*link)]
    for event in sorted(event for link in free for event in host.clogged.pop(link)):
        process = host.processes[event[3]]
        if not process.sim_up:
            host.drop(process, event, "down")
        elif host.links.blocked(event[1], event[3]):
            host.drop(process, event, "cut")
        else:
            hold(host, process, event)


def _strike_traffic(host: Host, fault: Fault) -> None:
    match fault:
        case SetLoss(loss=loss, duplication=duplication):
            host.network = replace(host.network, loss=loss, duplication=duplication)
        case SetCorruption(detected=detected, undetected=undetected):
            host.network = replace(host.network, corruption=detected, undetected_corruption=undetected)
        case SetBandwidth(bytes_per_s=bytes_per_s):
            host.network = replace(host.network, bytes_per_s=bytes_per_s)
        case AddDelay():
            strike_delays(host.delays, fault)
    for process in host.processes.values():
        process.choose_path()


# The clock and the disk of a node, up or down.


def _strike_clock(host: Host, process: Process, fault: Fault, event: Event) -> None:
    clock = process.sim_clock
    now_ns = host.now_ns
    match fault:
        case StopClock() if clock.stopped:
            return
        case StartClock() if not clock.stopped:
            return
    host.record_fault(process, event)
    if isinstance(fault, JumpClock):
        clock.jump(fault.by_ns)
        return
    goals = [(clock.ahead_ns(timer[0]), timer) for timer in _timers_to_come(host, process)] + process.sim_parked
    process.sim_parked.clear()
    host.clocks_differ = True
    match fault:
        case SetDrift(drift_ppb=drift_ppb):
            clock.set_drift(now_ns, drift_ppb)
        case StopClock():
            clock.stop(now_ns)
        case StartClock():
            clock.start(now_ns)
    for goal_ns, timer in goals:
        process.run_timer(goal_ns, timer)


def _timers_to_come(host: Host, process: Process) -> list[Event]:
    """Take the node's timers out of the queue, but for those that are due now."""
    node, now_ns = process.sim_id, host.now_ns
    timers = host.queue.take_out(lambda event: event[4] == TIMER and event[3] == node and event[0] > now_ns)
    return [timer for timer in timers if process.sim_timers.get(timer[5]) == timer[2]]


def _strike_disk(host: Host, process: Process, fault: Fault, event: Event) -> None:
    disk: Disk = process.disk
    match fault:
        case CorruptRecord():
            if disk.corrupt(stream(host.seed, f"corrupt record {host.now_ns}", process.sim_id).randrange):
                host.record_fault(process, event)
            return
        case LoseSyncs():
            disk.loses_syncs = True
        case FillDisk():
            disk.full = True
        case SlowDisk(sync_ns=sync_ns):
            disk.sync_ns = sync_ns
        case MendDisk():
            disk.full = disk.loses_syncs = False
            disk.sync_ns = host.disk_model.sync_ns
    host.record_fault(process, event)
    process.choose_path()
