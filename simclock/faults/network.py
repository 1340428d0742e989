"""What happens to links: cut, partitioned, clogged; and to all of them at once: loss, delay, bandwidth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec

from simclock.durations import format_duration
from simclock.environment.network import is_bandwidth, probability_threshold
from simclock.errors import UsageError
from simclock.faults.fault import Fault, LinkFault, NodeFault, NodeName, duration_problem, say_node
from simclock.readable import say


class Cut(LinkFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Messages from source to target are lost; the other way goes on."""

    kind: ClassVar[str] = "cut"


class Mend(LinkFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Undo a cut of that link."""

    kind: ClassVar[str] = "mend"


class Clog(LinkFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Messages from source to target that come due are held, not lost, until the link is unclogged."""

    kind: ClassVar[str] = "clog"


class Unclog(LinkFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Undo a clog of that link: what it held arrives now, in the order in which it would have arrived."""

    kind: ClassVar[str] = "unclog"


class ClogNode(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Every link from and to the node is clogged."""

    kind: ClassVar[str] = "clog-node"
    recorded: ClassVar[bool] = False
    struck: ClassVar[str] = "clogged"


class UnclogNode(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Undo a clog of the node; a link stays clogged that is so by itself, or by the node at its other end."""

    kind: ClassVar[str] = "unclog-node"
    recorded: ClassVar[bool] = False


class Partition(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Nodes of different groups cannot reach each other, in place of any earlier partition.

    A node belongs to the first group that names it. Beside a single group all others form a second one, so `[[0]]` cuts
    node 0 off; beside several groups, a node in none talks to everybody. No group at all, `[]`, ends the partition.
    """

    kind: ClassVar[str] = "partition"
    groups: tuple[tuple[NodeName, ...], ...]

    def nodes_named(self) -> Iterator[NodeName]:
        return (node for group in self.groups for node in group)

    def problem(self) -> str:
        named = not self.groups or any(self.groups)
        return "" if named else "its groups name nobody, so it separates nobody: name nodes, or end it with groups = []"

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        taken: set[int] = set()
        groups = []
        for group in self.groups:
            nodes = dict.fromkeys(node for node in map(find, group) if node not in taken)
            taken.update(nodes)
            groups.append(tuple(nodes))
        return msgspec.structs.replace(self, groups=tuple(groups))

    def describe(self) -> str:
        others = " | all others" if len(self.groups) == 1 else ""
        return f"{self.kind} " + " | ".join(",".join(map(say_node, group)) for group in self.groups) + others


class Silence(Partition, frozen=True, kw_only=True, array_like=True, tag=True):
    """An asymmetric partition: a group does not hear the groups after it, while they hear it.

    With two groups the first goes on talking to the second and gets no answer. In place of any earlier partition.
    """

    kind: ClassVar[str] = "silence"


class Heal(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """Every cut is mended, every clog released, and the partition ends."""

    kind: ClassVar[str] = "heal"


class SetLoss(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on every message is lost, or arrives twice, with these probabilities."""

    kind: ClassVar[str] = "set-loss"
    loss: float
    duplication: float = 0.0

    def problem(self) -> str:
        return _probability_problem("loss", self.loss) or _probability_problem("duplication", self.duplication)

    def describe(self) -> str:
        return f"{self.kind} {self.loss:g}, duplication {self.duplication:g}"


class SetCorruption(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on messages are damaged with these probabilities: seen by a checksum and dropped, or not seen."""

    kind: ClassVar[str] = "set-corruption"
    detected: float
    undetected: float = 0.0

    def problem(self) -> str:
        return _probability_problem("detected", self.detected) or _probability_problem("undetected", self.undetected)

    def describe(self) -> str:
        return f"{self.kind} detected {self.detected:g}, undetected {self.undetected:g}"


class AddDelay(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on every message between different nodes takes that much longer than the model says; 0 ends it.

    With a source or a target only messages from it, or to it, or on that one link. A link takes the delay that was set
    last of those that are meant for it; without either it is set for all links, whatever was set for one before.
    """

    kind: ClassVar[str] = "add-delay"
    delay_ns: int
    source: NodeName | None = None
    target: NodeName | None = None

    def nodes_named(self) -> Iterator[NodeName]:
        return (node for node in (self.source, self.target) if node is not None)

    def resolved(self, find: Callable[[NodeName], int]) -> Fault:
        source, target = (None if node is None else find(node) for node in (self.source, self.target))
        return msgspec.structs.replace(self, source=source, target=target)

    def hashed(self) -> Any:
        """Of all links: as it was before a delay could be one link's, so that digests stay."""
        everywhere = self.source is None and self.target is None
        return (type(self).__name__, self.at_ns, self.delay_ns) if everywhere else self

    def problem(self) -> str:
        return duration_problem("delay", self.delay_ns)

    def describe(self) -> str:
        source, target = ("any" if node is None else say_node(node) for node in (self.source, self.target))
        link = "" if self.source is None and self.target is None else f", {source} -> {target}"
        return f"{self.kind} {format_duration(self.delay_ns)}{link}"


class SetBandwidth(Fault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on every link carries that many bytes a second; 0 is without limit."""

    kind: ClassVar[str] = "set-bandwidth"
    bytes_per_s: int

    def problem(self) -> str:
        fine = is_bandwidth(self.bytes_per_s)
        return "" if fine else f"{say(self.bytes_per_s)} is not a bandwidth: whole bytes a second, 0 for no limit"

    def describe(self) -> str:
        return f"{self.kind} {self.bytes_per_s} B/s" if self.bytes_per_s else f"{self.kind} without limit"


def _probability_problem(name: str, value: float) -> str:
    try:
        probability_threshold(value, name)
    except UsageError as error:
        return str(error)
    return ""
