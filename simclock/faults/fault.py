"""What every fault is: a timed value that may name nodes.

A node in a fault is a number, or a name: of an observation (`Crash(at_ns=seconds(30), node="leader")` crashes the node
that last observed `"leader"` before that instant), or of what a fault did (`"crashed"` is the node that was crashed
last, `"paused"` the one paused last). Laws: faults are the environment's events (source -1), so they come first at
their instant; every host is told of every fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec

from simclock.durations import TIME_NS_MAX, format_duration
from simclock.readable import in_one_line, say

NodeName = int | str
"""A node id, or a name: the node that made that observation last, or that a fault of that sort struck last."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Something the environment does at a virtual instant."""

    kind: ClassVar[str]
    """The word in TOML and in reports."""
    at_ns: int

    def nodes_named(self) -> Iterator[NodeName]:
        """Every node the fault speaks of."""
        return iter(())

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        """The same fault with node ids in place of names."""
        return self

    def hashed(self) -> Any:
        """What goes into the run's digest."""
        return self

    def problem(self) -> str:
        """What is wrong with the fault's own figures, empty if nothing is."""
        return ""

    def describe(self) -> str:
        """What happens, without the time."""
        return self.kind

    def __str__(self) -> str:
        return in_one_line(f"{format_duration(self.at_ns)} {self.describe()}")


class NodeFault(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """A fault that strikes one node."""

    struck: ClassVar[str] = ""
    """In place of a node: the one that a fault of this sort struck last. Empty for what undoes a fault."""
    recorded: ClassVar[bool] = True
    """Whether it is in the node's own records, where it has an effect; else it is the environment's."""
    node: NodeName

    def nodes_named(self) -> Iterator[NodeName]:
        return iter((self.node,))

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        return msgspec.structs.replace(self, node=find(self.node))

    def describe(self) -> str:
        return f"{self.kind} {say_node(self.node)}"


class LinkFault(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """A fault that strikes the link from source to target; the other way goes on."""

    source: NodeName
    target: NodeName

    def nodes_named(self) -> Iterator[NodeName]:
        return iter((self.source, self.target))

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        return msgspec.structs.replace(self, source=find(self.source), target=find(self.target))

    def describe(self) -> str:
        return f"{self.kind} {say_node(self.source)} -> {say_node(self.target)}"


def say_node(node: NodeName) -> str:
    """A node as reports name it."""
    return f"node {node}" if isinstance(node, int) else f"the {node}"


def duration_problem(name: str, value: object) -> str:
    """What is wrong with a duration, empty if nothing is."""
    if type(value) is not int or value < 0:
        return f"{name} {say(value)} is not a duration: whole nanoseconds, zero or more"
    return "" if value <= TIME_NS_MAX else f"{name} {say(value)} ns is more than ten years: take a shorter time"
