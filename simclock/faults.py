"""Faults are data: a plan is a tuple of timed values, printed, saved and replayed like any other.

A node in a fault is a number, or the name of an observation: `Crash(at_ns=seconds(30), node="leader")` crashes the
node that last observed `"leader"` before that instant, and `"crashed"` is the node that was crashed last. Laws: faults
are the environment's events (source -1), so they come first at their instant; every host is told of every fault.

`kind` is the word in TOML and in reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec

from simclock.durations import format_duration
from simclock.errors import UsageError

NodeName = int | str
"""A node id, or the name of an observation: the node that made it last."""

CRASHED = "crashed"
"""In place of a node: the one that a fault crashed last."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Something the environment does at a virtual instant."""

    kind: ClassVar[str]
    at_ns: int

    def nodes_named(self) -> Iterator[NodeName]:
        """Every node the fault speaks of."""
        return iter(())

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        """The same fault with node ids in place of names."""
        return self

    def describe(self) -> str:
        """What happens, without the time."""
        return self.kind

    def __str__(self) -> str:
        return f"{format_duration(self.at_ns)} {self.describe()}"


class _OnNode(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    node: NodeName

    def nodes_named(self) -> Iterator[NodeName]:
        return iter((self.node,))

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        return msgspec.structs.replace(self, node=find(self.node))

    def describe(self) -> str:
        return f"{self.kind} {_say(self.node)}"


class Crash(_OnNode, frozen=True, kw_only=True, array_like=True, tag=True):
    """The node stops at once; what its disk had not synced is lost. No effect on a node that is down."""

    kind: ClassVar[str] = "crash"


class Restart(_OnNode, frozen=True, kw_only=True, array_like=True, tag=True):
    """The node is built anew and starts from what its disk kept. No effect on a node that is up."""

    kind: ClassVar[str] = "restart"


class _OnLink(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    source: NodeName
    target: NodeName

    def nodes_named(self) -> Iterator[NodeName]:
        return iter((self.source, self.target))

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        return msgspec.structs.replace(self, source=find(self.source), target=find(self.target))

    def describe(self) -> str:
        return f"{self.kind} {_say(self.source)} -> {_say(self.target)}"


class Cut(_OnLink, frozen=True, kw_only=True, array_like=True, tag=True):
    """Messages from source to target are lost; the other way goes on."""

    kind: ClassVar[str] = "cut"


class Mend(_OnLink, frozen=True, kw_only=True, array_like=True, tag=True):
    """Undo a cut of that link."""

    kind: ClassVar[str] = "mend"


class Partition(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Nodes of different groups cannot reach each other, in place of any earlier partition.

    A node belongs to the first group that names it; a node in no group talks to everybody.
    """

    kind: ClassVar[str] = "partition"
    groups: tuple[tuple[NodeName, ...], ...]

    def nodes_named(self) -> Iterator[NodeName]:
        return (node for group in self.groups for node in group)

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        taken: set[int] = set()
        groups = []
        for group in self.groups:
            nodes = dict.fromkeys(node for node in map(find, group) if node not in taken)
            taken.update(nodes)
            groups.append(tuple(nodes))
        return msgspec.structs.replace(self, groups=tuple(groups))

    def describe(self) -> str:
        return "partition " + " | ".join(",".join(map(_say, group)) for group in self.groups)


class Heal(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Every cut is mended and the partition ends."""

    kind: ClassVar[str] = "heal"


class Note(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """No fault: a mark in the plan, such as the end of the faulty phase."""

    kind: ClassVar[str] = "note"
    text: str

    def describe(self) -> str:
        return f"note: {self.text}"


FAULTS: dict[str, type[Fault]] = {kind.kind: kind for kind in (Crash, Restart, Cut, Mend, Partition, Heal, Note)}


def _say(node: NodeName) -> str:
    return f"node {node}" if isinstance(node, int) else f"the {node}"


def check_faults(faults: tuple[Any, ...], nodes: int) -> None:
    """Raise UsageError at the first fault that cannot be applied to `nodes` nodes."""
    for position, fault in enumerate(faults):
        place = f"faults[{position}]"
        if not isinstance(fault, Fault):
            raise UsageError(f"{place}: {fault!r} is not a fault: use {', '.join(sorted(FAULTS))}")
        if type(fault.at_ns) is not int or fault.at_ns < 0:
            raise UsageError(f"{place} ({fault.kind}): at {fault.at_ns!r} is not a time: whole nanoseconds, 0 or more")
        for node in fault.nodes_named():
            if isinstance(node, int) and not 0 <= node < nodes:
                raise UsageError(f"{place} ({fault.kind}): node {node} is out of range: nodes are 0 to {nodes - 1}")
