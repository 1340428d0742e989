"""What a holder and the store say to each other; what goes to the lease service is a command of its table."""

from __future__ import annotations

from simclock.actors import Message


class Write(Message):
    """A holder's write, with its fencing token."""

    lock: str
    token: int
    number: int
    """The holder's own count of writes with this token: 1, 2, 3, ..."""
    value: str


class WriteReply(Message):
    """What became of it."""

    lock: str
    token: int
    number: int
    accepted: bool
    greatest_token: int
    """The greatest that the store has accepted."""
