"""Why something happened: the chain of what triggered it, back to its root.

Laws: a delivery is because of its send; what a node did is because of what it was handling; a timer came due because it
was set. In a log of another system an event is because of the last that it learned of from another node, else of the
one before it. What a node remembered from earlier is no link of the chain: it says what set the event off, not all
that had to be so. Where a trace file does not tell in which of several handlers a timer was set, it is the first.
"""

from __future__ import annotations

from collections.abc import Iterator

from simclock.experiments.causality.execution import DELIVER, DROP, FAULT, NONE, OBSERVE, START, TIMER, Execution
from simclock.observers import Violation

STEPS_SHOWN = 24
TEXT_MAX = 140
TRACED = frozenset({TIMER, START, FAULT})


def because_of(execution: Execution, event: int) -> int:
    """The event that set this one off, or NONE."""
    kind = execution.kind[event]
    if kind in (DELIVER, DROP):
        return execution.message[event]
    if execution.trigger[event] != NONE:
        return execution.trigger[event]
    causes = execution.causes(event)
    if len(causes):
        return max(causes, key=lambda cause: execution.time_ns[cause])
    previous = execution.previous(event)
    if kind == START and previous != NONE and execution.kind[previous] == FAULT:
        return previous
    return NONE if kind in TRACED else previous


def chain(execution: Execution, event: int) -> list[int]:
    """The event, what set it off, and so on to the root."""
    found = [event]
    while (cause := because_of(execution, found[-1])) != NONE and len(found) <= len(execution):
        found.append(cause)
    return found


def chain_text(execution: Execution, event: int, shown: int = STEPS_SHOWN, *, worded: bool = True) -> Iterator[str]:
    """The chain, an event a line, that asked for first; of one longer than `shown` without its middle (0: all)."""
    found = chain(execution, event)
    kept: list[int | None] = list(found)
    if shown and len(found) > shown:
        first = (shown + 1) // 2
        kept = [*found[:first], None, *found[len(found) - (shown - first) :]]
    names = {each: execution.where(each) for each in kept if each is not None}
    width = max(map(len, names.values()))
    for place, each in enumerate(kept):
        if each is None:
            yield f"  ... {len(found) - shown} more"
            continue
        word = "because " if place else "why     "
        where = f" ({execution.place(each)})" if execution.place(each) and execution.kind[each] not in _OF_RUNS else ""
        yield f"{word if worded else ''}{names[each]:<{width}}  {_cut(execution.text(each))}{where}"


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."


_OF_RUNS = frozenset(range(OBSERVE + 1))
"""Kinds of a trace, whose place in a file says no more than its name."""


def event_of(execution: Execution, violation: Violation) -> int:
    """The observation at which it was noticed; else the last thing its node did by then; NONE where there is none."""
    lanes = (
        [execution.lanes[execution.nodes.index(str(violation.node))]]
        if str(violation.node) in execution.nodes
        else execution.lanes
    )
    until = [event for lane in lanes for event in lane if execution.time_ns[event] <= violation.time_ns]
    if not until:
        return NONE
    at_once = [
        event for event in until if execution.kind[event] == OBSERVE and execution.time_ns[event] == violation.time_ns
    ]
    if violation.node < 0 and not at_once:
        return NONE
    return (at_once or [max(until, key=lambda event: (execution.time_ns[event], event))])[-1]
