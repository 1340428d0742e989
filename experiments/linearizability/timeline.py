"""One partition's operations laid out for the search: who is under way at each return.

*Level* i is the i-th return of a completed operation, in time order. Under way at a level are the completed
operations that were called by then and have not returned before; each holds a *slot*, a bit, from the level of
its call to that of its return, so that a set of them is a small int however long the history. Open operations
(of unknown outcome) are called and never return; each has a bit of its own, in the order of their calls.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from experiments.histories import Operation
from experiments.linearizability.model import Model, ModelError, State

ILLEGAL_STEP = -1


class States:
    """The states met so far, numbered: the search compares and hashes small ints."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.values: list[State] = []
        self._numbers: dict[State, int] = {}

    def number(self, state: State) -> int:
        """The number of a state, the next one if it is new."""
        try:
            number = self._numbers.setdefault(state, len(self.values))
        except TypeError:
            raise ModelError(f"{self.model.name}: state {state!r} cannot be hashed; use tuples") from None
        if number == len(self.values):
            self.values.append(state)
        return number


class Transitions(dict[int, int]):
    """What operations of one effect do: number of a state -> of the state after, or ILLEGAL_STEP.

    Filled by `step` as the search asks; here the model's hints are held against what it does.
    """

    def __init__(self, operation: Operation, states: States) -> None:
        super().__init__()
        model = states.model
        self.operation = operation
        self.states = states
        self.is_read = model.is_read(operation)
        self.is_overwrite = model.is_overwrite(operation) and not self.is_read
        self._left_behind: int | None = None

    def __missing__(self, number: int) -> int:
        states = self.states
        legal, after = states.model.step(states.values[number], self.operation)
        target = states.number(after) if legal else ILLEGAL_STEP
        if self.is_read and target not in (number, ILLEGAL_STEP):
            raise ModelError(f"{states.model.name}: {self.operation} is_read but changes the state")
        if self.is_overwrite:
            if self._left_behind not in (None, target) or target == ILLEGAL_STEP:
                raise ModelError(
                    f"{states.model.name}: {self.operation} is_overwrite but depends on the state"
                )
            self._left_behind = target
        self[number] = target
        return target


class Slotted(NamedTuple):
    """A completed operation under way."""

    place: int  # among the returns: the level at which it returns, by which these sort
    bit: int
    transitions: Transitions


class Alike(NamedTuple):
    """The operations under way at a level that have one effect."""

    transitions: Transitions
    completed: tuple[Slotted, ...]  # by their returns, the earliest first
    mask: int  # the bits of these
    open_mask: int  # the bits of open ones


@dataclass(slots=True)
class Level:
    """A return, and what is under way when it comes."""

    returning: Slotted
    arriving: tuple[Slotted, ...]  # called since the level before
    under_way: tuple[Slotted, ...]
    open_called: int  # how many open operations were called by then
    reads: tuple[Slotted, ...] = ()  # of those under way
    arriving_reads: tuple[Slotted, ...] = ()
    overwrites: int = 0  # bits of those under way
    arriving_overwrites: int = 0
    groups: tuple[Alike, ...] | None = None  # made when the search first needs them

    def __post_init__(self) -> None:
        self.reads = tuple(each for each in self.under_way if each.transitions.is_read)
        self.arriving_reads = tuple(each for each in self.arriving if each.transitions.is_read)
        self.overwrites = sum(each.bit for each in self.under_way if each.transitions.is_overwrite)
        self.arriving_overwrites = sum(each.bit for each in self.arriving if each.transitions.is_overwrite)


class Timeline:
    """The levels of one partition, and its open operations."""

    def __init__(self, operations: Sequence[Operation], states: States) -> None:
        self.completed = sorted((each for each in operations if not each.is_open), key=_finish)
        self.open = sorted((each for each in operations if each.is_open), key=_call)
        effects: dict[Hashable, Transitions] = {}
        self.transitions = [_transitions_of(each, effects, states) for each in self.completed]
        self.open_transitions = [_transitions_of(each, effects, states) for each in self.open]
        self.levels: list[Level] = []
        self.slots = 0
        self._lay_out()

    def _lay_out(self) -> None:
        by_call = sorted(range(len(self.completed)), key=lambda place: self.completed[place].call)
        called, open_called, taken = 0, 0, 0
        under_way: list[Slotted] = []
        for operation in self.completed:
            finish = _finish(operation)
            arriving = []
            # Law 3 of histories: what is called at the very time of a return is concurrent with it.
            while called < len(by_call) and self.completed[by_call[called]].call <= finish:
                place = by_call[called]
                bit = ~taken & (taken + 1)  # the lowest free slot
                taken |= bit
                arriving.append(Slotted(place, bit, self.transitions[place]))
                insort(under_way, arriving[-1], key=_place)
                called += 1
            while open_called < len(self.open) and self.open[open_called].call <= finish:
                open_called += 1
            self.slots = max(self.slots, taken.bit_length())
            self.levels.append(Level(under_way[0], tuple(arriving), tuple(under_way), open_called))
            taken ^= under_way.pop(0).bit

    def groups(self, level: Level) -> tuple[Alike, ...]:
        """What is under way at a level by effect, reads left out; by the earliest return, open ones last."""
        if level.groups is None:
            completed: dict[int, list[Slotted]] = {}  # by identity: there is one Transitions for each effect
            for each in level.under_way:
                if not each.transitions.is_read:
                    completed.setdefault(id(each.transitions), []).append(each)
            open_masks: dict[int, int] = {}
            kinds = {id(each.transitions): each.transitions for each in level.under_way}
            for index, transitions in enumerate(self.open_transitions[: level.open_called]):
                kinds[id(transitions)] = transitions
                open_masks[id(transitions)] = open_masks.get(id(transitions), 0) | 1 << index
            level.groups = tuple(
                Alike(
                    kinds[kind],
                    tuple(completed.get(kind, ())),
                    sum(each.bit for each in completed.get(kind, ())),
                    open_masks.get(kind, 0),
                )
                for kind in dict.fromkeys((*completed, *open_masks))
            )
        return level.groups


def _transitions_of(
    operation: Operation, effects: dict[Hashable, Transitions], states: States
) -> Transitions:
    effect = states.model.effect(operation)
    if effect not in effects:
        effects[effect] = Transitions(operation, states)
    return effects[effect]


def _place(slotted: Slotted) -> int:
    return slotted.place


def _call(operation: Operation) -> int:
    return operation.call


def _finish(operation: Operation) -> int:
    assert operation.finish is not None, "a completed operation has a finish"
    return operation.finish
