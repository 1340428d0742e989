"""A node that corrects its own clock: by a slew, or by a step where a slew would take too long."""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.clock_synchronization.observed import Adjusted
from simclock.protocols.clock_synchronization.settings import Synchronization


class Disciplined(Node):
    """What all nodes of a synchronization have in common: how a correction is carried out.

    `ahead` is always the wall clock less the monotonic one. A correction is aimed at a value of it, so that what the
    wall clock went through since it was measured (a slew under way, a jump) is neither lost nor counted twice.
    """

    def __init__(self, settings: Synchronization) -> None:
        self.settings = settings

    def ahead_ns(self) -> int:
        """How far the wall clock is ahead of the monotonic one."""
        return self.clock.wall_ns() - self.clock.monotonic_ns()

    def aim(self, ahead_ns: int) -> None:
        """Have the wall clock come to be ahead of the monotonic one by so much."""
        by_ns = ahead_ns - self.ahead_ns()
        if by_ns != self.clock.slew_left_ns():  # else it is under way already
            self.correct(by_ns)

    def correct(self, by_ns: int) -> None:
        """Step or slew, and tell of it."""
        wall_ns, rate_ppm = self.clock.wall_ns(), 0
        if self.steps(by_ns):
            self.clock.step(by_ns)
        else:
            rate_ppm = self.settings.slew_rate_ppm
            self.clock.slew(by_ns, rate_ppm)
        self.observe(Adjusted("slew" if rate_ppm else "step", by_ns, rate_ppm, wall_ns))

    def steps(self, by_ns: int) -> bool:
        """Whether a correction is too large for a slew: who reads the clock must expect it to go back only then."""
        return abs(by_ns) > self.settings.step_over_ns

    def on_message(self, source: int, message: Any) -> None:
        """Every algorithm hears its own messages alone."""
