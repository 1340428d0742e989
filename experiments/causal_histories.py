"""What clients of a many-leader store saw, judged by true causality: no clock of the store is looked at.

An operation is a get, or a put whose argument is (its name, the names of the writes its client had been shown when it
got the context it gave). So every write says what it saw, and through those what they saw: that is its past.

    No Lost Write          what was acknowledged is there at the end, or a write is that has it in its past
    Siblings Are Concurrent    of what is shown side by side, none is in the past of another, and none is shown twice
    Quorums Intersect      a get called after a put was acknowledged shows it, or a write that has it in its past
    Read Your Writes       the same, of one client's own puts
    Monotonic Reads        a get shows what the same client was shown before, or what has it in its past
    Replicas Converge      at the end all owners of a key hold the same

The first two and the last are owed always, once faults are healed; the others only where quorums overlap: see
`experiments.dynamo`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from experiments.histories import Operation

NO_LOST_WRITE = "No Lost Write"
SIBLINGS_ARE_CONCURRENT = "Siblings Are Concurrent"
QUORUMS_INTERSECT = "Quorums Intersect"
READ_YOUR_WRITES = "Read Your Writes"
MONOTONIC_READS = "Monotonic Reads"
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


class Pasts:
    """The past of every write of a history."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._saw: dict[str, frozenset[str]] = {}
        self._pasts: dict[str, frozenset[str]] = {}
        for each in operations:
            if each.function == "put":
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
    """`at_end`: key -> names of the writes that are there when all is healed."""
    for each in operations:
        if each.function != "put" or each.outcome != "ok":
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


def unseen_by_reads(operations: Sequence[Operation], pasts: Pasts, names: Names) -> Iterator[Finding]:
    """Gets that miss what they must show where quorums overlap; each names the first thing missed."""
    acknowledged = sorted(
        (each for each in operations if each.function == "put" and each.outcome == "ok" and each.finish is not None),
        key=lambda each: each.finish or 0,
    )
    for get in operations:
        if get.function != "get" or get.outcome != "ok":
            continue
        shown = names(_names(get.result)[1:])
        for put in acknowledged:
            assert put.finish is not None, "acknowledged puts have ended"
            if put.finish >= get.call:
                break
            write = _names(put.argument)[0]
            if put.key == get.key and not pasts.covers(shown, write):
                what = f"{get} does not show {write}, acknowledged at {put.finish}"
                yield Finding(QUORUMS_INTERSECT, what)
                if put.process == get.process:
                    yield Finding(READ_YOUR_WRITES, what)
                    break


def reads_going_back(operations: Sequence[Operation], pasts: Pasts, names: Names) -> Iterator[Finding]:
    """Gets of a client that miss what an earlier get of it showed."""
    before: dict[tuple[int, str], tuple[str, ...]] = {}
    for get in sorted(operations, key=lambda each: each.call):
        if get.function != "get" or get.outcome != "ok":
            continue
        shown = tuple(names(_names(get.result)[1:]))
        place = (get.process, str(get.key))
        missed = [write for write in before.get(place, ()) if not pasts.covers(shown, write)]
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
