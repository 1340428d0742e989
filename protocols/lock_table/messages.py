"""What transactions and lock managers say to each other.

An *attempt* is a number that a client never uses twice: a transaction that is aborted tries again under a new one, and
what is still under way for an old attempt is told from it.
"""

from __future__ import annotations

from simclock.actors import Message


class Acquire(Message):
    """A transaction asks for a lock; sent again until it is answered."""

    attempt: int
    timestamp: tuple[int, int]
    """(time, client): smaller is older. Of all attempts of a transaction the same."""
    key: int
    mode: str


class Granted(Message):
    """The lock is held from now on."""

    attempt: int
    key: int
    mode: str


class Died(Message):
    """Wait-die: the request conflicts with an older transaction, so the one that asks has to abort."""

    attempt: int
    key: int
    other: int
    """The client of the older transaction."""


class Wound(Message):
    """Wound-wait: an older transaction asks for what this one holds, so this one has to abort; sent until it has."""

    attempt: int
    key: int
    other: int


class Release(Message):
    """The attempt is over, and every earlier one: whatever it holds or waits for is free; sent until acknowledged."""

    attempt: int


class Released(Message):
    """It is."""

    attempt: int
