"""Random executions: each step is drawn from what may happen, all alike. A run is determined by (seed, its number)."""

from __future__ import annotations

from dataclasses import dataclass

from simclock.experiments.exploring.executions.systems import Run, System, Trace
from simclock.experiments.exploring.executions.tally import Bounds, Exploration, Seen
from simclock.experiments.exploring.executions.walks import DrawMethod, Draws, walk
from simclock.streams import stream


@dataclass(frozen=True)
class RandomMethod(DrawMethod):
    """That many random executions."""

    runs: int
    seed: int = 0

    def pieces(self, system: System, bounds: Bounds) -> Draws:
        """Runs by number."""
        return Draws("random", self.runs)

    def draw(self, system: System, number: int, bounds: Bounds, found: Exploration) -> tuple[Run, Trace, str, int]:
        """One of them."""
        luck = stream(self.seed, "random walk", number)
        return (*walk(system, lambda _, options: luck.choice(options), bounds.steps_max, found), 0)


def random_walks(
    system: System, runs: int, *, seed: int = 0, bounds: Bounds | None = None, seen: Seen | None = None
) -> Exploration:
    """Make that many random executions."""
    return RandomMethod(runs, seed).search(system, bounds or Bounds(), seen)
