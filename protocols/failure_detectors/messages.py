"""What nodes send each other."""

from __future__ import annotations

from simclock.actors import Message


class Heartbeat(Message):
    """I am up."""

    incarnation: int
    number: int
