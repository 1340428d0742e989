"""Dynamic partial order reduction: every execution once, and, if it is optimal, nothing else.

Algorithm 2 of Abdulla, Aronis, Jonsson, Sagonas (POPL 2014; JACM 2017, section 6), with wakeup trees. What is new here
is what a *race* is. A step of a process may have others in its place: a receive takes another message, a choice another
value. So for each step e of an execution the search asks what else could have happened there: it goes to where
everything has happened that does not happen after e, and each step possible there that depends on e is the reversal of
a race. For accesses of shared variables these are the reversible races of the paper; for receives, it is another
message that could have been there (the backward revisits of Must, Enea et al., OOPSLA 2024); and what e disables (a
lock, a timeout) is found as well.

With source sets (Algorithm 1 there) a place knows only which steps are to be tried from it, not what behind them: less
is kept, and a run may find that all that may happen next is asleep, since its executions were explored before. Such a
run is given up, and counts as redundant. Of the steps that a reversed race may begin with, the last one is tried; how
many runs are redundant depends on that, and on the order of the processes.

Two executions are the same where every process makes the same steps (takes the same messages, in the same order) and
every shared object sees conflicting accesses in the same order.

A search can be done piece by piece (`Piece`): a branch is explored for a number of runs by whoever is free, and what it
asks of places above is inserted when its turn comes. What is inserted there while another branch is explored stands
behind what is there already, so a piece that was explored ahead of its turn is right unless its own wakeup tree has
grown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

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
from simclock.experiments.exploring.executions.wakeup import (
    FREE,
    NOT_INITIAL,
    Branch,
    StillEnabled,
    insert,
    insert_source,
    place,
)


@dataclass(slots=True)
class Place:
    """A place of the execution that is explored: before its step of that number."""

    sleep: list[Step]
    """Steps whose executions from here are all explored."""
    tree: list[Branch] = field(default_factory=list)
    """What is to be tried from here; the first is under way."""


Key: TypeAlias = tuple[tuple[Step, ...], tuple[Step, ...], tuple[object, ...]]


class Piece(NamedTuple):
    """A branch that is to be explored."""

    places: list[Place]
    """The last one's first branch it is; none: the whole search."""

    @property
    def key(self) -> Key:
        """What decides what comes of it: the steps that lead there, what is asleep, and the wakeup tree."""
        if not self.places:
            return (), (), ()
        steps = tuple(each.tree[0].step for each in self.places)
        return steps, tuple(self.places[-1].sleep), self.places[-1].tree[0].shape


Wanted: TypeAlias = tuple[int, list[Step], list[Step]]
"""(number of a place above, or the branch's own; a sequence that is to be tried there; of source sets, with what)."""


class Explored(NamedTuple):
    """What came of a piece."""

    found: Exploration
    asked: list[Wanted]
    places: list[Place]
    """Below the branch, with what is still to be explored; none: it is done."""


