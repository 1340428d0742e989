"""What is assumed of delays and clocks, and how long a round has to be therefore.

A message of round r leaves when its sender's clock shows the beginning of round r, and must be there before the clock
of whoever receives it shows the end of round r. Let a clock show o + t + d t at true time t, rounded down, with |o| at
most O and |d| at most D, and let a message take at most M. The beginning of a round is a reading of at most N R, where
N is the number of rounds; so the sender's clock shows it before t = (N R + O + 3)/(1 - D). Two clocks differ at t by
at most 2 O + 2 D t + 1, and while the message is under way the receiver's clock advances by at most (1 + D) M + 1. So

    R = 2 O + 2 D (N R + O + 3)/(1 - D) + (1 + D) M + 6

is long enough, nanoseconds of the timer and of rounding included. If 2 N D/(1 - D) is 1 or more there is no such R:
clocks that nobody corrects part faster than rounds can grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from simclock import UsageError

PARTS = 1_000_000_000
ROUNDING_NS = 6
REACHED_NS = 3


@dataclass(frozen=True, kw_only=True)
class Synchrony:
    """The assumption: bounds that every message between correct nodes, and every correct clock, keeps."""

    delay_ns_max: int
    offset_ns_max: int
    """Of a wall clock from true time when the run begins, either way."""
    drift_ppb_max: int

    def round_ns(self, rounds: int) -> int:
        """How long each of so many rounds is; UsageError where the clocks drift too much."""
        factor = 2 * rounds * self._drift / (1 - self._drift)
        if factor >= 1:
            raise UsageError(
                f"drift: in {rounds} rounds clocks of {self.drift_ppb_max / 1000:,g} ppm part by more than a round: "
                "take less drift, fewer broadcasts or fewer faults"
            )
        return ceil((self.skew_ns_max + (1 + self._drift) * self.delay_ns_max + ROUNDING_NS) / (1 - factor))

    @property
    def skew_ns_max(self) -> Fraction:
        """What clocks differ by, without what they drift apart by until a round begins."""
        parted_ns = 2 * self._drift * (self.offset_ns_max + REACHED_NS) / (1 - self._drift)
        return 2 * self.offset_ns_max + parted_ns

    def reached_ns(self, reading_ns: int) -> int:
        """The true time before which every correct clock shows that."""
        return ceil((reading_ns + self.offset_ns_max + REACHED_NS) / (1 - self._drift))

    @property
    def _drift(self) -> Fraction:
        return Fraction(self.drift_ppb_max, PARTS)
