"""Delta debugging: the smallest part of a sequence that still fails, `ddmin` of Zeller and Hildebrandt.

Source: "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on Software Engineering 28(2), 2002.

Laws: the result fails, and is 1-minimal: without any one of its items it does not fail. Items keep their order. The
candidates of a round are asked for together, so that they can be tried side by side; of those that fail the first in
order is taken, so that the outcome does not depend on which was tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import TypeVar

Item = TypeVar("Item")

FirstFailing = Callable[[Sequence[tuple[Item, ...]]], int | None]
"""Of these candidates, the position of the first that fails; None where none does."""


def ddmin(items: Sequence[Item], first_failing: FirstFailing[Item]) -> tuple[Item, ...]:
    """A 1-minimal part of `items`, which are known to fail together."""
    kept = tuple(items)
    if not kept or first_failing([()]) is not None:
        return ()
    parts = 2
    while len(kept) > 1:
        chunks = _split(kept, parts)
        subsets = [tuple(kept[i] for i in chunk) for chunk in chunks]
        # With two parts, the complement of one is the other.
        complements = [_without(kept, chunk) for chunk in chunks] if parts > 2 else []
        found = first_failing([*subsets, *complements])
        if found is None:
            if parts == len(kept):
                return kept
            parts = min(2 * parts, len(kept))
        elif found < len(subsets):
            kept, parts = subsets[found], 2
        else:
            kept, parts = complements[found - len(subsets)], max(parts - 1, 2)
    return kept


def without_pairs(items: Sequence[Item], first_failing: FirstFailing[Item]) -> tuple[Item, ...]:
    """Leave out two items at a time, as long as that fails: what ddmin, which is 1-minimal, cannot see."""
    kept = tuple(items)
    while len(kept) > 1:
        candidates = [_without(kept, pair) for pair in combinations(range(len(kept)), 2)]
        found = first_failing(candidates)
        if found is None:
            break
        kept = candidates[found]
    return kept


def _split(items: Sequence[Item], parts: int) -> list[range]:
    """Positions in that many runs of nearly equal length, none of them empty."""
    edges = [len(items) * part // parts for part in range(parts + 1)]
    return [range(start, end) for start, end in pairwise(edges)]


def _without(items: Sequence[Item], left_out: Sequence[int]) -> tuple[Item, ...]:
    gone = set(left_out)
    return tuple(item for position, item in enumerate(items) if position not in gone)
