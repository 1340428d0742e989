"""The end of a run in which far too much happens."""

from __future__ import annotations

from simclock import Control, Observation, Observer

OBSERVATIONS_MAX = 20_000
"""Ten times what is usual."""


class Enough(Observer):
    """Ends a run in which far too much happens: some bugs answer messages with more messages."""

    def __init__(self) -> None:
        self._left = OBSERVATIONS_MAX

    def on_observation(self, observation: Observation, control: Control) -> None:
        self._left -= 1
        if self._left == 0:
            control.stop(f"more than {OBSERVATIONS_MAX:,} observations")
