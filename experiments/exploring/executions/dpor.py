"""Optimal dynamic partial order reduction: every execution once, and nothing else.

Algorithm 2 of Abdulla, Aronis, Jonsson, Sagonas (POPL 2014; JACM 2017, section 6), with wakeup trees. What is new here
is what a *race* is. A step of a process may have others in its place: a receive takes another message, a choice another
value. So for each step e of an execution the search asks what else could have happened there: it goes to where
everything has happened that does not happen after e, and each step possible there that depends on e is the reversal of
a race. For accesses of shared variables these are the reversible races of the paper; for receives, it is another
message that could have been there (the backward revisits of Must, Enea et al., OOPSLA 2024); and what e disables (a
lock, a timeout) is found as well.

Two executions are the same where every process makes the same steps (takes the same messages, in the same order) and
every shared object sees conflicting accesses in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simclock.experiments.exploring.executions.systems import Run, Step, System, Trace, dependent
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
from simclock.experiments.exploring.executions.wakeup import FREE, NOT_INITIAL, Branch, insert, place


@dataclass(slots=True)
class _Place:
    """A place of the execution that is explored: before its step of that number."""

    sleep: list[Step]
    """Steps whose executions from here are all explored."""
    tree: list[Branch] = field(default_factory=list)
    """What is to be tried from here; the first is under way."""


class Dpor:
    """One search; `search` does it."""

    def __init__(self, system: System, bounds: Bounds, seen: Seen | None = None) -> None:
        self._system = system
        self._bounds = bounds
        self._seen = seen
        self._places: list[_Place] = []
        self.found = Exploration("dpor")

    def search(self) -> Exploration:
        """Explore every execution, within the bounds."""
        return told(self.found, self._search)

    def _search(self) -> str:
        found = self.found
        while True:
            trace = self._execute()
            if found.violations and self._bounds.stop_at_violation:
                return VIOLATED
            self._reverse_races(trace)
            if not self._next():
                return CUT_SHORT if found.cut_short else EXHAUSTED
            if found.runs >= self._bounds.executions_max:
                return TOO_MANY

    def _execute(self) -> Trace:
        """Go along the first branches, and on to the end."""
        run, trace, found = self._system.start(), Trace(), self.found
        depth = violated = 0
        while True:
            violated = found.note_violations(run, trace, violated)
            if depth < len(self._places):
                place_ = self._places[depth]
            else:
                place_ = self._deeper()
            if not place_.tree:
                end = self._extend(run, place_, depth)
                if end is not None:
                    found.note_violations(run, trace, violated)
                    self._places.pop()
                    break
            step = place_.tree[0].step
            trace.add(step, run.take(step))
            depth += 1
        found.steps += depth
        found.depth = max(found.depth, depth)
        if end == _ASLEEP:
            found.redundant += 1
        else:
            found.count(None if end == _TOO_LONG else end)
            if self._seen is not None:
                self._seen(run, trace, end)
        return trace

    def _deeper(self) -> _Place:
        """The place behind the last one."""
        if not self._places:
            place_ = _Place([])
        else:
            above = self._places[-1]
            branch = above.tree[0]
            place_ = _Place([step for step in above.sleep if not dependent(step, branch.step)], branch.children)
        self._places.append(place_)
        return place_

    def _extend(self, run: Run, place_: _Place, depth: int) -> str | None:
        """Choose a step where nothing says which; returns how the execution ends if there is none."""
        enabled = run.enabled()
        if not enabled:
            return run.end()
        if depth >= self._bounds.steps_max:
            return _TOO_LONG
        for step in enabled:
            if step not in place_.sleep:
                place_.tree.append(Branch(step))
                return None
        return _ASLEEP

    def _next(self) -> bool:
        """Leave the branch that is explored for the next one; False if there is none."""
        while self._places:
            place_ = self._places[-1]
            place_.sleep.append(place_.tree.pop(0).step)
            if place_.tree:
                return True
            self._places.pop()
        return False

    # Races

    def _reverse_races(self, trace: Trace) -> None:
        for index in range(len(trace.steps)):
            if trace.may_race(index):
                self._reverse_races_of(trace, index)

    def _reverse_races_of(self, trace: Trace, index: int) -> None:
        steps = trace.steps
        independent = [steps[later] for later in trace.not_after(index)]
        run = self._run_of([*steps[:index], *independent])
        for other in run.enabled():
            if other != steps[index] and dependent(other, steps[index]):
                self._try(index, steps, [*independent, other])

    def _try(self, index: int, steps: Sequence[Step], sequence: list[Step]) -> None:
        """Have the sequence tried at that place, unless an execution with it is explored already, or will be."""
        prefix = steps[:index]

        def still_enabled(path: Sequence[Step], rest: Sequence[Step], step: Step) -> bool:
            return step in self._run_of([*prefix, *path, *rest]).enabled()

        check = still_enabled if self._system.disabling else None
        place_ = self._places[index]
        for asleep in place_.sleep:
            where = place(asleep, sequence)
            if where == NOT_INITIAL or (where == FREE and check is not None and not check((), sequence, asleep)):
                continue
            return
        insert(place_.tree, sequence, check)

    def _run_of(self, steps: Sequence[Step]) -> Run:
        run = self._system.start()
        for step in steps:
            run.take(step)
        self.found.steps += len(steps)
        return run


_ASLEEP = "asleep"
_TOO_LONG = "too long"


def dpor(system: System, bounds: Bounds | None = None, seen: Seen | None = None) -> Exploration:
    """Explore every execution of a system once."""
    return Dpor(system, bounds or Bounds(), seen).search()
