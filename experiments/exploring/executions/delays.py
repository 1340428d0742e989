"""Delay-bounded exploration: every execution that a deterministic scheduler makes with at most k delays.

Emmi, Qadeer, Rakamaric, "Delay-bounded scheduling", POPL 2011. The scheduler goes round: it runs a task for as long as
the task can, then the next one that can. A delay passes on to the next one before; the task that was delayed has its
turn again a round later. A task is a process, or a link whose messages it takes; values that a process chooses itself
cost nothing. Schedules that make the same execution count once; the others count as redundant.

With n tasks of one step each that all conflict, k delays give the permutations with at most k inversions (Mahonian
numbers); with n readers and then a writer, the sum of C(n, i) for i up to k.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.systems import Step, System
from simclock.experiments.exploring.executions.tally import (
    CUT_SHORT,
    EXHAUSTED,
    TOO_MANY,
    VIOLATED,
    Bounds,
    Exploration,
    Seen,
    told,
)
from simclock.experiments.exploring.executions.walks import Distinct, Walked, in_turn, over, walk, walked


class _Round:
    """The tasks in their order, and whose turn it is."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._turn = 0

    def options(self, enabled: Sequence[Step], left: int) -> list[tuple[Step, int]]:
        """What may happen for the delays left, the cheapest first."""
        steps: dict[str, list[Step]] = {}
        for step in enabled:
            steps.setdefault(step.scheduled, []).append(step)
        known = set(self._order)
        self._order += [task for task in steps if task not in known]
        going_round = [*self._order[self._turn :], *self._order[: self._turn]]
        able = [task for task in going_round if task in steps]
        return [(step, cost) for cost, task in enumerate(able[: left + 1]) for step in steps[task]]

    def runs(self, step: Step) -> None:
        """It is that step's turn."""
        self._turn = self._order.index(step.scheduled)


Choices: TypeAlias = tuple[int, ...]


class Piece(NamedTuple):
    """The schedules that begin with these choices."""

    key: Choices


class Turn(NamedTuple):
    """A step of a schedule: which of so many options it took, in the order of what they cost."""

    chosen: int
    options: int


class Explored(NamedTuple):
    """What came of a piece."""

    found: Exploration
    runs: list[Walked]
    bounded: bool
    """Whether the number of delays kept anything from being tried."""
    left: list[Turn]
    """Below the choices of the piece, the next schedule; none: the piece is done."""


class _Schedules:
    """A search, as who gives out the pieces has it."""

    def __init__(self, most: int, bounds: Bounds) -> None:
        self.found = Exploration(f"delay:{most}")
        self._most = most
        self._bounds = bounds
        self._distinct = Distinct(self.found)
        self._turns: list[Turn] = []
        self._bounded = False

    def front(self) -> Piece:
        """The next schedule, and all that begin as it does."""
        return Piece(_choices(self._turns))

    def ahead(self) -> Iterator[Piece]:
        """The other choices, the last first."""
        return _others(self._turns, 0)

    def behind(self, piece: Piece, explored: Explored) -> Iterator[Piece]:
        """What is left of a piece."""
        if explored.left:
            turns = [*(Turn(chosen, 0) for chosen in piece.key), *explored.left]
            yield Piece(_choices(turns))
            yield from _others(turns, len(piece.key))

    def take(self, explored: Explored) -> str | None:
        """What came of the front."""
        found = self.found
        found.add(explored.found)
        self._bounded |= explored.bounded
        for each in explored.runs:
            self._distinct.add(each)
        if explored.found.ended:
            return explored.found.ended
        if explored.left:
            self._turns += explored.left
        elif not leave(self._turns, 0):
            ended = CUT_SHORT if found.cut_short else EXHAUSTED
            of = f"execution with at most {self._most} delay{'s' * (self._most != 1)}"
            return ended.replace("execution", of, 1) if self._bounded else ended
        return TOO_MANY if found.runs >= self._bounds.executions_max else None


@dataclass(frozen=True)
class DelayMethod:
    """Every execution with at most that many delays."""

    most: int

    def __post_init__(self) -> None:
        if self.most < 0:
            raise UsageError(f"delay:{self.most}: a number of delays is 0 or more")

    def measured(self, system: System, bounds: Bounds) -> DelayMethod:
        """As it is."""
        return self

    def search(self, system: System, bounds: Bounds, seen: Seen | None) -> Exploration:
        """All of it, here."""
        return in_turn(self, system, bounds, seen)

    def pieces(self, system: System, bounds: Bounds) -> _Schedules:
        """By how schedules begin."""
        return _Schedules(self.most, bounds)

    def explore(self, system: System, piece: Piece, bounds: Bounds, seen: Seen, most: int) -> Explored:
        """The first schedules of a piece."""
        found, runs = Exploration(""), list[Walked]()
        turns = [Turn(chosen, 0) for chosen in piece.key]
        bounded = False

        def search() -> str:
            nonlocal bounded
            while len(runs) < most:
                left, round_ = self.most, _Round()

                def choose(number: int, enabled: Sequence[Step]) -> Step:
                    nonlocal left, bounded
                    options = round_.options(enabled, left)  # noqa: B023
                    bounded |= len(options) < len(enabled)
                    if number == len(turns):
                        turns.append(Turn(0, len(options)))
                    step, cost = options[turns[number].chosen]
                    left -= cost
                    round_.runs(step)  # noqa: B023
                    return step

                run, trace, end = walk(system, choose, bounds.steps_max, found)
                runs.append(walked(trace, end))
                seen(run, trace, end)
                if over(found, bounds):
                    return VIOLATED
                if not leave(turns, len(piece.key)):
                    break
            return ""

        told(found, search)
        return Explored(found, runs, bounded, turns[len(piece.key) :])


def leave(turns: list[Turn], floor: int) -> bool:
    """Go on to the next schedule that begins alike; False if there is none."""
    while len(turns) > floor and turns[-1].chosen + 1 >= turns[-1].options:
        turns.pop()
    if len(turns) == floor:
        return False
    turns[-1] = turns[-1]._replace(chosen=turns[-1].chosen + 1)
    return True


def _choices(turns: Sequence[Turn]) -> Choices:
    return tuple(turn.chosen for turn in turns)


def _others(turns: Sequence[Turn], floor: int) -> Iterator[Piece]:
    for depth in range(len(turns) - 1, floor - 1, -1):
        before = _choices(turns[:depth])
        for chosen in range(turns[depth].chosen + 1, turns[depth].options):
            yield Piece((*before, chosen))


def delays(system: System, most: int, bounds: Bounds | None = None, seen: Seen | None = None) -> Exploration:
    """Explore every execution with at most that many delays."""
    return DelayMethod(most).search(system, bounds or Bounds(), seen)
