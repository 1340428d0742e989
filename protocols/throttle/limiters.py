"""Ways to admit at most `count` requests in any window of `window_ns`, in whole numbers.

A window is half open: (t - window, t]. A request exactly one window old is out of it.

    token-bucket    a bucket of `burst` tokens, filled with `count - burst` in a window: what any window can admit is
                    what the bucket held plus what came in, `burst + (count - burst)`. Two numbers per client. It
                    forgives an idle client no more than `burst`, which is the price of the promise: the usual bucket,
                    of `count` tokens filled with `count` a window, admits twice as much in one window
                    (Turner, New Directions in Communications, 1986: the leaky bucket as a meter)
    sliding-log     the times of the admitted requests of the last window. Exact; `count` numbers per client
    sliding-counter counts for `BUCKETS` parts of the window, and the part under way. The oldest part counts in full
                    although some of it is out of the window, so the promise holds and up to one part's share is refused
                    that could be admitted. `BUCKETS + 1` numbers per client
    fixed-window    a count that begins anew every window. One number, and known to be wrong: `count` at the end of one
                    window and `count` at the beginning of the next are twice as many within an instant

Law 1: only what is admitted counts; being refused is free.
Law 2: a request is refused only where the limiter's definition forbids it, and the wait is exact: a request at that
       time is admitted if no other came before it, one before that time is not. (What the counter's definition
       forbids, the log's may allow.)
Law 3: the state is a tuple of whole numbers that grows with none but the limit, so that it can be kept on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from simclock import UsageError
from simclock.durations import HOUR

BUCKETS = 60
"""Parts of a window that the sliding counter keeps: of an hour, minutes."""

State = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What is promised."""

    count: int = 100
    window_ns: int = HOUR
    burst: int = 20
    """How much of `count` a token bucket gives at once; no other limiter looks at it."""

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 2:
            raise UsageError(f"limit: {self.count!r} is not a number of requests: 2 or more")
        if type(self.window_ns) is not int or self.window_ns < BUCKETS:
            raise UsageError(f"window: {self.window_ns!r} is not a duration of {BUCKETS} ns or more")


class Limiter:
    """What is remembered of one client, and what it says to a request. Times never go back."""

    name: ClassVar[str]

    def __init__(self, limit: Limit, state: Sequence[int] = ()) -> None:
        self.limit = limit
        self.restore(state)

    @classmethod
    def check(cls, limit: Limit) -> None:
        """Raise UsageError for a limit that this limiter cannot keep."""

    def admit(self, now_ns: int) -> int | None:
        """None: admitted. Else how long to wait, in nanoseconds, 1 or more."""
        wait_ns = self.wait_ns(now_ns)
        if wait_ns > 0:
            return wait_ns
        self.count(now_ns)
        return None

    def wait_ns(self, now_ns: int) -> int:
        """How long until one more may be admitted, 0 if now."""
        raise NotImplementedError

    def count(self, now_ns: int) -> None:
        """One more is admitted."""
        raise NotImplementedError

    def state(self) -> State:
        """What has to be kept."""
        raise NotImplementedError

    def restore(self, state: Sequence[int]) -> None:
        """Go on from what was kept; empty at first."""
        raise NotImplementedError


class TokenBucket(Limiter):
    """Tokens are counted in parts, so that no fraction is lost: one token is `window_ns` parts."""

    name = "token-bucket"
    parts: int
    """At most `burst` tokens' worth."""
    filled_ns: int

    @classmethod
    def check(cls, limit: Limit) -> None:
        if type(limit.burst) is not int or not 1 <= limit.burst < limit.count:
            raise UsageError(f"burst: {limit.burst!r} is not a number of requests below the limit, {limit.count}")

    @property
    def rate(self) -> int:
        """Parts that come in per nanosecond; what does not burst."""
        return self.limit.count - self.limit.burst

    def wait_ns(self, now_ns: int) -> int:
        self._fill(now_ns)
        missing = self.limit.window_ns - self.parts
        return max(0, -(-missing // self.rate))

    def count(self, now_ns: int) -> None:
        self.parts -= self.limit.window_ns

    def _fill(self, now_ns: int) -> None:
        self.parts = self._capped(self.parts + (now_ns - self.filled_ns) * self.rate)
        self.filled_ns = now_ns

    def _capped(self, parts: int) -> int:
        return min(parts, self.limit.burst * self.limit.window_ns)

    def state(self) -> State:
        return self.parts, self.filled_ns

    def restore(self, state: Sequence[int]) -> None:
        self.parts, self.filled_ns = state or (self.limit.burst * self.limit.window_ns, 0)


class SlidingLog(Limiter):
    """The times of what was admitted in the window, oldest first."""

    name = "sliding-log"
    times_ns: list[int]

    def wait_ns(self, now_ns: int) -> int:
        self.times_ns = [time_ns for time_ns in self.times_ns if self._counts(time_ns, now_ns)]
        if len(self.times_ns) < self.limit.count:
            return 0
        return self.times_ns[0] + self.limit.window_ns - now_ns

    def _counts(self, time_ns: int, now_ns: int) -> bool:
        """Whether a request of that time is in the window that ends now."""
        return time_ns > now_ns - self.limit.window_ns

    def count(self, now_ns: int) -> None:
        self.times_ns.append(now_ns)

    def state(self) -> State:
        return tuple(self.times_ns)

    def restore(self, state: Sequence[int]) -> None:
        self.times_ns = list(state)


class SlidingCounter(Limiter):
    """(part of the window, admitted in it), oldest first; parts are numbered from the clock's zero."""

    name = "sliding-counter"
    counts: list[tuple[int, int]]
    kept: ClassVar[int] = BUCKETS
    """How many parts count beside the one under way."""

    def wait_ns(self, now_ns: int) -> int:
        part_ns = -(-self.limit.window_ns // BUCKETS)
        part = now_ns // part_ns
        self.counts = [(old, count) for old, count in self.counts if old >= part - self.kept]
        left = sum(count for _, count in self.counts)
        for old, count in self.counts:
            if left < self.limit.count:
                break
            left -= count
            part = old + self.kept + 1
        return max(0, part * part_ns - now_ns)

    def count(self, now_ns: int) -> None:
        part = now_ns // -(-self.limit.window_ns // BUCKETS)
        if self.counts and self.counts[-1][0] == part:
            self.counts[-1] = (part, self.counts[-1][1] + 1)
        else:
            self.counts.append((part, 1))

    def state(self) -> State:
        return tuple(number for pair in self.counts for number in pair)

    def restore(self, state: Sequence[int]) -> None:
        self.counts = list(zip(state[::2], state[1::2], strict=True))


class FixedWindow(Limiter):
    """Counts from zero again at every whole multiple of the window. Its promise does not hold: see above."""

    name = "fixed-window"
    window: int
    admitted: int

    def wait_ns(self, now_ns: int) -> int:
        window = now_ns // self.limit.window_ns
        if window != self.window:
            self.window, self.admitted = window, 0
        return 0 if self.admitted < self.limit.count else (window + 1) * self.limit.window_ns - now_ns

    def count(self, now_ns: int) -> None:
        self.admitted += 1

    def state(self) -> State:
        return self.window, self.admitted

    def restore(self, state: Sequence[int]) -> None:
        self.window, self.admitted = state or (0, 0)


LIMITERS: dict[str, type[Limiter]] = {
    limiter.name: limiter for limiter in (TokenBucket, SlidingLog, SlidingCounter, FixedWindow)
}
"""Name -> class."""
