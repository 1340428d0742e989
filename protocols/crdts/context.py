"""A causal context: which events are known, as dots.

Almeida, Shoker and Baquero 2018: a set of dots (replica, number), kept as a version vector for what is
known without a gap and a "dot cloud" for the rest. A state's context has gaps only where deltas arrived out of order; a
delta's context is what the delta says something about, so it has mostly gaps.

Law: it is a set, and canonical: no dot stands in the cloud that could stand in the vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from simclock.clocks import NodeId, VectorClock
from simclock.clocks.order import ClockValue, check_count, check_ids, id_key
from simclock.errors import UsageError

Dot: TypeAlias = tuple[NodeId, int]
"""(replica, number): an event; numbers count from 1."""


def dot_key(dot: Dot) -> tuple[tuple[bool, NodeId], int]:
    """What dots are sorted by."""
    return id_key(dot[0]), dot[1]


class CausalContext(ClockValue, frozen=True):
    """A set of dots."""

    vector: VectorClock = VectorClock()
    cloud: tuple[Dot, ...] = ()

    def __post_init__(self) -> None:
        for node, number in self.cloud:
            check_ids("CausalContext", (node,))
            check_count("CausalContext", number, 1)
        if self.cloud and _compact(self.cloud, self.vector) != (self.vector, self.cloud):
            raise UsageError(f"CausalContext: {self} is not canonical")

    @classmethod
    def of(cls, dots: Iterable[Dot], vector: VectorClock = VectorClock()) -> CausalContext:  # noqa: B008 - frozen
        """These dots and all that the vector knows."""
        return cls(*_compact(dots, vector))

    def knows(self) -> Callable[[Dot], bool]:
        """A quick test whether a dot is in the set."""
        counts, cloud = dict(self.vector.entries), frozenset(self.cloud)
        return lambda dot: dot[1] <= counts.get(dot[0], 0) or dot in cloud

    def __contains__(self, dot: Dot) -> bool:
        return dot[1] <= self.vector[dot[0]] or dot in self.cloud

    def next(self, replica: NodeId) -> Dot:
        """The dot of that replica's next event."""
        loose = [number for node, number in self.cloud if node == replica]
        return replica, max([self.vector[replica], *loose]) + 1

    def merge(self, other: CausalContext) -> CausalContext:
        """The union."""
        return self.of((*self.cloud, *other.cloud), self.vector.merge(other.vector))

    def beyond(self, other: CausalContext) -> list[Dot]:
        """The dots that the other has not."""
        known = other.knows()
        new = [dot for dot in self.cloud if not known(dot)]
        for node, count in self.vector.entries:
            after = range(other.vector[node] + 1, count + 1)
            new += [(node, number) for number in after if not known((node, number))]
        return new

    def __le__(self, other: CausalContext) -> bool:
        return not self.beyond(other)

    def __str__(self) -> str:
        return f"{self.vector}" + "".join(f" ({node}, {number})" for node, number in self.cloud)


def _compact(dots: Iterable[Dot], vector: VectorClock) -> tuple[VectorClock, tuple[Dot, ...]]:
    """Dots that follow the vector without a gap go into it; those that it covers are dropped."""
    loose = sorted(frozenset(dots), key=dot_key)
    if not loose:
        return vector, ()
    counts, cloud = dict(vector.entries), []
    for node, number in loose:
        known = counts.get(node, 0)
        if number == known + 1:
            counts[node] = number
        elif number > known:
            cloud.append((node, number))
    return VectorClock.of(counts), tuple(cloud)
