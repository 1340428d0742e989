"""What happened before what in an execution: past, future, concurrency, shortest chains, cuts; and its clocks.

Laws: one event happened before another exactly if its vector clock is smaller (Fidge 1988, Mattern 1989); the vector
clock of an event counts the events of its past on every node, itself included, so that it is its past. Everything is
derived when it is asked for. An answer looks at each event of a past or future once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from simclock.errors import UsageError
from simclock.experiments.causality.execution import NONE, Execution, compressed

Clock = tuple[int, ...]
"""Node index -> how many events of it."""


class ImpossibleOrder(UsageError):
    """Events that would each have had to happen before the other, in a file that says so."""


class Relations:
    """Answers about one execution; what was asked last is kept."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self._pasts: dict[int, Clock] = {}
        self._futures: dict[int, Clock] = {}

    @cached_property
    def effects(self) -> tuple[array[int], array[int]]:
        """Event -> its direct effects on other nodes, as rows like those of its causes."""
        execution = self.execution
        count = len(execution)
        into = array("I", execution.cause)
        for event in range(count):
            start, stop = execution.cause_first[event], execution.cause_first[event + 1]
            for place in range(start, stop):
                into[place] = event
        return compressed(execution.cause, into, count)

    def past(self, event: int) -> Clock:
        """The event's vector clock: of each node, how many of its first events happened before it; its own with it."""
        return self._kept(self._pasts, event, self._past_of)

    def future(self, event: int) -> Clock:
        """Of each node, the place in its lane from which on its events happened after this one; its own: itself."""
        return self._kept(self._futures, event, self._future_of)

    def _kept(self, kept: dict[int, Clock], event: int, make: Callable[[int], Clock]) -> Clock:
        if event not in kept:
            if len(kept) >= KEPT_MAX:
                kept.clear()
            kept[event] = make(event)
        return kept[event]

    def _past_of(self, event: int) -> Clock:
        execution = self.execution
        node, position, lanes = execution.node, execution.position, execution.lanes
        first, cause = execution.cause_first, execution.cause
        reached = [0] * len(lanes)
        waiting = [event]
        while waiting:
            each = waiting.pop()
            lane, place = node[each], position[each] + 1
            known = reached[lane]
            if place <= known:
                continue
            reached[lane] = place
            for other in lanes[lane][known:place]:
                waiting.extend(cause[first[other] : first[other + 1]])
        return tuple(reached)

    def _future_of(self, event: int) -> Clock:
        execution = self.execution
        node, position, lanes = execution.node, execution.position, execution.lanes
        first, effect = self.effects
        reached = [len(lane) for lane in lanes]
        waiting = [event]
        while waiting:
            each = waiting.pop()
            lane, place = node[each], position[each]
            known = reached[lane]
            if place >= known:
                continue
            reached[lane] = place
            for other in lanes[lane][place:known]:
                waiting.extend(effect[first[other] : first[other + 1]])
        return tuple(reached)

    def before(self, one: int, other: int) -> bool:
        """Whether the one happened before the other."""
        execution = self.execution
        return one != other and self.past(other)[execution.node[one]] > execution.position[one]

    def concurrent(self, one: int, other: int) -> bool:
        """Whether neither happened before the other, and they are two."""
        return one != other and not self.before(one, other) and not self.before(other, one)

    def all_concurrent(self, event: int) -> Iterator[int]:
        """Every event that is concurrent with it, lane by lane."""
        for lane, past, future in zip(self.execution.lanes, self.past(event), self.future(event), strict=True):
            yield from lane[past:future]

    def all_before(self, event: int) -> Iterator[int]:
        """Its past without itself, lane by lane."""
        for lane, past in zip(self.execution.lanes, self.past(event), strict=True):
            yield from (each for each in lane[:past] if each != event)

    def all_after(self, event: int) -> Iterator[int]:
        """Its future without itself, lane by lane."""
        for lane, future in zip(self.execution.lanes, self.future(event), strict=True):
            yield from (each for each in lane[future:] if each != event)

    def path(self, one: int, other: int) -> list[int]:
        """A chain from the one to the other with the fewest messages: ends, and both ends of each message between.

        Empty where the one did not happen before the other.
        """
        execution = self.execution
        if one == other or not self.before(one, other):
            return []
        node, position, lanes = execution.node, execution.position, execution.lanes
        reached = [0] * len(lanes)
        steps: dict[int, tuple[int, int]] = {}  # cause -> its effect, and the event from which that lane was entered
        level = [other]
        while True:
            following = []
            for entered in level:
                lane, place = node[entered], position[entered] + 1
                if lane == node[one] and place > position[one]:
                    return _chain(one, entered, steps)
                known = reached[lane]
                reached[lane] = max(known, place)
                for each in reversed(lanes[lane][known:place]):
                    for cause in execution.causes(each):
                        if cause not in steps and position[cause] + 1 > reached[node[cause]]:
                            steps[cause] = (each, entered)
                            following.append(cause)
            level = following

    def cut(self, members: Mapping[int, int]) -> Cut:
        """The cut that ends on each of these nodes with that event, and holds nothing of the others."""
        execution = self.execution
        counts = [0] * len(execution.lanes)
        for node, event in members.items():
            counts[node] = execution.position[event] + 1
        closure = list(counts)
        for event in members.values():
            closure = [max(pair) for pair in zip(closure, self.past(event), strict=True)]
        crossing = []
        for lane, count in zip(execution.lanes, counts, strict=True):
            for event in lane[:count]:
                for cause in execution.causes(event):
                    if execution.position[cause] >= counts[execution.node[cause]]:
                        crossing.append((cause, event))
        return Cut(counts=tuple(counts), closure=tuple(closure), crossing=tuple(crossing))

    def order(self) -> array[int]:
        """Every event after its causes and its lane's earlier events; of several such, as they were written down.

        Raises ImpossibleOrder where there is no such order.
        """
        execution = self.execution
        count = len(execution)
        if all(
            cause < event
            for event in range(count)
            for cause in execution.cause[execution.cause_first[event] : execution.cause_first[event + 1]]
        ) and all(one < other for lane in execution.lanes for one, other in pairwise(lane)):
            return array("I", range(count))
        return self._sorted()

    def _sorted(self) -> array[int]:
        execution = self.execution
        first, effect = self.effects
        missing = array("I", (len(execution.causes(event)) for event in range(len(execution))))
        for lane in execution.lanes:
            for event in lane[1:]:
                missing[event] += 1
        ready = [event for event in reversed(range(len(execution))) if not missing[event]]
        order = array("I")
        while ready:
            event = ready.pop()
            order.append(event)
            following = execution.following(event)
            for each in (*effect[first[event] : first[event + 1]], *(() if following == NONE else (following,))):
                missing[each] -= 1
                if not missing[each]:
                    ready.append(each)
        if len(order) < len(execution):
            stuck = next(event for event in range(len(execution)) if missing[event])
            place = execution.place(stuck)
            raise ImpossibleOrder(f"{place + ': ' if place else ''}{execution.id(stuck)} happened before itself")
        return order


