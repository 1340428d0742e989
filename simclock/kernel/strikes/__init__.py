"""What faults do to a host: of every fault class how it is carried out, and what it may change.

A fault is looked up by exactly its class, so a class that derives from another stands here by name too; one that does
not stand here is carried out by nobody, and refused before a run.
"""

from __future__ import annotations

from simclock.faults import Fault, Note, SwizzleClog
from simclock.kernel.events import Event
from simclock.kernel.port import HostPort
from simclock.kernel.strikes.clock import CLOCK
from simclock.kernel.strikes.disk import DISK
from simclock.kernel.strikes.links import LINKS
from simclock.kernel.strikes.process import PROCESS
from simclock.kernel.strikes.strike import Strike
from simclock.kernel.strikes.traffic import TRAFFIC

_MARK = Strike(carry_out=lambda host, fault, event: None, may_change=lambda host, fault: None)

STRIKES: dict[type[Fault], Strike] = {**PROCESS, **LINKS, **TRAFFIC, **CLOCK, **DISK, Note: _MARK}


def strike(host: HostPort, fault: Fault, event: Event) -> None:
    """Carry out a fault whose nodes are all known by id, and count it if it changed anything."""
    carry_out, may_change = STRIKES[type(fault)]
    before = may_change(host, fault)
    try:
        carry_out(host, fault, event)
    finally:  # a node that is started may end itself at once
        if before is not None and before != may_change(host, fault):
            host.count_effect(fault)


def nobody_carries_out(fault: Fault) -> str:
    """What is wrong with a fault of a class that has no strike; empty if nothing is.

    A swizzle is written out as other faults before a run.
    """
    if type(fault) in STRIKES or isinstance(fault, SwizzleClog):
        return ""
    name = type(fault).__name__
    return f"nobody carries out a {name}: use a fault of simclock, or enter {name} in simclock.kernel.strikes.STRIKES"
