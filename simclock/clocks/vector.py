"""Vector clocks (Fidge, "Timestamps in Message-Passing Systems That Preserve the Partial Ordering", 1988; Mattern,
"Virtual Time and Global States of Distributed Systems", 1989).

    clock = clock.tick(node)                       # a local event, or a send: the message carries `clock`
    clock = clock.receive(message.clock, node)     # a receipt

Law: V(a) < V(b) if and only if a happened before b; V(a) and V(b) are CONCURRENT if and only if neither happened before
the other (Mattern, theorem 10). Clocks with `merge` are a join semilattice: it is the least upper bound.

`VectorClock` is sparse: an id appears once its count is above zero, and an id that is absent has counted nothing. That
is what lets members join at any time: a newcomer needs no one's permission, only an id that nobody used before.
`DenseVectorClock` is an array for a fixed number of nodes.

**Pruning is dangerous.** A vector that forgets an id denies that the id's events ever happened, and then
 * what came before looks concurrent: {x: 1} is before {x: 1, y: 1}, but CONCURRENT to the pruned {y: 1}. A store that
   keeps concurrent values (Dynamo truncates vectors by age) keeps more siblings than there were conflicts;
 * where both are pruned, what was concurrent looks ordered: {x: 1} || {y: 1}, but pruned of x, {} is before {y: 1}. A
   store that drops what is before **loses a write**;
 * an id that is forgotten by its own node and counts again from 1 repeats timestamps of other events.
It is safe for an id on whose count *every* clock still in use agrees, stored ones and those under way included:
`settled` finds those ids, where somebody can know all clocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simclock.clocks.order import ClockValue, NodeId, check_count, check_ids, id_key
from simclock.errors import UsageError


class VectorClock(ClockValue, frozen=True):
    """How many events of each node are known; sparse, for any and changing membership.

    `entries` holds (id, count) with count above zero, ascending by id: also the form in which a message carries it.
    """

    entries: tuple[tuple[NodeId, int], ...] = ()

    def __post_init__(self) -> None:
        check_ids("VectorClock", tuple([node for node, _ in self.entries]))
        for node, count in self.entries:
            check_count(f"VectorClock[{node!r}]", count, 1)

    @classmethod
    def of(cls, counts: Mapping[NodeId, int]) -> VectorClock:
        """The clock with these counts; zeros are left out."""
        return cls(tuple([(node, counts[node]) for node in sorted(counts, key=id_key) if counts[node] != 0]))

    def __getitem__(self, node: NodeId) -> int:
        """How many events of that node are known; 0 for an id that is absent."""
        return next((count for other, count in self.entries if other == node), 0)

    @property
    def ids(self) -> tuple[NodeId, ...]:
        """Who has counted anything, ascending."""
        return tuple([node for node, _ in self.entries])

    def tick(self, node: NodeId) -> VectorClock:
        """An event of that node: it increments its own component (Mattern: "a process ticks")."""
        counts = dict(self.entries)
        counts[node] = counts.get(node, 0) + 1
        return self.of(counts)

    def merge(self, other: VectorClock) -> VectorClock:
        """The least upper bound: the greater count of each id."""
        counts = dict(self.entries)
        for node, count in other.entries:
            counts[node] = max(count, counts.get(node, 0))
        return self.of(counts)

    def receive(self, remote: VectorClock, node: NodeId) -> VectorClock:
        """A receipt by that node: it learns what the message knows, and ticks."""
        return self.merge(remote).tick(node)

    def __le__(self, other: VectorClock) -> bool:
        """Every count of this one is at most the other's; an id absent there has counted 0 there."""
        theirs = dict(other.entries)
        return all(count <= theirs.get(node, 0) for node, count in self.entries)

    def pruned(self, ids: Iterable[NodeId]) -> VectorClock:
        """Without those ids. Read the module's warning first: only `settled` ids can be forgotten safely."""
        gone = frozenset(ids)
        return type(self)(tuple([entry for entry in self.entries if entry[0] not in gone]))

    def dense(self, nodes: int) -> DenseVectorClock:
        """The same for the nodes 0 to `nodes - 1`; UsageError if another id has counted."""
        counts = [0] * nodes
        for node, count in self.entries:
            if not isinstance(node, int) or not 0 <= node < nodes:
                raise UsageError(f"a dense clock of {nodes} nodes has no place for id {node!r}")
            counts[node] = count
        return DenseVectorClock(tuple(counts))

    def __str__(self) -> str:
        return "{" + ", ".join(f"{node}: {count}" for node, count in self.entries) + "}"


def settled(clocks: Iterable[VectorClock]) -> frozenset[NodeId]:
    """The ids on whose count all these clocks agree: if they are all there are, the ids can be pruned from each."""
    sets = [frozenset(clock.entries) for clock in clocks]
    return frozenset(node for node, _ in sets[0].intersection(*sets)) if sets else frozenset()


class DenseVectorClock(ClockValue, frozen=True):
    """A vector clock as an array: nodes are 0 to `len(counts) - 1`, for good.

    Clocks of different lengths belong to different systems and are not compared; use `VectorClock` where members come
    and go.
    """

    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        for node, count in enumerate(self.counts):
            check_count(f"DenseVectorClock[{node}]", count)

    @classmethod
    def zero(cls, nodes: int) -> DenseVectorClock:
        """The clock before any event."""
        return cls((0,) * nodes)

    def __getitem__(self, node: int) -> int:
        """How many events of that node are known."""
        return self.counts[self._place(node)]

    def tick(self, node: int) -> DenseVectorClock:
        """An event of that node."""
        place = self._place(node)
        return type(self)((*self.counts[:place], self.counts[place] + 1, *self.counts[place + 1 :]))

    def merge(self, other: DenseVectorClock) -> DenseVectorClock:
        """The least upper bound: the greater of each pair."""
        return type(self)(tuple([max(pair) for pair in self._pairs(other)]))

    def receive(self, remote: DenseVectorClock, node: int) -> DenseVectorClock:
        """A receipt by that node: it learns what the message knows, and ticks."""
        return self.merge(remote).tick(node)

    def __le__(self, other: DenseVectorClock) -> bool:
        """Every count of this one is at most the other's."""
        return all(mine <= theirs for mine, theirs in self._pairs(other))

    def sparse(self) -> VectorClock:
        """The same without the zeros."""
        return VectorClock(tuple([(node, count) for node, count in enumerate(self.counts) if count]))

    def _place(self, node: int) -> int:
        if type(node) is not int or not 0 <= node < len(self.counts):
            raise UsageError(f"node {node!r} has no place in a clock of {len(self.counts)} nodes")
        return node

    def _pairs(self, other: DenseVectorClock) -> list[tuple[int, int]]:
        if len(self.counts) != len(other.counts):
            raise UsageError(
                f"clocks of {len(self.counts)} and of {len(other.counts)} nodes: a dense clock has a fixed membership, "
                "a VectorClock has not"
            )
        return list(zip(self.counts, other.counts, strict=True))

    def __str__(self) -> str:
        return "[" + ", ".join(map(str, self.counts)) + "]"
