"""What nodes send each other to synchronize their clocks, and what they tell observers about it."""

from __future__ import annotations

from typing import NamedTuple

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


# Observations.


class Sampled(NamedTuple):
    """`sampled`: a client has heard from the time server."""

    algorithm: str
    server: int
    reported_ns: int
    """The server's clock when it answered."""
    rtt_ns: int
    """Of the journey: by the monotonic clock (Cristian), or T4 - T1 less the server's share (NTP)."""
    estimate_ns: int
    """What the server's clock is taken to show now."""
    offset_ns: int
    """From the node's wall clock to that."""
    margin_ns: int
    """How wrong that may be."""
    refused: str
    """Why the sample is not used; empty if it is."""


class Heard(NamedTuple):
    """`heard`: the Berkeley leader has a follower's reading."""

    round: int
    node: int
    reported_ns: int
    rtt_ns: int
    adjusted_ns: int
    """The reading with the journey made up for: what the follower's clock shows when the leader hears of it."""
    difference_ns: int
    """From the leader's clock to that."""
    margin_ns: int
    refused: str


class Averaged(NamedTuple):
    """`averaged`: the Berkeley leader ends a round."""

    round: int
    average_ns: int
    """Ahead of the leader's clock."""
    included: tuple[int, ...]
    rejected: tuple[int, ...]
    """Readings that lie too far from the others."""
    silent: tuple[int, ...]
    """Nodes of which nothing usable was heard."""
    adjustments: tuple[tuple[int, int], ...]
    """(node, correction), the leader's own included."""


class Adjusted(NamedTuple):
    """`adjusted`: a node has corrected its clock, or begun to."""

    way: str
    """"step" or "slew"."""
    by_ns: int
    rate_ppm: int
    wall_ns: int
    """What the wall clock showed before."""
