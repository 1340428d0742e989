"""What the lease servers, the holders and the store tell. A token is a claim's number, and greater of a later claim."""

from __future__ import annotations

from simclock import Told, reader


class TableChanged(Told, observed_as="lease"):
    """Something has happened to the table: every server tells the same sequence."""

    number: int
    """0, 1, 2, ... since the table was empty."""
    kind: str
    """queued, renewed, held (somebody was told so), released or expired."""
    lock: str
    token: int
    client: int


class Asks(Told):
    """A client sends a request to the lease service."""

    number: int
    """Of the request: 1, 2, 3, ... in the client's session."""
    command: str
    """Acquire, Renew or Release."""


class Held(Told):
    """A client has heard that its claim holds the lock."""

    lock: str
    token: int
    number: int
    """Of the request that was answered so."""


class Looks(Told):
    """A holder finds by its own clock that it holds, and decides to write."""

    lock: str
    token: int


class Writes(Told):
    """A write departs to the store."""

    lock: str
    token: int
    number: int
    """1, 2, 3, ... of the writes with this token."""


class Stands(Told):
    """A holder's clock stands still: it says nothing about a lease."""

    lock: str
    token: int


class Lost(Told):
    """The lease is the client's no more, or it cannot tell."""

    lock: str
    token: int
    """0 if it had none."""


class Released(Told):
    """A holder gives its claim up."""

    lock: str
    token: int


class Accepted(Told):
    """The store has taken a write, durably."""

    lock: str
    token: int
    number: int
    client: int
    value: str


class Refused(Told):
    """The store does not take a write."""

    lock: str
    token: int
    client: int
    greatest: int
    """The greatest token that it has taken."""


read = reader(TableChanged, Asks, Held, Looks, Writes, Stands, Lost, Released, Accepted, Refused)
