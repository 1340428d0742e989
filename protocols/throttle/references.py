"""When one more request may be admitted, by each limiter's definition: what an observer compares answers with.

A reference knows the times of what was admitted and nothing else. It is written from the definition, in another way
than the limiter: the log and the counter look at one admission, the one `count` before the latest; the bucket is
the virtual scheduling form of the meter (ITU-T I.371: a theoretical arrival time); the fixed window counts anew.
"""

from __future__ import annotations

from simclock.protocols.throttle.limiters import BUCKETS, FixedWindow, Limit, SlidingCounter, SlidingLog, TokenBucket


class Reference:
    """What was admitted of one client, in ascending order."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.times_ns: list[int] = []

    def admitted(self, now_ns: int) -> None:
        """One more was admitted."""
        self.times_ns.append(now_ns)

    def earliest_ns(self, now_ns: int) -> int:
        """From when on one more may be admitted; not after `now_ns`: at once."""
        if len(self.times_ns) < self.limit.count:
            return now_ns
        return self.free_ns(self.times_ns[-self.limit.count])

    def free_ns(self, time_ns: int) -> int:
        """When a request of that time counts no more."""
        raise NotImplementedError


class LogReference(Reference):
    """A request counts for one window."""

    def free_ns(self, time_ns: int) -> int:
        return time_ns + self.limit.window_ns


class CounterReference(Reference):
    """A request counts until the end of the part of the window that comes `BUCKETS` after its own."""

    def free_ns(self, time_ns: int) -> int:
        part_ns = -(-self.limit.window_ns // BUCKETS)
        return (time_ns // part_ns + BUCKETS + 1) * part_ns


class WindowReference(Reference):
    """A request counts until the next multiple of the window."""

    def free_ns(self, time_ns: int) -> int:
        return (time_ns // self.limit.window_ns + 1) * self.limit.window_ns


class BucketReference(Reference):
    """By a theoretical arrival time, in parts of a nanosecond: so many as come in during one."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.rate = limit.count - limit.burst
        self.theoretical = 0
        """When the bucket is full again."""

    def admitted(self, now_ns: int) -> None:
        self.theoretical = max(self.theoretical, now_ns * self.rate) + self.limit.window_ns

    def earliest_ns(self, now_ns: int) -> int:
        return max(now_ns, -(-(self.theoretical - (self.limit.burst - 1) * self.limit.window_ns) // self.rate))


REFERENCES: dict[str, type[Reference]] = {
    TokenBucket.name: BucketReference,
    SlidingLog.name: LogReference,
    SlidingCounter.name: CounterReference,
    FixedWindow.name: WindowReference,
}
"""Limiter's name -> what it is compared with."""
