"""Quorum arithmetic: how many are enough, and what so many have reached. Whole numbers only.

Law: two majorities of one cluster have a member in common.
"""

from __future__ import annotations

from collections.abc import Iterable


def majority(members: int) -> int:
    """How many of so many members are more than half of them."""
    return members // 2 + 1


def reached_by(count: int, values: Iterable[int]) -> int:
    """The greatest value that at least `count` of the members have reached, where `values` has one of each member."""
    ordered = sorted(values)
    return ordered[len(ordered) - count]
