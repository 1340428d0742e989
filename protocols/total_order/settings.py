"""What all participants must agree on."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError


@dataclass(frozen=True, kw_only=True)
class TotalOrderSettings:
    """What all participants must agree on; durations are in nanoseconds."""

    heartbeat_ns: int
    suspect_ns: int
    """How long a member may be silent: more than a heartbeat and the longest delay of a message."""
    retry_ns: int
    """When a message that was not acknowledged is sent again: more than a journey there and back."""

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat_ns < self.suspect_ns:
            raise UsageError(
                f"heartbeat_ns {self.heartbeat_ns}, suspect_ns {self.suspect_ns}: a heartbeat takes time, and less "
                "than it takes to suspect who sends none"
            )
        if self.retry_ns <= 0:
            raise UsageError(f"retry_ns: {self.retry_ns} is not a duration: more than zero")
