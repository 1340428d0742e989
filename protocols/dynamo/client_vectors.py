"""A vector clock for each sibling, with an entry for each client that wrote (DeCandia et al. 2007, 4.4).

    put: the context, with the client's own next number      merge: the siblings that no other one descends from

Law: a version is dropped if and only if another one descends from it, so no concurrent write is lost and none is kept
too long; provided that a client never uses a number twice. The price: a clock has an entry for every client that ever
wrote the key.

Deviation: the paper counts by server, the one that handles the write. With one clock per version that is wrong where
clients share a server: two writes with the same context get the same clock, or one seems to descend from the other
(rows KV-02 and KV-02b of the zoo). `server_vectors.py` is the form of counting by server that loses nothing.

**Pruning** (4.4, "clock truncation scheme"): with each entry goes the time at which it was last counted, and when a
clock has more than `prune_above` entries, the oldest is removed. The paper has a threshold of 10, and concedes that
descendants may then not be told accurately. What goes wrong: see `simclock.clocks.vector`, and the tests.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from simclock import UsageError
from simclock.clocks import VectorClock
from simclock.protocols.dynamo.versioning import Version, Write


class ClientVersion(msgspec.Struct, frozen=True, array_like=True):
    """One sibling."""

    clock: VectorClock
    version: Version
    stamps: tuple[int, ...] = ()
    """When each entry of the clock was last counted; empty where clocks are not pruned."""


ClientVersions = tuple[ClientVersion, ...]
"""In order of their clocks' entries; no clock is at or below another one."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ClientVersions).decode
_decode_clocks = msgspec.msgpack.Decoder(tuple[VectorClock, ...]).decode


def maximal(versions: Iterable[ClientVersion]) -> ClientVersions:
    """The versions that no other one descends from; of equal clocks one."""
    by_clock = {each.clock: each for each in versions}
    kept = [each for clock, each in by_clock.items() if not any(clock < other for other in by_clock)]
    return _ordered(kept)


def _ordered(versions: Iterable[ClientVersion]) -> ClientVersions:
    return tuple(sorted(versions, key=lambda each: each.clock.entries))


class ClientVectors:
    """The strategy; with `prune_above`, clocks forget their oldest entries."""

    def __init__(self, prune_above: int = 0) -> None:
        if type(prune_above) is not int or prune_above < 0:
            raise UsageError(f"prune_above: {prune_above!r} is not a number of entries: 1 or more, 0 for no limit")
        self.prune_above = prune_above
        self.name = "vector, ids=client" + (f", pruned above {prune_above}" if prune_above else "")

    def empty(self) -> ClientVersions:
        return ()

    def put(self, record: ClientVersions, write: Write, server: str) -> ClientVersions:
        clock = write.context.merge(VectorClock(((self.counter(write, server), self.number(record, write, server)),)))
        made = ClientVersion(clock, write.version)
        siblings = self.kept((*record, made))
        if not self.prune_above:
            return siblings
        # What is here is judged by the whole clock; what is elsewhere will be judged by what is left of it.
        others = tuple(each for each in siblings if each is not made)
        return _ordered((*others, self.pruned(record, made, self.counter(write, server))))

    def kept(self, versions: Iterable[ClientVersion]) -> ClientVersions:
        """The siblings among versions."""
        return maximal(versions)

    def counter(self, write: Write, server: str) -> str:
        """Whose entry of the clock the write counts in."""
        return write.client

    def number(self, record: ClientVersions, write: Write, server: str) -> int:
        """What it counts there."""
        return write.number

    def pruned(self, record: ClientVersions, made: ClientVersion, counter: str) -> ClientVersion:
        """The version with stamps, and at most `prune_above` entries."""
        known: dict[str | int, int] = {counter: made.version.written_ns}
        for each in record:
            for (node, _), stamp_ns in zip(each.clock.entries, each.stamps, strict=True):
                known[node] = max(stamp_ns, known.get(node, 0))
        entries = made.clock.entries
        # 4.4: when the number of pairs reaches a threshold, the oldest pair is removed from the clock.
        newest = sorted(entries, key=lambda entry: (-known.get(entry[0], 0), entry))[: self.prune_above]
        kept = tuple(entry for entry in entries if entry in newest)
        return ClientVersion(VectorClock(kept), made.version, tuple(known.get(node, 0) for node, _ in kept))

    def merge(self, one: ClientVersions, other: ClientVersions) -> ClientVersions:
        return self.kept((*one, *other))

    def versions(self, record: ClientVersions) -> tuple[Version, ...]:
        return tuple(each.version for each in record)

    def context(self, record: ClientVersions) -> VectorClock:
        context = VectorClock()
        for each in record:
            context = context.merge(each.clock)
        return context

    def encode(self, record: ClientVersions) -> bytes:
        return _encode(record)

    def decode(self, data: bytes) -> ClientVersions:
        return _decode(data)

    def summary(self, record: ClientVersions) -> bytes:
        return _encode(tuple(each.clock for each in record))

    def missing(self, record: ClientVersions, summary: bytes) -> bytes:
        known = _decode_clocks(summary)
        lacking = tuple(each for each in record if not any(each.clock <= clock for clock in known))
        return _encode(lacking) if lacking else b""

    def lacks(self, record: ClientVersions, summary: bytes) -> bool:
        return any(not any(clock <= each.clock for each in record) for clock in _decode_clocks(summary))

    def apply(self, record: ClientVersions, missing: bytes) -> ClientVersions:
        return self.merge(record, _decode(missing))

    def counts(self, record: ClientVersions, server: str) -> bool:
        return any(each.clock[server] for each in record)
