"""What is still needed, and whether what is left can lead to it (rules 6 and 7 of `search.py`)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from simclock.experiments.checkers.linearizability.model import State
from simclock.experiments.checkers.linearizability.timeline import Configuration, Slotted, Timeline, single_bits
from simclock.experiments.checkers.linearizability.transitions import States, Transitions

LOOKS_MAX = 200  # at what may have led to one state, before it is left at what `Model.leads` says


@dataclass(slots=True)
class _Group:
    """Some of the operations of a partition; the completed ones by the levels from which on they are under way."""

    completed: list[Slotted] = field(default_factory=list)
    levels: set[int] = field(default_factory=set)
    """Where the completed ones return."""
    open_bits: int = 0


_NOBODY = _Group()


class _Left(NamedTuple):
    """What may still be placed before a return: has not taken effect, and is called by then."""

    configuration: Configuration
    until: int
    timeline: Timeline

    def any_of(self, group: _Group) -> bool:
        return bool(self._open_of(group)) or next(self._completed_of(group), None) is not None

    def transitions_of(self, group: _Group) -> Iterator[Transitions]:
        for each in self._completed_of(group):
            yield each.transitions
        for bit in single_bits(self._open_of(group)):
            yield self.timeline.transitions[self.timeline.open_number(bit)]

    def _completed_of(self, group: _Group) -> Iterator[Slotted]:
        """The latest first: it is the likeliest to lead to what is needed at the end.

        Looks at what is yielded and at what is under way, however many others the group has.
        """
        level, placed = self.configuration.level, self.configuration.placed
        completed = group.completed
        end = bisect_right(completed, self.until, key=_arrival)
        while end and completed[end - 1].arrival > level:  # not yet under way, so it is not placed
            end -= 1
            yield completed[end]
        for each in self.timeline.levels[level].under_way:
            if each.level in group.levels and not placed & each.bit:
                yield each

    def _open_of(self, group: _Group) -> int:
        return group.open_bits & self.timeline.levels[self.until].open_called & ~self.configuration.used


class Reach:
    """Who needs which state, and who leaves it."""

    def __init__(self, timeline: Timeline, states: States) -> None:
        self.timeline = timeline
        self.states = states
        self.needed: dict[int, list[Slotted]] = {}
        """States that some completed operation needs -> those operations."""
        self._needing: list[Slotted] = []
        self._leaving: dict[int, _Group] = {}
        self._leaving_known = _Group()
        self._leaving_unknown = _Group()  # who knows what
        self._leads: dict[tuple[int, int], bool] = {}
        for each in timeline.slotted:
            if each.transitions.needs is not None:
                self.needed.setdefault(each.transitions.needs, []).append(each)
                self._needing.append(each)
        if self.needed:
            for each in sorted(timeline.slotted, key=_arrival):
                for group in self._groups_of(each.transitions):
                    group.completed.append(each)
                    group.levels.add(each.level)
            for index, transitions in enumerate(timeline.transitions[len(timeline.slotted) :]):
                for group in self._groups_of(transitions):
                    group.open_bits |= 1 << index
        self._may_lead_astray = states.model.leads is not None and self._leaving_unknown != _NOBODY
        self._goal = 0
        self._dead_ends: dict[int, bool] = {}
        self._is_dead_end: Callable[[State], bool] | None = None

    def aim(self, goal: int) -> None:
        """From now on only returns before the level `goal` count."""
        self._goal = goal
        self._dead_ends.clear()
        if self.states.model.dead_ends is not None:
            operations = self.timeline.operations
            self._is_dead_end = self.states.model.dead_ends(operations[:goal], operations[goal:])

    def is_lost(self, state: int, configuration: Configuration) -> bool:
        """Whether the configuration is a dead end, as the model knows, or something needed is out of reach.

        Asked are `state`, which was left, and what is needed next.
        """
        current = configuration.state
        if self._is_dead_end is not None:
            if current not in self._dead_ends:
                self._dead_ends[current] = self._is_dead_end(self.states.values[current])
            if self._dead_ends[current]:
                return True
        if self._is_out_of_reach(state, configuration):
            return True
        if not self._may_lead_astray:
            return False
        following = next(_unplaced(self._needing, configuration), None)
        if following is None or following.transitions.needs is None:
            return False
        return self._is_out_of_reach(following.transitions.needs, configuration)

    def _is_out_of_reach(self, state: int, configuration: Configuration) -> bool:
        if state == configuration.state or state not in self.needed:
            return False
        needing = next(_unplaced(self.needed[state], configuration), None)
        if needing is None or needing.level >= self._goal:
            return False
        left = _Left(configuration, needing.level, self.timeline)
        return not self._may_come_about(state, left)

    def _may_come_about(self, target: int, left: _Left) -> bool:
        """Whether what is left may lead from the current state to the target; looked for from the target back."""
        numbers = {target}
        sought = [target]
        looks = 0
        while sought:
            state = sought.pop()
            if state == left.configuration.state or left.any_of(self._leaving.get(state, _NOBODY)):
                return True
            for each in left.transitions_of(self._leaving_unknown):
                looks += 1
                origins = each.origins(state)
                if origins is None or looks > LOOKS_MAX:
                    return self._may_be_led_to(target, left)
                new = {self.states.number(origin) for origin in origins} - numbers
                numbers |= new
                sought += sorted(new)
        return False

    def _may_be_led_to(self, target: int, left: _Left) -> bool:
        """The same, for all that `leads` knows."""
        return self._may_lead(left.configuration.state, target) or any(
            each.leaves is not None and self._may_lead(each.leaves, target)
            for each in left.transitions_of(self._leaving_known)
        )

    def _may_lead(self, state: int, target: int) -> bool:
        """Whether operations that leave who knows what may lead from one state to the other."""
        leads = self.states.model.leads
        if leads is None:
            return True
        pair = state, target
        if pair not in self._leads:
            self._leads[pair] = leads(self.states.values[state], self.states.values[target])
        return self._leads[pair]

    def _groups_of(self, transitions: Transitions) -> tuple[_Group, ...]:
        if transitions.is_read:
            return ()
        if transitions.leaves is None:
            return (self._leaving_unknown,)
        return self._leaving_known, self._leaving.setdefault(transitions.leaves, _Group())


def _unplaced(operations: list[Slotted], configuration: Configuration) -> Iterator[Slotted]:
    """Those that have not taken effect, by their returns."""
    level, placed = configuration.level, configuration.placed
    for index in range(bisect_left(operations, level, key=_level), len(operations)):
        each = operations[index]
        if each.arrival > level or not placed & each.bit:
            yield each


def _level(slotted: Slotted) -> int:
    return slotted.level


def _arrival(slotted: Slotted) -> int:
    return slotted.arrival
