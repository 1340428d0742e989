"""The liveness phase: at T everything heals, and from then on progress is demanded.

Safety is judged all the time; progress only after T, because a protocol owes none while a majority cannot talk
(Fischer, Lynch and Paterson 1985; Dwork, Lynch and Stockmeyer 1988: liveness from the global stabilization time on).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simclock import (
    AddDelay,
    Fault,
    Heal,
    MendDisk,
    Network,
    Note,
    Restart,
    Resume,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    SlowNode,
    StartClock,
)
from simclock.experiments.nemesis.prey import Prey

HEALED = "everything heals: from here on progress is due"
SAFETY = "safety phase"
LIVENESS = "liveness phase"


def recovery(prey: Prey, network: Network, at_ns: int) -> Iterator[Fault]:
    """Everything is as the scenario has it, and every server is up."""
    yield Note(at_ns=at_ns, text=HEALED)
    yield Heal(at_ns=at_ns)
    yield SetLoss(at_ns=at_ns, loss=network.loss, duplication=network.duplication)
    yield SetCorruption(at_ns=at_ns, detected=network.corruption, undetected=network.undetected_corruption)
    yield SetBandwidth(at_ns=at_ns, bytes_per_s=network.bytes_per_s)
    yield AddDelay(at_ns=at_ns, delay_ns=0)
    for server in prey.servers:
        yield StartClock(at_ns=at_ns, node=server)
        yield SetDrift(at_ns=at_ns, node=server, drift_ppb=0)
        yield MendDisk(at_ns=at_ns, node=server)
        yield SlowNode(at_ns=at_ns, node=server, busy_ns=0)
        yield Resume(at_ns=at_ns, node=server)
        yield Restart(at_ns=at_ns, node=server)


def healed_ns(faults: Iterable[Fault]) -> int | None:
    """T, of a run with these faults; None if it had no liveness phase."""
    return next((fault.at_ns for fault in faults if isinstance(fault, Note) and fault.text == HEALED), None)


def phase(faults: Iterable[Fault], time_ns: int) -> str:
    """In which phase an instant lies; empty if the run had but one."""
    since_ns = healed_ns(faults)
    return "" if since_ns is None else SAFETY if time_ns < since_ns else LIVENESS
