"""What nodes send each other to synchronize their clocks."""

from __future__ import annotations

from simclock.actors import Message


class SynchronizeNow(Message):
    """The time server asks for a synchronization by Cristian's algorithm, out of turn."""


class TimeRequest(Message):
    """Cristian 1989: "time = ?"."""

    number: int


class TimeReply(Message):
    """Cristian 1989: "time =", T."""

    number: int
    time_ns: int


class ClockPoll(Message):
    """The Berkeley leader asks what a clock shows."""

    round: int


class ClockReading(Message):
    """What a follower's clock shows."""

    round: int
    wall_ns: int


class Adjustment(Message):
    """What a follower's clock is to be corrected by: a difference, not a time, so that its journey does no harm."""

    round: int
    by_ns: int


class NtpRequest(Message):
    """RFC 5905: the client's transmit timestamp."""

    t1_ns: int


class NtpReply(Message):
    """RFC 5905: origin (that of the request), receive and transmit timestamp."""

    t1_ns: int
    t2_ns: int
    t3_ns: int
