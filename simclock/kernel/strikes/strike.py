"""A strike: what a kind of fault does to a host. Every host is told of every fault, and does its own nodes' part.

Law 1: a fault that leaves everything as it was (a heal where nothing is cut, a loss set to what it is, a crash of what
       is down) has not happened to anybody: it is not counted, and leaves no mark on a node. One that strikes a node is
       the node's first record of its instant.
Law 2: it is counted once. Of links and traffic every host keeps a copy, so the first host alone counts; of a node its
       own host does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from simclock.kernel.events import Event
from simclock.kernel.port import HostPort, ProcessPort

EFFECT = "fault_"
"""How the counters of faults that took effect are called: this and the fault's kind."""


class Strike(NamedTuple):
    """How one kind of fault is carried out, its nodes all known by id, and how it is seen whether it changed anything.

    Each is called with faults of exactly the class that it stands beside in `STRIKES`.
    """

    carry_out: Callable[[HostPort, Any, Event], None]
    may_change: Callable[[HostPort, Any], Any]
    """The part of the host's state that the fault may change, compared before and after it; None where this host does
    not count it."""


def of_node(
    carry_out: Callable[[HostPort, ProcessPort, Any, Event], None],
    may_change: Callable[[HostPort, ProcessPort, Any], Any],
) -> Strike:
    """The strike of one node, which the host that has it carries out and counts."""

    def carry_out_here(host: HostPort, fault: Any, event: Event) -> None:
        process = host.processes.get(fault.node)
        if process is not None:
            carry_out(host, process, fault, event)

    def may_change_here(host: HostPort, fault: Any) -> Any:
        process = host.processes.get(fault.node)
        return None if process is None else may_change(host, process, fault)

    return Strike(carry_out_here, may_change_here)


def of_all(carry_out: Callable[[HostPort, Any], None], may_change: Callable[[HostPort, Any], Any]) -> Strike:
    """The strike of what every host keeps a copy of."""

    def carry_out_everywhere(host: HostPort, fault: Any, event: Event) -> None:
        carry_out(host, fault)
        for process in host.processes.values():
            process.sim_choose_path()

    def may_change_first(host: HostPort, fault: Any) -> Any:
        return may_change(host, fault) if host.number == 0 else None

    return Strike(carry_out_everywhere, may_change_first)


def recorded(host: HostPort, process: ProcessPort, fault: object) -> int:
    """Of what is recorded where it took effect, and only there: how many faults have struck nodes of this host."""
    return host.faults_struck
