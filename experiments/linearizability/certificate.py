"""The proof of a verdict: replays an order of operations by the definition, and by nothing the search knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments.histories import Operation
from experiments.linearizability.model import Model


def flaw_of(
    order: Sequence[Operation], operations: Sequence[Operation], model: Model, complete: bool = True
) -> str | None:
    """What keeps `order` from being a linearization of `operations` (of one partition); None if nothing does.

    With `complete=False` the order may stop early: it is then a legal prefix, in which no operation stands
    though one that precedes it is missing. An operation that stands in the history twice counts twice.
    """
    missing = list(operations)
    state = model.initial
    call_latest = -math.inf  # of the operations so far
    remaining: dict[Operation, int] = {}
    for operation in missing:
        remaining[operation] = remaining.get(operation, 0) + 1
    for operation in order:
        if not remaining.get(operation, 0):
            return f"{operation} stands more often in the order than in the history"
        remaining[operation] -= 1
        if operation.outcome == "fail":
            return f"{operation} did not happen"
        if operation.outcome == "ok" and operation.finish is not None and operation.finish < call_latest:
            return f"{operation} finished before one that stands before it was called"
        call_latest = max(call_latest, operation.call)
        legal, after = model.step(state, operation)
        if not legal:
            return f"{operation} is illegal in state {state!r}"
        state = after
    for operation, count in remaining.items():
        if count and operation.outcome == "ok":
            if complete:
                return f"{operation} is missing"
            if operation.finish is not None and operation.finish < call_latest:
                return f"{operation} is missing, though it precedes one that is there"
    return None
