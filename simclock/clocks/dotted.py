"""Dotted version vectors, for stores that keep concurrent values side by side ("siblings").

Preguica, Baquero, Almeida, Fonte and Goncalves, "Dotted Version Vectors: Logical Clocks for Optimistic Replication",
2010 (arXiv 1011.5808); the set form: Almeida, Goncalves, Preguica and Fonte, "Scalable and Accurate Causality Tracking
for Eventually Consistent Stores", 2014.

    context = siblings.context                        # a client reads: values and their context
    siblings = siblings.put(context, value, server)   # and writes: server `server` coordinates
    siblings = siblings.sync(of_another_server)       # servers exchange what they have

A write is one event, its *dot* (server, number); what it overwrites is the *context* that its client had read. Plain
version vectors cannot keep the two apart: with an entry per server, a write with an old context is {server: n}, which
seems to know the n - 1 writes before it. A store that believes it loses a concurrent write; one that does not must keep
every value it has as a sibling, and siblings grow without bound.

Law 1: a value is dropped if and only if a write is present, or known to have been, whose client had read it.
Law 2: `sync` of what servers have is idempotent, commutative and associative, so it does not matter who exchanges with
       whom, and in what order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from simclock.clocks.order import ClockValue, NodeId, check_count, check_ids, id_key
from simclock.clocks.vector import VectorClock
from simclock.errors import UsageError


class DottedVersion(ClockValue, frozen=True):
    """The clock of one version: its own event, and the events that its writer had seen.

    `a < b`: b's writer had seen a. It takes one look, whatever the size of the vectors. Versions that descend from one
    another by `next_version` form a partial order.
    """

    node: NodeId
    number: int
    """The dot is (node, number)."""
    past: VectorClock = VectorClock()

    def __post_init__(self) -> None:
        check_ids("DottedVersion", (self.node,))
        check_count("DottedVersion.number", self.number, self.past[self.node] + 1)

    def __le__(self, other: DottedVersion) -> bool:
        """The histories are those of the papers: {dot} and `past`; the dot of the one is in that of the other."""
        return (self.node, self.number) == (other.node, other.number) or self.number <= other.past[self.node]

    @property
    def history(self) -> VectorClock:
        """The past and the dot, rounded up to a vector clock: a context that has read this version."""
        return self.past.merge(VectorClock(((self.node, self.number),)))

    def __str__(self) -> str:
        return f"({self.node}, {self.number}){self.past}"


def context_of(versions: Iterable[DottedVersion]) -> VectorClock:
    """What a client has read that was given these versions."""
    context = VectorClock()
    for version in versions:
        context = context.merge(version.history)
    return context


def next_version(context: VectorClock, present: Iterable[DottedVersion], node: NodeId) -> DottedVersion:
    """The paper's `update`: a write by a client with that context, through a server that has `present`.

    The number is new at the server; the past is the client's, not the server's.
    """
    return DottedVersion(node, context.merge(context_of(present))[node] + 1, context)


def concurrent_versions(versions: Iterable[DottedVersion]) -> frozenset[DottedVersion]:
    """The paper's `sync`: the versions that no other one has overwritten."""
    every = frozenset(versions)
    return frozenset(version for version in every if not any(version < other for other in every))


Value: TypeAlias = Any
"""A plain value: a number, text, bytes, a truth value or None."""
_PLAIN = (int, float, str, bytes, bool, type(None))
Entry: TypeAlias = tuple[NodeId, int, tuple[Value, ...]]
"""(id, n, values): events 1 to n of that id are known; the values are those of the last of them, newest first."""


