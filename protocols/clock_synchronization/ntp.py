"""A client in the manner of NTP (D. Mills et al., RFC 5905, 2010): four timestamps, and the best of eight samples.

T1 and T4 are the client's clock when it asks and when it hears, T2 and T3 the server's when it hears and answers:

    offset = ((T2 - T1) + (T3 - T4)) / 2        delay = (T4 - T1) - (T3 - T2)

The offset is no more than delay/2 wrong, as the journey took at least no time either way (RFC 5905 has it as the first
part of the root distance), and delay/2 - min where the shortest journey is known. Samples with a short journey are the
best, so of the latest eight the one with the least delay counts (section 10, the clock filter), and none that is older
than the one used last.

Deviations: one server, so neither selection nor clustering; a step happens at once, not after the stepout time; a
sample is kept against the monotonic clock, so that the client's own corrections do not make it stale, where RFC 5905
clears the register after a step; the poll interval is fixed; and the discipline corrects the phase alone, where that of
RFC 5905 also learns the clock's drift. So an older sample costs here what the clock has drifted since.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from simclock.environment.quartz import MILLION
from simclock.protocols.clock_synchronization.cristian import CristianClient, margin_ns
from simclock.protocols.clock_synchronization.messages import NtpReply, NtpRequest
from simclock.protocols.clock_synchronization.observed import Asked, Filtered, Sampled
from simclock.protocols.clock_synchronization.settings import Synchronization

STAGES = 8
"""RFC 5905: NSTAGE."""


def offset_ns(t1_ns: int, t2_ns: int, t3_ns: int, t4_ns: int) -> int:
    """From the client's clock to the server's, rounded down."""
    return ((t2_ns - t1_ns) + (t3_ns - t4_ns)) // 2


def delay_ns(t1_ns: int, t2_ns: int, t3_ns: int, t4_ns: int) -> int:
    """How long the two messages were on their way."""
    return (t4_ns - t1_ns) - (t3_ns - t2_ns)


class FilterSample(NamedTuple):
    """What one exchange told."""

    delay_ns: int
    at_ns: int
    """The monotonic clock at the end of the exchange."""
    ahead_ns: int
    """How far a right wall clock would be ahead of the monotonic one."""


class ClockFilter:
    """The latest eight samples."""

    def __init__(self) -> None:
        self.stages: tuple[FilterSample, ...] = ()
        self.used_ns = -1
        """When the sample that was used last was taken."""

    def add(self, sample: FilterSample) -> FilterSample | None:
        """Shift a sample in; gives the one to use now, None where the best is not newer than the last one used."""
        self.stages = (*self.stages, sample)[-STAGES:]
        best = self.best()
        if not self.is_newer(best):
            return None
        self.used_ns = best.at_ns
        return best

    def best(self) -> FilterSample:
        """The one with the least delay, of equals the newest."""
        return min(self.stages, key=lambda stage: (stage.delay_ns, -stage.at_ns))

    def is_newer(self, sample: FilterSample) -> bool:
        """Whether it is newer than the one used last."""
        return sample.at_ns > self.used_ns


class NtpClient(CristianClient):
    """Polls the time server every `interval_ns`. Told to, it also synchronizes by Cristian's algorithm."""

    filter_class: ClassVar[type[ClockFilter]] = ClockFilter

    def __init__(self, settings: Synchronization) -> None:
        super().__init__(settings, regular=False)
        self.filter = self.filter_class()
        self.aimed_ns: int | None = None
        """How far ahead of the monotonic clock the latest sample that was used wants the wall clock."""
        self.outstanding: tuple[int, int] | None = None
        """T1 of the request without an answer, and the monotonic clock then."""

    def on_start(self) -> None:
        super().on_start()
        self.set_timer("poll", self.settings.interval_ns)

    def on_timer(self, timer: Any) -> None:
        if timer != "poll":
            super().on_timer(timer)
            return
        self.set_timer("poll", self.settings.interval_ns)
        self.outstanding = self.clock.wall_ns(), self.clock.monotonic_ns()
        self.observe(Asked("ntp", self.settings.server))
        self.send(self.settings.server, NtpRequest(self.outstanding[0]))

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case NtpReply(t1_ns=t1_ns, t2_ns=t2_ns, t3_ns=t3_ns):
                # RFC 5905, section 8: the origin timestamp has to be that of the request under way; it counts once.
                if self.outstanding is not None and self.outstanding[0] == t1_ns:
                    sent_ns, self.outstanding = self.outstanding[1], None
                    self._measure(source, (t1_ns, t2_ns, t3_ns, self.clock.wall_ns()), sent_ns)
            case _:
                super().on_message(source, message)

    def _measure(self, server: int, four: tuple[int, int, int, int], sent_ns: int) -> None:
        now_ns = self.clock.monotonic_ns()
        offset, delay = offset_ns(*four), delay_ns(*four)
        margin = margin_ns(delay, self.settings.delay_ns_min)
        refused = self.refusal(four, now_ns - sent_ns, margin)
        sampled = Sampled("ntp", server, four[2], delay, four[3] + offset, offset, margin, refused)
        self.observe(sampled)
        if refused:
            return
        best = self.filter.add(FilterSample(delay, now_ns, self.ahead_ns() + offset))
        self.observe(Filtered(0, -1) if best is None else Filtered(best.delay_ns, now_ns - best.at_ns))
        if best is not None:
            self.aimed_ns = best.ahead_ns
        if self.aimed_ns is not None:  # also again: something else may have moved the clock since
            self.aim(self.aimed_ns)

    def refusal(self, four: tuple[int, int, int, int], passed_ns: int, margin: int) -> str:
        """Why an exchange tells nothing; empty if it does.

        The delay comes out negative where the clock was set back in the exchange by more than that took, and so may
        T4 - T1: the arithmetic goes through, and means nothing. A smaller jump shows only in the monotonic clock, by
        which `passed_ns` went by.
        """
        t1_ns, _, _, t4_ns = four
        if t4_ns < t1_ns or delay_ns(*four) < 0 or self.was_set(t4_ns - t1_ns, passed_ns):
            return "the clock was set meanwhile"
        return "" if self.accepts(margin) else "too long on its way"

    def was_set(self, wall_ns: int, monotonic_ns: int) -> bool:
        """Whether the wall clock went through something else than a slew while these went by."""
        return abs(wall_ns - monotonic_ns) > monotonic_ns * self.settings.slew_rate_ppm // MILLION + 1
