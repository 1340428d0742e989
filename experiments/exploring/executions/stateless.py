"""The strategies that explore executions and keep no states: `dpor`, `delay:K`, `pct:D`, `random`, and an estimate.

Each is the search over a system (`dpor.py`, `delays.py`, ...), asked and answered as every strategy is. `dpor` explores
an execution once, whatever the order of steps that do not mind each other.
"""

from __future__ import annotations

from collections.abc import Callable

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.delays import delays
from simclock.experiments.exploring.executions.dpor import dpor
from simclock.experiments.exploring.executions.estimate import Estimate, estimate
from simclock.experiments.exploring.executions.pct import pct
from simclock.experiments.exploring.executions.random_walks import random_walks
from simclock.experiments.exploring.executions.steered import Steered, SteeredRun
from simclock.experiments.exploring.executions.systems import Run, Step, Trace
from simclock.experiments.exploring.executions.tally import CUT_SHORT, EXHAUSTED, Bounds, Exploration, Seen
from simclock.experiments.exploring.search import Asked, Enough, Findings, Found, Ticked
from simclock.experiments.exploring.watching import NO_ERROR
from simclock.guarding.guard import guarding

LOOKS = 32
"""Runs, replays included, between two looks at the limits."""
STEPS_MAX = 1_000
"""Of one execution, where no bound is given."""
EXECUTIONS_MAX = 10_000_000
"""Of a search that does not draw."""

Search = Callable[[Steered, Bounds, Seen], Exploration]


class _Search:
    """One search of a scenario."""

    def __init__(self, asked: Asked, system: Steered, ticked: Ticked) -> None:
        self._asked = asked
        self._system = system
        self._ticked = ticked
        self._counted = Exploration("")
        self._looks = 0
        self._reached: dict[str, tuple[Step, ...]] = {}

    def run(self, search: Search) -> Findings:
        """Search to the end."""
        steps = self._asked.bounds.steps
        bounds = Bounds(
            executions_max=EXECUTIONS_MAX,
            steps_max=STEPS_MAX if steps is None else max(1, steps),
            stop_at_violation=not self._asked.all_violations,
        )
        self._system.looked = self._look
        found = search(self._system, bounds, self._seen)
        self._system.looked = lambda: None
        return self._findings(found)

    def _look(self) -> None:
        """Now and then, see whether that is enough."""
        self._looks += 1
        if not self._looks % LOOKS:
            self._ticked(Findings(executions=self._counted.executions, depth=self._counted.depth))

    def _seen(self, run: Run, trace: Trace, end: str) -> None:
        assert isinstance(run, SteeredRun)
        for name in run.reached - self._reached.keys():
            self._reached[name] = tuple(trace.steps)
        counted = self._counted
        counted.executions += 1
        counted.depth = max(counted.depth, len(trace.steps))
        if NO_ERROR in self._system.violations:
            raise Enough("a node's code failed")

    def _findings(self, found: Exploration) -> Findings:
        system, asked = self._system, self._asked
        pruned = dict(sorted(system.pruned.items()))
        if found.cut_short:
            pruned["steps"] = found.cut_short
        heed = system.locals.heed()
        if system.watching.ignored():
            heed = (*heed, "observers would inject faults, which do not happen here: bounds say what may go wrong")
        if asked.workers > 1:
            heed = (*heed, f"{found.strategy} searches with one process")
        if asked.symmetric:
            heed = (*heed, f"{found.strategy} does not merge symmetric nodes: all their executions count")
        if found.cut_short and asked.bounds.steps is None:
            heed = (*heed, f"{found.cut_short:,} executions were cut short at {STEPS_MAX:,} steps: give bounds")
        more = [("redundant", f"{found.redundant:,} runs")] if found.redundant or found.strategy == "dpor" else []
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
                Found(violation=system.violations[text], steps=system.world_steps(violated.steps))
                for text, violated in found.violations.items()
            ],
            reached={name: system.world_steps(steps) for name, steps in self._reached.items()},
            heed=heed,
            more=tuple(more),
        )


def _searched(asked: Asked, ticked: Ticked, search: Search) -> Findings:
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return _Search(asked, Steered(asked, guards), ticked).run(search)


def dpor_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Every execution once."""
    _no_argument("dpor", asked)
    return _searched(asked, ticked, dpor)


def delay_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Every execution with at most so many delays."""
    most = _whole("delay", asked, 0)
    return _searched(asked, ticked, lambda system, bounds, seen: delays(system, most, bounds, seen))


def pct_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Random priorities, for bugs of that depth."""
    depth = _whole("pct", asked, 1)
    runs, seed = asked.executions, asked.seed
    return _searched(
        asked, ticked, lambda system, bounds, seen: pct(system, depth, runs, seed=seed, bounds=bounds, seen=seen)
    )


def random_strategy(asked: Asked, ticked: Ticked) -> Findings:
    """Random executions."""
    _no_argument("random", asked)
    runs, seed = asked.executions, asked.seed
    return _searched(
        asked, ticked, lambda system, bounds, seen: random_walks(system, runs, seed=seed, bounds=bounds, seen=seen)
    )


def estimated(asked: Asked, probes: int = 200) -> Estimate:
    """How many executions `dpor` would explore, from that many random ones."""
    steps = asked.bounds.steps
    bounds = Bounds(steps_max=STEPS_MAX if steps is None else max(1, steps))
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return estimate(Steered(asked, guards), probes, asked.seed, bounds)


def _no_argument(name: str, asked: Asked) -> None:
    if asked.argument:
        raise UsageError(f"--strategy {name}:{asked.argument}: {name} takes nothing after a colon")


def _whole(name: str, asked: Asked, least: int) -> int:
    text = asked.argument
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise UsageError(f"--strategy {name}:{text}: after the colon stands a whole number from {least} on")
    return int(text)
