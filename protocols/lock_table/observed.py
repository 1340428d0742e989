"""What clients and lock managers tell. A transaction is named by its client and its number there.

A timestamp is (the client's monotonic clock in nanoseconds, client).
"""

from __future__ import annotations

from typing import NamedTuple

from simclock import Told, reader

Timestamp = tuple[int, int]


class Begun(Told, observed_as="begin"):
    """A transaction, under its first timestamp."""

    number: int
    timestamp: Timestamp
    steps: tuple[tuple[int, str], ...]
    """(key, mode) of the locks that it will ask for, in order."""


class Attempted(Told, observed_as="attempt"):
    """It tries."""

    number: int
    attempt: int
    timestamp: Timestamp
    """The one that its requests carry."""


class Asked(Told, observed_as="ask"):
    """It asks for a lock, and waits."""

    number: int
    attempt: int
    key: int
    mode: str
    """"shared" or "exclusive"."""


class Locked(Told):
    """It has the lock."""

    number: int
    attempt: int
    key: int
    mode: str


class Aborted(Told, observed_as="abort"):
    """It gives everything up."""

    number: int
    attempt: int
    reason: str
    """"died" or "wounded", by client `other` at `key`; "crashed": so did an earlier incarnation."""
    key: int
    """-1 after a crash."""
    other: int


class Committed(Told, observed_as="commit"):
    """It is done, and gives everything back."""

    number: int
    attempt: int
    tries: int


class Claimed(NamedTuple):
    """A claim on a lock."""

    client: int
    attempt: int
    timestamp: Timestamp
    mode: str


class LockChanged(Told, observed_as="lock"):
    """A lock manager tells who has a lock now, and who waits for it."""

    key: int
    holders: tuple[tuple[int, int, Timestamp, str], ...]
    """The fields of a `Claimed` each."""
    queue: tuple[tuple[int, int, Timestamp, str], ...]
    """Likewise, in the order in which they will get it."""

    def claims(self) -> tuple[tuple[Claimed, ...], tuple[Claimed, ...]]:
        """Holders and queue, with the names of their fields."""
        return tuple(Claimed(*each) for each in self.holders), tuple(Claimed(*each) for each in self.queue)


read = reader(Begun, Attempted, Asked, Locked, Aborted, Committed, LockChanged)
