"""What all members must agree on."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError


@dataclass(frozen=True, kw_only=True)
class MemberSettings:
    """What all members must agree on; durations are in nanoseconds."""

    founders: int
    """The nodes 0 to founders - 1 are members from the start; others join when they start."""
    tick_ns: int
    """How often a member tells its status and looks for gaps."""
    request_ns: int
    """How long a broadcast may be missing before it is asked for: about the longest delay of a message."""
    suspect_ns: int
    give_up_ns: int
    held_max: int = 10_000
    """How many messages may be held back; more are dropped, and asked for again later."""
    join_after_ns: int = 0
    """When those who are no founders ask to join, by their own clocks."""
    window: int = 1_000
    """How many of its own broadcasts a member may have that some member in reach lacks: this bounds what all keep."""
    is_quiet: bool = False
    """Whether members that have the same say nothing: then silence says nothing, so `suspect_ns` must be long."""

    def __post_init__(self) -> None:
        for name in ("founders", "tick_ns", "request_ns", "held_max", "window"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)} is too small: 1 or more")
        if self.suspect_ns <= self.tick_ns:
            raise UsageError(f"suspect_ns: {self.suspect_ns} is not more than a tick, {self.tick_ns}")