KEPT_MAX = 64
"""Pasts and futures that are kept."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A prefix of every lane."""

    counts: Clock
    closure: Clock
    """The smallest consistent cut that holds it."""
    crossing: tuple[tuple[int, int], ...]
    """(cause outside, effect inside): why it is not consistent, if it is not."""

    @property
    def consistent(self) -> bool:
        """Whether it holds the cause of all that it holds (Chandy and Lamport 1985)."""
        return not self.crossing


def _chain(one: int, entered: int, steps: Mapping[int, tuple[int, int]]) -> list[int]:
    chain = [one]
    while True:
        if chain[-1] != entered:
            chain.append(entered)
        if entered not in steps:
            return chain
        effect, entered = steps[entered]
        chain.append(effect)


def lamport_clocks(relations: Relations) -> array[int]:
    """Event -> its Lamport clock: one more than the greatest of the event before it and its causes."""
    execution = relations.execution
    clocks = array("Q", bytes(8 * len(execution)))
    for event in relations.order():
        previous = execution.previous(event)
        greatest = 0 if previous == NONE else clocks[previous]
        for cause in execution.causes(event):
            greatest = max(greatest, clocks[cause])
        clocks[event] = greatest + 1
    return clocks


def vector_clocks(
    relations: Relations, wanted: Callable[[int], bool] = lambda event: True
) -> Iterator[tuple[int, Clock]]:
    """(event, its vector clock) for each that is wanted, in an order that happened-before allows.

    Clocks count the wanted events alone: of an excerpt they say what they would say of the whole, and have no gaps.
    A clock is kept until the last effect of its event has been given.
    """
    execution = relations.execution
    first, _ = relations.effects
    open_effects = array("I", (first[event + 1] - first[event] for event in range(len(execution))))
    current: list[Clock] = [(0,) * len(execution.lanes)] * len(execution.lanes)
    kept: dict[int, Clock] = {}
    for event in relations.order():
        node = execution.node[event]
        clock = current[node]
        for cause in execution.causes(event):
            theirs = kept[cause]
            open_effects[cause] -= 1
            if not open_effects[cause]:
                del kept[cause]
            if theirs is not clock:
                clock = tuple(map(max, clock, theirs))
        if wanted(event):
            clock = (*clock[:node], clock[node] + 1, *clock[node + 1 :])
            yield event, clock
        current[node] = clock
        if open_effects[event]:
            kept[event] = clock
