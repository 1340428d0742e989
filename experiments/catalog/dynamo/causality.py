"""What clients of a many-leader store saw, judged by true causality: no clock of the store is looked at.

An operation is a get, or a put or delete whose argument is (its name, the names of the writes its client had been shown
when it got the context it gave). So every write says what it saw, and through those what they saw: that is its past. A
delete is a write: what is shown of it is a tombstone with its name, until the store removes that.

    No Lost Write          what was acknowledged is there at the end, or a write is that has it in its past
    Siblings Are Concurrent    of what is shown side by side, none is in the past of another, and none is shown twice
    Quorums Intersect      a get called after a put was acknowledged shows it, or a write that has it in its past
    Read Your Writes       the same, of one client's own puts
    Monotonic Reads        a get shows what the same client was shown before, or what has it in its past
    Deleted Stays Deleted  what a delete had seen is not there at the end, nor in a get called after the delete's
                           tombstone was removed somewhere
    Replicas Converge      at the end all owners of a key hold the same

Quorums Intersect, Read Your Writes and Monotonic Reads are owed only where quorums overlap: see
`simclock.experiments.catalog.dynamo.scenario`. The others are owed always, once faults are healed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from simclock.experiments.checkers.histories import Operation
from simclock.protocols.dynamo import CHANGES

NO_LOST_WRITE = "No Lost Write"
SIBLINGS_ARE_CONCURRENT = "Siblings Are Concurrent"
QUORUMS_INTERSECT = "Quorums Intersect"
READ_YOUR_WRITES = "Read Your Writes"
MONOTONIC_READS = "Monotonic Reads"
DELETED_STAYS_DELETED = "Deleted Stays Deleted"
REPLICAS_CONVERGE = "Replicas Converge"


class Finding(NamedTuple):
    """A property that does not hold."""

    property: str
    detail: str


class Shown(NamedTuple):
    """What an answer, or a key at the end, shows."""

    where: str
    key: str
    writes: tuple[str, ...]
    """A name for each sibling, as often as it is shown."""


class RemovedTombstone(NamedTuple):
    """A server dropped a tombstone: from now on nothing tells of the delete."""

    time_ns: int
    key: str
    name: str
    """Of the delete."""


class Pasts:
    """The past of every write of a history."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._saw: dict[str, frozenset[str]] = {}
        self._pasts: dict[str, frozenset[str]] = {}
        for each in operations:
            if each.function in CHANGES:
                name, *saw = _names(each.argument)
                self._saw[name] = frozenset(saw)

    def of(self, write: str) -> frozenset[str]:
        """All that the write has seen, and what that had seen; without itself."""
        known = self._pasts.get(write)
        if known is not None:
            return known
        waiting = [write]
        while waiting:
            top = waiting[-1]
            later = [each for each in sorted(self._saw.get(top, frozenset())) if each not in self._pasts]
            if later:
                waiting += later
                continue
            waiting.pop()
            saw = self._saw.get(top, frozenset())
            self._pasts[top] = saw.union(*(self._pasts[each] for each in saw))
        return self._pasts[write]

    def covers(self, shown: Sequence[str], write: str) -> bool:
        """Whether the write is among those, or in the past of one."""
        return write in shown or any(write in self.of(each) for each in shown)


Names = Callable[[Sequence[str]], Sequence[str]]
"""Values -> names of the writes they tell of."""


