"""Versions of keys, and which must come before which: what session guarantees ask is a graph of demands.

Rule 1: a demand is between two versions of one key. Demands can be met together exactly when they go in no circle; the
        initial value comes before all.
Rule 2: a demand that follows from others is left out. Where all that a session did to a key before must come before a
        version, and no other demand orders it, *blocks* stand for 1, 2, 4, ... of it: as vertices of the graph they
        take two demands for each operation and a few for each range of them, where one by one it is their product.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from simclock.experiments.checkers.histories import HistoryError, Operation
from simclock.experiments.checkers.linearizability.limits import Limits

READS = ("read", "get")
WRITES = ("write", "put")


class Version(NamedTuple):
    """A write, or what was there before all: then `write` is None."""

    key: Hashable
    write: Operation | None

    def __hash__(self) -> int:  # an operation has many fields
        return hash((self.key, None if self.write is None else self.write.argument))

    def __str__(self) -> str:
        return "the initial value" if self.write is None else str(self.write)


class Demand(NamedTuple):
    """One version must come before another."""

    earlier: Version
    later: Version
    guarantee: str
    """By which; empty: the initial value is the first."""
    because: tuple[Operation, ...]


class Done(NamedTuple):
    """An operation of a session."""

    operation: Operation
    version: int
    """What a read returned or a write made, by its number."""
    is_read: bool


class Sessions:
    """Sessions in their order, and the version that every read returned."""

    def __init__(self, operations: Iterable[Operation], initial: Hashable) -> None:
        self.programs: dict[int, list[Done]] = {}
        self.nowhere: tuple[Operation, Operation | None] | None = None
        """The first read that returned what nobody wrote, or what a write that failed was to write: this one."""
        self.versions: list[Version] = []
        self._numbers: dict[tuple[Hashable, Hashable], int] = {}
        """(key, value) -> number of the version."""
        written: dict[tuple[Hashable, Hashable], Operation] = {}
        given = list(operations)
        for each in given:
            if each.function in WRITES:
                other = written.setdefault((each.key, each.argument), each)
                if other is not each or each.argument == initial:
                    says = f"{other} writes it too" if other is not each else "it is the initial value"
                    raise HistoryError(
                        f"{each}: {says}; session guarantees are judged by value: write every value once to a key"
                    )
            elif each.function not in READS:
                raise HistoryError(f"{each}: session guarantees are of read, get, write and put alone")
        for each in sorted(given, key=_place):
            is_read = each.function in READS
            if each.outcome == "fail" or (is_read and each.is_open):
                continue
            value = each.result if is_read else each.argument
            source = None if is_read and value == initial else written.get((each.key, value))
            if is_read and value != initial and (source is None or source.outcome == "fail"):
                self.nowhere = self.nowhere or (each, source)
                continue
            done = Done(each, self._number(each.key, value, source), is_read)
            self.programs.setdefault(each.process, []).append(done)

    def _number(self, key: Hashable, value: Hashable, source: Operation | None) -> int:
        number = self._numbers.setdefault((key, value), len(self.versions))
        if number == len(self.versions):
            self.versions.append(Version(key, source))
        return number


def _place(operation: Operation) -> tuple[int, int]:
    return operation.call, operation.call if operation.finish is None else operation.finish


class _Edge(NamedTuple):
    """To a version or a block; of a way through blocks the first edge knows what was earlier, the last the rest."""

    later: int
    guarantee: str
    first: Operation | None
    then: Operation | None


class Demands:
    """The graph; a step is an edge of it."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        self.versions = sessions.versions
        self.broken: tuple[Demand, ...] = ()
        """The first demand that something come before an initial value: a circle already."""
        self._limits = limits
        self._after: dict[int, list[_Edge]] = {}
        self._blocks = 0

    def add(self, earlier: int, later: int, guarantee: str, first: Operation | None, then: Operation | None) -> None:
        """One must come before the other; `first` and `then` are why."""
        self._limits.step()
        edges = self._after.get(earlier)
        if edges is None:
            edges = self._after[earlier] = []
        edges.append(_Edge(later, guarantee, first, then))
        if later >= 0 and self.is_initial(later) and not self.broken:
            assert earlier >= 0, "blocks come before no initial value"
            demand = self._demand(earlier, later, guarantee, (first, then))
            self.broken = (Demand(demand.later, demand.earlier, "", ()), demand)

    def is_initial(self, version: int) -> bool:
        return self.versions[version].write is None

    def new_block(self) -> int:
        """Numbers of blocks are below 0."""
        self._blocks -= 1
        return self._blocks

    def circle(self) -> tuple[Demand, ...]:
        """Demands that cannot be met together; none if all can."""
        if self.broken:
            return self.broken
        after, limits = self._after, self._limits
        finished: set[int] = set()
        for start in list(after):
            if start in finished:
                continue
            path: list[tuple[int, _Edge]] = []
            on_path = {start: 0}
            last = start
            waiting = [iter(after[start])]
            while waiting:
                limits.look()
                following = next(waiting[-1], None)
                if following is None:
                    waiting.pop()
                    finished.add(last)
                    del on_path[last]
                    last = path.pop()[0] if path else start
                elif following.later in on_path:
                    return self._joined([*path[on_path[following.later] :], (last, following)])
                elif following.later not in finished:
                    path.append((last, following))
                    last = following.later
                    on_path[last] = len(path)
                    waiting.append(iter(after.get(last, ())))
        return ()

    def _joined(self, circle: list[tuple[int, _Edge]]) -> tuple[Demand, ...]:
        """The demands of a circle of edges: what leads through blocks is one."""
        begin = next(index for index, (earlier, _) in enumerate(circle) if earlier >= 0)
        demands = []
        version, first = -1, None
        for earlier, edge in (*circle[begin:], *circle[:begin]):
            if earlier >= 0:
                version, first = earlier, edge.first
            if edge.later >= 0:
                demands.append(self._demand(version, edge.later, edge.guarantee, (first, edge.then)))
        return tuple(demands)

    def _demand(
        self, earlier: int, later: int, guarantee: str, because: tuple[Operation | None, Operation | None]
    ) -> Demand:
        known = tuple(each for each in because if each is not None)
        return Demand(self.versions[earlier], self.versions[later], guarantee, known)