class Dpor:
    """One search; `search` does it, or pieces of it do."""

    def __init__(
        self,
        system: System,
        bounds: Bounds,
        seen: Seen | None = None,
        *,
        optimal: bool = True,
        piece: Piece | None = None,
    ) -> None:
        self._system = system
        self._bounds = bounds
        self._seen = seen
        self._optimal = optimal
        self._places = [] if piece is None else piece.places
        self._floor = len(self._places)
        """Places above are not left."""
        self._asked: list[Wanted] = []
        self.found = Exploration("dpor" if optimal else "dpor:source")

    def search(self) -> Exploration:
        """Explore every execution, within the bounds."""
        return told(self.found, self._search)

    def explore(self) -> Explored:
        """Explore the piece, or as much of it as the bound on executions allows."""
        self.search()
        return Explored(self.found, self._asked, self._places[self._floor :])

    def _search(self) -> str:
        found = self.found
        while True:
            trace = self._execute()
            if found.violations and self._bounds.stop_at_violation:
                return VIOLATED
            self._reverse_races(trace)
            if not self._next():
                return self._exhausted()
            if found.runs >= self._bounds.executions_max:
                return TOO_MANY

    def _exhausted(self) -> str:
        return CUT_SHORT if self.found.cut_short else EXHAUSTED

    # Piece by piece

    def front(self) -> Piece:
        """What is to be explored next."""
        return Piece(self._places)

    def ahead(self) -> Iterator[Piece]:
        """What is to be explored after it, as far as is known."""
        return pending(self._places, 0)

    def behind(self, piece: Piece, explored: Explored) -> Iterator[Piece]:
        """What is to be explored when it is the turn of a piece of which that has come."""
        if explored.places:
            places = [*piece.places, *explored.places]
            yield Piece(places)
            yield from pending(places, len(piece.places))

    def take(self, explored: Explored) -> str | None:
        """What came of the next piece; returns why the search ends, if it does."""
        found = self.found
        found.add(explored.found)
        if explored.found.ended not in (EXHAUSTED, CUT_SHORT, TOO_MANY):
            return explored.found.ended
        steps = [each.tree[0].step for each in self._places]
        for index, sequence, firsts in explored.asked:
            self._try(index, steps, sequence, lambda firsts=firsts: firsts)  # type: ignore[misc]
        if explored.places:
            self._places += explored.places
        elif not self._places or not self._next():
            return self._exhausted()
        return TOO_MANY if found.runs >= self._bounds.executions_max else None

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
                if place_.tree:
                    run.enabled()  # what a bound keeps from happening counts once at each place
            if not place_.tree:
                end = self._extend(run, place_, depth)
                if end is not None:
                    found.note_violations(run, trace, violated)
                    self._places.pop()
                    break
            step = place_.tree[0].step
            trace.add(step, run.take(step))
            depth += 1
        found.made(run, depth)
        if end == _ASLEEP:
            found.redundant += 1
        else:
            found.count(None if end == _TOO_LONG else end)
            if self._seen is not None:
                self._seen(run, trace, end)
        return trace

    def _deeper(self) -> Place:
        """The place behind the last one."""
        if not self._places:
            place_ = Place([])
        else:
            above = self._places[-1]
            branch = above.tree[0]
            place_ = Place([step for step in above.sleep if not dependent(step, branch.step)], branch.children)
        self._places.append(place_)
        return place_

    def _extend(self, run: Run, place_: Place, depth: int) -> str | None:
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
        while len(self._places) > self._floor:
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
        behind = trace.not_after(index)
        independent = [steps[later] for later in behind]
        run = self._run_of([*steps[:index], *independent])
        for other in run.enabled():
            if other != steps[index] and dependent(other, steps[index]):
                self._try(index, steps, [*independent, other], lambda: trace.firsts(behind, other))  # noqa: B023

    def _try(self, index: int, steps: Sequence[Step], sequence: list[Step], firsts: Callable[[], list[Step]]) -> None:
        """Have the sequence tried at that place, unless an execution with it is explored already, or will be. `firsts`
        are those of its steps that are possible there."""
        prefix = steps[:index]

        def still_enabled(path: Sequence[Step], rest: Sequence[Step], step: Step) -> bool:
            run = self._system.start()
            for each in (*prefix, *path, *rest):
                run.take(each)
            return step in run.enabled()

        check = still_enabled if self._system.disabling else None
        place_ = self._places[index]
        if not self._optimal:
            inserted = insert_source(place_.tree, place_.sleep, sequence, firsts)
        elif any(_may_begin(asleep, sequence, check) for asleep in place_.sleep):
            return
        else:
            inserted = insert(place_.tree, sequence, check)
        if inserted and index < self._floor:
            self._asked.append((index, sequence, [] if self._optimal else [place_.tree[-1].step]))

    def _run_of(self, steps: Sequence[Step]) -> Run:
        run = self._system.start()
        for step in steps:
            run.take(step)
        self.found.steps += len(steps)
        return run


_ASLEEP = "asleep"
_TOO_LONG = "too long"


def dpor(
    system: System, bounds: Bounds | None = None, seen: Seen | None = None, *, optimal: bool = True
) -> Exploration:
    """Explore every execution of a system once; with source sets, where it is not to be optimal."""
    return Dpor(system, bounds or Bounds(), seen, optimal=optimal).search()


@dataclass(frozen=True)
class DporMethod:
    """The search as who gives out its pieces has it."""

    optimal: bool = True

    def measured(self, system: System, bounds: Bounds) -> DporMethod:
        """As it is."""
        return self

    def search(self, system: System, bounds: Bounds, seen: Seen | None) -> Exploration:
        """All of it."""
        return dpor(system, bounds, seen, optimal=self.optimal)

    def pieces(self, system: System, bounds: Bounds) -> Dpor:
        """In pieces."""
        return Dpor(system, bounds, optimal=self.optimal)

    def explore(self, system: System, piece: Piece, bounds: Bounds, seen: Seen, most: int) -> Explored:
        """A piece, or the first runs of it."""
        return Dpor(system, replace(bounds, executions_max=most), seen, optimal=self.optimal, piece=piece).explore()


def _may_begin(step: Step, sequence: Sequence[Step], check: StillEnabled | None) -> bool:
    """Whether an execution with the sequence may begin with the step."""
    where = place(step, sequence)
    return where != NOT_INITIAL and (where != FREE or check is None or check((), sequence, step))


def pending(places: Sequence[Place], floor: int) -> Iterator[Piece]:
    """The branches that are to be explored, but for the one that is under way, at places from `floor` on: the next
    first."""
    for depth in range(len(places) - 1, floor - 1, -1):
        last = places[depth]
        for number in range(1, len(last.tree)):
            before = [branch.step for branch in last.tree[:number]]
            yield Piece([*places[:depth], Place([*last.sleep, *before], last.tree[number:])])
