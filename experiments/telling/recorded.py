"""What nodes told during a run, kept for its story, its judge and its picture."""

from __future__ import annotations

from collections.abc import Iterable

from simclock import Control, Observation, Observer, RunResult, Told


class Recorded(Observer[tuple[Observation, ...]]):
    """Keeps the observations with these names, or of these types, in canonical order; `recorded` gives them back.

    A scenario has one, as `observers=(partial(Recorded, (Granted, "skew")), ...)`. Words are made of them afterwards,
    so that a sweep does not pay for what nobody reads.
    """

    reacts = judges = False

    def __init__(self, kinds: Iterable[str | type[Told]]) -> None:
        self._names = frozenset(kind if isinstance(kind, str) else kind.observed_as for kind in kinds)
        self._kept: list[Observation] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name in self._names:
            self._kept.append(observation)

    def report(self) -> tuple[Observation, ...]:
        return tuple(self._kept)


def recorded(result: RunResult) -> tuple[Observation, ...]:
    """What the run's Recorded kept."""
    return result.report(Recorded)
