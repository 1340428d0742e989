"""The text of `sequence.py` as a replicated value: a state that can be merged, with deltas and operations.

A state is two sets: the elements that were inserted, each with its place in the tree, and the ids of those that were
deleted. Merge is the union of both, so what `Sequence.merge` gives and what it is here are the same text; the tree says
in which order it stands.

Kept as runs: what one replica typed in one go, each character a right child of the one before, is one entry. A state is
as long as its runs and its characters together; of what was deleted the characters stay, as others may hang on them.

An element whose parent is not there (in a delta, or where an operation was delivered too early) is kept and not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Row
from functools import lru_cache
from typing import Any, NamedTuple, Self

import msgspec

from simclock.clocks import NodeId
from simclock.errors import UsageError
from simclock.protocols.crdts.crdt import Crdt, Operation
from simclock.protocols.crdts.sequence import COUNT_BITS, REPLICA_MAX, ROOT, Delete, Element, Insert, Sequence

Id = tuple[int, int]
_encode = msgspec.msgpack.Encoder().encode
_decode_operation = msgspec.msgpack.Decoder(Insert | Delete).decode


class Run(NamedTuple):
    """Characters (replica, first), (replica, first + 1), ...: the first is a child of `parent`, each other one a right
    child of the one before."""

    replica: int
    first: int
    parent: Id
    is_right: bool
    text: str

    @property
    def last(self) -> int:
        return self.first + len(self.text) - 1


class Span(NamedTuple):
    """The ids (replica, first) to (replica, last)."""

    replica: int
    first: int
    last: int


class Text(Crdt, frozen=True):
    """A text that several write; its value is a `str`."""

    inserted: tuple[Run, ...] = ()
    """Ascending by id, and as long as they can be."""
    deleted: tuple[Span, ...] = ()
    """The same."""

    OPERATIONS = '("insert", position, text) or ("delete", position, length)'

    @classmethod
    def of(cls, elements: Iterable[Element]) -> Self:
        """The state of which these are the elements (`Sequence.elements`)."""
        runs, spans = [], []
        for replica, number, parent_replica, parent_number, is_right, value, is_deleted in elements:
            runs.append(Run(replica, number, (parent_replica, parent_number), is_right, value))
            if is_deleted:
                spans.append(Span(replica, number, number))
        return cls(_runs(runs), _spans(spans))

    def elements(self) -> Iterator[Element]:
        """What `Sequence.load` takes, parents before their children."""
        return _sequence(self).elements()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        value = super().decode(data)
        for run in value.inserted:
            _check_ids(run.replica, run.first, run.last)
            if not run.text:
                raise UsageError(f"{data.hex()} is no Text: a run is empty")
        for span in value.deleted:
            _check_ids(*span)
        if _runs(value.inserted) != value.inserted or _spans(value.deleted) != value.deleted:
            raise UsageError(f"{data.hex()} is no Text: its runs or spans do not ascend, or could be longer")
        return value

    def merge(self, other: Self) -> Self:
        return type(self)(_runs((*self.inserted, *other.inserted)), _spans((*self.deleted, *other.deleted)))

    def beyond(self, other: Self) -> Self:
        there = _by_replica([Span(run.replica, run.first, run.last) for run in other.inserted])
        gone = _by_replica(other.deleted)
        runs = []
        for run in self.inserted:
            for first, last in _uncovered(run.first, run.last, there.get(run.replica, ())):
                text = run.text[first - run.first : last + 1 - run.first]
                is_start = first == run.first
                parent = run.parent if is_start else (run.replica, first - 1)
                runs.append(Run(run.replica, first, parent, run.is_right or not is_start, text))
        spans = [
            Span(span.replica, *part)
            for span in self.deleted
            for part in _uncovered(span.first, span.last, gone.get(span.replica, ()))
        ]
        return type(self)(tuple(runs), tuple(spans))

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        return self._changed_by(self._operation(replica, operation))

    def prepare(self, replica: NodeId, operation: Operation) -> bytes:
        """The very operations of a shared document."""
        return _encode(self._operation(replica, operation))

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        try:
            operation = _decode_operation(prepared)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(f"{prepared.hex()} is no operation on a text: {error}") from None
        return self.merge(self._changed_by(operation))

    @property
    def value(self) -> str:
        return str(_sequence(self))

    def _operation(self, replica: NodeId, operation: Operation) -> Insert | Delete:
        match operation:
            case ("insert", int(position), str(text)) if type(position) is int:
                number = max([run.last for run in self.inserted if run.replica == replica], default=0) + 1
                _check_ids(replica, number, number + len(text))
                parent, is_right = _sequence(self).place_at(position, text)
                assert isinstance(replica, int), "its number was checked"
                return Insert(replica, number, parent, is_right, text)
            case ("delete", int(position), int(length)) if type(position) is int and type(length) is int:
                return Delete(_sequence(self).ids_at(position, length))
        raise self._unknown(operation)

    def _changed_by(self, operation: Insert | Delete) -> Self:
        match operation:
            case Insert(replica, first, parent, is_right, text):
                _check_ids(replica, first, first + len(text))
                return type(self)(inserted=(Run(replica, first, parent, is_right, text),) if text else ())
            case Delete(ids):
                for replica, number in ids:
                    _check_ids(replica, number, number)
                return type(self)(deleted=_spans([Span(replica, number, number) for replica, number in ids]))
        raise AssertionError(operation)


@lru_cache(maxsize=32)
def _sequence(state: Text) -> Sequence:
    """The text as a sequence, to be read only."""
    hanging: dict[Id, list[Run]] = {}
    for run in state.inserted:
        hanging.setdefault(run.parent, []).append(run)
    made = Sequence(0)
    ready = hanging.pop(ROOT, [])
    while ready:
        run = ready.pop()
        made.apply(Insert(*run))
        for number in range(run.first, run.last + 1):
            ready += hanging.pop((run.replica, number), ())
    gone = [(span.replica, number) for span in state.deleted for number in range(span.first, span.last + 1)]
    made.apply(Delete(tuple([id for id in gone if id in made])))
    return made


def _check_ids(replica: Any, first: int, last: int) -> None:
    if type(replica) is not int or not 0 <= replica <= REPLICA_MAX:
        raise UsageError(f"Text: replica {replica!r} is out of range: a whole number, 0 to {REPLICA_MAX}")
    if not 1 <= first <= last < 1 << COUNT_BITS:
        raise UsageError(f"Text: {first} to {last} are no numbers of characters: ascending, from 1 on")


def _runs(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Each character once, in runs as long as can be; one id has one character and one place, whoever holds it."""
    found: list[Run] = []
    for run in sorted(runs):
        before = found[-1] if found else None
        if before is None or before.replica != run.replica or run.first > before.last + 1:
            found.append(run)
        elif run.first <= before.last:
            found[-1] = before._replace(text=before.text + run.text[before.last + 1 - run.first :])
        elif run.is_right and run.parent == (before.replica, before.last):
            found[-1] = before._replace(text=before.text + run.text)
        else:
            found.append(run)
    return tuple(found)


def _spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for span in sorted(spans):
        before = found[-1] if found else None
        if before is not None and before.replica == span.replica and span.first <= before.last + 1:
            found[-1] = before._replace(last=max(before.last, span.last))
        else:
            found.append(span)
    return tuple(found)


def _by_replica(spans: Iterable[Span]) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = {}
    for span in spans:
        found.setdefault(span.replica, []).append(span)
    return found


def _uncovered(first: int, last: int, spans: Row[Span]) -> Iterator[tuple[int, int]]:
    """The parts of first .. last that lie in none of the spans, which ascend."""
    for span in spans:
        if span.last < first:
            continue
        if span.first > last:
            break
        if span.first > first:
            yield first, span.first - 1
        first = span.last + 1
    if first <= last:
        yield first, last
