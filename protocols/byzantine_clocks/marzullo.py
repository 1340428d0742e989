"""Agreement on intervals: the time of several sources, each with a margin, of which some are wrong.

Marzullo's algorithm (Marzullo, "Maintaining the Time in a Distributed System", 1984) finds the interval that lies in
most of the sources' intervals. NTP's intersection algorithm (RFC 5905, section 11.2.1) finds one that also holds the
middles of those sources, so that it does not leap from one end to the other when an edge moves a little.

Law 1: an interval holds both its ends: two that touch overlap. Lower ends are therefore counted before upper ones.
Law 2: of several intervals that lie in equally many sources the narrowest counts, and of those the earliest.
Law 3: of n sources more than half must be right, so an answer that no more than half allow can be the liars' own;
       `majority` refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from simclock import UsageError

LOWER, UPPER = 0, 1
"""In the order in which ends at one instant are counted."""


class Interval(NamedTuple):
    """What a source says: the time is from `low` to `high`, both included."""

    low: int
    high: int


class Agreed(NamedTuple):
    """An interval, and how many sources allow it."""

    low: int
    high: int
    sources: int


class Marzullo:
    """The algorithm, in parts."""

    def agree(self, intervals: Sequence[Interval]) -> Agreed:
        """The narrowest interval that lies in the greatest number of sources; the earliest of several."""
        _check(intervals)
        ends = sorted(self.ends(intervals))
        best = Agreed(0, 0, 0)
        count = 0
        for (at, _, opens), (following, _, _) in pairwise(ends):
            count += opens
            if opens > 0 and self.is_better(Agreed(at, following, count), best):
                best = Agreed(at, following, count)
        return best

    def ends(self, intervals: Sequence[Interval]) -> list[tuple[int, int, int]]:
        """(instant, order at that instant, +1 where an interval begins and -1 where one ends)."""
        return _ends(intervals)

    def is_better(self, one: Agreed, other: Agreed) -> bool:
        """Whether one, which comes later, is preferred."""
        if one.sources != other.sources:
            return one.sources > other.sources
        return one.high - one.low < other.high - other.low


def marzullo(intervals: Sequence[Interval]) -> Agreed:
    """The narrowest interval that lies in the greatest number of sources; the earliest of several."""
    return Marzullo().agree(intervals)


def intersection(intervals: Sequence[Interval]) -> Agreed | None:
    """NTP's: the interval that holds the middles of n - f sources, for the smallest f below n/2; None if there is none.

    Deviation: the code in the RFC refuses an interval of one instant; here an interval holds both its ends.
    """
    _check(intervals)
    ends, total = sorted(_ends(intervals)), len(intervals)
    doubled_middles = [low + high for low, high in intervals]
    for wrong in range((total + 1) // 2):
        low = _nth_edge(ends, total - wrong, 1)
        high = _nth_edge(ends[::-1], total - wrong, -1)
        if low is None or high is None or low > high:
            continue
        outside = sum(not 2 * low <= middle <= 2 * high for middle in doubled_middles)
        if outside <= wrong:
            return Agreed(low, high, total - wrong)
    return None


def majority(agreed: Agreed | None, sources: int) -> Agreed | None:
    """The answer if more than half of the sources allow it, else None: nobody can tell who is right."""
    return agreed if agreed is not None and 2 * agreed.sources > sources else None


def _ends(intervals: Sequence[Interval]) -> list[tuple[int, int, int]]:
    lower, upper = ((low, LOWER, 1) for low, _ in intervals), ((high, UPPER, -1) for _, high in intervals)
    return [*lower, *upper]


def _nth_edge(ends: Sequence[tuple[int, int, int]], wanted: int, opening: int) -> int | None:
    """Going along the ends, where that many intervals are open for the first time."""
    count = 0
    for at, _, opens in ends:
        count += opens * opening
        if count >= wanted:
            return at
    return None


def _check(intervals: Sequence[Interval]) -> None:
    if not intervals:
        raise UsageError("no source, no time: at least one interval is needed")
    for low, high in intervals:
        if low > high:
            raise UsageError(f"from {low} to {high} is not an interval")
