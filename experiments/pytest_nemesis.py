"""Tests whose runs a nemesis strikes: `@simclock_seeds(200, nemesis="swarm", liveness="10s")`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from simclock.actors.run import interposed
from simclock.durations import parse_duration
from simclock.experiments.nemesis import parse_nemesis, struck


@dataclass(frozen=True)
class StruckTest:
    """A test's function, whose runs are struck."""

    function: Callable[..., Any]
    nemesis: str
    liveness: str | None

    @classmethod
    def of(cls, function: Callable[..., Any], nemesis: str, liveness: str | None) -> Self:
        """The function under that nemesis; raises UsageError for one that is none, or a liveness that is no time."""
        parse_nemesis(nemesis)
        if liveness is not None:
            parse_duration(liveness, "liveness")
        return cls(function, nemesis, liveness)

    def __call__(self, **arguments: Any) -> Any:
        with interposed(lambda scenario, go: go(struck(scenario, self.nemesis, liveness=self.liveness))):
            return self.function(**arguments)
