"""One partition's operations, laid out for the search: who is under way at each return.

*Level* i is the i-th return of a completed operation, in time order. Under way at a level are the completed
operations that were called by then and have not returned before; each holds a *slot*, a bit, from the level
of its call to that of its return, so that a set of them is a small int however long the history is. Open
operations (of unknown outcome) are called and never return; each has a bit of its own, in call order.

Operations go by numbers: the completed ones by the levels of their returns, then the open ones.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.limits import Limits
from simclock.experiments.checkers.linearizability.transitions import ILLEGAL_STEP, States, Transitions


class Slotted(NamedTuple):
    """A completed operation."""

    level: int
    """Of its return; by this they sort."""
    arrival: int
    """The level from which on it is under way."""
    bit: int
    transitions: Transitions


class Alike(NamedTuple):
    """The operations under way at a level that have one effect."""

    transitions: Transitions
    completed: tuple[Slotted, ...]
    """By their returns, the earliest first."""
    mask: int
    """The slots of these."""
    open_mask: int
    """The bits of open ones."""


@dataclass(slots=True)
class Level:
    """A return, and what is under way when it comes."""

    returning: Slotted
    under_way: tuple[Slotted, ...]
    open_called: int
    """The bits of the open operations called by then."""
    reads: tuple[Slotted, ...]
    """Of those under way."""
    arriving_reads: tuple[Slotted, ...]
    """Of these, the ones that were not under way at the level before."""
    overwrites: int
    """The slots of overwrites under way."""
    arriving_overwrites: int
    groups: tuple[Alike, ...] | None = None
    """Made when the search first asks for them."""


class Configuration(NamedTuple):
    """A point of the search; sets of operations are bits."""

    level: int
    placed: int
    """Slots of completed operations under way that have taken effect."""
    fresh: int
    """Slots of overwrites under way that were called after the last overwrite took effect."""
    used: int
    """Open operations that have taken effect."""
    state: int
    path: Any
    """The order so far, nested pairs (path before, number of an operation) that share their beginnings."""


class Timeline:
    """The levels of one partition, and its open operations; made within limits of time."""

    def __init__(self, operations: Sequence[Operation], states: States, limits: Limits) -> None:
        self._limits = limits
        completed = sorted((each for each in operations if not each.is_open), key=_finish)
        opened = sorted((each for each in operations if each.is_open), key=_call)
        effects: dict[Hashable, Transitions] = {}
        self.operations = [*completed, *opened]
        self.transitions: list[Transitions] = []
        for each in self.operations:
            limits.look()
            self.transitions.append(_transitions_of(each, effects, states))
        self.slotted: list[Slotted] = []
        self.levels: list[Level] = []
        self.slots = 0
        self._lay_out(completed, opened)

    def open_operations(self, bits: int) -> list[Operation]:
        """The open operations of a set of bits."""
        return [self.operations[self.open_number(bit)] for bit in single_bits(bits)]

    def open_number(self, bit: int) -> int:
        """The number of the open operation that has this bit."""
        return len(self.levels) + bit.bit_length() - 1

    def groups(self, level: Level) -> tuple[Alike, ...]:
        """What is under way at a level by effect, the earliest return first, open ones last.

        Reads are left out, and overwrites after which nothing under way is legal but other overwrites.
        """
        if level.groups is None:
            groups = [each for each in self._all_groups(level) if not each.transitions.is_read]
            observers = [each.transitions for each in level.reads]
            observers += [each.transitions for each in groups if not each.transitions.is_overwrite]
            needed = {each.needs for each in observers}
            others = [each for each in observers if each.needs is None]
            level.groups = tuple(
                group
                for group in groups
                if not group.transitions.is_overwrite
                or group.transitions.leaves in needed
                or any(each[group.transitions.overwritten_with] != ILLEGAL_STEP for each in others)
            )
        return level.groups

    def _all_groups(self, level: Level) -> Iterator[Alike]:
        completed: dict[Transitions, list[Slotted]] = {}
        for each in level.under_way:
            completed.setdefault(each.transitions, []).append(each)
        opened: dict[Transitions, int] = {}
        for bit in single_bits(level.open_called):
            transitions = self.transitions[self.open_number(bit)]
            opened[transitions] = opened.get(transitions, 0) | bit
        for transitions in dict.fromkeys((*completed, *opened)):
            group = tuple(completed.get(transitions, ()))
            yield Alike(transitions, group, sum(each.bit for each in group), opened.get(transitions, 0))

    def _lay_out(self, completed: list[Operation], opened: list[Operation]) -> None:
        by_call = sorted(range(len(completed)), key=lambda number: completed[number].call)
        called, open_called, taken = 0, 0, 0
        slotted: dict[int, Slotted] = {}
        under_way: list[Slotted] = []
        for level, operation in enumerate(completed):
            self._limits.look()
            # Law 3 of histories: what is called at the very time of a return is concurrent with it.
            finish = _finish(operation)
            arriving = []
            while called < len(by_call) and completed[by_call[called]].call <= finish:
                number = by_call[called]
                bit = ~taken & (taken + 1)  # the lowest free slot
                taken |= bit
                slotted[number] = Slotted(number, level, bit, self.transitions[number])
                insort(under_way, slotted[number], key=_level)
                arriving.append(slotted[number])
                called += 1
            while open_called < len(opened) and opened[open_called].call <= finish:
                open_called += 1
            self.slots = max(self.slots, taken.bit_length())
            assert under_way[0].level == level, "what returns is under way, and nothing returns before it"
            self.levels.append(
                Level(
                    returning=under_way[0],
                    under_way=tuple(under_way),
                    open_called=(1 << open_called) - 1,
                    reads=tuple(each for each in under_way if each.transitions.is_read),
                    arriving_reads=tuple(each for each in arriving if each.transitions.is_read),
                    overwrites=_overwrites(under_way),
                    arriving_overwrites=_overwrites(arriving),
                )
            )
            taken ^= under_way.pop(0).bit
        self.slotted = [slotted[number] for number in range(len(completed))]


def _transitions_of(operation: Operation, effects: dict[Hashable, Transitions], states: States) -> Transitions:
    effect = states.model.effect(operation)
    if effect not in effects:
        effects[effect] = Transitions(operation, states)
    effects[effect].expect_same(operation)
    return effects[effect]


def _overwrites(operations: Sequence[Slotted]) -> int:
    return sum(each.bit for each in operations if each.transitions.is_overwrite)


def single_bits(bits: int) -> Iterator[int]:
    while bits:
        yield bits & -bits
        bits &= bits - 1


def _level(slotted: Slotted) -> int:
    return slotted.level


def _call(operation: Operation) -> int:
    return operation.call


def _finish(operation: Operation) -> int:
    assert operation.finish is not None, "a completed operation has a finish"
    return operation.finish
