"""The laws of clocks, judged by what really happened.

Happened-before is Lamport's definition and nothing else: an event comes after the node's event before it, and a receipt
after its send. It is kept as a set of events for each event, so no clock is needed to tell whether a clock is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from simclock import Control, Observation, Observer
from simclock.clocks import HybridTime, Order
from simclock.experiments.catalog.clock_laws.observed import Joined, Received, Refused, Sent, Step, read

LAMPORT_CONDITION = "Lamport Clock Condition"
"""What happened before has the smaller count."""
VECTOR_ORDER = "Vector Order Is Happens-Before"
TREE_ORDER = "Interval Tree Order Is Happens-Before"
TREE_DISJOINT = "Interval Tree Ids Disjoint"
"""No two nodes own the same part of the interval, and what is sent without a grant owns none."""
TREE_KEPT = "Interval Tree Ids Kept"
"""After a join a node owns what both stamps owned."""
HYBRID_CONDITION = "HLC Clock Condition"
"""What happened before has the smaller timestamp."""
HYBRID_BOUNDED = "HLC Bounded"
"""A timestamp is ahead of the node's own readings, carried on by its monotonic clock, by the largest offset at most."""
HYBRID_MONOTONE = "HLC Physical Monotone"
"""The greatest reading never gets smaller."""

Event = tuple[int, int]
"""(node, number)."""


class ClockLaws(Observer):
    """Reads every event of every node."""

    def __init__(self, offset_ms_max: int) -> None:
        self._offset_ms_max = offset_ms_max
        self._bit: dict[Event, int] = {}
        self._past: dict[Event, int] = {}
        """Event -> the set of events that happened before it or are it, one bit each."""
        self._counted: dict[Event, int] = {}
        """Event -> its Lamport clock."""
        self._hybrid: dict[Event, int] = {}
        self._greatest_ms: dict[int, int] = {}
        self._expected: dict[int, int] = {}
        """Node -> the greatest of its wall readings, less the monotonic clock then."""
        self._owned: dict[int, str] = {0: "1"}
        self._counts = dict.fromkeys(("events", "before", "after", "concurrent", "grants", "refused"), 0)

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Sent() as sent:
                found = [*self._event(node, sent, None), *self._sent(sent.stamp, sent.grant)]
            case Received() as received:
                cause = (received.source, received.sent_number)
                found = [*self._compared(cause, received.compared), *self._event(node, received, cause)]
            case Joined(before, granted, after):
                found = list(self._joined(before, granted, after))
            case Refused():
                self._counts["refused"] += 1
                return
            case _:
                return
        for property, detail in found:
            control.violated(property, node, detail)

    def _event(self, node: int, step: Step, cause: Event | None) -> Iterator[tuple[str, str]]:
        number, counted, latest, owned = step.number, step.counted, step.latest, step.owned
        self._counts["events"] += 1
        this = (node, number)
        causes = [each for each in ((node, number - 1), cause) if each is not None and each in self._past]
        self._bit[this] = past = 1 << len(self._bit)
        for each in causes:
            past |= self._past[each]
            if self._counted[each] >= counted:
                yield LAMPORT_CONDITION, f"{counted} follows {self._counted[each]}"
            if self._hybrid[each] >= latest:
                yield HYBRID_CONDITION, f"{HybridTime(latest)} follows {HybridTime(self._hybrid[each])}"
        self._past[this], self._counted[this], self._hybrid[this] = past, counted, latest
        yield from self._hybrid_bounds(node, step)
        if self._owned.get(node) != owned:
            self._owned[node] = owned
            for other, theirs in self._owned.items():
                if other != node and overlap(owned, theirs):
                    yield TREE_DISJOINT, f"node {node} owns {owned} and node {other} {theirs}"

    def _hybrid_bounds(self, node: int, step: Step) -> Iterator[tuple[str, str]]:
        latest, greatest_ms, wall_ms, monotonic_ms = step.latest, step.greatest_ms, step.wall_ms, step.monotonic_ms
        before_ms = self._greatest_ms.get(node, 0)
        if greatest_ms < before_ms:
            yield HYBRID_MONOTONE, f"the greatest reading went from {before_ms}ms back to {greatest_ms}ms"
        self._greatest_ms[node] = greatest_ms
        self._expected[node] = max(self._expected.get(node, wall_ms - monotonic_ms), wall_ms - monotonic_ms)
        limit_ms = self._expected[node] + monotonic_ms + self._offset_ms_max
        if HybridTime(latest).physical_ms > limit_ms:
            ahead_ms = HybridTime(latest).physical_ms - limit_ms + self._offset_ms_max
            yield HYBRID_BOUNDED, f"{ahead_ms}ms ahead of all own readings, where {self._offset_ms_max}ms are allowed"

    def _sent(self, sent: bytes, grant: bool) -> Iterator[tuple[str, str]]:
        # The encoding of a stamp begins with its id's: three zero bits are the id that owns nothing.
        self._counts["grants"] += grant
        if not grant and sent[0] >> 5:
            yield TREE_DISJOINT, f"a stamp that was sent to be read, {sent.hex()}, owns a part of the interval"

    def _joined(self, before: str, granted: str, after: str) -> Iterator[tuple[str, str]]:
        if not same_parts((before, granted), after):
            yield TREE_KEPT, f"{before} and {granted} were joined to {after}"

    def _compared(self, incoming: Event, compared: Any) -> Iterator[tuple[str, str]]:
        for node, number, (by_vector, by_dense, by_tree) in compared:
            truth = self._order((node, number), incoming)
            if truth.value in self._counts:
                self._counts[truth.value] += 1
            for property, told in ((VECTOR_ORDER, by_vector), (VECTOR_ORDER, by_dense), (TREE_ORDER, by_tree)):
                if told != truth.value:
                    events = f"event {number} of node {node} and {incoming[1]} of node {incoming[0]}"
                    yield property, f"{events} are told to be {told}, and are {truth.value}"

    def _order(self, one: Event, other: Event) -> Order:
        if one == other:
            return Order.EQUAL
        if self._past[other] & self._bit[one]:
            return Order.BEFORE
        return Order.AFTER if self._past[one] & self._bit[other] else Order.CONCURRENT

    def report(self) -> dict[str, int]:
        return dict(self._counts)


# What an id owns, as stretches of [0, 1): on its own, without the code that is tried.


def owned_parts(tree: str) -> list[tuple[Fraction, Fraction]]:
    """The stretches that an id, as text such as "((1,0),0)", owns: in order, those that touch put together."""
    stack: list[list[tuple[Fraction, Fraction]]] = []
    for letter in tree:
        if letter in "01":
            stack.append([(Fraction(0), Fraction(1))] if letter == "1" else [])
        elif letter == ")":
            right, left = stack.pop(), stack.pop()
            halves = [(low / 2, high / 2) for low, high in left]
            stack.append(halves + [((low + 1) / 2, (high + 1) / 2) for low, high in right])
    return _together(stack[0])


def overlap(one: str, other: str) -> bool:
    """Whether two ids own something in common."""
    return any(a < d and c < b for a, b in owned_parts(one) for c, d in owned_parts(other))


def same_parts(ids: tuple[str, ...], whole: str) -> bool:
    """Whether the ids together own what `whole` owns."""
    return _together(sorted(part for each in ids for part in owned_parts(each))) == owned_parts(whole)


def _together(parts: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    joined: list[tuple[Fraction, Fraction]] = []
    for low, high in parts:
        if joined and joined[-1][1] == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined
