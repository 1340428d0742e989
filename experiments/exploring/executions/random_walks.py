"""Random executions: each step is drawn from what may happen, all alike. A run is determined by (seed, its number)."""

from __future__ import annotations

from simclock.experiments.exploring.executions.systems import System
from simclock.experiments.exploring.executions.tally import VIOLATED, Bounds, Exploration, Seen, told
from simclock.experiments.exploring.executions.walks import Distinct, over, walk
from simclock.streams import stream


def random_walks(
    system: System, runs: int, *, seed: int = 0, bounds: Bounds | None = None, seen: Seen | None = None
) -> Exploration:
    """Make that many random executions."""
    found = Exploration("random")
    distinct = Distinct(found, seen)
    return told(found, lambda: _search(system, runs, seed, bounds or Bounds(), distinct))


def _search(system: System, runs: int, seed: int, bounds: Bounds, distinct: Distinct) -> str:
    found = distinct.found
    for number in range(runs):
        luck = stream(seed, "random walk", number)
        distinct.add(*walk(system, lambda _, options: luck.choice(options), bounds.steps_max, found))  # noqa: B023
        if over(found, bounds):
            return VIOLATED
    return f"{runs} runs were made"
