"""One vector clock for all siblings of a key, with an entry for each server: Riak's way before it had dots.

    put: if the context covers the clock, the value replaces all siblings; else it joins them. The server counts.
    merge: the greater clock wins with its values; where neither is greater, all values stay.

It loses nothing, and its clocks have an entry per server, not per client. But a clock for all siblings together cannot
tell which of them a client had read: a write whose context is a little old is kept beside *everything*, also beside
what it was meant to replace. Two clients that take turns make siblings without bound (the *sibling explosion*; row
KV-01 of the zoo, Preguica et al. 2010, section 3).
"""

from __future__ import annotations

import msgspec

from simclock.clocks import VectorClock
from simclock.protocols.dynamo.versioning import Version, Write


class ServerVersions(msgspec.Struct, frozen=True, array_like=True):
    """All siblings, and what they know together."""

    clock: VectorClock = VectorClock()
    versions: tuple[Version, ...] = ()
    """In order, each once."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ServerVersions).decode


class ServerVectors:
    """The strategy."""

    name = "vector, ids=server"

    def empty(self) -> ServerVersions:
        return ServerVersions()

    def put(self, record: ServerVersions, write: Write, server: str) -> ServerVersions:
        clock = record.clock.merge(write.context).tick(server)
        if record.clock <= write.context:
            return ServerVersions(clock, (write.version,))
        return ServerVersions(clock, _ordered((*record.versions, write.version)))

    def merge(self, one: ServerVersions, other: ServerVersions) -> ServerVersions:
        if one.clock < other.clock:
            return other
        if other.clock < one.clock:
            return one
        # Also where the clocks are equal: two servers that merged different records may have come to the same clock.
        return ServerVersions(one.clock.merge(other.clock), _ordered((*one.versions, *other.versions)))

    def versions(self, record: ServerVersions) -> tuple[Version, ...]:
        return record.versions

    def context(self, record: ServerVersions) -> VectorClock:
        return record.clock

    def encode(self, record: ServerVersions) -> bytes:
        return _encode(record)

    def decode(self, data: bytes) -> ServerVersions:
        return _decode(data)

    def summary(self, record: ServerVersions) -> bytes:
        return _encode(record)

    def missing(self, record: ServerVersions, summary: bytes) -> bytes:
        other = _decode(summary)
        return b"" if self.merge(record, other) == other else _encode(record)

    def lacks(self, record: ServerVersions, summary: bytes) -> bool:
        return self.merge(record, _decode(summary)) != record

    def apply(self, record: ServerVersions, missing: bytes) -> ServerVersions:
        return self.merge(record, _decode(missing))

    def counts(self, record: ServerVersions, server: str) -> bool:
        return record.clock[server] > 0


def _ordered(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    return tuple(sorted(set(versions)))
