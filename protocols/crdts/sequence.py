"""A sequence that several replicas edit at once: Fugue (Weidner and Kleppmann, "The Art of the Fugue: Minimizing
Interleaving in Collaborative Text Editing", 2023), as a blocked list.

    operation = mine.insert(0, "Hello")      # broadcast it; `mine` has it already
    theirs.apply(operation)

Law 1: replicas that have applied the same operations hold the same text, in whatever order they took them, provided an
       operation comes after those it builds on: deliver causally. What comes too early raises `UnknownElement`.
Law 2: an operation that comes twice changes nothing.
Law 3: of two texts typed at one place at once, one stands wholly before the other (Fugue's point: RGA interleaves
       what is typed backwards, other sequences do so always).

Every element stands in a tree. It is a left or a right child of another; a walk through the tree (left children, the
element, right children; siblings by id) gives the sequence. A new element between a and b is a right child of a, or
where a has right children, a left child of b. A deleted element stays, without its value, as others hang on it.

Cost. The walk is kept as a list of blocks of at most `BLOCK_MAX` elements, so with n elements an operation takes about
n / BLOCK_MAX + BLOCK_MAX steps, in C for the most part. Only where two replicas wrote at one place does it also follow
the run that the other has typed there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from simclock.actors import Message
from simclock.errors import UsageError

BLOCK_MAX = 256
COUNT_BITS = 40
REPLICA_MAX = (1 << 23) - 1
ROOT = (-1, 0)
"""The id of what stands before everything; no replica has that number."""
_ROOT = -1


class Insert(Message):
    """Text that was typed in one go: its first character is a child of `parent`, every other one of the one before."""

    replica: int
    first: int
    """The characters' ids are (replica, first), (replica, first + 1), ..."""
    parent: tuple[int, int]
    is_right: bool
    """Whether it is a right child."""
    text: str
    """One element for each Unicode code point."""


class Delete(Message):
    """Elements that are no longer there."""

    ids: tuple[tuple[int, int], ...]


class UnknownElement(UsageError):
    """An operation builds on one that has not been applied: it was not delivered causally."""


class Element(NamedTuple):
    """An element as a state transfer carries it: parents stand before their children."""

    replica: int
    number: int
    parent_replica: int
    parent_number: int
    is_right: bool
    value: str
    is_deleted: bool


class _Block:
    """A stretch of the walk."""

    __slots__ = ("keys", "values", "visible")

    def __init__(self, keys: list[int], values: list[str]) -> None:
        self.keys = keys
        self.values = values
        """The value of each key, "" of what is deleted."""
        self.visible = len(values) - values.count("")


