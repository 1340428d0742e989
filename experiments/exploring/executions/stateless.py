"""The strategies that explore executions and keep no states: `dpor`, `delay:K`, `pct:D`, `random`, and an estimate.

Each is the search over a system (`dpor.py`, `delays.py`, ...), asked and answered as every strategy is. `dpor` explores
an execution once, whatever the order of steps that do not mind each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from simclock.actors.placements.shipping import loads
from simclock.errors import SimclockError, UsageError
from simclock.experiments.exploring.executions.delays import DelayMethod
from simclock.experiments.exploring.executions.dpor import DporMethod
from simclock.experiments.exploring.executions.estimate import Estimate, estimate
from simclock.experiments.exploring.executions.pct import PctMethod
from simclock.experiments.exploring.executions.pieces import RUNS, Given, Method
from simclock.experiments.exploring.executions.random_walks import RandomMethod
from simclock.experiments.exploring.executions.steered import Steered, SteeredRun
from simclock.experiments.exploring.executions.systems import Run, Step, Trace
from simclock.experiments.exploring.executions.tally import CUT_SHORT, EXHAUSTED, Bounds, Exploration, told
from simclock.experiments.exploring.parallel.executions import by_workers, in_order
from simclock.experiments.exploring.search import Asked, Enough, Findings, Found, Ticked
from simclock.experiments.exploring.watching import NO_ERROR
from simclock.guarding.guard import Guarding, guarding

LOOKS = 32
"""Runs, replays included, between two looks at the limits."""
STEPS_MAX = 1_000
NUMBER_MAX = 1_000_000
"""Of one execution, where no bound is given."""
SOURCE = "source"
WORKERS = 4
"""Of a Ray, to begin with, where nobody says how many."""
EXECUTIONS_MAX = 10_000_000
"""Of a search that does not draw."""


class Answer(NamedTuple):
    """What came of a piece that another process has explored."""

    explored: Any
    reached: dict[str, tuple[Step, ...]]
    """What is to be reached sometimes -> the first execution of the piece in which it was."""
    noticed: tuple[frozenset[int], frozenset[int]]
    ignored: int
    """Faults that observers would have injected."""


class _Reached:
    """What is to be reached sometimes, and in which execution it first was."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[Step, ...]] = {}

    def see(self, run: Run, trace: Trace, end: str) -> None:
        """An execution. Raises Enough where a node's code has failed."""
        assert isinstance(run, SteeredRun)
        for name in sorted(run.reached - self.steps.keys()):
            self.steps[name] = tuple(trace.steps)
        if NO_ERROR in run.violations():
            raise Enough("a node's code failed")


class Explorer:
    """What explores pieces of a search wherever it is; the nodes are made there, once."""

    def __init__(self, asked: Asked, method: Method, bounds: Bounds) -> None:
        self._asked = asked
        self._method = method
        self._bounds = bounds
        self._system: Steered | None = None
        self._guards: Guarding | None = None

    def __call__(self, given: Given) -> Answer | SimclockError:
        """A piece; an error is raised when it is its turn."""
        try:
            return self._explored(given)
        except SimclockError as error:
            return error

    def _explored(self, given: Given) -> Answer:
        if self._system is None:
            self._guards = guarding(self._asked.scenario.build, self._asked.guard)
            self._guards.run.__enter__()  # until the process ends
            self._system = Steered(self._asked, self._guards)
        system, reached = self._system, _Reached()
        explored = self._method.explore(system, loads(given.shipped), self._bounds, reached.see, RUNS)
        return Answer(explored, reached.steps, system.locals.noticed(), system.watching.ignored())


