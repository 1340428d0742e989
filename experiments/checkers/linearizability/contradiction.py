"""The smallest contradiction in a history that is not linearizable: few operations that cannot be put in order.

Law: it contradicts by itself. Every other operation is left out if it is a read, and else may take effect at any time
after its call, or never, as one of unknown outcome: that only allows more orders, so what is still not linearizable was
not before. So a write that a reader saw stays among those that contradict, or the reader proves
nothing. No one of them can be freed so without the contradiction being gone, or its search hitting the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.checker import Linearizability, Verdict
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits
from simclock.experiments.checkers.linearizability.model import Model
from simclock.experiments.checkers.linearizability.search import Search

STEPS_MAX = 200_000
"""Of all that is tried; a second at most."""
STEPS_EACH = 20_000
OPERATIONS_MAX = 2_000
"""A longer partition is not made smaller."""


def smallest_contradiction(judged: Linearizability, steps_max: int = STEPS_MAX) -> tuple[Operation, ...]:
    """Those operations, by their calls; all of the partition that was called in time where they cannot be made fewer.

    Empty where the history is not ILLEGAL.
    """
    if judged.verdict is not Verdict.ILLEGAL:
        return ()
    kept = sorted(judged.partition, key=lambda operation: operation.call)
    if len(kept) > OPERATIONS_MAX:
        return tuple(kept)
    shrunk = _Shrinking(kept, judged.model, steps_max).shrunk(judged.blocked)
    return tuple(sorted(shrunk, key=lambda operation: operation.call))


class _Shrinking:
    def __init__(self, operations: Sequence[Operation], model: Model, steps_max: int) -> None:
        self._operations = operations
        self._model = model
        self._left = steps_max

    def shrunk(self, blocked: Operation | None) -> list[Operation]:
        kept = list(self._operations)
        if blocked is not None and blocked.finish is not None:
            by_then = [each for each in kept if each.call <= blocked.finish]
            kept = by_then if self._contradict(by_then) else kept
        kept.sort(key=self._model.is_read)  # reads are tried first: a write says more than who else has seen it
        size = max(1, len(kept) // 2)
        while self._left > 0:
            before = len(kept)
            for start in reversed(range(0, len(kept), size)):
                fewer = kept[:start] + kept[start + size :]
                if fewer and self._contradict(fewer):
                    kept = fewer
            if size == 1 and len(kept) == before:
                break
            size = max(1, min(size // 2, len(kept) // 2))
        return kept

    def _contradict(self, kept: Sequence[Operation]) -> bool:
        """Whether these cannot be put in order, whatever the others did."""
        if self._left <= 0:
            return False
        staying = set(map(id, kept))
        freed = [_free(each) for each in self._operations if id(each) not in staying]
        history = [*kept, *(each for each in freed if not self._model.is_read(each))]
        limits = Limits(None, min(STEPS_EACH, self._left))
        try:
            search = Search(history, self._model, limits)
            found = search.is_linearizable()
        except LimitHitError:
            found = None
        self._left -= max(1, limits.steps)
        return found is False


def _free(operation: Operation) -> Operation:
    return replace(operation, outcome="unknown", result=None, finish=None)
