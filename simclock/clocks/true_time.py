"""TrueTime (Corbett et al., "Spanner: Google's Globally-Distributed Database", 2012, section 3): time as an interval.

Law: if the clock keeps within what its `Uncertainty` claims, the true time at the moment of the reading is in
[earliest, latest]. All that is built on it (commit wait, snapshot reads) holds exactly as long as that does.

Intervals are partially ordered: one is BEFORE another if it ends before the other begins. Two that overlap are
CONCURRENT: which came first cannot be told.
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock.clocks.order import ClockValue, check_count
from simclock.errors import UsageError

PARTS = 1_000_000_000


class TrueTime(ClockValue, frozen=True):
    """What `TT.now()` answers: the true time is somewhere in it, both ends included."""

    earliest_ns: int
    latest_ns: int

    def __post_init__(self) -> None:
        if type(self.earliest_ns) is not int or type(self.latest_ns) is not int or self.earliest_ns > self.latest_ns:
            raise UsageError(f"TrueTime: from {self.earliest_ns!r} to {self.latest_ns!r} is not an interval")

    @property
    def epsilon_ns(self) -> int:
        """Half of the width, rounded up: the uncertainty."""
        return (self.latest_ns - self.earliest_ns + 1) // 2

    def after(self, time_ns: int) -> bool:
        """TT.after(t): whether t has definitely passed."""
        return time_ns < self.earliest_ns

    def before(self, time_ns: int) -> bool:
        """TT.before(t): whether t has definitely not arrived."""
        return self.latest_ns < time_ns

    def wait_ns(self, commit_ns: int) -> int:
        """How long until `after(commit_ns)`, if the uncertainty stays what it is: commit wait (4.2.1)."""
        return max(0, commit_ns - self.earliest_ns + 1)

    def intersection(self, other: TrueTime) -> TrueTime | None:
        """What both allow; None if they contradict each other, so that one of the clocks is wrong."""
        earliest_ns, latest_ns = max(self.earliest_ns, other.earliest_ns), min(self.latest_ns, other.latest_ns)
        return type(self)(earliest_ns, latest_ns) if earliest_ns <= latest_ns else None

    def __contains__(self, time_ns: int) -> bool:
        return self.earliest_ns <= time_ns <= self.latest_ns

    def __le__(self, other: TrueTime) -> bool:
        """Definitely earlier, or the same reading."""
        return self == other or self.latest_ns < other.earliest_ns

    def __str__(self) -> str:
        return f"[{self.earliest_ns}ns, {self.latest_ns}ns]"


@dataclass(frozen=True, kw_only=True)
class Uncertainty:
    """How wrong a clock claims to be at most: a saw tooth, that falls with each synchronization and then grows.

    Spanner has 1 to 7 ms: it applies a drift of 200 us per second, and synchronizes every 30 seconds.
    """

    base_ns: int
    """Right after a synchronization."""
    drift_ppb_max: int = 200_000
    """How fast the clock may run away, either way."""

    def __post_init__(self) -> None:
        check_count("Uncertainty.base_ns", self.base_ns)
        check_count("Uncertainty.drift_ppb_max", self.drift_ppb_max)
        if self.drift_ppb_max >= PARTS:
            raise UsageError(f"Uncertainty.drift_ppb_max: {self.drift_ppb_max} is out of range: below {PARTS}")

    def epsilon_ns(self, since_ns: int) -> int:
        """The uncertainty `since_ns` after the last synchronization, by the monotonic clock; rounded up.

        The clock that measures may be the slow one: it has shown s while s / (1 - drift) went by.
        """
        check_count("Uncertainty.since_ns", since_ns)
        return self.base_ns - (-since_ns * self.drift_ppb_max // (PARTS - self.drift_ppb_max))

    def now(self, wall_ns: int, since_ns: int) -> TrueTime:
        """TT.now(): the wall clock's reading, and what the monotonic clock has shown since the last synchronization."""
        epsilon_ns = self.epsilon_ns(since_ns)
        return TrueTime(wall_ns - epsilon_ns, wall_ns + epsilon_ns)
