"""Quorum arithmetic: how many are enough, and what so many have reached. Whole numbers only.

Law 1: two majorities of one cluster have a member in common.
Law 2: in joint consensus (Ongaro & Ousterhout 2014, section 6) a decision needs a majority of each of two clusters,
       counted apart; a majority of the union is no majority of both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar

EVERYTHING = (1 << 63) - 1
"""What a cluster without members has reached: it holds nobody back, so it may be joined with any other."""


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


_Reached = TypeVar("_Reached", bound=_Ordered)


def majority(members: int) -> int:
    """How many of so many members are more than half of them."""
    return members // 2 + 1


def reached_by(count: int, values: Iterable[_Reached]) -> _Reached:
    """The greatest value that at least `count` of the members have reached, where `values` has one of each member."""
    ordered = sorted(values)
    return ordered[len(ordered) - count]


def is_quorum(clusters: Iterable[Collection[int]], members: Collection[int]) -> bool:
    """Whether these members are a majority of each of the clusters."""
    return all(not each or sum(one in members for one in each) >= majority(len(each)) for each in clusters)


def reached(clusters: Iterable[Collection[int]], values: Mapping[int, int]) -> int:
    """The greatest value that a majority of each cluster has reached; who has none yet has reached 0."""
    return min(
        (reached_by(majority(len(each)), [values.get(one, 0) for one in each]) for each in clusters if each),
        default=EVERYTHING,
    )
