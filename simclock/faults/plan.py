"""A fault plan is a tuple of faults: which kinds there are, and whether a plan can be carried out.

`kind` is the word in TOML and in reports.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import msgspec

from simclock.errors import UsageError
from simclock.faults.clock import JumpClock, SetDrift, StartClock, StopClock
from simclock.faults.disk import CorruptRecord, FillDisk, LoseSyncs, MendDisk, SlowDisk
from simclock.faults.fault import Fault, NodeFault, duration_problem
from simclock.faults.network import (
    AddDelay,
    Clog,
    ClogNode,
    Cut,
    Heal,
    Mend,
    Partition,
    SetBandwidth,
    SetCorruption,
    SetLoss,
    Silence,
    Unclog,
    UnclogNode,
)
from simclock.faults.process import Crash, Pause, Restart, Resume, SlowNode, TornCrash
from simclock.faults.swizzle import SwizzleClog
from simclock.readable import say


class Note(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """No fault: a mark in the plan, such as the end of the faulty phase."""

    kind: ClassVar[str] = "note"
    text: str

    def describe(self) -> str:
        return f"note: {self.text}"


_PROCESS = (Crash, TornCrash, Restart, Pause, Resume, SlowNode)
_LINKS = (Cut, Mend, Partition, Silence, Clog, Unclog, ClogNode, UnclogNode, Heal)
_TRAFFIC = (SetLoss, SetCorruption, AddDelay, SetBandwidth)
_CLOCK = (JumpClock, SetDrift, StopClock, StartClock)
_DISK = (LoseSyncs, CorruptRecord, FillDisk, SlowDisk, MendDisk)

FAULTS: dict[str, type[Fault]] = {kind.kind: kind for kind in (*_PROCESS, *_LINKS, *_TRAFFIC, *_CLOCK, *_DISK, Note)}
"""The word in TOML -> the fault."""

WRITTEN: dict[str, type[Fault]] = {**FAULTS, SwizzleClog.kind: SwizzleClog}
"""The same with what stands for many faults: all that may be written in a plan."""

STRUCK: dict[str, type[NodeFault]] = {
    kind.struck: kind for kind in reversed(FAULTS.values()) if issubclass(kind, NodeFault) and kind.struck
}
"""In place of a node -> the fault that struck it last: "crashed", "paused" and so on."""


def check_faults(faults: tuple[Any, ...], nodes: int) -> None:
    """Raise UsageError at the first fault that cannot be applied to `nodes` nodes."""
    for position, fault in enumerate(faults):
        place = f"faults[{position}]"
        if not isinstance(fault, Fault):
            raise UsageError(f"{place}: {say(fault)} is not a fault: use {', '.join(sorted(WRITTEN))}")
        if type(fault.at_ns) is not int or fault.at_ns < 0:
            raise UsageError(
                f"{place} ({fault.kind}): at {say(fault.at_ns)} is not a time: whole nanoseconds, 0 or more"
            )
        problem = duration_problem("at", fault.at_ns) or type_problem(fault)
        problem = problem or fault.problem() or problem_among(fault, nodes)
        if problem:
            raise UsageError(f"{place} ({fault.kind}): {problem}")


_JUDGED = (int, float, bool, tuple[int, ...])
"""Types of fields that each fault judges itself: numbers."""


@cache
def _fields(kind: type[Fault]) -> tuple[tuple[str, Any], ...]:
    """Name and type of what a fault does not judge itself."""
    fields = msgspec.structs.fields(kind)
    return tuple((field.name, field.type) for field in fields if field.type not in _JUDGED)


def type_problem(fault: Fault) -> str:
    """What is wrong with the types of what a fault names, empty if nothing is."""
    for name, kind in _fields(type(fault)):
        value = getattr(fault, name)
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            return f"{name} {say(value)} is of the wrong type: {error}"
    return ""


def problem_among(fault: Fault, nodes: int) -> str:
    """What is wrong with a fault where there are so many nodes, empty if nothing is."""
    problem = fault.problem_among(nodes) if isinstance(fault, SwizzleClog) else ""
    for node in () if problem else fault.nodes_named():
        if isinstance(node, int) and not 0 <= node < nodes:
            return f"node {say(node)} is out of range: nodes are 0 to {nodes - 1}"
    return problem
