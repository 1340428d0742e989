"""What a logical clock adds to each message: bytes, from ten nodes to ten thousand, with nodes that come and go.

A population of `nodes` is made, every node has a few events, and then `turnover` percent of the nodes leave and are
replaced by newcomers, one after the other. What is measured is the clock on a message at the end, when everybody has
heard of everybody: the most that it comes to.

    Lamport        one number, and the node's id for ties
    dense vector   a count for every node that ever was; it has to be known beforehand how many
    sparse vector  (id, count) for every node heard of; who has left stays in it for ever
    pruned         the same without those who have left: right only where every clock in use agrees on them
    tree           an interval tree clock: who leaves gives its part back, and newcomers get a part of another's
    dotted         a dotted version vector of a value: one count for each *replica*, however many clients write
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from experiments.studies import Row, Study, StudySettings, register_study
from simclock import UsageError, stream
from simclock.clocks import DenseVectorClock, DottedVersion, LamportClock, NodeId, Stamp, VectorClock
from simclock.streams import Stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (10, 100, 1_000, 10_000)
TURNOVERS = (0, 100)
"""Percent of the nodes that leave and are replaced."""
EVENTS_MAX = 5
"""Of a node, at least one: so few that counts are short, which leaves ids and structure."""
REPLICAS = 3
"""Of a value under dotted version vectors, as in Dynamo."""
HEARD_PART = 10
"""Of a sparse vector early on: the part of the nodes that has been heard of."""
CLOCKS = ("Lamport", "dense vector", "sparse vector", "sparse, a tenth heard of", "pruned", "tree", "dotted")


@dataclass
class Population:
    """Who is there, who ever was, and what each has counted."""

    luck: Stream
    live: list[int] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    """Of the nodes in `live`, in that order."""
    counts: dict[NodeId, int] = field(default_factory=dict)
    """Node -> its events; also of who has left."""

    def grow(self, nodes: int) -> None:
        """Fork in turn, so that the tree of ids stays flat."""
        self.stamps = [Stamp.seed()]
        while len(self.stamps) < nodes:
            some = self.stamps[: nodes - len(self.stamps)]
            self.stamps = [half for stamp in some for half in stamp.fork()] + self.stamps[len(some) :]
        for node in range(nodes):
            self.live.append(node)
            self.work(node, 1 + self.luck.randrange(EVENTS_MAX))

    def work(self, place: int, events: int) -> None:
        """The node at that place has events."""
        self.counts[self.live[place]] = self.counts.get(self.live[place], 0) + events
        for _ in range(events):
            self.stamps[place] = self.stamps[place].tick()

    def replace(self) -> None:
        """One leaves, and gives its part of the tree to another; one comes, and gets a part of another's."""
        leaver = self.luck.randrange(len(self.live))
        self.live[leaver], self.live[-1] = self.live[-1], self.live[leaver]
        self.stamps[leaver], self.stamps[-1] = self.stamps[-1], self.stamps[leaver]
        self.live.pop()
        left = self.stamps.pop()
        heir = self.luck.randrange(len(self.live))
        self.stamps[heir] = self.stamps[heir].join(left)
        parent = self.luck.randrange(len(self.live))
        self.stamps[parent], newcomer = self.stamps[parent].fork()
        self.live.append(len(self.counts))
        self.stamps.append(newcomer)
        self.work(len(self.live) - 1, 1 + self.luck.randrange(EVENTS_MAX))

    def everything(self) -> Stamp:
        """What a message says once everybody has heard of everybody."""
        level = [stamp.peek() for stamp in self.stamps]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [one.join(other) for one, other in pairs] + level[len(level) // 2 * 2 :]
        return level[0]


def sizes(population: Population) -> tuple[int, ...]:
    """Bytes of each of CLOCKS."""
    counts, live = population.counts, sorted(population.live)
    kept: dict[NodeId, int] = {node: counts[node] for node in live}
    total = sum(counts.values())
    some: dict[NodeId, int] = {node: counts[node] for node in range(0, len(counts), HEARD_PART)}
    share: dict[NodeId, int] = dict.fromkeys(range(REPLICAS), total // REPLICAS + 1)
    clocks = (
        LamportClock(total, live[-1]),
        DenseVectorClock(tuple(counts[node] for node in range(len(counts)))),
        VectorClock.of(counts),
        VectorClock.of(some),
        VectorClock.of(kept),
        population.everything(),
        DottedVersion(0, total // REPLICAS + 2, VectorClock.of(share)),
    )
    return tuple(len(clock.encode()) for clock in clocks)


def rows(settings: StudySettings) -> Iterator[Row]:
    """One for each size and turnover."""
    most = settings.parameters["nodes_max"]
    if type(most) is not int or most < SIZES[0]:
        raise UsageError(f"nodes_max: {most!r} is not a number of nodes: {SIZES[0]} or more")
    for nodes in SIZES:
        for turnover in TURNOVERS if nodes <= most else ():
            population = Population(stream(settings.seed, "metadata", nodes))
            population.grow(nodes)
            for _ in range(nodes * turnover // 100):
                population.replace()
            yield (nodes, turnover, len(population.counts), *sizes(population))


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What grows with what."""
    first, last = measured[0], measured[-1]
    ratio = last[0] // first[0]
    place = dict(zip(CLOCKS, range(3, 3 + len(CLOCKS)), strict=True))
    times = {name: last[at] / first[at] for name, at in place.items()}
    grown = ", ".join(f"{name} {times[name]:,.0f}" for name in ("Lamport", "sparse vector", "tree", "dotted"))
    return (f"From {first[0]} nodes to {last[0]:,} ({ratio:,} times as many) bytes grow by a factor of: {grown}.",)


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Bytes against nodes, with full turnover."""
    changed = [row for row in measured if row[1] == max(TURNOVERS)]
    for at, (name, marker) in enumerate(zip(CLOCKS, "osv^Dx+", strict=True)):
        axes.plot([row[0] for row in changed], [row[3 + at] for row in changed], marker=marker, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("nodes, each replaced once")
    axes.set_ylabel("bytes per message")
    axes.legend(fontsize=7)


register_study(
    Study(
        name="metadata-size",
        summary="how many bytes a logical clock adds to a message, as nodes come and go",
        source="Almeida, Baquero & Fonte, Interval Tree Clocks, 2008; Preguica et al., Dotted Version Vectors, 2010",
        headers=("nodes", "turnover [%]", "ids ever", *(f"{name} [B]" for name in CLOCKS)),
        rows=rows,
        notes=notes,
        plot=plot,
        parameters={"nodes_max": 10_000},
    )
)