def lost_writes(
    operations: Sequence[Operation], pasts: Pasts, at_end: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """`at_end`: key -> names of the writes that are there when all is healed, and of tombstones that were removed."""
    for each in operations:
        if each.function not in CHANGES or each.outcome != "ok":
            continue
        write = _names(each.argument)[0]
        left = at_end.get(str(each.key), ())
        if not pasts.covers(left, write):
            there = ", ".join(left) or "nothing"
            yield Finding(
                NO_LOST_WRITE,
                f"write {write} of {each.key} was acknowledged; at the end there is {there}, which never saw it",
            )


def siblings_not_concurrent(shown: Iterable[Shown], pasts: Pasts) -> Iterator[Finding]:
    """Of every two siblings, neither had seen the other."""
    for where, key, writes in shown:
        twice = sorted({write for write in writes if writes.count(write) > 1})
        if twice:
            yield Finding(SIBLINGS_ARE_CONCURRENT, f"{where}: {key} shows write {twice[0]} twice")
        for later in writes:
            earlier = sorted(pasts.of(later).intersection(writes))
            if earlier:
                yield Finding(
                    SIBLINGS_ARE_CONCURRENT,
                    f"{where}: {key} has {len(writes)} siblings, {earlier[0]} beside {later}, which had seen it",
                )
                break


def deleted_again(
    operations: Sequence[Operation],
    pasts: Pasts,
    at_end: Mapping[str, Sequence[str]],
    removed: Sequence[RemovedTombstone],
    names: Names,
) -> Iterator[Finding]:
    """What is back though a delete had seen it; `at_end` as in `lost_writes`."""
    gone: dict[str, set[str]] = {}
    for tombstone in removed:
        gone.setdefault(tombstone.key, set()).add(tombstone.name)
    for each in operations:
        if each.function == "delete" and each.outcome == "ok":
            gone.setdefault(str(each.key), set()).add(_names(each.argument)[0])
    for key, left in at_end.items():
        for delete in sorted(gone.get(key, ())):
            back = sorted(pasts.of(delete).intersection(left) - gone[key])
            if back:
                yield Finding(DELETED_STAYS_DELETED, f"at the end {key} has {back[0]}, which {delete} had deleted")
                break
    for get in operations:
        if get.function != "get" or get.outcome != "ok":
            continue
        shown = names(_names(get.result)[1:])
        for tombstone in removed:
            if tombstone.key == get.key and tombstone.time_ns < get.call:
                back = sorted(pasts.of(tombstone.name).intersection(shown))
                if back:
                    what = f"{get} shows {back[0]}, which {tombstone.name} had deleted; its tombstone was removed"
                    yield Finding(DELETED_STAYS_DELETED, f"{what} at {tombstone.time_ns}")
                    break


def _with_removed(shown: Sequence[str], get: Operation, removed: Sequence[RemovedTombstone]) -> tuple[str, ...]:
    """What a get shows, and the deletes that it cannot show any more."""
    end = get.call if get.finish is None else get.finish
    gone = [each.name for each in removed if each.key == get.key and each.time_ns <= end]
    return (*shown, *gone)


def unseen_by_reads(
    operations: Sequence[Operation],
    pasts: Pasts,
    names: Names,
    removed: Sequence[RemovedTombstone] = (),
    after_ns: int = 0,
) -> Iterator[Finding]:
    """Gets that miss what they must show where quorums overlap, or so long after it was acknowledged; each names the
    first thing missed."""
    acknowledged = sorted(
        (each for each in operations if each.function in CHANGES and each.outcome == "ok" and each.finish is not None),
        key=lambda each: each.finish or 0,
    )
    for get in operations:
        if get.function != "get" or get.outcome != "ok":
            continue
        shown = _with_removed(names(_names(get.result)[1:]), get, removed)
        for put in acknowledged:
            assert put.finish is not None, "acknowledged puts have ended"
            if put.finish + after_ns >= get.call:
                break
            write = _names(put.argument)[0]
            if put.key == get.key and not pasts.covers(shown, write):
                what = f"{get} does not show {write}, acknowledged at {put.finish}"
                yield Finding(QUORUMS_INTERSECT, what)
                if put.process == get.process:
                    yield Finding(READ_YOUR_WRITES, what)
                    break


def reads_going_back(
    operations: Sequence[Operation], pasts: Pasts, names: Names, removed: Sequence[RemovedTombstone] = ()
) -> Iterator[Finding]:
    """Gets of a client that miss what an earlier get of it showed."""
    before: dict[tuple[int, str], tuple[str, ...]] = {}
    for get in sorted(operations, key=lambda each: each.call):
        if get.function != "get" or get.outcome != "ok":
            continue
        shown = tuple(names(_names(get.result)[1:]))
        place = (get.process, str(get.key))
        covering = _with_removed(shown, get, removed)
        missed = [write for write in before.get(place, ()) if not pasts.covers(covering, write)]
        if missed:
            yield Finding(MONOTONIC_READS, f"{get} does not show {missed[0]}, which the get before it did")
        before[place] = shown


def diverged(held: Mapping[str, Mapping[int, object]]) -> Iterator[Finding]:
    """`held`: key -> owner -> what it holds of it, compared by ==."""
    for key in sorted(held):
        states = list(held[key].items())
        others = [server for server, state in states if state != states[0][1]]
        if others:
            yield Finding(REPLICAS_CONVERGE, f"servers {states[0][0]} and {others[0]} hold different records of {key}")


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple) else ()
