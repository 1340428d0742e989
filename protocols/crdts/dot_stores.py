"""Dot stores: what is left of the events that a causal context knows.

Almeida, Shoker and Baquero 2018:

    DotSet    dots                       a flag that is on
    DotFun    dot -> value               what a register holds, what a counter was given
    DotMap    key -> dot store           the elements of a set, the fields of a map

An event is known to have been undone where its dot is in the context and not in the store: that is all that is kept of
a removal, so there are no tombstones (Bieniusa et al., "An optimized conflict-free replicated set", 2012).

Law 1: in a DotMap no store is empty.
Law 2: all is in ascending order: one store, one string of bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec

from simclock.protocols.crdts.context import Dot, dot_key
from simclock.protocols.crdts.crdt import CannotMerge, Element, element_key

Field: TypeAlias = tuple[str, str]
"""A map's key: (name, type). Fields of one name and two types are two fields, so that all maps can be merged."""
Knows: TypeAlias = Callable[[Dot], bool]


class DotSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Dots, ascending."""

    dots: tuple[Dot, ...] = ()

    @classmethod
    def of(cls, dots: Any) -> DotSet:
        return cls(tuple(sorted(dots, key=dot_key)))

    def all_dots(self) -> Iterator[Dot]:
        yield from self.dots

    def __bool__(self) -> bool:
        return bool(self.dots)


class DotFun(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A value for each dot, ascending by dot."""

    entries: tuple[tuple[Dot, Element], ...] = ()

    @classmethod
    def of(cls, values: Mapping[Dot, Element]) -> DotFun:
        return cls(tuple([(dot, values[dot]) for dot in sorted(values, key=dot_key)]))

    def all_dots(self) -> Iterator[Dot]:
        for dot, _ in self.entries:
            yield dot

    def __bool__(self) -> bool:
        return bool(self.entries)


class DotMap(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A dot store for each key, ascending by key."""

    entries: tuple[tuple[int | str | Field, DotSet | DotFun | DotMap], ...] = ()

    @classmethod
    def of(cls, stores: Mapping[Any, Store]) -> DotMap:
        return cls(tuple([(key, stores[key]) for key in sorted(stores, key=element_key)]))

    def get(self, key: Any) -> Store | None:
        """The store of a key; None where there is none."""
        return next((store for other, store in self.entries if other == key), None)

    def all_dots(self) -> Iterator[Dot]:
        for _, store in self.entries:
            yield from store.all_dots()

    def __bool__(self) -> bool:
        return bool(self.entries)


Store: TypeAlias = DotSet | DotFun | DotMap


class Joining:
    """The join of two stores, each with what is known on its side."""

    def join(self, mine: Store, known_here: Knows, theirs: Store, known_there: Knows) -> Store:
        """What neither side knows to be undone; raises CannotMerge for stores of two kinds."""
        match mine, theirs:
            case DotSet(), DotSet():
                return self.sets(mine, known_here, theirs, known_there)
            case DotFun(), DotFun():
                return self.functions(mine, known_here, theirs, known_there)
            case DotMap(), DotMap():
                return self.maps(mine, known_here, theirs, known_there)
        raise CannotMerge(f"a {type(mine).__name__} and a {type(theirs).__name__} cannot be merged")

    def sets(self, mine: DotSet, known_here: Knows, theirs: DotSet, known_there: Knows) -> DotSet:
        """The join of dots: (s ∩ s') ∪ (s \\ c') ∪ (s' \\ c)."""
        here, there = frozenset(mine.dots), frozenset(theirs.dots)
        kept = [dot for dot in mine.dots if dot in there or not known_there(dot)]
        return DotSet.of([*kept, *(dot for dot in theirs.dots if dot not in here and not known_here(dot))])

    def functions(self, mine: DotFun, known_here: Knows, theirs: DotFun, known_there: Knows) -> DotFun:
        """The same by dots; a dot has one value, whoever holds it."""
        here, there = dict(mine.entries), dict(theirs.entries)
        kept = {dot: value for dot, value in mine.entries if dot in there or not known_there(dot)}
        new = {dot: value for dot, value in theirs.entries if dot not in here and not known_here(dot)}
        return DotFun.of(kept | new)

    def maps(self, mine: DotMap, known_here: Knows, theirs: DotMap, known_there: Knows) -> DotMap:
        """Key by key; what is empty afterwards is gone."""
        here, there = dict(mine.entries), dict(theirs.entries)
        joined = {}
        for key in here | there:
            one, other = here.get(key), there.get(key)
            one = empty_like(other) if one is None else one
            other = empty_like(one) if other is None else other
            store = self.join(one, known_here, other, known_there)
            if store:
                joined[key] = store
        return DotMap.of(joined)


def empty_like(store: Store | None) -> Store:
    """The empty store of the same kind."""
    assert store is not None, "a key has a store on one side at least"
    return type(store)()


def is_normal(store: Store) -> bool:
    """Whether all is in ascending order, each once: what arrives may not be."""
    match store:
        case DotSet(dots):
            return _ascends([dot_key(dot) for dot in dots])
        case DotFun(entries):
            return _ascends([dot_key(dot) for dot, _ in entries])
        case DotMap(entries):
            keys = _ascends([element_key(key) for key, _ in entries])
            return keys and all(is_normal(inner) for _, inner in entries)
    raise AssertionError(store)


def _ascends(keys: list[Any]) -> bool:
    return all(left < right for left, right in pairwise(keys))


# What an operation does, where it comes once and after all that it depends on: no question is asked of a context.


def without(store: Store, gone: Knows) -> Store:
    """The store without those dots."""
    match store:
        case DotSet(dots):
            return DotSet(tuple([dot for dot in dots if not gone(dot)]))
        case DotFun(entries):
            return DotFun(tuple([entry for entry in entries if not gone(entry[0])]))
        case DotMap(entries):
            left = [(key, without(inner, gone)) for key, inner in entries]
            return DotMap(tuple([(key, inner) for key, inner in left if inner]))
    raise AssertionError(store)


def plus(store: Store, added: Store) -> Store:
    """The store with what was added."""
    match store, added:
        case DotSet(dots), DotSet(new):
            return DotSet.of({*dots, *new})
        case DotFun(entries), DotFun(new):
            return DotFun.of(dict(entries) | dict(new))
        case DotMap(entries), DotMap(new):
            stores = dict(entries)
            for key, inner in new:
                stores[key] = plus(stores[key], inner) if key in stores else inner
            return DotMap.of(stores)
    raise CannotMerge(f"a {type(added).__name__} cannot be added to a {type(store).__name__}")
