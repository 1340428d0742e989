"""Operations as intervals beside each other, from call to return, in text; distances are of order, not of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.checker import Linearizability
from simclock.experiments.checkers.linearizability.contradiction import smallest_contradiction

COLUMNS_MAX = 48
OPERATIONS_MAX = 24
"""Rows that are drawn."""


def contradiction_text(judged: Linearizability) -> list[str]:
    """The smallest contradiction found, drawn; nothing where the history is not ILLEGAL."""
    operations = smallest_contradiction(judged)
    if not operations:
        return []
    count = f"{len(operations)} of its {len(judged.partition)} operations"
    key = operations[0].key
    of_key = "" if key is None or any(each.key != key for each in operations) else f" of key {key!r}"
    more = len(operations) - OPERATIONS_MAX
    return [
        f"the contradiction{of_key}: {count} cannot be put in order, whatever the others did",
        *intervals_text(operations[:OPERATIONS_MAX], judged.model.describe),
        *([f"({more} more)"] if more > 0 else []),
    ]


def intervals_text(operations: Sequence[Operation], describe: Callable[[Operation], str] = str) -> list[str]:
    """A line for each: a bar from its call to its return, without an end where none was heard, and what it was."""
    places = columns_of(operations)
    width = max(places.values(), default=0) + 1
    lines = []
    for operation in operations:
        start = places[operation.call]
        if operation.is_open or operation.finish is None:
            bar = "|" + "-" * (width - start - 1) + ">"
        else:
            bar = "|" + "-" * (places[operation.finish] - start - 1) + "|"
        lines.append(f"{' ' * start + bar:<{width + 1}}  {describe(operation)}")
    return lines


def columns_of(operations: Sequence[Operation], columns_max: int = COLUMNS_MAX) -> dict[int, int]:
    """Time -> column: each instant one at least after that before it, as long as there is room."""
    times = sorted({time for each in operations for time in (each.call, each.finish) if time is not None})
    step = max(1, min(4, columns_max // max(1, len(times))))
    return {time: place * step for place, time in enumerate(times)}
