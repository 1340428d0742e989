"""The RPCs of the store, one class each; `versions`, `summary`, `missing` are bytes that the versioning understands."""

from __future__ import annotations

from simclock.actors import Message
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
    """OK, CONFLICT, NOT_FOUND or UNAVAILABLE: of a put that is unavailable it is unknown whether it takes effect."""
    values: tuple[str, ...] = ()
    context: VectorClock = VectorClock()
    tombstones: tuple[str, ...] = ()
    """The deletes among the siblings, by name: the context covers them too."""


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
    round: int
    """Of its sender: see `removal`."""
    hint: int | None = None
    """4.6: the server that should have got it, where another one stands in."""


class WriteReply(Message):
    operation: int


class Repair(Message):
    """5, read repair: a replica that answered with less is sent what all answers make together."""

    key: str
    versions: bytes
    round: int


# Deletes. A delete is a write: its version is a tombstone (Riak's way; the paper has none).


class Delete(Message):
    """Delete what its client has read: the versions that the context covers, and no others."""

    client: int
    request: int
    key: str
    name: str
    """What its client calls this delete: it stays with the tombstone."""
    context: VectorClock
    writer: str
    """As in a put."""
    number: int
    forwarded: bool = False


class Prepare(Message):
    """A server that would remove a tombstone asks every other one to hold nothing older, and to guard against it."""

    key: str
    versions: bytes
    """The tombstone's record."""
    number: int
    """Which attempt of its sender it is."""


class Prepared(Message):
    """From now on nothing older is here, and every record this server sends is of this round or a later one."""

    key: str
    number: int
    round: int


class Remove(Message):
    """Everyone is prepared: drop the tombstone, and take no record from before those rounds."""

    key: str
    versions: bytes
    number: int
    rounds: tuple[int, ...]
    """A round for each server."""


class Removed(Message):
    """It is gone there."""

    key: str
    number: int


class Release(Message):
    """The attempt is over: the key was written again, or its tombstone is gone. No guard is needed."""

    key: str
    number: int


# What is given to those it belongs to.


class Handoff(Message):
    """4.6, 4.9: a hinted replica, or a key that the ring has given to others."""

    key: str
    versions: bytes
    offer: int
    """Which offer of its sender it is; a newer record, or one offered anew, is another offer."""
    round: int


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
    round: int


# Membership (4.8.1).


class ChangeMember(Message):
    """An administrator has a server join or leave."""

    server: int
    joins: bool


class Gossip(Message):
    """A view of the membership."""

    counts: tuple[int, ...]
