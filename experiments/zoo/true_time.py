"""TrueTime and its transactions with one wrong line each."""

from __future__ import annotations

from protocols.true_time import Leader
from simclock.clocks import TrueTime


class NoCommitWait(Leader):
    """TT-01: commits at once, while the timestamp may lie in the future."""

    def _has_passed(self, now: TrueTime, timestamp: int) -> bool:
        return True
