"""Interval tree clocks (Almeida, Baquero and Fonte, "Interval Tree Clocks: A Logical Clock for Dynamic Systems", 2008).

    stamp = stamp.tick()                     # a local event
    message carries stamp.peek()             # a send is a tick, then a peek
    stamp = stamp.join(message_stamp)        # a receipt is a join, then a tick
    stamp, newcomer = stamp.fork()           # a node divides its id: no one else need be asked
    stamp = stamp.join(leaver)               # a node takes a leaver's id back

An id owns part of the interval [0, 1): it is 0 (nothing), 1 (everything) or (left half, right half). An event tree
says how many events are known at each point: it is n, or (n, left, right) for n more than the halves say. A node counts
only where it owns the interval, and forks and joins keep the trees as small as they can be.

Law 1: the ids of the stamps in use are disjoint. `fork` divides, `join` adds up, `peek` gives no id away; a stamp that
was forked or joined must not be used again.
Law 2: then a <= b if and only if every event known to a is known to b.
Law 3: trees are in normal form, so equal ones are the same value.

A stamp is checked when a caller or `decode` makes it; what `fork`, `tick`, `peek` and `join` make of checked stamps is
in normal form by itself, and shares every subtree that stays as it is: a join costs what differs.
"""

from __future__ import annotations

from copy import copy
from typing import Self, TypeAlias

from msgspec.structs import force_setattr

from simclock.clocks.order import ClockValue
from simclock.errors import UsageError

IdTree: TypeAlias = "int | tuple[IdTree, IdTree]"
EventTree: TypeAlias = "int | tuple[int, EventTree, EventTree]"

DEPTH_MAX = 128
"""Of a tree; forking in turn, not always the same stamp, keeps n stamps within log2 n."""
_DEEPER = 1 << 40
"""What growing a leaf costs in `_grow`, against one for each level: the paper's "some large constant"."""


class Stamp(ClockValue, frozen=True):
    """An id and what it knows. Stamps compare by what they know; `==` compares the id as well.

    A message carries `encode()`: trees have no message type.
    """

    id: IdTree
    event: EventTree

    def __post_init__(self) -> None:
        _check_id(self.id)
        _check_event(self.event)
        if normal_id(self.id) != self.id or normal_event(self.event) != self.event:
            raise UsageError(f"Stamp: {self} is not in normal form")

    @classmethod
    def seed(cls) -> Stamp:
        """The first stamp: it owns everything and knows nothing."""
        return cls(1, 0)

    def fork(self) -> tuple[Stamp, Stamp]:
        """Two stamps that know what this one knows, and own a part of its id each."""
        left, right = split_id(self.id)
        _check_id(left)
        _check_id(right)
        return self._of(left, self.event), self._of(right, self.event)

    def peek(self) -> Stamp:
        """What is known, without an id: it can be sent, stored and compared, but not tick."""
        return self._of(0, self.event)

    def tick(self) -> Stamp:
        """An event: inflate the event tree where the id owns it, making it smaller if that is possible."""
        if self.id == 0:
            raise UsageError(f"Stamp: {self} owns no part of the interval, so it cannot count an event")
        filled = _fill(self.id, self.event)
        if filled is self.event:
            filled, _ = _grow(self.id, self.event)
        return self._of(self.id, filled)

    def join(self, other: Stamp) -> Stamp:
        """One stamp that owns and knows what both do."""
        return self._of(sum_ids(self.id, other.id), _join(self.event, other.event, 0))

    def _of(self, id: IdTree, event: EventTree) -> Self:
        """The stamp of two trees known to be in normal form: to look at all of them would cost more than a join."""
        stamp = copy(self)  # which checks nothing
        force_setattr(stamp, "id", id)
        force_setattr(stamp, "event", event)
        return stamp

    def __le__(self, other: Stamp) -> bool:
        return event_leq(self.event, other.event)

    def encode(self) -> bytes:
        """The paper's encoding in bits, filled up with zeros to whole bytes."""
        bits = _id_bits(self.id) + _event_bits(self.event)
        return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")

    @classmethod
    def decode(cls, data: bytes) -> Stamp:
        reader = _Bits(data)
        value = cls(reader.id(), reader.event())
        if value.encode() != data:
            raise UsageError(f"{data.hex()} is no Stamp: it is not the canonical encoding of {value}")
        return value

    def __str__(self) -> str:
        return f"({self.id}, {self.event})".replace(" ", "")


