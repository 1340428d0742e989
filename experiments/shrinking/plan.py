"""A fault plan as something that can be made smaller: its pairs, its nodes, its times.

A plan here names nodes by their ids alone: it is what an earlier run's environment did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from simclock.durations import MICROSECOND, MILLISECOND, MINUTE, SECOND
from simclock.faults import Fault

Plan = tuple[Fault, ...]

ENDED_BY = {
    "crash": ("restart",),
    "torn-crash": ("restart",),
    "pause": ("resume",),
    "cut": ("mend", "heal"),
    "clog": ("unclog", "heal"),
    "clog-node": ("unclog-node", "heal"),
    "partition": ("heal",),
    "silence": ("heal",),
    "stop-clock": ("start-clock",),
    "fill-disk": ("mend-disk",),
    "slow-disk": ("mend-disk",),
    "lose-syncs": ("mend-disk",),
}
"""Kind -> the kinds that undo it, of the same node or link; a heal is of all."""
EVERYWHERE = "heal"
SUBJECT = ("node", "source", "target")
"""The fields that say what a fault strikes."""

ROUND_NS = (
    *(scale * SECOND for scale in (60, 30, 10, 5, 1)),
    *(scale * MILLISECOND for scale in (500, 100, 50, 10, 5, 1)),
    *(scale * MICROSECOND for scale in (100, 10, 1)),
)
"""What a time may be a multiple of, the roundest first."""
assert ROUND_NS[0] == MINUTE


def paired(plan: Plan) -> list[tuple[int, ...]]:
    """Positions of faults that belong together: one that is undone, and the first that undoes it."""
    groups: list[list[int]] = []
    group_of: dict[int, list[int]] = {}
    for position in range(len(plan)):
        group = _begun_by(plan, position, group_of)
        if group is None:
            group = []
            groups.append(group)
        group.append(position)
        group_of[position] = group
    return [tuple(group) for group in groups]


def _begun_by(plan: Plan, position: int, group_of: dict[int, list[int]]) -> list[int] | None:
    """The group of what the fault undoes: the latest that nothing has undone yet."""
    fault = plan[position]
    for earlier in reversed(range(position)):
        other = plan[earlier]
        undoes = fault.kind in ENDED_BY.get(other.kind, ())
        if undoes and len(group_of[earlier]) == 1 and (fault.kind == EVERYWHERE or _subject(fault) == _subject(other)):
            return group_of[earlier]
    return None


def _subject(fault: Fault) -> tuple[Any, ...]:
    return tuple(getattr(fault, name, None) for name in SUBJECT)


def named_nodes(plan: Plan) -> dict[int, int]:
    """Node -> how often the plan speaks of it."""
    counts: dict[int, int] = {}
    for fault in plan:
        for node in fault.nodes_named():
            assert isinstance(node, int), "the plan is resolved"
            counts[node] = counts.get(node, 0) + 1
    return counts


def without_nodes(plan: Plan, gone: Sequence[int]) -> Plan:
    """The plan for what is left when these nodes are gone, and the others have moved up."""
    lost = sorted(gone)

    def moved(node: Any) -> int:
        if node in lost:
            raise LookupError(node)
        return int(node) - sum(bool(each < node) for each in lost)

    kept: list[Fault] = []
    for fault in plan:
        groups = getattr(fault, "groups", None)
        if groups is not None:
            fault = with_groups(fault, tuple(tuple(n for n in group if n not in lost) for group in groups))
        try:
            kept.append(fault.resolved(moved))
        except LookupError:
            continue
    return tuple(kept)


def with_groups(fault: Fault, groups: tuple[tuple[Any, ...], ...]) -> Fault:
    """A partition into these groups, those without nodes left out."""
    return msgspec.structs.replace(fault, groups=tuple(group for group in groups if group))


def simpler(fault: Fault) -> Iterator[Fault]:
    """The same fault with fewer nodes in its groups: a whole group less, or one node less."""
    groups = getattr(fault, "groups", ())
    if len(groups) > 2:
        for position in range(len(groups)):
            yield with_groups(fault, (*groups[:position], *groups[position + 1 :]))
    for position, group in enumerate(groups):
        for node in group if len(group) > 1 else ():
            smaller = tuple(each for each in group if each != node)
            yield with_groups(fault, (*groups[:position], smaller, *groups[position + 1 :]))


def rounder(time_ns: int) -> Iterator[int]:
    """Times near this one that are written shorter, the roundest first."""
    own = next((unit for unit in ROUND_NS if time_ns % unit == 0), 1)
    for unit in ROUND_NS:
        if unit <= own or time_ns == 0:
            return
        below = time_ns // unit * unit
        near = (below, below + unit) if time_ns - below <= unit // 2 else (below + unit, below)
        yield from (each for each in near if each or unit <= MILLISECOND)


def at(plan: Plan, position: int, fault: Fault) -> Plan:
    """The plan with another fault in that place, in order of time."""
    return in_order((*plan[:position], fault, *plan[position + 1 :]))


def in_order(plan: Sequence[Fault]) -> Plan:
    """By time; what happens at one instant stays as it stands."""
    return tuple(sorted(plan, key=lambda fault: fault.at_ns))
