"""What nodes told during a run, kept for its story, its judge and its picture."""

from __future__ import annotations

from collections.abc import Iterable

from simclock import Control, Observation, Observer, RunResult


class Recorded(Observer[tuple[Observation, ...]]):
    """Keeps the observations with these names, in canonical order; `recorded(result)` gives them back.

    A scenario has one, as `observers=(partial(Recorded, ("skew", "sync")), ...)`. Words are made of them afterwards, so
    that a sweep does not pay for what nobody reads.
    """

    reacts = judges = False

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._kept: list[Observation] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name in self._names:
            self._kept.append(observation)

    def report(self) -> tuple[Observation, ...]:
        return tuple(self._kept)


def recorded(result: RunResult) -> tuple[Observation, ...]:
    """What the run's Recorded kept."""
    return result.report(Recorded)
