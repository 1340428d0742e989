"""Random executions: each step is drawn from what may happen, all alike. A run is determined by (seed, its number)."""

from __future__ import annotations

from simclock.experiments.exploring.systems import System
from simclock.experiments.exploring.tally import VIOLATED, Bounds, Exploration, Seen
from simclock.experiments.exploring.walks import Distinct, over, walk
from simclock.streams import stream


def random_walks(
    system: System, runs: int, seed: int = 0, bounds: Bounds | None = None, seen: Seen | None = None
) -> Exploration:
    """Make that many random executions."""
    bounds = bounds or Bounds()
    found = Exploration("random")
    distinct = Distinct(found, seen)
    for number in range(runs):
        luck = stream(seed, "random walk", number)
        distinct.add(*walk(system, lambda _, options: luck.choice(options), bounds.steps_max, found))  # noqa: B023
        if over(found, bounds):
            found.ended = VIOLATED
            return found
    found.ended = f"{runs} runs were made"
    return found
