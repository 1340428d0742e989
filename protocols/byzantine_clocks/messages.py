"""What nodes ask each other, and clients their time sources."""

from __future__ import annotations

from simclock.actors import Message


class Ask(Message):
    """What does your clock of that round show? `sent_ns` is the asker's own, as in NTP."""

    round: int
    sent_ns: int


class Tell(Message):
    """This is what my clock of that round showed."""

    round: int
    reading_ns: int


class Poll(Message):
    """What time is it?"""

    number: int


class Time(Message):
    """It is `time_ms`, give or take `margin_ms`."""

    number: int
    time_ms: int
    margin_ms: int
