"""The clock filter of an NTP client, worked out again from the exchanges it accepted (RFC 5905, section 10).

Law 1: of the latest eight samples the one with the least delay counts, of equals the newest, and none that is not newer
       than the one that counted last; the clock is then aimed at what that sample told, and at nothing else.
Law 2: every accepted sample goes through the filter at once, and the clock is corrected there and then, unless it is on
       its way already.

This is written without the protocol's code: the two must not be wrong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simclock import format_duration

STAGES = 8


class Exchange(NamedTuple):
    """An accepted sample."""

    delay_ns: int
    at_ns: int
    """By the client's monotonic clock."""
    ahead_ns: int
    """How far it wants the wall clock to be ahead of the monotonic one."""


class FilterCourse:
    """One client's register, from one start of it to its crash."""

    def __init__(self) -> None:
        self._register: list[Exchange] = []
        self._used_ns = -1
        self.wanted: Exchange | None = None
        """The sample that counts at present."""
        self.told_ns = -1
        """True time at which the client said so last."""

        self._unfiltered_ns = -1
        """True time of an accepted sample of which the client has not said yet what the filter made of it."""
        self._unaimed_ns = -1
        """True time at which the client said so, and has not corrected its clock since, which it has to."""

    def accepted(self, exchange: Exchange, time_ns: int) -> None:
        self._register = [exchange, *self._register[: STAGES - 1]]
        self._unfiltered_ns = time_ns

    def asked_elsewhere(self) -> None:
        """A reading by another algorithm: the correction that follows is not the filter's."""
        self.told_ns = -1

    def overdue(self) -> Iterator[str]:
        """What the client should have done by now, as it does something later or the run has ended."""
        if self._unfiltered_ns >= 0:
            yield f"accepted a sample at {format_duration(self._unfiltered_ns)}, and did not filter it"
        if self._unaimed_ns >= 0:
            yield f"filtered a sample at {format_duration(self._unaimed_ns)}, and did not correct its clock by it"
        self._unfiltered_ns = self._unaimed_ns = -1

    def owes(self, time_ns: int, ahead_ns: int, slew_left_ns: int) -> None:
        """The clock as it is when the filter is told of: `ahead_ns` ahead, and with so much of a slew to come."""
        if self.wanted is not None and self.wanted.ahead_ns - ahead_ns != slew_left_ns:
            self._unaimed_ns = time_ns

    def wrong(self, time_ns: int, delay_ns: int, age_ns: int) -> Iterator[str]:
        """What is wrong with the sample that the client says it uses now; an age below zero says that it uses none."""
        self.told_ns, self._unfiltered_ns = time_ns, -1
        if not self._register:
            yield "uses a sample, and has accepted none"
            return
        now_ns = self._register[0].at_ns
        best = self._register[0]
        for each in self._register[1:]:  # from the newest on, so that an equal one is older
            if each.delay_ns < best.delay_ns or (each.delay_ns == best.delay_ns and each.at_ns == best.at_ns):
                best = each
        if best.at_ns > self._used_ns:
            self.wanted, self._used_ns = best, best.at_ns
            right = best.delay_ns, now_ns - best.at_ns
        else:
            right = 0, -1
        if (delay_ns, age_ns) != right:
            yield f"uses {_say(delay_ns, age_ns)}; of the latest {len(self._register)} it should be {_say(*right)}"

    def wrong_aim(self, time_ns: int, by_ns: int, ahead_ns: int) -> Iterator[str]:
        """What is wrong with a correction from being `ahead_ns` ahead, if the filter is what it comes from."""
        if self.wanted is None or time_ns != self.told_ns:
            return
        self._unaimed_ns = -1
        if ahead_ns + by_ns != self.wanted.ahead_ns:
            off = format_duration(ahead_ns + by_ns - self.wanted.ahead_ns)
            yield f"corrects its clock by {format_duration(by_ns)}, which is {off} off what the sample told"


def _say(delay_ns: int, age_ns: int) -> str:
    if age_ns < 0:
        return "no new sample"
    return f"a sample with a delay of {format_duration(delay_ns)}, {format_duration(age_ns)} old"
