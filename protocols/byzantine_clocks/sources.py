"""A client that asks several time sources, and agrees on their intervals with Marzullo's algorithm.

A source tells its time in whole milliseconds, and a margin in which it believes to be right. What the client makes of
it is an interval for *true time minus own clock*: the answer is between nothing and a round trip old, and each reading
may be a millisecond more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simclock import seconds
from simclock.actors import Message, Node
from simclock.protocols.byzantine_clocks.marzullo import Agreed, Interval, Marzullo, majority
from simclock.protocols.byzantine_clocks.messages import Poll, Time
from simclock.protocols.byzantine_clocks.observed import SourcesAgreed

MILLISECOND = 1_000_000


class Source(Node):
    """Tells the time of its own clock, which is within the margin of true time."""

    def __init__(self, margin_ms: int) -> None:
        self.margin_ms = margin_ms

    def on_message(self, source: int, message: Message) -> None:
        if isinstance(message, Poll):
            self.send(source, Time(message.number, self.time_ms(), self.margin_ms))

    def time_ms(self) -> int:
        """What to tell."""
        return self.clock.wall_ns() // MILLISECOND


class FalseTicker(Source):
    """Is wrong by more than its margin, and by the same as all others of its camp."""

    def __init__(self, margin_ms: int, wrong_ms: int) -> None:
        super().__init__(margin_ms)
        self.wrong_ms = wrong_ms

    def time_ms(self) -> int:
        return super().time_ms() + self.wrong_ms


class Poller(Node):
    """The client."""

    def __init__(
        self, sources: Sequence[int], every_ns: int = seconds(1), agree: Callable[..., Agreed | None] | None = None
    ) -> None:
        self.sources = tuple(sources)
        self.every_ns = every_ns
        self.agree = Marzullo().agree if agree is None else agree
        self.number = 0
        self.asked_ns = 0
        """When the sources were polled, by the monotonic clock."""
        self.intervals: dict[int, Interval] = {}

    def on_start(self) -> None:
        self.set_timer("poll", self.every_ns)

    def on_timer(self, timer: Any) -> None:
        if self.number:
            self._agree()
        self.number += 1
        self.intervals = {}
        self.asked_ns = self.clock.monotonic_ns()
        for source in self.sources:
            self.send(source, Poll(self.number))
        self.set_timer("poll", self.every_ns)

    def on_message(self, source: int, message: Message) -> None:
        if isinstance(message, Time) and message.number == self.number and source not in self.intervals:
            now_ns = self.clock.monotonic_ns()
            trip_ms = -((self.asked_ns - now_ns) // MILLISECOND)
            behind_ms = message.time_ms - now_ns // MILLISECOND
            self.intervals[source] = Interval(
                behind_ms - message.margin_ms - 1, behind_ms + message.margin_ms + 1 + trip_ms
            )

    def _agree(self) -> None:
        if not self.intervals:
            return
        intervals = [self.intervals[source] for source in sorted(self.intervals)]
        agreed = self.accepted(self.agree(intervals))
        told = tuple((each.low, each.high) for each in intervals)
        self.observe(SourcesAgreed(self.number, told, None if agreed is None else tuple(agreed)))

    def accepted(self, agreed: Agreed | None) -> Agreed | None:
        """Silent sources count as well: half of them may be right and cut off."""
        return majority(agreed, len(self.sources))
