"""What happens to a node's clock. It survives the node's crash, so a fault strikes it also while the node is down.

The monotonic clock and the wall clock are told apart: a jump moves the wall clock alone and no timer; drift and a stop
change both, and timers that are set follow.
"""

from __future__ import annotations

from typing import ClassVar

from simclock.durations import format_duration
from simclock.environment.quartz import BY_NS_LIMIT, PARTS
from simclock.faults.fault import NodeFault
from simclock.readable import say


class JumpClock(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """The wall clock jumps `by_ns`, forward or (below zero) back. The monotonic clock and timers do not notice."""

    kind: ClassVar[str] = "jump-clock"
    struck: ClassVar[str] = "jumped"
    by_ns: int

    def problem(self) -> str:
        fine = type(self.by_ns) is int and abs(self.by_ns) < BY_NS_LIMIT
        return "" if fine else f"by {say(self.by_ns)} is not a time: whole nanoseconds, less than 70 years"

    def describe(self) -> str:
        return f"{super().describe()} by {'+' if self.by_ns >= 0 else ''}{format_duration(self.by_ns)}"


class SetDrift(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on the clock gains `drift_ppb` nanoseconds per true second, in place of its drift so far.

    A clock that wanders goes on wandering around the new drift.
    """

    kind: ClassVar[str] = "set-drift"
    struck: ClassVar[str] = "drifted"
    drift_ppb: int

    def problem(self) -> str:
        fine = type(self.drift_ppb) is int and abs(self.drift_ppb) < PARTS // 2
        return "" if fine else f"drift {say(self.drift_ppb)} ppb is out of range: less than 500,000 ppm either way"

    def describe(self) -> str:
        return f"{super().describe()} to {self.drift_ppb}ppb"


class StopClock(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Both clocks stand still, and timers wait. No effect on a stopped clock."""

    kind: ClassVar[str] = "stop-clock"
    struck: ClassVar[str] = "stopped"


class StartClock(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """A stopped clock goes on from where it stood; so do the timers. No effect on a clock that runs."""

    kind: ClassVar[str] = "start-clock"
