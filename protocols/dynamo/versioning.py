"""How a store tells which of two versions is newer: what every strategy of versioning answers.

A *record* is what a server keeps of one key: its siblings and what orders them. Records are immutable, and a server
treats them as opaque: it puts, merges, compares summaries and sends what is missing.

    vector, ids=client    a vector clock per sibling, an entry per client          `client_vectors.py`
    vector, ids=server    one vector clock for all siblings, an entry per server   `server_vectors.py`
    dotted                a dotted version vector set, an entry per server         `dotted_sets.py`

Law 1: `merge` is idempotent and commutative, and never goes back: whoever exchanges records, in whatever order, ends
       with the same one.
Law 2: two records with equal summaries are equal.
Law 3: `merge(mine, what `missing` gave for my summary)` is `merge(mine, theirs)`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from simclock.clocks import VectorClock

Record = Any
"""What the strategy at hand makes of a key."""


class Version(NamedTuple):
    """One sibling, as a client is shown it."""

    value: str
    written_ns: int
    """By the wall clock of the server that took the write; only last-writer resolution looks at it."""
    deleted: bool = False
    """A tombstone: a version like any other, which says that there is no value. Its `value` names the delete."""


class Write(NamedTuple):
    """A put, as its coordinator hands it to the strategy."""

    version: Version
    context: VectorClock
    """What the client had read."""
    client: str
    """Who writes, in clocks that count clients."""
    number: int
    """Which write of that client it is: above `context[client]`, and never used again."""


class Versioning(Protocol):
    """A strategy. It has no state of its own."""

    name: str

    def empty(self) -> Record:
        """The record of a key that nobody has written."""

    def put(self, record: Record, write: Write, server: str) -> Record:
        """The record after a write that this server coordinates; `server` is its id in clocks."""

    def merge(self, one: Record, other: Record) -> Record:
        """What both know."""

    def versions(self, record: Record) -> tuple[Version, ...]:
        """The siblings."""

    def context(self, record: Record) -> VectorClock:
        """What a client has read that was shown all of it."""

    def encode(self, record: Record) -> bytes:
        """The record on disk and on the wire."""

    def decode(self, data: bytes) -> Record:
        """The record of these bytes."""

    def summary(self, record: Record) -> bytes:
        """What tells a record from every other one of the key: clocks, not values."""

    def missing(self, record: Record, summary: bytes) -> bytes:
        """What the holder of that summary lacks of this record; empty where that is nothing."""

    def lacks(self, record: Record, summary: bytes) -> bool:
        """Whether the holder of that summary may have something that this record has not."""

    def apply(self, record: Record, missing: bytes) -> Record:
        """The record with what was missing."""

    def counts(self, record: Record, server: str) -> bool:
        """Whether events of that server's id are in the record's clock."""


def is_deleted(versioning: Versioning, record: Record) -> bool:
    """Whether nothing is left of the key but tombstones."""
    versions = versioning.versions(record)
    return bool(versions) and all(version.deleted for version in versions)


decode_version = msgspec.msgpack.Decoder(Version).decode
encode_version = msgspec.msgpack.Encoder().encode


def metadata_bytes(versioning: Versioning, record: Record) -> int:
    """What a record takes on the wire beside its values: clocks and the framing between them."""
    values = sum(len(encode_version(version)) for version in versioning.versions(record))
    return len(versioning.encode(record)) - values
