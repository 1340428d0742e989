"""Swizzle-clogging (FoundationDB): some nodes or links are clogged one by one, and unclogged in another order.

A swizzle is a way to write many faults as one. Before a run it is written out as single clogs, drawn from the seed;
what a run tells, a trace shows and `simclock shrink` makes smaller are these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, TypeVar

from simclock.durations import TIME_NS_MAX, format_duration
from simclock.faults.fault import Fault, NodeName, duration_problem
from simclock.faults.network import Clog, ClogNode, Unclog, UnclogNode
from simclock.readable import say
from simclock.streams import Stream, stream

LINKS_OF_MAX = 256
"""Links are swizzled among so many nodes at most: there are 65,280 of them."""

Item = TypeVar("Item")


class SwizzleClog(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """A random subset of nodes is clogged one by one in the first half of `lasts_ns`, and unclogged in random order in
    the second; with `links` a subset of the links between them.

    The nodes are `nodes`, all where that is empty. Luck comes from a stream of the seed, of what is written here, and
    of how many equal ones stand before it.
    """

    kind: ClassVar[str] = "swizzle-clog"
    lasts_ns: int
    links: bool = False
    nodes: tuple[int, ...] = ()

    def nodes_named(self) -> Iterator[NodeName]:
        return iter(self.nodes)

    def problem(self) -> str:
        if type(self.lasts_ns) is not int or self.lasts_ns < 1:
            return f"lasts {say(self.lasts_ns)} is not a duration: whole nanoseconds, more than zero"
        if self.lasts_ns > TIME_NS_MAX:
            return duration_problem("lasts", self.lasts_ns)
        if self.links not in (False, True):
            return f"links {say(self.links)} is not true or false"
        if not isinstance(self.nodes, tuple | list) or any(type(node) is not int for node in self.nodes):
            return f"nodes {say(self.nodes)} are not all numbers: a swizzle is drawn before anything has a name"
        if len(set(self.nodes)) != len(self.nodes):
            return f"nodes {say(self.nodes)} name a node twice"
        return ""

    def problem_among(self, nodes: int) -> str:
        """What is wrong where there are so many nodes, empty if nothing is."""
        count = len(self.nodes) or nodes
        if self.links and not 2 <= count <= LINKS_OF_MAX:
            return f"links between {count:,} nodes: take 2 to {LINKS_OF_MAX} nodes, as in nodes = [0, 1, 2]"
        return ""

    def describe(self) -> str:
        among = f"of {','.join(map(str, self.nodes))}" if self.nodes else "of all"
        return f"{self.kind} {'links ' if self.links else ''}{among}, for {format_duration(self.lasts_ns)}"

    def written_out(self, luck: Stream, nodes: int) -> tuple[Fault, ...]:
        """The single clogs and releases among so many nodes, in order of time."""
        among = self.nodes or range(nodes)
        if not self.links:
            node_drawn = _draw(luck, among, self.at_ns, self.lasts_ns)
            return tuple(
                (ClogNode if clogged else UnclogNode)(at_ns=time_ns, node=node) for time_ns, clogged, node in node_drawn
            )
        links = [(source, target) for source in among for target in among if source != target]
        return tuple(
            (Clog if clogged else Unclog)(at_ns=time_ns, source=source, target=target)
            for time_ns, clogged, (source, target) in _draw(luck, links, self.at_ns, self.lasts_ns)
        )


def written_out(faults: Iterable[Fault], seed: int, nodes: int) -> tuple[Fault, ...]:
    """The faults with single ones in place of swizzles, as a run with that seed carries them out."""
    plan: list[Fault] = []
    earlier: Counter[str] = Counter()
    for fault in faults:
        if isinstance(fault, SwizzleClog):
            text = str(fault)
            equal = f" {earlier[text]}" if earlier[text] else ""  # an equal one would clog what is clogged already
            earlier[text] += 1
            plan += fault.written_out(stream(seed, f"swizzle {text}{equal}"), nodes)
        else:
            plan.append(fault)
    return tuple(plan)


def swizzle_clog(luck: Stream, nodes: int, *, at_ns: int, lasts_ns: int) -> tuple[Fault, ...]:
    """A swizzle of nodes, written out by luck of the caller's, such as `stream(seed, "storm")`."""
    return SwizzleClog(at_ns=at_ns, lasts_ns=lasts_ns).written_out(luck, nodes)


def _draw(luck: Stream, items: Sequence[Item], at_ns: int, lasts_ns: int) -> list[tuple[int, bool, Item]]:
    """(time, whether it is clogged or released, what) of a random subset."""
    subset = _shuffled(luck, items)[: 1 + luck.randrange(len(items))]
    back = _shuffled(luck, subset)
    middle_ns = at_ns + lasts_ns // 2
    clogs = sorted(luck.uniform_ns(at_ns, middle_ns) for _ in subset)
    releases = sorted(luck.uniform_ns(middle_ns, at_ns + lasts_ns) for _ in back)
    return [
        *((time_ns, True, item) for time_ns, item in zip(clogs, subset, strict=True)),
        *((time_ns, False, item) for time_ns, item in zip(releases, back, strict=True)),
    ]


def _shuffled(luck: Stream, items: Iterable[Item]) -> list[Item]:
    """Not `luck.sample`, which asks the C library's logarithm how to go about it."""
    left = list(items)
    return [left.pop(luck.randrange(len(left))) for _ in range(len(left))]
