"""What the nodes of a synchronization agree on beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, ms, seconds
from simclock.environment.quartz import MILLION, SLEW_RATE_PPM


@dataclass(frozen=True, kw_only=True)
class Synchronization:
    """Settings of all three algorithms; each reads what concerns it."""

    server: int
    """The time server, whom the clients of Cristian's algorithm and of NTP ask."""
    leader: int = 0
    """Of the Berkeley algorithm."""
    interval_ns: int = seconds(20)
    """From one synchronization to the next, by the clock of the node that begins it."""
    delay_ns_min: int = 0
    """The shortest time that a message takes: the less that is known of it, the larger the margin."""
    margin_ns_max: int = seconds(1)
    """A reading that may be more wrong than this is refused, however well the clocks then seem to agree."""
    attempts: int = 3
    """Cristian's k: how often a client asks in one synchronization until a reading is good enough."""
    outlier_ns: int = seconds(1)
    """Gusella and Zatti's gamma: clocks further apart than this are not averaged with each other."""
    step_over_ns: int = ms(128)
    """A larger correction is a step, any other a slew (RFC 5905: the step threshold)."""
    slew_rate_ppm: int = SLEW_RATE_PPM

    def __post_init__(self) -> None:
        for name in ("server", "leader", "delay_ns_min", "margin_ns_max", "outlier_ns", "step_over_ns"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise UsageError(f"Synchronization.{name}: {value!r} is not a whole number, zero or more")
        for name in ("interval_ns", "attempts"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise UsageError(f"Synchronization.{name}: {value!r} is not a whole number, one or more")
        if type(self.slew_rate_ppm) is not int or not 0 < self.slew_rate_ppm < MILLION:
            raise UsageError(f"Synchronization.slew_rate_ppm: {self.slew_rate_ppm!r} is out of range: 1 to 999,999")

    @property
    def patience_ns(self) -> int:
        """How long an answer is waited for: what comes later has too large a margin."""
        return 2 * (self.margin_ns_max + self.delay_ns_min)
