"""Delay-bounded exploration: every execution that a deterministic scheduler makes with at most k delays.

Emmi, Qadeer, Rakamaric, "Delay-bounded scheduling", POPL 2011. The scheduler goes round: it runs a task for as long as
the task can, then the next one that can. A delay passes on to the next one before; the task that was delayed has its
turn again a round later. A task is a process, or a link whose messages it takes; values that a process chooses itself
cost nothing. Schedules that make the same execution count once; the others count as redundant.

With n tasks of one step each that all conflict, k delays give the permutations with at most k inversions (Mahonian
numbers); with n readers and then a writer, the sum of C(n, i) for i up to k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from simclock.experiments.exploring.executions.walks import Distinct, over, walk


@dataclass(slots=True)
class _Turn:
    """A step of a schedule: what could have happened, at which cost, and which of it did."""

    options: list[tuple[Step, int]]
    """With the delays spent on each."""
    chosen: int = 0


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


def delays(system: System, most: int, bounds: Bounds | None = None, seen: Seen | None = None) -> Exploration:
    """Explore every execution with at most that many delays."""
    if most < 0:
        raise UsageError(f"delay:{most}: a number of delays is 0 or more")
    found = Exploration(f"delay:{most}")
    return told(found, lambda: _search(system, most, bounds or Bounds(), seen, found))


def _search(system: System, most: int, bounds: Bounds, seen: Seen | None, found: Exploration) -> str:
    distinct = Distinct(found, seen)
    turns: list[_Turn] = []
    bounded = False
    while True:
        left, round_ = most, _Round()

        def choose(number: int, enabled: Sequence[Step]) -> Step:
            nonlocal left, bounded
            options = round_.options(enabled, left)  # noqa: B023
            bounded |= len(options) < len(enabled)
            if number == len(turns):
                turns.append(_Turn(options))
            step, cost = options[turns[number].chosen]
            left -= cost
            round_.runs(step)  # noqa: B023
            return step

        distinct.add(*walk(system, choose, bounds.steps_max, found))
        if over(found, bounds):
            return VIOLATED
        while turns and turns[-1].chosen + 1 == len(turns[-1].options):
            turns.pop()
        if not turns:
            ended = CUT_SHORT if found.cut_short else EXHAUSTED
            return (
                ended.replace("execution", f"execution with at most {most} delay{'s' * (most != 1)}", 1)
                if bounded
                else ended
            )
        turns[-1].chosen += 1
        if found.runs >= bounds.executions_max:
            return TOO_MANY
