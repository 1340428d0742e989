"""The RPCs of the store, one class each; `versions`, `summary`, `missing` are bytes that the versioning understands."""

from __future__ import annotations

from actors import Message
from simclock.clocks import VectorClock

# Clients. A request is forwarded at most once, so its client is named in it.


class Get(Message):
    """4.1: get(key) gives one object, or all that conflict, and a context."""

    client: int
    request: int
    key: str
    forwarded: bool = False


class Put(Message):
    """4.1: put(key, context, object), with the context of an earlier get."""

    client: int
    request: int
    key: str
    value: str
    context: VectorClock
    writer: str
    """Who writes, in clocks that count clients."""
    number: int
    """Which write of that writer."""
    forwarded: bool = False


class Answer(Message):
    """What a client hears; of a put, the siblings there are after it."""

    request: int
    status: str
    """OK, CONFLICT or UNAVAILABLE: of a put that is unavailable it is unknown whether it takes effect."""
    values: tuple[str, ...] = ()
    context: VectorClock = VectorClock()


# A coordinator and the replicas of a key.


class ReadRequest(Message):
    """4.5: the coordinator asks for all versions that a replica has."""

    operation: int
    key: str


class ReadReply(Message):
    operation: int
    versions: bytes


class WriteRequest(Message):
    """4.5: the coordinator sends the new version to the N highest-ranked servers that can be reached."""

    operation: int
    key: str
    versions: bytes
    hint: int | None = None
    """4.6: the server that should have got it, where another one stands in."""


class WriteReply(Message):
    operation: int


class Repair(Message):
    """5, read repair: a replica that answered with less is sent what all answers make together."""

    key: str
    versions: bytes


# What is given to those it belongs to.


class Handoff(Message):
    """4.6, 4.9: a hinted replica, or a key that the ring has given to others."""

    key: str
    versions: bytes
    offer: int
    """Which offer of its sender it is; a newer record, or one offered anew, is another offer."""


class HandoffReply(Message):
    """What was offered is durable there."""

    key: str
    offer: int


# Anti-entropy (4.7).


class TreeHash(Message):
    """The hash of one node of a Merkle tree."""

    partition: int
    index: int
    hash: bytes


class CompareHashes(Message):
    """Hashes of one level, of the trees that both keep."""

    level: int
    hashes: tuple[TreeHash, ...]


class KeySummary(Message):
    key: str
    summary: bytes


class CompareKeys(Message):
    """What is under leaves that differ."""

    leaves: tuple[tuple[int, int], ...]
    """(partition, leaf)."""
    keys: tuple[KeySummary, ...]


class KeyVersions(Message):
    key: str
    missing: bytes


class Sync(Message):
    """What the receiver lacks, and what the sender would have of it in turn."""

    lacking: tuple[KeyVersions, ...]
    wanted: tuple[KeySummary, ...]


# Membership (4.8.1).


class ChangeMember(Message):
    """An administrator has a server join or leave."""

    server: int
    joins: bool


class Gossip(Message):
    """A view of the membership."""

    counts: tuple[int, ...]
