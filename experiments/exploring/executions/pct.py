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
from dataclasses import dataclass, field, replace

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.systems import Run, Step, System, Trace
from simclock.experiments.exploring.executions.tally import Bounds, Exploration, Seen
from simclock.experiments.exploring.executions.walks import DrawMethod, Draws, walk
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


@dataclass(frozen=True)
class PctMethod(DrawMethod):
    """That many runs for bugs of that depth. n and k are measured in a few random runs unless they are given."""

    depth: int
    runs: int
    seed: int = 0
    tasks: int | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise UsageError(f"pct:{self.depth}: the depth of a bug is 1 or more")

    def measured(self, system: System, bounds: Bounds) -> PctMethod:
        """With n and k."""
        if self.tasks is not None and self.steps is not None:
            return self
        tasks, steps = _measured(system, self.seed, bounds)
        return replace(self, tasks=self.tasks or tasks, steps=self.steps or steps)

    def pieces(self, system: System, bounds: Bounds) -> Draws:
        """Runs by number."""
        assert self.tasks is not None and self.steps is not None, "measured first"
        return _PctDraws(Bound(self.tasks, self.steps, self.depth), self.runs)

    def draw(self, system: System, number: int, bounds: Bounds, found: Exploration) -> tuple[Run, Trace, str, int]:
        """One of them."""
        assert self.steps is not None, "measured first"
        luck = stream(self.seed, "pct", number)
        priorities = _Priorities(luck, [luck.randrange(self.steps) for _ in range(self.depth - 1)])
        run, trace, end = walk(system, priorities.choose, bounds.steps_max, found)
        return run, trace, end, len(priorities.tasks) + len(priorities.fallen)


class _PctDraws(Draws):
    """Runs whose chance is told in the end."""

    def __init__(self, bound: Bound, runs: int) -> None:
        super().__init__(f"pct:{bound.depth}", runs)
        self._bound = bound

    def close(self) -> None:
        """Tell the bound, of the most tasks that were seen."""
        steps, notes = self._bound.steps, self.found.notes
        bound = replace(self._bound, tasks=max(self._bound.tasks, self.tasks))
        notes.append(f"each run finds a bug of depth {bound.depth} with probability at least {bound}")
        notes.append(f"{self.made} runs together: at least {bound.within(self.made):.4g}")
        longer = sum(each > steps for each in self.longest)
        if longer:
            notes.append(f"the bound does not hold for the {longer} runs of more than {steps} steps")


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
    return PctMethod(depth, runs, seed, tasks, steps).search(system, bounds or Bounds(), seen)


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