class _Search:
    """One search of a scenario."""

    def __init__(self, asked: Asked, system: Steered, ticked: Ticked) -> None:
        self._asked = asked
        self._system = system
        self._ticked = ticked
        self._counted = Exploration("")
        self._looks = 0
        self._reached = _Reached()
        self._ignored = 0

    def run(self, method: Method) -> Findings:
        """Search to the end."""
        asked, system = self._asked, self._system
        bounds = _bounds(asked, stop_at_violation=not asked.all_violations)
        method = method.measured(system, bounds)
        if asked.workers == 1 and asked.address is None:
            system.looked = self._look
            found = method.search(system, bounds, self._seen)
            system.looked = lambda: None
        else:
            found = self._by_workers(method, bounds)
        return self._findings(found)

    def _by_workers(self, method: Method, bounds: Bounds) -> Exploration:
        asked, pieces = self._asked, method.pieces(self._system, bounds)

        def taken(answer: Answer | SimclockError) -> Any:
            if isinstance(answer, SimclockError):
                raise answer
            for name, steps in answer.reached.items():
                self._reached.steps.setdefault(name, steps)
            self._system.locals.notice(answer.noticed)
            self._ignored = max(self._ignored, answer.ignored)
            return answer.explored

        def ticking(items: Iterable[Given]) -> Iterator[tuple[Given, Any]]:
            for each in by_workers(Explorer(asked, method, bounds), asked)(items):
                yield each
                self._ticked(Findings(executions=pieces.found.runs, depth=pieces.found.depth))

        def search() -> str:
            in_order(pieces, asked.workers or WORKERS, ticking, taken)
            return pieces.found.ended

        return told(pieces.found, search)

    def _look(self) -> None:
        """Now and then, see whether that is enough."""
        self._looks += 1
        if not self._looks % LOOKS:
            self._ticked(Findings(executions=self._counted.executions, depth=self._counted.depth))

    def _seen(self, run: Run, trace: Trace, end: str) -> None:
        counted = self._counted
        counted.executions += 1
        counted.depth = max(counted.depth, len(trace.steps))
        self._reached.see(run, trace, end)

    def _findings(self, found: Exploration) -> Findings:
        system, asked = self._system, self._asked
        pruned = dict(sorted(found.kept.items()))
        if found.cut_short:
            pruned["steps"] = found.cut_short
        heed = system.locals.heed()
        if self._ignored or system.watching.ignored():
            heed = (*heed, "observers would inject faults, which do not happen here: bounds say what may go wrong")
        if asked.symmetric:
            heed = (*heed, f"{found.strategy} does not merge symmetric nodes: all their executions count")
        if found.cut_short and asked.bounds.steps is None:
            heed = (*heed, f"{found.cut_short:,} executions were cut short at {STEPS_MAX:,} steps: give bounds")
        is_dpor = found.strategy.startswith("dpor")
        more = [("redundant", f"{found.redundant:,} runs")] if found.redundant or is_dpor else []
        more += [("bound" if "probability" in note else "together", note) for note in found.notes]
        return Findings(
            transitions=found.steps,
            depth=found.depth,
            executions=found.executions + found.blocked + found.cut_short,
            ends=found.executions,
            pruned=pruned,
            ended=found.ended,
            complete=found.ended in (EXHAUSTED, CUT_SHORT),
            bounded=bool(pruned),
            found=[
                Found(violation=system.violation(name, violated.steps), steps=system.world_steps(violated.steps))
                for name, violated in found.violations.items()
            ],
            reached={name: system.world_steps(steps) for name, steps in self._reached.steps.items()},
            heed=heed,
            more=tuple(more),
        )


def _bounds(asked: Asked, *, stop_at_violation: bool = False) -> Bounds:
    steps = asked.bounds.steps
    return Bounds(
        executions_max=EXECUTIONS_MAX,
        steps_max=STEPS_MAX if steps is None else max(1, steps),
        stop_at_violation=stop_at_violation,
    )


def _searched(asked: Asked, ticked: Ticked, method: Method) -> Findings:
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return _Search(asked, Steered(asked, guards), ticked).run(method)


def dpor_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Every execution once; with source sets, some in vain."""
    if asked.argument not in ("", SOURCE):
        raise UsageError(f"--strategy dpor:{asked.argument}: after the colon stands {SOURCE}, or there is none")
    return _searched(asked, ticked, DporMethod(optimal=not asked.argument))


def delay_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Every execution with at most so many delays."""
    return _searched(asked, ticked, DelayMethod(_whole("delay", asked, 0, NUMBER_MAX)))


def pct_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Random priorities, for bugs of that depth."""
    return _searched(asked, ticked, PctMethod(_whole("pct", asked, 1, STEPS_MAX), asked.executions, asked.seed))


def random_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Random executions."""
    return _searched(asked, ticked, RandomMethod(asked.executions, asked.seed))


def estimated(asked: Asked, probes: int = 200) -> Estimate:
    """How many executions `dpor` would explore, from that many random ones."""
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return estimate(Steered(asked, guards), probes, asked.seed, _bounds(asked))


def _whole(name: str, asked: Asked, least: int, most: int) -> int:
    text = asked.argument
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
        place = f"--strategy {name}:{text[:20]}".rstrip(":")
        raise UsageError(f"{place}: after the colon stands a whole number from {least} on, {most} at most")
    return int(text)
