"""What is still needed, and whether what is left can lead to it (rules 6 and 7 of `search.py`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from simclock.experiments.checkers.linearizability.model import State
from simclock.experiments.checkers.linearizability.timeline import Configuration, Slotted, Timeline, single_bits
from simclock.experiments.checkers.linearizability.transitions import States, Transitions


@dataclass(slots=True)
class _Group:
    """Some of the operations of a partition; the completed ones by their returns."""

    completed: list[Slotted] = field(default_factory=list)
    open_bits: int = 0


class _Left(NamedTuple):
    """What may still be placed before a return: has not taken effect, and is called by then."""

    configuration: Configuration
    until: int
    open_called: int

    def any_of(self, group: _Group) -> bool:
        return bool(self._open_of(group)) or next(self._completed_of(group), None) is not None

    def transitions_of(self, group: _Group, timeline: Timeline) -> Iterator[Transitions]:
        for each in self._completed_of(group):
            yield each.transitions
        for bit in single_bits(self._open_of(group)):
            yield timeline.transitions[timeline.open_number(bit)]

    def _completed_of(self, group: _Group) -> Iterator[Slotted]:
        unplaced = _unplaced(group.completed, self.configuration)
        return (each for each in unplaced if each.arrival <= self.until)

    def _open_of(self, group: _Group) -> int:
        return group.open_bits & self.open_called & ~self.configuration.used


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
            for number, transitions in enumerate(timeline.transitions):
                self._note_leaving(number, transitions)
        self._may_lead_astray = states.model.leads is not None and self._leaving_unknown != _Group()
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
        left = _Left(configuration, needing.level, self.timeline.levels[needing.level].open_called)
        if left.any_of(self._leaving.get(state, _Group())):
            return False
        if not left.any_of(self._leaving_unknown):
            return True
        return not self._may_lead(configuration.state, state) and not any(
            each.leaves is not None and self._may_lead(each.leaves, state)
            for each in left.transitions_of(self._leaving_known, self.timeline)
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

    def _note_leaving(self, number: int, transitions: Transitions) -> None:
        if transitions.is_read:
            return
        groups = [self._leaving_unknown]
        if transitions.leaves is not None:
            groups = [self._leaving_known, self._leaving.setdefault(transitions.leaves, _Group())]
        completed = len(self.timeline.slotted)
        for group in groups:
            if number < completed:
                group.completed.append(self.timeline.slotted[number])
            else:
                group.open_bits |= 1 << number - completed


def _unplaced(operations: list[Slotted], configuration: Configuration) -> Iterator[Slotted]:
    """Those that have not taken effect, by their returns."""
    level, placed = configuration.level, configuration.placed
    for index in range(bisect_left(operations, level, key=_level), len(operations)):
        each = operations[index]
        if each.arrival > level or not placed & each.bit:
            yield each


def _level(slotted: Slotted) -> int:
    return slotted.level
