"""How long a monitor waits for the next heartbeat before it suspects: pure functions of what arrived so far.

A detector cannot know; it trades time for mistakes. The fixed timeout is set once. Phi accrual (Hayashibara, Defago,
Yared, Katayama 2004) estimates from the arrivals how likely it is that the next heartbeat is merely late:

    phi(t) = -log10(P(an interval is longer than t)),    suspect when phi reaches a threshold

so that a threshold of 1 means a mistake in one of 10 intervals, 2 in one of 100, where the intervals are normal and the
next is like the last.

Deviation: phi itself is not computed, as it needs a logarithm and the error function, whose last bits differ from
platform to platform. The intervals are taken for normal, as in the paper, so phi reaches a threshold at mean + z *
deviation, where z is the normal quantile of 1 - 10^-threshold; z stands in a table, and the rest is whole numbers.

Deviation: the standard deviation has a least value. The paper has none, and over a network that is almost even
suspects at the first hiccup; Akka's detector has one for this reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simclock import UsageError
from simclock.protocols.failure_detectors.arrivals import Arrivals

NORMAL_QUANTILES = {
    1: 12_816,
    2: 23_263,
    3: 30_902,
    4: 37_190,
    5: 42_649,
    6: 47_534,
    7: 51_993,
    8: 56_120,
    9: 59_978,
    10: 63_613,
    11: 67_060,
    12: 70_345,
}
"""Threshold -> z in ten-thousandths: a standard normal variable exceeds z with probability 10^-threshold."""
QUANTILE_PARTS = 10_000
SAMPLES_MIN = 2
"""With fewer intervals nothing can be estimated: then the detector's own first guess counts."""


class Detector(Protocol):
    """What a monitor asks of one."""

    def patience_ns(self, arrivals: Arrivals) -> int:
        """How long after the latest heartbeat the node is suspected."""
        ...


@dataclass(frozen=True, kw_only=True)
class FixedTimeout:
    """Suspects after the same time, whatever arrived."""

    timeout_ns: int

    def __post_init__(self) -> None:
        if type(self.timeout_ns) is not int or self.timeout_ns < 1:
            raise UsageError(f"detector.timeout: {self.timeout_ns!r} is not a time: whole nanoseconds, 1 or more")

    def patience_ns(self, arrivals: Arrivals) -> int:
        return self.timeout_ns


@dataclass(frozen=True, kw_only=True)
class PhiAccrual:
    """Suspects when phi reaches the threshold."""

    threshold: int
    first_ns: int
    """What an interval is guessed to be before there are enough."""
    deviation_ns_min: int = 0

    def __post_init__(self) -> None:
        if self.threshold not in NORMAL_QUANTILES:
            raise UsageError(f"detector.threshold: {self.threshold!r} is out of range: 1 to {max(NORMAL_QUANTILES)}")
        for name in ("first_ns", "deviation_ns_min"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise UsageError(f"detector.{name}: {value!r} is not a time: whole nanoseconds, zero or more")

    def patience_ns(self, arrivals: Arrivals) -> int:
        if len(arrivals) < SAMPLES_MIN:
            mean_ns, deviation_ns = self.first_ns, self.first_ns // 4
        else:
            mean_ns, deviation_ns = arrivals.mean_ns, arrivals.deviation_ns
        deviation_ns = max(deviation_ns, self.deviation_ns_min)
        return mean_ns + -(-deviation_ns * NORMAL_QUANTILES[self.threshold] // QUANTILE_PARTS)
