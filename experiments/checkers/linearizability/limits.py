"""How much a judge may do before it says UNKNOWN: steps, and seconds of the real clock."""

from __future__ import annotations

from time import monotonic


class LimitHitError(Exception):
    """Internal: no more steps, or no more time."""


class Limits:
    """Steps that were taken, and when to stop; `deadline` is in `time.monotonic`, None is no limit.

    Whatever takes long looks at the clock, the preparation of a search too: a limit that only the search keeps is none.
    """

    __slots__ = ("deadline", "steps", "steps_max")

    def __init__(self, deadline: float | None = None, steps_max: int | None = None) -> None:
        self.deadline = deadline
        self.steps_max = steps_max
        self.steps = 0

    def step(self) -> None:
        """Count one, or raise LimitHitError."""
        if self.steps_max is not None and self.steps >= self.steps_max:
            raise LimitHitError
        self.look()
        self.steps += 1

    def look(self) -> None:
        """Raise LimitHitError where the time is over."""
        if self.deadline is not None and monotonic() >= self.deadline:
            raise LimitHitError

    def share(self, parts: int) -> Limits:
        """Limits of one of so many parts of what is left."""
        now = monotonic()
        return Limits(
            None if self.deadline is None else now + (self.deadline - now) / parts,
            None if self.steps_max is None else max(0, self.steps_max - self.steps) // parts,
        )


def limits_of(time_limit_s: float | None, step_limit: int | None) -> Limits:
    """Limits that begin now."""
    return Limits(None if time_limit_s is None else monotonic() + time_limit_s, step_limit)
