"""Probabilistic concurrency testing: random priorities with a proven chance of finding a bug.

Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs",
ASPLOS 2010. Each task has a random priority; the highest that can make a step makes it. At d - 1 steps, drawn from k,
the task that is about to run falls below all others. Law: with n tasks and k steps, each run finds a bug of depth d
(one that d orderings of steps bring about) with probability at least 1 / (n k^(d-1)).

A task is a process, or a link whose messages it takes. The bound stands for runs of at most k steps and n tasks in
which nothing but the order of tasks is open; what a process chooses itself is drawn, all values alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.systems import Step, System
from simclock.experiments.exploring.executions.tally import VIOLATED, Bounds, Exploration, Seen, told
from simclock.experiments.exploring.executions.walks import Distinct, over, walk
from simclock.streams import Stream, stream

PILOTS = 10
"""Random runs that are made first, to learn n and k."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The chance that one run finds a bug of that depth."""

    tasks: int
    steps: int
    depth: int

    @property
    def chance(self) -> float:
        """1 / (n k^(d-1))."""
        return 1.0 / float(self.tasks * self.steps ** (self.depth - 1))

    def within(self, runs: int) -> float:
        """The chance that one of that many runs finds it."""
        return -math.expm1(runs * math.log1p(-self.chance)) if self.chance < 1 else 1.0

    def __str__(self) -> str:
        power = "" if self.depth == 1 else f" * {self.steps}" + ("" if self.depth == 2 else f"^{self.depth - 1}")
        return f"1 / ({self.tasks}{power}) = {self.chance:.3g}"


@dataclass(slots=True)
class _Priorities:
    """Priorities of one run: the tasks, the highest last."""

    luck: Stream
    changes: list[int]
    """The steps before which a task falls; in the order in which they were drawn."""
    tasks: list[str] = field(default_factory=list)
    """Those that have not fallen."""
    fallen: dict[str, int] = field(default_factory=dict)
    """Task -> the number of the change at which it fell: the first falls deepest."""

    def choose(self, number: int, options: Sequence[Step]) -> Step:
        """The step of the task with the highest priority."""
        by_task: dict[str, list[Step]] = {}
        for step in options:
            by_task.setdefault(step.scheduled, []).append(step)
        for task in by_task:
            if task not in self.fallen and task not in self.tasks:
                self.tasks.insert(self.luck.randrange(len(self.tasks) + 1), task)
        task = self._highest(by_task)
        for place, change in enumerate(self.changes):
            if change == number:
                if task in self.tasks:
                    self.tasks.remove(task)
                self.fallen[task] = place
                task = self._highest(by_task)
        steps = by_task[task]
        return steps[0] if len(steps) == 1 else self.luck.choice(steps)

    def _highest(self, able: dict[str, list[Step]]) -> str:
        for task in reversed(self.tasks):
            if task in able:
                return task
        return max(able, key=lambda task: self.fallen[task])


def pct(
    system: System,
    depth: int,
    runs: int,
    *,
    seed: int = 0,
    bounds: Bounds | None = None,
    seen: Seen | None = None,
    tasks: int | None = None,
    steps: int | None = None,
) -> Exploration:
    """Make that many runs for bugs of that depth. n and k are measured in a few random runs unless they are given."""
    if depth < 1:
        raise UsageError(f"pct:{depth}: the depth of a bug is 1 or more")
    found = Exploration(f"pct:{depth}")
    bounds = bounds or Bounds()
    if tasks is None or steps is None:
        pilot_tasks, pilot_steps = _measured(system, seed, bounds)
        tasks, steps = tasks or pilot_tasks, steps or pilot_steps
    distinct = Distinct(found, seen)
    bound = Bound(tasks, steps, depth)
    return told(found, lambda: _search(system, bound, bounds, distinct, runs=runs, seed=seed))


def _search(system: System, bound: Bound, bounds: Bounds, distinct: Distinct, *, runs: int, seed: int) -> str:
    found, depth, tasks, steps = distinct.found, bound.depth, bound.tasks, bound.steps
    most_tasks, longer, made = tasks, 0, 0
    try:
        for number in range(runs):
            luck = stream(seed, "pct", number)
            priorities = _Priorities(luck, [luck.randrange(steps) for _ in range(depth - 1)])
            run, trace, end = walk(system, priorities.choose, bounds.steps_max, found)
            made += 1
            longer += len(trace.steps) > steps
            most_tasks = max(most_tasks, len(priorities.tasks) + len(priorities.fallen))
            distinct.add(run, trace, end)
            if over(found, bounds):
                return VIOLATED
    finally:
        bound = Bound(most_tasks, steps, depth)
        found.notes.append(f"each run finds a bug of depth {depth} with probability at least {bound}")
        found.notes.append(f"{made} runs together: at least {bound.within(made):.4g}")
        if longer:
            found.notes.append(f"the bound does not hold for the {longer} runs of more than {steps} steps")
    return f"{made} runs were made"


def _measured(system: System, seed: int, bounds: Bounds) -> tuple[int, int]:
    """The most tasks and steps of a few random runs."""
    tasks: set[str] = set()
    scratch = Exploration("pilot")
    for number in range(PILOTS):
        luck = stream(seed, "pct pilot", number)

        def choose(_: int, options: Sequence[Step]) -> Step:
            tasks.update(step.scheduled for step in options)
            return luck.choice(options)  # noqa: B023

        walk(system, choose, bounds.steps_max, scratch)
    return max(1, len(tasks)), max(1, scratch.depth)
