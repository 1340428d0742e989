"""What nodes tell that synchronize their clocks. Times, margins and corrections are in nanoseconds."""

from __future__ import annotations

from simclock import Told, reader


class Prompted(Told):
    """The time server asks everybody to synchronize, out of turn."""


class Asked(Told):
    """A client asks the time server."""

    algorithm: str
    """"cristian" or "ntp"."""
    server: int


class Sampled(Told):
    """A client has heard from the time server."""

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


class Filtered(Told):
    """An NTP client has put a sample through its clock filter."""

    delay_ns: int
    """Of the sample that came out, the one with the least delay."""
    age_ns: int
    """How long ago it was measured; -1 where none came out, as it was used before."""


class Polled(Told):
    """The Berkeley leader begins a round."""

    round: int
    nodes: tuple[int, ...]
    """Whom it asks."""


class Reported(Told):
    """A follower answers the Berkeley leader."""

    round: int
    wall_ns: int


class Heard(Told):
    """The Berkeley leader has a follower's reading."""

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


class Averaged(Told):
    """The Berkeley leader ends a round."""

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


class Adjusted(Told):
    """A node has corrected its clock, or begun to."""

    way: str
    """"step" or "slew"."""
    by_ns: int
    rate_ppm: int
    wall_ns: int
    """What the wall clock showed before."""


read = reader(Prompted, Asked, Sampled, Filtered, Polled, Reported, Heard, Averaged, Adjusted)
