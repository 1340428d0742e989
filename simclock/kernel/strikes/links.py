"""What faults do to links: cut, partitioned, clogged, and what undoes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock.environment.network import Links
from simclock.faults import Clog, ClogNode, Cut, Fault, Heal, Mend, Partition, Silence, Unclog, UnclogNode
from simclock.kernel.port import HostPort
from simclock.kernel.strikes.strike import Strike, of_all
from simclock.kernel.waiting import hold

CHANGES: dict[type[Fault], Callable[[Links, Any], None]] = {
    Cut: lambda links, fault: links.cut(fault.source, fault.target),
    Mend: lambda links, fault: links.mend(fault.source, fault.target),
    Clog: lambda links, fault: links.clog(fault.source, fault.target),
    Unclog: lambda links, fault: links.unclog(fault.source, fault.target),
    ClogNode: lambda links, fault: links.clog_node(fault.node),
    UnclogNode: lambda links, fault: links.unclog_node(fault.node),
    Partition: lambda links, fault: links.partition(fault.groups),
    Silence: lambda links, fault: links.partition(fault.groups, asymmetric=True),
    Heal: lambda links, fault: links.heal(),
}
"""What each does to the state of all links; its nodes are known by id."""


def strike_links(links: Links, fault: Fault) -> None:
    """Cut, clog, mend or release what the fault says."""
    CHANGES[type(fault)](links, fault)


def _carry_out(host: HostPort, fault: Fault) -> None:
    strike_links(host.links, fault)
    if host.clogged:
        _release(host)


def _release(host: HostPort) -> None:
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


def _one_link(host: HostPort, fault: Any) -> Any:
    return host.links.state_of(fault.source, fault.target)


def _all_links(host: HostPort, fault: Fault) -> Any:
    return host.links.state()


def _groups(host: HostPort, fault: Partition) -> Any:
    return host.links.state() if fault.groups else None  # without groups it ends what was counted


_MAY_CHANGE: dict[type[Fault], Callable[[HostPort, Any], Any]] = {
    Cut: _one_link,
    Mend: _one_link,
    Clog: _one_link,
    Unclog: _one_link,
    ClogNode: _all_links,
    UnclogNode: _all_links,
    Partition: _groups,
    Silence: _groups,
    Heal: _all_links,
}

LINKS: dict[type[Fault], Strike] = {kind: of_all(_carry_out, _MAY_CHANGE[kind]) for kind in CHANGES}
