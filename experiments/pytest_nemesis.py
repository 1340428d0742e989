"""Tests whose runs a nemesis strikes: `@simclock_seeds(200, nemesis="swarm", liveness="10s", rhythm="80ms")`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from simclock.actors.run import interposed
from simclock.experiments.nemesis import struck
from simclock.experiments.nemesis.plan import checked_trouble
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario


@dataclass(frozen=True)
class StruckTest:
    """A test's function, whose runs are struck."""

    function: Callable[..., Any]
    nemesis: str
    liveness: str | None
    rhythm: str | None

    @classmethod
    def of(cls, function: Callable[..., Any], nemesis: str, liveness: str | None, rhythm: str | None) -> Self:
        """The function under that nemesis; raises UsageError for one that is none, or a time that is none."""
        checked_trouble(nemesis, liveness, rhythm)
        return cls(function, nemesis, liveness, rhythm)

    def __call__(self, **arguments: Any) -> Any:
        def go_struck(scenario: Scenario, go: Callable[[Scenario], RunResult]) -> RunResult:
            return go(struck(scenario, self.nemesis, liveness=self.liveness, rhythm=self.rhythm))

        with interposed(go_struck):
            return self.function(**arguments)
