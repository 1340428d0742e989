"""What the three agents tell."""

from __future__ import annotations

from simclock import Told, reader


class Proposed(Told):
    """A proposer asks all to accept a value."""

    number: int
    value: str


class Voted(Told):
    """An acceptor has accepted a proposal; it is durable."""

    number: int
    value: str


class Learned(Told):
    """A learner has found a value chosen."""

    value: str


read = reader(Proposed, Voted, Learned)
