"""The proof of a verdict: an order of operations, replayed by the definition and by nothing the search knows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.model import Model


def flaw_of(
    order: Sequence[Operation], operations: Sequence[Operation], model: Model, complete: bool = True
) -> str | None:
    """What keeps `order` from being a linearization of `operations` (of one partition); None if nothing does.

    With `complete=False` the order may stop early: it is then a legal prefix, in which no operation stands
    though one that precedes it is missing. An operation that the history has twice is two.
    """
    state = model.initial
    call_latest = -math.inf  # of the operations so far
    missing = Counter(operations)
    for operation in order:
        if not missing[operation]:
            return f"{operation} stands more often in the order than in the history"
        missing[operation] -= 1
        if operation.outcome == "fail":
            return f"{operation} did not happen"
        if _finish(operation) < call_latest:
            return f"{operation} finished before one that stands before it was called"
        call_latest = max(call_latest, operation.call)
        legal, after = model.step(state, operation)
        if not legal:
            return f"{operation} is illegal in state {state!r}"
        state = after
    for operation in missing.elements():
        if operation.outcome == "ok" and complete:
            return f"{operation} is missing"
        if operation.outcome == "ok" and _finish(operation) < call_latest:
            return f"{operation} is missing, though it precedes one that is there"
    return None


def _finish(operation: Operation) -> float:
    """When it must have taken effect."""
    return math.inf if operation.is_open or operation.finish is None else operation.finish
