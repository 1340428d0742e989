"""Answers about an execution, in words, with the clocks that prove them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simclock.durations import format_duration
from simclock.experiments.causality.execution import Execution
from simclock.experiments.causality.relations import Clock, Relations

CLOCK_MAX = 12
"""Nodes of a clock that are shown."""
CROSSING_MAX = 10


def summary(relations: Relations) -> Iterator[str]:
    """What there is."""
    execution = relations.execution
    relations.order()
    yield f"{execution.origin}: {_counted(len(execution), 'event')} of {_counted(len(execution.nodes), 'node')}"
    width = max(map(len, execution.nodes))
    for name, lane in zip(execution.nodes, execution.lanes, strict=True):
        stretch = ""
        if lane and execution.has_time(lane[0]) and execution.has_time(lane[-1]):
            times = (execution.time_ns[lane[0]], execution.time_ns[lane[-1]])
            stretch = f", {format_duration(times[0])} to {format_duration(times[1])}"
        yield f"  {name:<{width}}  {_counted(len(lane), 'event')}{stretch}"
    yield f"  {_counted(len(execution.cause), 'direct effect')} across nodes; the order is possible"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def clock_text(execution: Execution, clock: Clock) -> str:
    """`{A: 1, B: 3}`: the nodes of which anything is known."""
    known = [f"{execution.nodes[node]}: {count}" for node, count in enumerate(clock) if count]
    more = [f"... {len(known)} in all"] if len(known) > CLOCK_MAX else []
    return f"{{{', '.join([*known[:CLOCK_MAX], *more])}}}"


def answer_before(relations: Relations, one: int, other: int) -> tuple[bool, Iterator[str]]:
    """Whether the one happened before the other, and why."""
    return relations.before(one, other), _before(relations, one, other)


def _before(relations: Relations, one: int, other: int) -> Iterator[str]:
    execution = relations.execution
    a, b = execution.id(one), execution.id(other)
    if relations.before(one, other):
        yield f"{a} happened before {b}"
        yield from _steps(execution, relations.path(one, other))
    elif one == other:
        yield f"{a} and {b} are one event"
    elif relations.before(other, one):
        yield f"{a} did not happen before {b}: it was the other way round"
        yield from _steps(execution, relations.path(other, one))
    else:
        yield f"{a} and {b} are concurrent: {_proof(relations, one, other)}"
    for event in (one, other):
        yield f"  {execution.id(event)} {clock_text(execution, relations.past(event))}"


def _proof(relations: Relations, one: int, other: int) -> str:
    execution = relations.execution
    known = relations.past(other)[execution.node[one]], relations.past(one)[execution.node[other]]
    a, b = execution.nodes[execution.node[one]], execution.nodes[execution.node[other]]
    at = execution.position[one] + 1, execution.position[other] + 1
    return (
        f"{execution.id(other)} knows {known[0]} of {a}'s events, {execution.id(one)} is its number {at[0]}; "
        f"{execution.id(one)} knows {known[1]} of {b}'s events, {execution.id(other)} is its number {at[1]}"
    )


def answer_concurrent(relations: Relations, event: int) -> Iterator[str]:
    """Every event that is concurrent with it, with its clock: none is smaller than the other."""
    execution = relations.execution
    yield f"{execution.where(event)} {clock_text(execution, relations.past(event))} is concurrent with"
    any_left = False
    for other in relations.all_concurrent(event):
        any_left = True
        clock = clock_text(execution, relations.past(other))
        yield f"  {execution.where(other)} {clock} {execution.text(other, whole=False)}"
    if not any_left:
        yield "  nothing"


def answer_path(relations: Relations, one: int, other: int) -> tuple[bool, Iterator[str]]:
    """The chain from the one to the other."""
    execution = relations.execution
    path = relations.path(one, other)
    if path:
        return True, _steps(execution, path)
    return False, iter([f"no chain leads from {execution.id(one)} to {execution.id(other)}"])


def _steps(execution: Execution, path: list[int]) -> Iterator[str]:
    names = [execution.where(event) for event in path]
    width = max(map(len, names), default=0)
    for name, event in zip(names, path, strict=True):
        yield f"  {name:<{width}}  {execution.text(event, whole=False)}"


def answer_cut(relations: Relations, members: Mapping[int, int]) -> tuple[bool, Iterator[str]]:
    """Whether a cut that ends with these is consistent."""
    cut = relations.cut(members)
    return cut.consistent, _cut(relations.execution, members, cut.crossing, cut.closure)


def _cut(
    execution: Execution, members: Mapping[int, int], crossing: tuple[tuple[int, int], ...], closure: Clock
) -> Iterator[str]:
    named = ", ".join(map(execution.id, members.values()))
    if not crossing:
        yield f"the cut {named} is consistent: it holds the cause of all that it holds"
        return
    yield f"the cut {named} is not consistent: it holds effects without their causes"
    for cause, effect in crossing[:CROSSING_MAX]:
        yield f"  {execution.id(effect)} is in it, its cause {execution.id(cause)} is not"
    if len(crossing) > CROSSING_MAX:
        yield f"  and {len(crossing) - CROSSING_MAX} more"
    ends = [execution.id(execution.lanes[node][count - 1]) for node, count in enumerate(closure) if count]
    yield f"  the smallest consistent cut that holds it: {','.join(ends)}"