# Ids.


def normal_id(tree: IdTree) -> IdTree:
    """Halves that are both nothing, or both everything, are put together."""
    if isinstance(tree, int):
        return tree
    halves = normal_id(tree[0]), normal_id(tree[1])
    return halves[0] if halves in ((0, 0), (1, 1)) else halves


def split_id(tree: IdTree) -> tuple[IdTree, IdTree]:
    """Two disjoint ids that add up to this one."""
    match tree:
        case 0:
            return 0, 0
        case 1:
            return (1, 0), (0, 1)
        case (0, owned):
            left, right = split_id(owned)
            return (0, left), (0, right)
        case (owned, 0):
            left, right = split_id(owned)
            return (left, 0), (right, 0)
        case (left, right):
            return (left, 0), (0, right)
    raise UsageError(f"{tree} is no id tree")


def sum_ids(one: IdTree, other: IdTree) -> IdTree:
    """The id that owns what either owns; UsageError if both own the same."""
    if one == 0:
        return other
    if other == 0:
        return one
    if isinstance(one, int) or isinstance(other, int):
        raise UsageError(f"the ids {one} and {other} overlap: a stamp was used again after its fork or join")
    halves = sum_ids(one[0], other[0]), sum_ids(one[1], other[1])
    return 1 if halves == (1, 1) else halves


# Events.


def lift(tree: EventTree, count: int) -> EventTree:
    """`count` more events everywhere."""
    if count == 0:
        return tree
    return tree + count if isinstance(tree, int) else (tree[0] + count, tree[1], tree[2])


def sink(tree: EventTree, count: int) -> EventTree:
    """`count` fewer events everywhere."""
    return lift(tree, -count)


def lowest(tree: EventTree) -> int:
    """How many events are known at every point."""
    return tree if isinstance(tree, int) else tree[0] + min(lowest(tree[1]), lowest(tree[2]))


def highest(tree: EventTree) -> int:
    """How many events are known at some point."""
    return tree if isinstance(tree, int) else tree[0] + max(highest(tree[1]), highest(tree[2]))


def normal_event(tree: EventTree) -> EventTree:
    """What both halves have in common stands above them; equal leaves are put together."""
    if isinstance(tree, int):
        return tree
    return _normal_node(tree[0], normal_event(tree[1]), normal_event(tree[2]))


def _normal_node(count: int, left: EventTree, right: EventTree) -> EventTree:
    """A tree of halves that are in normal form: no need to look further down, as their lowest stands at their top."""
    if isinstance(left, int) and left == right:
        return count + left
    common = min(_floor(left), _floor(right))
    if common == 0:
        return count, left, right
    return count + common, sink(left, common), sink(right, common)


def _floor(tree: EventTree) -> int:
    """`lowest` of a tree in normal form: it stands at its top."""
    return tree if isinstance(tree, int) else tree[0]


def event_leq(one: EventTree, other: EventTree) -> bool:
    """Whether at every point the one knows no more events than the other."""
    if isinstance(one, int):
        return one <= (other if isinstance(other, int) else other[0])
    if isinstance(other, int):
        return one[0] <= other and all(event_leq(lift(half, one[0]), other) for half in one[1:])
    return one[0] <= other[0] and all(
        event_leq(lift(one[side], one[0]), lift(other[side], other[0])) for side in (1, 2)
    )


