"""Quantiles of what was measured."""

from __future__ import annotations

from collections.abc import Sequence


def nearest_rank(ordered: Sequence[int], permille: int) -> int:
    """The nearest-rank quantile of values in ascending order, of which there is at least one: one of them."""
    return ordered[max(1, -(-len(ordered) * permille // 1000)) - 1]
