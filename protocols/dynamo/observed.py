"""What servers and clients of the store tell, beside the history of its operations (protocols/key_value/observed.py).

There a get, put or delete gives (status, values, and what was told of tombstones).
"""

from __future__ import annotations

from typing import Any

from simclock import Told, reader


class Heard(Told, observed_as="answer"):
    """A client has an answer."""

    function: str
    key: str
    status: str
    values: tuple[str, ...]
    context: tuple[tuple[int | str, int], ...]
    """The entries of the vector clock that came with it."""
    tombstones: tuple[str, ...]


class Coordinates(Told):
    """A server has taken a write of a client, and sends it to the others."""

    client: int
    request: int
    key: str


class StandsIn(Told, observed_as="stands-in"):
    """A server keeps a write of a key that is not its own."""

    key: str
    target: int | None
    """Whom it is kept for; None if the server keeps it as if the key were its own."""


class Hinted(Told):
    """It keeps a hinted replica that is new to it."""

    key: str
    target: int


class Received(Told):
    """It has got a replica that another one kept for it, or had no more to keep."""

    key: str
    source: int


class Delivered(Told):
    """A hinted replica has reached the one it was meant for, and is dropped here."""

    key: str
    target: int


class Moved(Told):
    """The ring has given a key to others, who have it: it is dropped here."""

    key: str


class Members(Told):
    """The server sees another membership."""

    members: tuple[int, ...]


class Suspected(Told, observed_as="suspect"):
    """Another server does not answer it."""

    server: int


class Repaired(Told, observed_as="repair"):
    """A read has shown that a server lacks something, and it is sent it."""

    key: str
    server: int


class Synchronized(Told):
    """Anti-entropy has brought the server what it lacked."""

    source: int
    keys: int
    """How many."""


class Fenced(Told):
    """What another server said is not taken, as it may bring back what was removed."""

    source: int


class TombstonesRemoved(Told, observed_as="removed"):
    """The server has dropped tombstones, in good order."""

    key: str
    tombstones: tuple[str, ...]

    def as_observed(self) -> Any:
        return (self.key, *self.tombstones)

    @classmethod
    def from_observed(cls, value: Any) -> TombstonesRemoved:
        key, *tombstones = value
        return cls(key, tuple(tombstones))


read = reader(
    *(Heard, Coordinates, StandsIn, Hinted, Received, Delivered, Moved, Members, Suspected, Repaired, Synchronized),
    *(Fenced, TombstonesRemoved),
)