def join_events(one: EventTree, other: EventTree) -> EventTree:
    """At every point, the greater of both counts."""
    return _join(normal_event(one), normal_event(other), 0)


def _join(one: EventTree, other: EventTree, more: int) -> EventTree:
    """The join of the one and of the other with `more` (or fewer) events everywhere, both in normal form.

    It is one of the two trees themselves where that knows all the other does. Joins are most of what a stamp costs, so
    this is one function and not three.
    """
    if isinstance(one, int):
        if isinstance(other, int):
            return max(one, other + more)
        return lift(other, more) if one <= other[0] + more else _raised(other, more, one)
    if isinstance(other, int):
        return one if other + more <= one[0] else _raised(one, 0, other + more)
    less = other[0] + more - one[0]
    if less > 0:
        one, other, less = other, one, -less
    else:
        more = 0
    # Now the one has the higher top, and what the other's halves lack against the one's is `less`, which is 0 or below.
    count, left, right = one
    low_count, low_left, low_right = other
    joined_left = left if left is low_left else _join(left, low_left, less)
    joined_right = right if right is low_right else _join(right, low_right, less)
    if joined_left is left and joined_right is right:
        return one if more == 0 else (count + more, left, right)
    if less == 0 and joined_left is low_left and joined_right is low_right and low_count == count:
        return other
    if joined_left == 0 and joined_right == 0:
        return count + more
    if (joined_left if isinstance(joined_left, int) else joined_left[0]) and _floor(joined_right):
        return _normal_node(count + more, joined_left, joined_right)
    return count + more, joined_left, joined_right


def _raised(tree: tuple[int, EventTree, EventTree], more: int, flat: int) -> EventTree:
    """The tree with `more` events everywhere, but nowhere fewer than `flat`, which is above its top."""
    count, left, right = tree
    more += count - flat
    raised_left = max(0, left + more) if isinstance(left, int) else _at_least_zero(left, more)
    raised_right = max(0, right + more) if isinstance(right, int) else _at_least_zero(right, more)
    return _normal_node(flat, raised_left, raised_right)


def _at_least_zero(tree: tuple[int, EventTree, EventTree], more: int) -> EventTree:
    return lift(tree, more) if tree[0] + more >= 0 else _raised(tree, more, 0)


def _fill(owned: IdTree, tree: EventTree) -> EventTree:
    """Raise the owned part as far as it makes the tree simpler, and no further than what is known elsewhere.

    The tree itself where there is nothing to raise.
    """
    if owned == 0 or isinstance(tree, int):
        return tree
    if isinstance(owned, int):
        return highest(tree)
    count, left, right = tree
    if owned[0] == 1:
        right = _fill(owned[1], right)
        left = max(highest(left), _floor(right))
    elif owned[1] == 1:
        left = _fill(owned[0], left)
        right = max(highest(right), _floor(left))
    else:
        left, right = _fill(owned[0], left), _fill(owned[1], right)
    if left == tree[1] and right == tree[2]:
        return tree
    return _normal_node(count, left, right)


def _grow(owned: IdTree, tree: EventTree) -> tuple[EventTree, int]:
    """One more event in the owned part, where it makes the tree grow least, and the cost of it."""
    if isinstance(tree, int):
        if owned == 1:
            return tree + 1, 0
        grown, cost = _grow(owned, (tree, 0, 0))
        return grown, cost + _DEEPER
    assert not isinstance(owned, int), "a tree below an id of 1 would have been filled"
    count, left, right = tree
    grown_left, cost_left = (left, -1) if owned[0] == 0 else _grow(owned[0], left)
    grown_right, cost_right = (right, -1) if owned[1] == 0 else _grow(owned[1], right)
    if owned[1] == 0 or (owned[0] != 0 and cost_left < cost_right):
        return (count, grown_left, right), cost_left + 1
    return (count, left, grown_right), cost_right + 1


# Shape and encoding.