class DottedVersionSet(ClockValue, frozen=True):
    """All siblings of one key with one clock for them together.

    A value is a plain one; a store of richer ones gives each its bytes. `<=` compares what is known (entry by entry),
    not the values; `==` compares all.
    """

    entries: tuple[Entry, ...] = ()
    """Ascending by id. A dot whose value is not listed is known to be overwritten."""
    anonymous: tuple[Value, ...] = ()
    """Values that have no dot yet: a client's, on the way to a server. In order of their encodings, each once."""

    def __post_init__(self) -> None:
        check_ids("DottedVersionSet", tuple([node for node, _, _ in self.entries]))
        for node, count, values in self.entries:
            check_count(f"DottedVersionSet[{node!r}]", count)
            if len(values) > count:
                raise UsageError(f"DottedVersionSet[{node!r}]: {len(values)} values of {count} events")
        for value in self.values:
            if type(value) not in _PLAIN:
                raise UsageError(f"DottedVersionSet: {value!r} is not a plain value: a richer one needs its bytes here")
        if _distinct(self.anonymous) != self.anonymous:
            raise UsageError(f"DottedVersionSet: anonymous values {self.anonymous} are not in canonical order")

    @classmethod
    def of_client(cls, context: VectorClock, value: Value) -> DottedVersionSet:
        """The papers' `new`: a client's value, with what the client has read."""
        return cls(tuple([(node, count, ()) for node, count in context.entries]), (value,))

    @property
    def context(self) -> VectorClock:
        """The papers' `join`: what a client knows that reads this."""
        return VectorClock.of({node: count for node, count, _ in self.entries})

    @property
    def values(self) -> tuple[Value, ...]:
        """The siblings: the anonymous ones, then by server, the newest first."""
        return (*self.anonymous, *(value for _, _, values in self.entries for value in values))

    @property
    def ids(self) -> tuple[NodeId, ...]:
        """The servers that have coordinated a write, ascending."""
        return tuple([node for node, _, _ in self.entries])

    def put(self, context: VectorClock, value: Value, node: NodeId) -> DottedVersionSet:
        """A client that has read `context` writes through server `node`, which has this."""
        return self.discard(context).event(node, value)

    def discard(self, context: VectorClock) -> DottedVersionSet:
        """Without the values that the context has read, and only those; the dots stay known."""
        read = DottedVersionSet(tuple([(other, count, ()) for other, count in context.entries]))
        entries = self._merge_entries(read)
        return type(self)(entries, self.anonymous)

    def event(self, node: NodeId, value: Value) -> DottedVersionSet:
        """The value gets a dot of its own, the next of that server: it stands for no other event."""
        found = {other: (count, values) for other, count, values in self.entries}
        count, values = found.get(node, (0, ()))
        found[node] = (count + 1, (value, *values))
        return type(self)(tuple([(other, *found[other]) for other in sorted(found, key=id_key)]), self.anonymous)

    def sync(self, other: DottedVersionSet) -> DottedVersionSet:
        """What both know; a value that one has and the other knows to be overwritten is dropped."""
        entries = self._merge_entries(other)
        if self < other:
            anonymous = other.anonymous
        elif other < self:
            anonymous = self.anonymous
        else:
            anonymous = _distinct((*self.anonymous, *other.anonymous))
        return type(self)(entries, anonymous)

    def __le__(self, other: DottedVersionSet) -> bool:
        return self.context <= other.context

    def _merge_entries(self, other: DottedVersionSet) -> tuple[Entry, ...]:
        found = {node: (count, values) for node, count, values in self.entries}
        for node, count, values in other.entries:
            found[node] = _newer(found[node], (count, values)) if node in found else (count, values)
        return tuple([(node, *found[node]) for node in sorted(found, key=id_key)])

    def __str__(self) -> str:
        parts = [f"{node}: {count} {list(values)}" for node, count, values in self.entries]
        return "{" + ", ".join(parts) + "}" + (f" {list(self.anonymous)}" if self.anonymous else "")


_Known: TypeAlias = tuple[int, tuple[Value, ...]]


def _newer(one: _Known, other: _Known) -> _Known:
    """One server's events as two see them: values stay that are known to neither as overwritten."""
    if one[0] < other[0]:
        one, other = other, one
    (count, values), (count_before, values_before) = one, other
    overwritten = max(count - len(values), count_before - len(values_before))
    return count, values[: max(0, count - overwritten)]


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    encoded = {msgspec.msgpack.encode(value, order="deterministic"): value for value in values}
    return tuple([encoded[key] for key in sorted(encoded)])