class Row:
    """What a session wrote to a key, or what it read of it, so far."""

    __slots__ = ("_blocks", "_demands", "_items", "_placed", "_places")

    def __init__(self, demands: Demands) -> None:
        self._demands = demands
        self._items: list[Done] = []
        self._blocks: dict[tuple[int, int], int] | None = None
        self._places: dict[int, list[int]] | None = None
        """Version -> where it stands; made, like blocks, when first asked for: most rows are short."""
        self._placed = 0

    def append(self, done: Done) -> None:
        """The next; what was read once more in a row stands there already."""
        if not self._items or self._items[-1].version != done.version:
            self._items.append(done)

    def last_before(self, later: Done, guarantee: str) -> None:
        """The last, which all others come before, must come before the version of `later`."""
        if self._items and self._items[-1].version != later.version:
            last = self._items[-1]
            self._demands.add(last.version, later.version, guarantee, last.operation, later.operation)

    def all_before(self, later: Done, guarantee: str) -> None:
        """All must come before the version of `later`, but for that itself."""
        if len(self._items) <= 1:
            self.last_before(later, guarantee)
            return
        if self._demands.is_initial(later.version):  # whatever comes before that is a circle already
            first = next((each for each in self._items if each.version != later.version), None)
            if first is not None:
                self._demands.add(first.version, later.version, guarantee, first.operation, later.operation)
            return
        begin = 0
        for place in (*self._places_of(later.version), len(self._items)):
            for height, number in _aligned(begin, place):
                if height:
                    self._demands.add(self._block(height, number), later.version, guarantee, None, later.operation)
                else:
                    each = self._items[number]
                    self._demands.add(each.version, later.version, guarantee, each.operation, later.operation)
            begin = place + 1

    def _places_of(self, version: int) -> Sequence[int]:
        if self._places is None:
            self._places = {}
        for place in range(self._placed, len(self._items)):
            self._places.setdefault(self._items[place].version, []).append(place)
        self._placed = len(self._items)
        return self._places.get(version, ())

    def _block(self, height: int, number: int) -> int:
        """The vertex for the `number`-th 2**height of them."""
        if self._blocks is None:
            self._blocks = {}
        block = self._blocks.get((height, number))
        if block is None:
            block = self._blocks[height, number] = self._demands.new_block()
            for part in (2 * number, 2 * number + 1):
                if height > 1:
                    self._demands.add(self._block(height - 1, part), block, "", None, None)
                else:
                    each = self._items[part]
                    self._demands.add(each.version, block, "", each.operation, None)
        return block


def _aligned(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """A range as few aligned ones of 2**height: (height, which of these), from the left."""
    right = []
    height = 0
    while begin < end:
        if begin & 1:
            yield height, begin
            begin += 1
        if end & 1:
            end -= 1
            right.append((height, end))
        begin, end, height = begin >> 1, end >> 1, height + 1
    yield from reversed(right)
