"""The times between heartbeats of one node: the latest of them, their mean and their standard deviation.

Laws: whole nanoseconds; mean and deviation are rounded down and exact functions of what the window holds. The deviation
is that of the window itself (divided by n), as in the phi accrual paper's estimation.
"""

from __future__ import annotations

from collections import deque
from math import isqrt


class Arrivals:
    """A sliding window of intervals (Hayashibara et al. 2004: the sampling window)."""

    __slots__ = ("_intervals", "_squares", "_sum", "last_ns", "size")

    def __init__(self, size: int) -> None:
        assert size >= 1, "a window holds something"
        self.size = size
        """How many intervals are kept; 1,000 is the default of Akka's detector."""
        self.last_ns: int | None = None
        """When the latest heartbeat came; None before the first."""
        self._intervals: deque[int] = deque()
        self._sum = 0
        self._squares = 0

    def __len__(self) -> int:
        return len(self._intervals)

    def heard(self, now_ns: int) -> None:
        """A heartbeat came."""
        if self.last_ns is not None:
            self._add(now_ns - self.last_ns)
        self.last_ns = now_ns

    def begin_again(self, now_ns: int) -> None:
        """The first heartbeat of a new incarnation: the time it was away is no interval."""
        self.last_ns = now_ns

    def _add(self, interval_ns: int) -> None:
        self._intervals.append(interval_ns)
        self._sum += interval_ns
        self._squares += interval_ns * interval_ns
        if len(self._intervals) > self.size:
            oldest_ns = self._intervals.popleft()
            self._sum -= oldest_ns
            self._squares -= oldest_ns * oldest_ns

    @property
    def mean_ns(self) -> int:
        """Of the intervals; there must be one."""
        return self._sum // len(self._intervals)

    @property
    def deviation_ns(self) -> int:
        """Standard deviation: the square root of (n * sum of squares - square of sum) / n^2."""
        count = len(self._intervals)
        return isqrt((count * self._squares - self._sum * self._sum) // (count * count))
