"""Where two runs part: the first record that is not the same, with what led to it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from simclock.durations import format_duration
from simclock.experiments.checkers.histories import exact
from simclock.trace import TraceRecord

CONTEXT_RECORDS = 5


def first_difference(
    one: Iterable[TraceRecord], other: Iterable[TraceRecord], names: tuple[str, str] = ("one", "other")
) -> str | None:
    """A readable account of the first record in which two traces differ, None where they are the same."""
    context: list[TraceRecord] = []
    for mine, theirs in zip_longest(one, other):
        if mine == theirs and _detail(mine) == _detail(theirs):
            context.append(mine)
            del context[:-CONTEXT_RECORDS]
            continue
        first = min((record for record in (mine, theirs) if record is not None), key=lambda record: record[:3])
        who = f"node {first.node}" if first.node >= 0 else "the environment"
        lines = [f"the runs part at {format_duration(first.time_ns)}, {who}"]
        lines += [f"    both  {record}" for record in context]
        width = max(map(len, names))
        for name, record in zip(names, (mine, theirs), strict=True):
            lines.append(f"  > {name:<{width}}  {'(the trace ends here)' if record is None else record}")
        return "\n".join(lines)
    return None


def _detail(record: TraceRecord | None) -> Any:
    """What is to be the same to the type: True is not 1, in a run or in a file."""
    return None if record is None else exact(record.detail)
