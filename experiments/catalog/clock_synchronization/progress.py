"""Progress of a synchronization: once everything has healed, every clock is measured again within some intervals.

That it is then within its bound is judged with the clocks as they really were (`properties.py`).
"""

from __future__ import annotations

from simclock import Control, Observation
from simclock.experiments.checkers.progress import Progress
from simclock.protocols.clock_synchronization.observed import Averaged, Sampled, read

MEASURED = "Every Clock Is Measured"
INTERVALS = 3
"""Within so many, where no message is lost."""
INTERVALS_LOSSY = 8
"""Where one in twenty is, a round that hears everybody is missed so often once in many millions of runs."""


class ClockProgress(Progress):
    """Demands that a reading of every node's clock, or of another by it, is used."""

    property = MEASURED
    reported = "measured_after_ns"

    def __init__(self, nodes: int, within_ns: int, healed_ns: int) -> None:
        super().__init__(within_ns, healed_ns)
        self._missing = set(range(nodes))

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.time_ns >= self._healed_ns:
            self._missing -= _measured(observation)
        super().on_observation(observation, control)

    def is_progress(self, observation: Observation) -> bool:
        return not self._missing

    def missing(self, within: str) -> str:
        return f"{', '.join(f'node {node}' for node in sorted(self._missing))} not measured {within}"


def _measured(observation: Observation) -> set[int]:
    match read(observation):
        case Sampled(refused=""):
            return {observation.node}
        case Averaged(adjustments=adjustments):
            return {node for node, _ in adjustments}
    return set()
