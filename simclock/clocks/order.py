"""What all clock values share: they are frozen, they compare, and they have one encoding.

Law 1: a clock is a value. An operation gives a new one; equal clocks are equal, hash alike and encode alike.
Law 2: comparison has four outcomes where the order is partial, and `CONCURRENT` is one of them: a value that is not
       before, not after and not equal has no place in a list, so nothing here pretends to sort it.
Law 3: the encoding is canonical: one value, one string of bytes. What decodes to a clock but is not what that clock
       encodes to is refused.
"""

from __future__ import annotations

import enum
from itertools import pairwise
from typing import Self

import msgspec

from simclock.errors import UsageError

NodeId = int | str
"""Who counts: a node's number, or a name where members come and go."""


class Order(enum.Enum):
    """How one clock value stands to another."""

    BEFORE = "before"
    AFTER = "after"
    EQUAL = "equal"
    CONCURRENT = "concurrent"

    @property
    def reversed(self) -> Order:
        """The same, seen from the other value."""
        return _REVERSED.get(self, self)


_REVERSED = {Order.BEFORE: Order.AFTER, Order.AFTER: Order.BEFORE}


class ClockValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A clock as an immutable value; `a <= b` where everything that `a` knows is known to `b`.

    A kind of clock defines `<=`; the rest follows from it.
    """

    def __le__(self, other: Self) -> bool:
        raise NotImplementedError

    def __lt__(self, other: Self) -> bool:
        return self <= other and not other <= self

    # By name, not by operator: where self is of a class derived from other's, Python would ask self first again.

    def __ge__(self, other: Self) -> bool:
        return other.__le__(self)

    def __gt__(self, other: Self) -> bool:
        return other.__lt__(self)

    def compare(self, other: Self) -> Order:
        """One of exactly four outcomes."""
        if self <= other:
            return Order.EQUAL if other <= self else Order.BEFORE
        return Order.AFTER if other <= self else Order.CONCURRENT

    def encode(self) -> bytes:
        """The value as bytes, canonical and compact."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The value that encodes to `data`; UsageError if there is none."""
        try:
            value = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(f"{data.hex()} is no {cls.__name__}: {error}") from None
        if value.encode() != data:
            raise UsageError(f"{data.hex()} is no {cls.__name__}: it is not the canonical encoding of {value}")
        return value


def id_key(node: NodeId) -> tuple[bool, NodeId]:
    """What ids are sorted by: numbers first, then names."""
    return isinstance(node, str), node


def check_count(place: str, count: int, count_min: int = 0) -> None:
    """Raise UsageError unless `count` is a whole number of at least `count_min`."""
    if type(count) is not int or count < count_min:
        raise UsageError(f"{place}: {count!r} is not a count: a whole number, {count_min} or more")


def check_ids(place: str, ids: tuple[NodeId, ...]) -> None:
    """Raise UsageError unless the ids are canonical: numbers or names, each once, in ascending order."""
    for node in ids:
        if type(node) is not int and type(node) is not str:
            raise UsageError(f"{place}: {node!r} is not an id: a whole number or a name")
    keys = [id_key(node) for node in ids]
    if any(left >= right for left, right in pairwise(keys)):
        raise UsageError(f"{place}: the ids {ids} must ascend, each once")
