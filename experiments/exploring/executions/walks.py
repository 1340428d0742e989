"""One execution at a time, each step chosen by a function: for strategies that draw, or count delays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from simclock.experiments.exploring.executions.pieces import RUNS, Method
from simclock.experiments.exploring.executions.systems import Run, Step, System, Trace
from simclock.experiments.exploring.executions.tally import VIOLATED, Bounds, Exploration, Seen, told

Chooser = Callable[[int, Sequence[Step]], Step]
"""(number of the step, from 0; what may happen): what happens."""
CUT_OFF = "cut short"


def walk(system: System, choose: Chooser, steps_max: int, found: Exploration) -> tuple[Run, Trace, str]:
    """Make one execution; returns it with how it ended. Violations are kept, and steps counted."""
    run, trace = system.start(), Trace()
    violated = found.note_violations(run, trace, 0)
    while True:
        options = run.enabled()
        if not options:
            end = run.end()
            break
        if len(trace.steps) >= steps_max:
            end = CUT_OFF
            break
        step = choose(len(trace.steps), options)
        trace.add(step, run.take(step))
        violated = found.note_violations(run, trace, violated)
    found.note_violations(run, trace, violated)
    found.made(run, len(trace.steps))
    return run, trace, end


class Walked(NamedTuple):
    """A run that was made."""

    digest: bytes
    """What tells its execution from others."""
    end: str
    steps: int
    tasks: int = 0
    """That the scheduler saw, where it counts them."""


def walked(trace: Trace, end: str, tasks: int = 0) -> Walked:
    """A run by what tells its execution: `Trace.canonical`."""
    digest = blake2b(repr(trace.canonical()).encode(), digest_size=16).digest()
    return Walked(digest, end, len(trace.steps), tasks)


class Distinct:
    """Counts executions once."""

    def __init__(self, found: Exploration) -> None:
        self.found = found
        self._known: set[bytes] = set()

    def add(self, walk: Walked) -> None:
        """One more."""
        if walk.digest in self._known:
            self.found.redundant += 1
            return
        self._known.add(walk.digest)
        self.found.count(None if walk.end == CUT_OFF else walk.end)


def over(found: Exploration, bounds: Bounds) -> bool:
    """Whether a search ends now, for a violation."""
    return bool(found.violations) and bounds.stop_at_violation


def in_turn(method: Method, system: System, bounds: Bounds, seen: Seen | None) -> Exploration:
    """The pieces of a search, one after the other."""
    pieces = method.pieces(system, bounds)
    found, ended = pieces.found, None
    while ended is None:
        left = max(1, min(RUNS, bounds.executions_max - found.runs))
        ended = pieces.take(method.explore(system, pieces.front(), bounds, seen or _unseen, left))
    found.ended = ended
    return found


def _unseen(run: Run, trace: Trace, end: str) -> None:
    pass


# Runs that are drawn.


class Numbers(NamedTuple):
    """Runs from the first number to before the last."""

    key: tuple[int, int]


class Drawn(NamedTuple):
    """Runs that were made."""

    found: Exploration
    runs: list[Walked]


class Draws:
    """A number of runs that are drawn, each by its number."""

    def __init__(self, name: str, runs: int) -> None:
        self.found = Exploration(name)
        self.made = 0
        self.longest: list[int] = []
        """Steps of each run."""
        self.tasks = 0
        """The most that a run had."""
        self._distinct = Distinct(self.found)
        self._runs = runs

    def front(self) -> Numbers:
        """The next runs."""
        return Numbers((self.made, min(self.made + RUNS, self._runs)))

    def ahead(self) -> Iterator[Numbers]:
        """Those behind them."""
        for first in range(self.made + RUNS, self._runs, RUNS):
            yield Numbers((first, min(first + RUNS, self._runs)))

    def behind(self, piece: Numbers, explored: Drawn) -> Iterator[Numbers]:
        """Nothing: runs depend on none before."""
        return iter(())

    def take(self, explored: Drawn) -> str | None:
        """Runs that were made."""
        self.found.add(explored.found)
        for each in explored.runs:
            self.made += 1
            self.longest.append(each.steps)
            self.tasks = max(self.tasks, each.tasks)
            self._distinct.add(each)
        ended = explored.found.ended or (f"{self.made} runs were made" if self.made >= self._runs else None)
        if ended is not None:
            self.close()
        return ended

    def close(self) -> None:
        """The search ends."""


class DrawMethod(ABC):
    """A strategy that draws."""

    runs: int

    def measured(self, system: System, bounds: Bounds) -> DrawMethod:
        """As it is."""
        return self

    def search(self, system: System, bounds: Bounds, seen: Seen | None) -> Exploration:
        """All of them, here."""
        return in_turn(self.measured(system, bounds), system, bounds, seen)

    @abstractmethod
    def pieces(self, system: System, bounds: Bounds) -> Draws:
        """Runs by number."""

    @abstractmethod
    def draw(self, system: System, number: int, bounds: Bounds, found: Exploration) -> tuple[Run, Trace, str, int]:
        """Make the run of that number; the last is how many tasks it had."""

    def explore(self, system: System, piece: Numbers, bounds: Bounds, seen: Seen, most: int) -> Drawn:
        """Make the runs of a piece; not so many where a violation ends them."""
        drawn = Drawn(Exploration(""), [])

        def search() -> str:
            first, last = piece.key
            for number in range(first, min(last, first + most)):
                run, trace, end, tasks = self.draw(system, number, bounds, drawn.found)
                drawn.runs.append(walked(trace, end, tasks))
                seen(run, trace, end)
                if over(drawn.found, bounds):
                    return VIOLATED
            return ""

        told(drawn.found, search)
        return drawn
