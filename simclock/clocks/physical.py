"""The clock a node can read: an offset and a drift away from true time, in integer arithmetic.

Law: a reading is `offset + elapsed + elapsed * drift_ppb // 10**9`, whole nanoseconds; nothing a node can do tells it
the true time. The monotonic clock counts from the node's first start and never goes back; the wall clock has the
offset.
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock.errors import UsageError
from simclock.streams import stream

PARTS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """How far the nodes' clocks are from the truth. Each node draws its own offset and drift within these bounds."""

    offset_ns_max: int = 0
    drift_ppb_max: int = 0

    def __post_init__(self) -> None:
        if type(self.offset_ns_max) is not int or self.offset_ns_max < 0:
            raise UsageError(f"clocks.offset: {self.offset_ns_max!r} is not a bound: whole nanoseconds, zero or more")
        if type(self.drift_ppb_max) is not int or not 0 <= self.drift_ppb_max < PARTS // 2:
            raise UsageError(f"clocks.drift: {self.drift_ppb_max!r} is not a bound: 0 up to 500,000 ppm")

    def clock(self, seed: int, node: int) -> PhysicalClock:
        """The clock of that node."""
        if not (self.offset_ns_max or self.drift_ppb_max):
            return PhysicalClock(0, 0)
        luck = stream(seed, "clock", node)
        return PhysicalClock(
            luck.uniform_ns(-self.offset_ns_max, self.offset_ns_max),
            luck.uniform_ns(-self.drift_ppb_max, self.drift_ppb_max),
        )


class PhysicalClock:
    """One node's quartz: it survives the node's crash, like the real one."""

    __slots__ = ("drift_ppb", "offset_ns")

    def __init__(self, offset_ns: int, drift_ppb: int) -> None:
        self.offset_ns = offset_ns
        self.drift_ppb = drift_ppb
        """Nanoseconds gained per true second; below zero the clock is slow."""

    def monotonic_ns(self, true_ns: int) -> int:
        """What the monotonic clock shows at that true time."""
        return true_ns + true_ns * self.drift_ppb // PARTS

    def wall_ns(self, true_ns: int) -> int:
        """What the wall clock shows at that true time."""
        return self.offset_ns + true_ns + true_ns * self.drift_ppb // PARTS

    def true_duration_ns(self, true_ns: int, local_ns: int) -> int:
        """How long to wait from `true_ns` until the clock has advanced by `local_ns`, at least."""
        if not self.drift_ppb:
            return local_ns
        goal = self.monotonic_ns(true_ns) + local_ns
        at_ns = -(-goal * PARTS // (PARTS + self.drift_ppb))
        while self.monotonic_ns(at_ns) < goal:
            at_ns += 1
        return max(0, at_ns - true_ns)