class Sequence:
    """A replica of a sequence of characters."""

    def __init__(self, replica: int, count: int = 0) -> None:
        if type(replica) is not int or not 0 <= replica <= REPLICA_MAX:
            raise UsageError(f"replica {replica!r} is out of range: 0 to {REPLICA_MAX}")
        self.replica = replica
        self.count = count
        """How many elements this replica has inserted; one that is made anew under an old number must go on from it."""
        first = _Block([_ROOT], [""])
        self._blocks = [first]
        self._block_of = {_ROOT: first}
        self._right: dict[int, list[int]] = {}
        """Right children, ascending by key; no entry where there are none."""
        self._left: dict[int, list[int]] = {}
        self._visible = 0
        self._born: list[tuple[int, int, bool, str]] = []
        """(key, parent, is_right, value) in the order in which they were applied: parents first."""

    # What the owner does.

    def insert(self, position: int, text: str) -> Insert:
        """Put text before the visible element at `position`; gives the operation for the others."""
        parent, is_right = self.place_at(position, text)
        operation = Insert(self.replica, self.count + 1, parent, is_right, text)
        self.count += len(text)
        self._place(_key(self.replica, operation.first), self._known(parent), is_right, text)
        return operation

    def place_at(self, position: int, text: str) -> tuple[tuple[int, int], bool]:
        """Where text that is typed there has its place in the tree: (parent, whether it is a right child)."""
        if not 0 <= position <= len(self):
            raise UsageError(f"insert at {position}: the sequence has {len(self)} elements")
        if not text:
            raise UsageError("insert: the text is empty")
        left = _ROOT if position == 0 else self._visible_key(position - 1)
        is_right = left not in self._right
        return _id(left if is_right else self._after(left)), is_right

    def delete(self, position: int, length: int = 1) -> Delete:
        """Take out visible elements from `position` on; gives the operation for the others."""
        operation = Delete(self.ids_at(position, length))
        self.apply(operation)
        return operation

    def ids_at(self, position: int, length: int) -> tuple[tuple[int, int], ...]:
        """The visible elements from `position` on."""
        if length < 1 or not 0 <= position <= len(self) - length:
            raise UsageError(f"delete {length} at {position}: the sequence has {len(self)} elements")
        return tuple([_id(self._visible_key(position + i)) for i in range(length)])

    # What others did.

    def apply(self, operation: Insert | Delete) -> bool:
        """Apply an operation of any replica; False where it changes nothing."""
        match operation:
            case Insert(replica, first, parent, is_right, text):
                if _key(replica, first) in self._block_of:
                    return False
                self._place(_key(replica, first), self._known(parent), is_right, text)
                return True
            case Delete(ids):
                keys = [self._known(each) for each in ids]
                erased = [self._erase(key) for key in keys]
                return True in erased

    def merge(self, other: Sequence) -> None:
        """Take over everything another replica has: a state-based merge, the same as applying its operations."""
        self.load(other.elements())

    def elements(self) -> Iterator[Element]:
        """Everything there is, deleted elements too, parents before their children."""
        for key, parent, is_right, value in self._born:
            block = self._block_of[key]
            is_deleted = not block.values[block.keys.index(key)]
            yield Element(*_id(key), *_id(parent), is_right, value, is_deleted)

    def load(self, elements: Iterable[Element]) -> None:
        """Add these elements to what is there."""
        for replica, number, parent_replica, parent_number, is_right, value, is_deleted in elements:
            key = _key(replica, number)
            if key not in self._block_of:
                self._place(key, self._known((parent_replica, parent_number)), is_right, value)
            if is_deleted:
                self._erase(key)

    # What it holds.

    def __len__(self) -> int:
        return self._visible

    def __str__(self) -> str:
        return "".join(["".join(block.values) for block in self._blocks])

    def __contains__(self, id: tuple[int, int]) -> bool:
        """Whether it knows that element, deleted or not."""
        return _key(*id) in self._block_of

    def id_at(self, position: int) -> tuple[int, int]:
        """The element at a position; ROOT at -1."""
        return ROOT if position == -1 else _id(self._visible_key(position))

    def at(self, position: int) -> str:
        """The character at a position."""
        key = self._visible_key(position)
        block = self._block_of[key]
        return block.values[block.keys.index(key)]

    def position_after(self, id: tuple[int, int]) -> int:
        """Where a cursor stands that was put after that element, whatever has been typed and deleted since."""
        key = self._known(id)
        block = self._block_of[key]
        before = 0
        for each in self._blocks:
            if each is block:
                break
            before += each.visible
        shown = block.values[: block.keys.index(key) + 1]
        return before + len(shown) - shown.count("")

    @property
    def deleted(self) -> int:
        """How many elements stay only because others may hang on them."""
        return len(self._born) - len(self)

    def __eq__(self, other: Any) -> bool:
        """Whether both hold the same elements in the same order, whoever owns them."""
        return isinstance(other, Sequence) and list(self._walk()) == list(other._walk())

    __hash__ = None  # type: ignore[assignment]

    def _walk(self) -> Iterator[tuple[int, str]]:
        for block in self._blocks:
            yield from zip(block.keys, block.values, strict=True)

    # The tree.

    def _place(self, key: int, parent: int, is_right: bool, text: str) -> None:
        children = (self._right if is_right else self._left).setdefault(parent, [])
        rank = bisect_left(children, key)
        if is_right:
            before = self._last_of(children[rank - 1]) if rank else parent
            block = self._block_of[before]
            at = block.keys.index(before) + 1
        else:
            after = parent if rank == len(children) else self._first_of(children[rank])
            block = self._block_of[after]
            at = block.keys.index(after)
        children.insert(rank, key)
        keys = list(range(key, key + len(text)))
        block.keys[at:at] = keys
        block.values[at:at] = text
        block.visible += len(text)
        self._visible += len(text)
        for each, value in zip(keys, text, strict=True):
            self._block_of[each] = block
            self._born.append((each, parent, is_right, value))
            if each != key:
                self._right[parent] = [each]
            parent, is_right = each, True
        if len(block.keys) > BLOCK_MAX:
            self._split(block)

    def _last_of(self, key: int) -> int:
        """The last element of the subtree."""
        while key in self._right:
            key = self._right[key][-1]
        return key

    def _first_of(self, key: int) -> int:
        while key in self._left:
            key = self._left[key][0]
        return key

    def _erase(self, key: int) -> bool:
        block = self._block_of[key]
        at = block.keys.index(key)
        if not block.values[at]:
            return False
        block.values[at] = ""
        block.visible -= 1
        self._visible -= 1
        return True

    def _known(self, id: tuple[int, int]) -> int:
        key = _ROOT if id == ROOT else _key(*id)
        if key not in self._block_of:
            raise UnknownElement(f"element {id} is not known here: operations are to be delivered causally")
        return key

    # The list.

    def _visible_key(self, position: int) -> int:
        assert 0 <= position < self._visible, "there is an element at the position"
        for block in self._blocks:
            if position < block.visible:
                break
            position -= block.visible
        if block.visible == len(block.keys):
            return block.keys[position]
        at = position  # at least so far on, and one more for each deleted element before it
        hidden = block.values[: at + 1].count("")
        while at - hidden < position or not block.values[at]:
            at += 1
            hidden += not block.values[at]
        return block.keys[at]

    def _after(self, key: int) -> int:
        """The next element of the walk; there must be one."""
        block = self._block_of[key]
        at = block.keys.index(key) + 1
        if at < len(block.keys):
            return block.keys[at]
        return self._blocks[self._blocks.index(block) + 1].keys[0]

    def _split(self, block: _Block) -> None:
        size = BLOCK_MAX // 2
        parts = [
            _Block(block.keys[start : start + size], block.values[start : start + size])
            for start in range(0, len(block.keys), size)
        ]
        at = self._blocks.index(block)
        self._blocks[at : at + 1] = parts
        for part in parts:
            self._block_of.update(dict.fromkeys(part.keys, part))


def _key(replica: int, count: int) -> int:
    """An id as one number, which compares as (replica, count) does."""
    return replica << COUNT_BITS | count


def _id(key: int) -> tuple[int, int]:
    return ROOT if key == _ROOT else (key >> COUNT_BITS, key & ((1 << COUNT_BITS) - 1))
