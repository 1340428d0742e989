"""What the nodes of `clock-laws` tell: what each event looks like to each clock. Readings are in milliseconds."""

from __future__ import annotations

from simclock import Told, reader


class Step(Told):
    """What every event says of the clocks after it."""

    number: int
    """Of the event: 1, 2, 3, ... at its node."""
    counted: int
    """The Lamport clock."""
    latest: int
    """The hybrid timestamp, packed."""
    greatest_ms: int
    """The greatest wall reading that the hybrid clock has seen."""
    wall_ms: int
    monotonic_ms: int
    owned: str
    """The id of the interval tree, as text."""


class Sent(Step, observed_as="send"):
    """A message leaves."""

    stamp: bytes
    """The encoded stamp of the interval tree that goes with it."""
    grant: bool
    """Whether that gives a part of the interval away."""


class Received(Step, observed_as="receive"):
    """A message is taken in."""

    source: int
    sent_number: int
    """Of the event that sent it."""
    compared: tuple[tuple[int, int, tuple[str, str, str]], ...]
    """(node, number, how it stands to what comes by the vector, dense vector and tree clock) of events known here."""


class Joined(Told, observed_as="join"):
    """A node takes over a part of the interval; ids as text."""

    before: str
    granted: str
    after: str


class Refused(Told):
    """The hybrid clock takes a message to be too far ahead."""

    source: int
    sent_number: int


read = reader(Sent, Received, Joined, Refused)
