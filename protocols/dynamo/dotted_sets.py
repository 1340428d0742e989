"""A dotted version vector set for each key (Preguica et al. 2010; Almeida et al. 2014): see `simclock.clocks.dotted`.

A write is an event of the server that takes it, its dot; what it replaces is what its client had read, and only that.
So clocks have an entry per server, and siblings are concurrent writes: no more, no fewer.

`sync` sends only what is missing: a dot names its value, so a server that says which dots it has heard of, and which of
them are alive, is sent the values of the others, and of what it holds no more than that it is still alive.
"""

from __future__ import annotations

import msgspec

from simclock.clocks import DottedVersionSet, VectorClock
from simclock.protocols.dynamo.versioning import Version, Write, decode_version, encode_version


class Dots(msgspec.Struct, frozen=True, array_like=True):
    """Of one server's events: how many there were, and how many of the last are alive."""

    node: str
    count: int
    alive: int


class MissingDots(msgspec.Struct, frozen=True, array_like=True):
    """The same, with the values that the other side has not heard of, newest first."""

    node: str
    count: int
    alive: int
    values: tuple[bytes, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode_summary = msgspec.msgpack.Decoder(tuple[Dots, ...]).decode
_decode_missing = msgspec.msgpack.Decoder(tuple[MissingDots, ...]).decode


class DottedSets:
    """The strategy."""

    name = "dotted"

    def empty(self) -> DottedVersionSet:
        return DottedVersionSet()

    def put(self, record: DottedVersionSet, write: Write, server: str) -> DottedVersionSet:
        return record.put(write.context, encode_version(write.version), server)

    def merge(self, one: DottedVersionSet, other: DottedVersionSet) -> DottedVersionSet:
        return one.sync(other)

    def versions(self, record: DottedVersionSet) -> tuple[Version, ...]:
        return tuple(map(decode_version, record.values))

    def context(self, record: DottedVersionSet) -> VectorClock:
        return record.context

    def encode(self, record: DottedVersionSet) -> bytes:
        return record.encode()

    def decode(self, data: bytes) -> DottedVersionSet:
        return DottedVersionSet.decode(data)

    def summary(self, record: DottedVersionSet) -> bytes:
        return _encode(tuple(Dots(str(node), count, len(values)) for node, count, values in record.entries))

    def missing(self, record: DottedVersionSet, summary: bytes) -> bytes:
        known = {dots.node: dots for dots in _decode_summary(summary)}
        lacking = []
        for node, count, values in record.entries:
            theirs = known.get(str(node), Dots(str(node), 0, 0))
            unheard = max(0, count - theirs.count)
            floor, their_floor = count - len(values), theirs.count - theirs.alive
            if unheard or floor > their_floor:
                lacking.append(MissingDots(str(node), count, len(values), values[:unheard]))
        return _encode(tuple(lacking)) if lacking else b""

    def lacks(self, record: DottedVersionSet, summary: bytes) -> bool:
        mine = {str(node): (count, count - len(values)) for node, count, values in record.entries}
        theirs = [(dots.node, dots.count, dots.count - dots.alive) for dots in _decode_summary(summary)]
        for node, count, floor in theirs:
            my_count, my_floor = mine.get(node, (0, 0))
            if count > my_count or floor > my_floor:
                return True
        return False

    def apply(self, record: DottedVersionSet, missing: bytes) -> DottedVersionSet:
        mine = {str(node): (count, values) for node, count, values in record.entries}
        for dots in _decode_missing(missing):
            count, values = mine.get(dots.node, (0, ()))
            dead = max(count - len(values), dots.count - dots.alive)
            most = max(count, dots.count)
            found = {dots.count - place: value for place, value in enumerate(dots.values)}
            found |= {count - place: value for place, value in enumerate(values)}
            alive = range(most, dead, -1)
            if any(number not in found for number in alive):
                return record  # what the summary said it has was given away meanwhile: the next exchange sends it all
            mine[dots.node] = (most, tuple(found[number] for number in alive))
        return DottedVersionSet(tuple((node, *mine[node]) for node in sorted(mine)))

    def counts(self, record: DottedVersionSet, server: str) -> bool:
        return server in record.ids
