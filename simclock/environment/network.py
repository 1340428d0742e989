"""The network between nodes: its model (a value), and the state of its links (what is cut right now).

Laws: the *sender* draws latency, loss and duplication from its own streams, so nobody else is asked. A link is judged
when a message is sent and again when it would arrive: a message under way when the link is cut is lost. A message to
oneself takes the model's delay and is never lost, duplicated, corrupted, queued, cut or clogged.

A link with a bandwidth is a queue at its sender: a message leaves when those before it have gone out, and takes
(bytes of its encoding) / bandwidth to go out itself. That only ever adds to the latency, so the lookahead stands.
A clogged link holds, at its target, what comes due on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from simclock.durations import MILLISECOND, format_duration
from simclock.environment.latency import Constant, Latency, latency_text, missing_of_latency
from simclock.errors import UsageError
from simclock.readable import say

PROBABILITY_BITS = 32
BYTES_PER_S_LIMIT = 1 << 60
PROBABILITIES = ("loss", "duplication", "corruption", "undetected_corruption")
ORDERS = ("any", "fifo")


def probability_threshold(value: float | str, place: str) -> int:
    """A probability as a whole number out of 2**32, exactly as its decimal text says."""
    try:
        threshold = _threshold(str(value))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{place}: {say(value)} is not a probability: write a number from 0 to 1, such as 0.01"
        ) from None
    if threshold is None:
        raise UsageError(f"{place}: {value} is not a probability: it must be from 0 to 1")
    return threshold


@lru_cache(maxsize=1024)
def _threshold(text: str) -> int | None:
    """None where it is not from 0 to 1. Kept, as every fault of the network and every seed asks for the same few."""
    rough = float(text)  # an exponent of nine digits is not for exact numbers
    exact = Fraction(text) if rough and 0 <= rough <= 1 else Fraction(rough)
    return int(exact * (1 << PROBABILITY_BITS)) if 0 <= exact <= 1 else None


def is_bandwidth(bytes_per_s: object) -> bool:
    """Whether this is a number of bytes a second, 0 for no limit."""
    return type(bytes_per_s) is int and 0 <= bytes_per_s < BYTES_PER_S_LIMIT


@dataclass(frozen=True, kw_only=True)
class Network:
    """What every link does: latency, loss, duplication, order, bandwidth, corruption.

    `loss` and `duplication` are probabilities per message, 0 to 1. `order` is `"any"` (a later message may overtake)
    or `"fifo"` (per link, a message never arrives before one sent earlier). `bytes_per_s` is the bandwidth of each
    link one way, 0 without limit. `corruption` is the probability that a checksum finds a message damaged, and it is
    dropped; `undetected_corruption` that another message of its class arrives instead, with one value changed.
    """

    latency: Latency = field(default_factory=lambda: Constant(delay_ns=MILLISECOND))
    loss: float = 0.0
    duplication: float = 0.0
    order: str = "any"
    bytes_per_s: int = 0
    corruption: float = 0.0
    undetected_corruption: float = 0.0

    def __post_init__(self) -> None:
        missing = missing_of_latency(self.latency)
        if missing:
            raise UsageError(
                f"network.latency: {self.latency!r} has no {', '.join(missing)}: help(simclock.Latency) says what a "
                "model answers"
            )
        for name in PROBABILITIES:
            probability_threshold(getattr(self, name), f"network.{name}")
        if not is_bandwidth(self.bytes_per_s):
            raise UsageError(
                f"network.bytes_per_s: {say(self.bytes_per_s)} is not a bandwidth: whole bytes a second, 0 for no limit"
            )
        if self.order not in ORDERS:
            raise UsageError(f"network.order: {say(self.order)} is not an order: use {' or '.join(map(repr, ORDERS))}")

    @cached_property
    def loss_threshold(self) -> int:
        """Loss out of 2**32."""
        return probability_threshold(self.loss, "network.loss")

    @cached_property
    def duplication_threshold(self) -> int:
        """Duplication out of 2**32."""
        return probability_threshold(self.duplication, "network.duplication")

    @cached_property
    def corruption_thresholds(self) -> tuple[int, int] | None:
        """(undetected, undetected or detected) out of 2**32; None where nothing is ever corrupted."""
        detected = probability_threshold(self.corruption, "network.corruption")
        undetected = probability_threshold(self.undetected_corruption, "network.undetected_corruption")
        return (undetected, undetected + detected) if detected or undetected else None

    @cached_property
    def plain(self) -> bool:
        """Whether every message just takes a uniform delay."""
        return (
            self.latency.everywhere_uniform is not None
            and not (self.loss_threshold or self.duplication_threshold or self.corruption_thresholds)
            and not self.bytes_per_s
            and self.order == "any"
        )

    def __str__(self) -> str:
        parts = [
            latency_text(self.latency),
            f"loss {self.loss:g}",
            f"duplication {self.duplication:g}",
            f"order {self.order}",
        ]
        if self.bytes_per_s:
            parts.append(f"{self.bytes_per_s} B/s")
        if self.corruption_thresholds:
            parts.append(f"corruption {self.corruption:g}, undetected {self.undetected_corruption:g}")
        return ", ".join(parts)


class Links:
    """Which links are cut or clogged at this moment. Falsy when none is."""

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._cut: set[tuple[int, int]] = set()
        self._group: dict[int, int] = {}
        self._asymmetric = False
        self._clogged: set[tuple[int, int]] = set()
        self._clogged_nodes: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._cut or self._group or self._clogged or self._clogged_nodes)

    def state(self) -> tuple[Any, ...]:
        """All of it, to be compared with a later one."""
        separates = len(set(self._group.values())) > 1
        groups = (tuple(self._group.items()), self._asymmetric) if separates else ()
        return frozenset(self._cut), groups, frozenset(self._clogged), frozenset(self._clogged_nodes)

    def told(self) -> Iterator[str]:
        """What is cut or clogged, as in "messages from node 0 to node 1 are still lost"."""
        sides: dict[int, list[int]] = {}
        for node, number in sorted(self._group.items()):
            sides.setdefault(number, []).append(node)
        if len(sides) > 1:
            groups = " | ".join(",".join(map(str, sides[number])) for number in sorted(sides))
            yield f"nodes {groups} are still {'silenced' if self._asymmetric else 'separated'}"
        for source, target in sorted(self._cut):
            yield f"messages from node {source} to node {target} are still lost"
        for node in sorted(self._clogged_nodes):
            yield f"node {node} is still clogged"
        for source, target in sorted(self._clogged):
            yield f"messages from node {source} to node {target} are still held"

    def state_of(self, source: int, target: int) -> tuple[bool, bool]:
        """Whether this one link is cut and clogged, whatever else is."""
        return (source, target) in self._cut, (source, target) in self._clogged

    def cut(self, source: int, target: int) -> None:
        """Cut the link one way."""
        self._cut.add((source, target))

    def mend(self, source: int, target: int) -> None:
        """Undo a cut of that link."""
        self._cut.discard((source, target))

    def partition(self, groups: Iterable[Iterable[int]], *, asymmetric: bool = False) -> None:
        """Separate the groups from each other, in place of any earlier partition.

        A node belongs to the first group that names it. Beside a single group all others form a second one; beside
        several, a node in none talks to everybody. In an asymmetric partition only what a group sends to an earlier one
        is lost.
        """
        self._group = {}
        self._asymmetric = asymmetric
        sides = [tuple(group) for group in groups]
        if len(sides) == 1:
            sides.append(tuple(range(self._nodes)))
        for number, group in enumerate(sides):
            for node in group:
                self._group.setdefault(node, number)

    def heal(self) -> None:
        """Mend every cut, release every clog and end the partition."""
        self._cut.clear()
        self._group = {}
        self._clogged.clear()
        self._clogged_nodes.clear()

    def clog(self, source: int, target: int) -> None:
        """Clog the link one way."""
        self._clogged.add((source, target))

    def unclog(self, source: int, target: int) -> None:
        """Undo a clog of that link."""
        self._clogged.discard((source, target))

    def clog_node(self, node: int) -> None:
        """Clog every link from and to the node."""
        self._clogged_nodes.add(node)

    def unclog_node(self, node: int) -> None:
        """Undo a clog of that node."""
        self._clogged_nodes.discard(node)

    def clogged(self, source: int, target: int) -> bool:
        """Whether a message from source to target is held now."""
        if source == target:
            return False
        nodes = self._clogged_nodes
        return (source, target) in self._clogged or source in nodes or target in nodes

    def blocked(self, source: int, target: int) -> bool:
        """Whether a message from source to target is lost now."""
        if (source, target) in self._cut:
            return source != target
        group = self._group.get(source)
        if group is None:
            return False
        other = self._group.get(target)
        return other is not None and (group > other if self._asymmetric else group != other)


class Delays:
    """What messages take longer than the model says.

    A link takes the delay that was set last of those that are meant for it: for it alone, for all links from its source
    or to its target, or for all.
    """

    def __init__(self) -> None:
        self.by_ends_ns: dict[tuple[int | None, int | None], int] = {}
        """(source or any, target or any) -> delay, the one set last at the end; empty when none is longer."""

    def set(self, delay_ns: int, source: int | None, target: int | None) -> None:
        """Set the delay of these links; None means any node."""
        if source is None and target is None:
            self.by_ends_ns.clear()
        self.by_ends_ns.pop((source, target), None)
        self.by_ends_ns[source, target] = delay_ns
        if not any(self.by_ends_ns.values()):
            self.by_ends_ns.clear()

    def of(self, source: int, target: int) -> int:
        """How much longer a message from source to target takes, in nanoseconds."""
        for (from_node, to_node), delay_ns in reversed(self.by_ends_ns.items()):
            if from_node in (None, source) and to_node in (None, target):
                return delay_ns
        return 0

    @property
    def longest_ns(self) -> int:
        """The longest delay of any link."""
        return max(self.by_ends_ns.values(), default=0)

    def state(self) -> tuple[tuple[tuple[int | None, int | None], int], ...]:
        """All of it, to be compared with a later one."""
        return tuple(self.by_ends_ns.items())

    def told(self) -> Iterator[str]:
        """What takes longer, as in "messages from node 0 still take 50ms longer"."""
        for (source, target), delay_ns in self.by_ends_ns.items():
            ends = f"{'' if source is None else f' from node {source}'}{'' if target is None else f' to node {target}'}"
            if delay_ns:
                yield f"{f'messages{ends}' if ends else 'all messages'} still take {format_duration(delay_ns)} longer"
