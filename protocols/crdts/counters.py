"""Counters that only grow, and that go both ways.

RR-7506, Specifications 6 and 7 (G-Counter, PN-Counter). A replica counts under its own id alone, so the greater of two
counts of an id knows all that the smaller one knows: merge takes the greatest of each, **never the sum**, which would
count again what both sides had heard.
"""

from __future__ import annotations

from typing import Self

import msgspec

from simclock.clocks import NodeId, VectorClock
from simclock.clocks.order import check_count
from simclock.errors import UsageError
from simclock.protocols.crdts.crdt import Crdt, Operation

_decode_amount = msgspec.msgpack.Decoder(int).decode


def amount_of(prepared: bytes) -> int:
    """A whole number, as `prepare` wrote it."""
    try:
        return _decode_amount(prepared)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{prepared.hex()} is no amount: {error}") from None


def _added(counts: VectorClock, replica: NodeId, amount: int) -> VectorClock:
    return counts.merge(VectorClock.of({replica: counts[replica] + amount}))


def _greater(counts: VectorClock, other: VectorClock) -> VectorClock:
    return VectorClock(tuple([(replica, count) for replica, count in counts.entries if count > other[replica]]))


class GCounter(Crdt, frozen=True):
    """How much each replica has counted; the value is the sum."""

    counts: VectorClock = VectorClock()

    OPERATIONS = '("increment", n)'

    def merge(self, other: Self) -> Self:
        return type(self)(self.counts.merge(other.counts))

    def beyond(self, other: Self) -> Self:
        return type(self)(_greater(self.counts, other.counts))

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        return type(self)(VectorClock.of({replica: self.counts[replica] + self._amount(operation)}))

    def prepare(self, replica: NodeId, operation: Operation) -> bytes:
        return msgspec.msgpack.encode(self._amount(operation))

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        return type(self)(_added(self.counts, source, amount_of(prepared)))

    @property
    def value(self) -> int:
        return sum(count for _, count in self.counts.entries)

    def _amount(self, operation: Operation) -> int:
        match operation:
            case ("increment", int(amount)):
                check_count("increment", amount)
                return amount
        raise self._unknown(operation)


class PNCounter(Crdt, frozen=True):
    """Two counters that only grow: what was added, and what was taken away."""

    increments: VectorClock = VectorClock()
    decrements: VectorClock = VectorClock()

    OPERATIONS = '("increment", n) or ("decrement", n)'

    def merge(self, other: Self) -> Self:
        return type(self)(self.increments.merge(other.increments), self.decrements.merge(other.decrements))

    def beyond(self, other: Self) -> Self:
        return type(self)(
            _greater(self.increments, other.increments),
            _greater(self.decrements, other.decrements),
        )

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        amount = self._amount(operation)
        if amount >= 0:
            return type(self)(increments=VectorClock.of({replica: self.increments[replica] + amount}))
        return type(self)(decrements=VectorClock.of({replica: self.decrements[replica] - amount}))

    def prepare(self, replica: NodeId, operation: Operation) -> bytes:
        return msgspec.msgpack.encode(self._amount(operation))

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        amount = amount_of(prepared)
        if amount >= 0:
            return type(self)(_added(self.increments, source, amount), self.decrements)
        return type(self)(self.increments, _added(self.decrements, source, -amount))

    @property
    def value(self) -> int:
        return sum(count for _, count in self.increments.entries) - sum(count for _, count in self.decrements.entries)

    def _amount(self, operation: Operation) -> int:
        match operation:
            case ("increment" | "decrement" as name, int(amount)):
                check_count(name, amount)
                return amount if name == "increment" else -amount
        raise self._unknown(operation)
