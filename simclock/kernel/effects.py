"""What a fault can change: compared before and after it, to count the faults that took effect.

Law: a fault that leaves everything as it was (a heal where nothing is cut, a loss set to what it is, a crash of what is
down) has not happened to anybody, and is not counted. Of links and traffic every host keeps a copy, so the first host
alone counts; of a node its own host does. A `Note` is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simclock.faults import (
    AddDelay,
    Clog,
    Cut,
    FillDisk,
    LoseSyncs,
    Mend,
    MendDisk,
    NodeFault,
    Note,
    Partition,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    SlowDisk,
    SlowNode,
    Unclog,
)
from simclock.faults.fault import Fault

if TYPE_CHECKING:
    from simclock.kernel.host import Host

EFFECT = "fault_"
"""How the counters of faults that took effect are called: this and the fault's kind."""


def what_it_strikes(host: Host, fault: Fault) -> Any:
    """The part of the host's state that the fault may change; None where another host counts it."""
    match fault:
        case Note() | Partition(groups=()) | SlowNode(busy_ns=0):  # of these the last two end what was counted
            return None
        case NodeFault(recorded=True, node=int(node)):
            return _of_node(host, fault, node) if node in host.processes else None
    if host.number != 0:
        return None
    match fault:
        case SetLoss() | SetCorruption() | SetBandwidth():
            return host.network
        case AddDelay():
            return host.delays.state()
        case Cut() | Mend() | Clog() | Unclog() if isinstance(fault.source, int) and isinstance(fault.target, int):
            return host.links.state_of(fault.source, fault.target)
    return host.links.state()


def _of_node(host: Host, fault: Fault, node: int) -> Any:
    process = host.processes[node]
    match fault:
        case SlowNode():
            gate = process.existing_gate()
            return gate.busy_ns if gate is not None else 0
        case SetDrift():
            return process.sim_clock.own_drift_ppb()
        case FillDisk() | LoseSyncs() | SlowDisk() | MendDisk():
            return process.disk.full, process.disk.loses_syncs, process.disk.sync_ns
    # What else strikes a node is recorded where it took effect, and only there; but for a jump of nothing.
    return host.faults_struck if getattr(fault, "by_ns", 1) else None