def _check_id(tree: object, depth: int = 0) -> None:
    if isinstance(tree, tuple) and len(tree) == 2:
        _check_depth(depth)
        _check_id(tree[0], depth + 1)
        _check_id(tree[1], depth + 1)
    elif type(tree) is not int or tree not in (0, 1):
        raise UsageError(f"Stamp: {tree!r} is no id tree: 0, 1, or a pair of id trees")


def _check_event(tree: object, depth: int = 0) -> None:
    count = tree
    if isinstance(tree, tuple) and len(tree) == 3:
        count = tree[0]
        _check_depth(depth)
        _check_event(tree[1], depth + 1)
        _check_event(tree[2], depth + 1)
    if type(count) is not int or count < 0:
        raise UsageError(f"Stamp: {tree!r} is no event tree: a count, or (count, event tree, event tree)")


def _check_depth(depth: int) -> None:
    if depth >= DEPTH_MAX:
        raise UsageError(f"Stamp: a tree deeper than {DEPTH_MAX}: fork other stamps, not always the same one")


def _id_bits(tree: IdTree) -> str:
    match tree:
        case int(leaf):
            return f"00{leaf}"
        case (0, right):
            return "01" + _id_bits(right)
        case (left, 0):
            return "10" + _id_bits(left)
        case (left, right):
            return "11" + _id_bits(left) + _id_bits(right)
    raise AssertionError(tree)


def _event_bits(tree: EventTree) -> str:
    if isinstance(tree, int):
        return "1" + _count_bits(tree)
    match tree:
        case (0, 0, right):
            return "000" + _event_bits(right)
        case (0, left, 0):
            return "001" + _event_bits(left)
        case (0, left, right):
            return "010" + _event_bits(left) + _event_bits(right)
        case (count, 0, right):
            return "01100" + _event_bits(count) + _event_bits(right)
        case (count, left, 0):
            return "01101" + _event_bits(count) + _event_bits(left)
        case (count, left, right):
            return "0111" + _event_bits(count) + _event_bits(left) + _event_bits(right)
    raise AssertionError(tree)


def _count_bits(count: int) -> str:
    """Small numbers are short: a 1 for each size that was too small, a 0, and the number in the size that fits."""
    size = 2
    while count >= 1 << size:
        count -= 1 << size
        size += 1
    return "1" * (size - 2) + "0" + f"{count:0{size}b}"


class _Bits:
    """Reads what `encode` wrote."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._position = 0

    def _take(self, count: int) -> str:
        taken = self._bits[self._position : self._position + count]
        if len(taken) < count:
            raise UsageError("bytes that end in the middle of a Stamp")
        self._position += count
        return taken

    def id(self, depth: int = 0) -> IdTree:
        _check_depth(depth - 1)
        match self._take(2):
            case "00":
                return int(self._take(1))
            case "01":
                return 0, self.id(depth + 1)
            case "10":
                return self.id(depth + 1), 0
            case _:
                return self.id(depth + 1), self.id(depth + 1)

    def event(self, depth: int = 0) -> EventTree:
        _check_depth(depth - 1)
        if self._take(1) == "1":
            return self._count()
        match self._take(2):
            case "00":
                return 0, 0, self.event(depth + 1)
            case "01":
                return 0, self.event(depth + 1), 0
            case "10":
                return 0, self.event(depth + 1), self.event(depth + 1)
        if self._take(1) == "1":
            return self._base(), self.event(depth + 1), self.event(depth + 1)
        if self._take(1) == "0":
            return self._base(), 0, self.event(depth + 1)
        return self._base(), self.event(depth + 1), 0

    def _base(self) -> int:
        if self._take(1) != "1":
            raise UsageError("bytes that are no Stamp: a tree where a count must stand")
        return self._count()

    def _count(self) -> int:
        size, below = 2, 0
        while self._take(1) == "1":
            below += 1 << size
            size += 1
        return below + int(self._take(size), 2)
