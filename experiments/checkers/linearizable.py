"""Linearizability as an observer: judges at the end of a run what its clients asked and heard.

    Scenario(observers=(partial(Linearizable, register()),), ...)

A client tells `observe("invoke", (process, function, key, value))` when it asks, and then `ok`, `fail` (it did not
happen) or `unknown` (nobody can say) with the same four; the value of an `ok` is what it heard. A process has one
operation at a time; a client that gave up goes on as a process of another number, or tells `unknown` first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from msgspec.structs import astuple

from simclock import Control, Observation, Observer
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.histories import Event, operations_of
from simclock.experiments.checkers.linearizability import Linearizability, Model, Verdict, check_linearizability
from simclock.protocols.key_value.observed import Operation as Told
from simclock.protocols.key_value.observed import read

STEPS_MAX = 20_000_000
"""What the checker may try: a limit in steps is the same on every machine."""


@dataclass(frozen=True)
class Judged:
    """What the checker made of a history."""

    operations: int
    steps: int
    verdict: str
    """"OK", "ILLEGAL" or "UNKNOWN"."""
    explanation: str
    """Lines."""

    found: Linearizability = field(repr=False, compare=False)
    """All of the verdict, from which a contradiction is drawn."""

    @property
    def undecided(self) -> bool:
        """Whether the limit was hit."""
        return self.verdict == Verdict.UNKNOWN.name


class Linearizable(Observer[Judged]):
    """Names `linearizability` violated where no order of the operations explains what was heard."""

    property: ClassVar[str] = "linearizability"

    def __init__(self, model: Model, step_limit: int = STEPS_MAX) -> None:
        self._model, self._step_limit = model, step_limit
        self._events: list[Event] = []
        self._judged: Linearizability | None = None

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = read(observation)
        if isinstance(told, Told):
            kind: Any = History.TYPES[type(told)]
            process, function, key, value = astuple(told)
            self._events.append(
                Event(time=observation.time_ns, type=kind, process=process, function=function, key=key, value=value)
            )

    def on_finish(self, control: Control) -> None:
        self._judged = check_linearizability(
            operations_of(self._events, order_by="time"), self._model, step_limit=self._step_limit
        )
        if self._judged.verdict is Verdict.ILLEGAL:
            stuck = self._judged.explain().splitlines()[-1].strip().removeprefix("and ")
            control.violated(self.property, -1, f"the longest legal order {stuck}")

    def report(self) -> Judged:
        judged = self._judged
        assert judged is not None, "the run has ended"
        return Judged(judged.operations, judged.steps, judged.verdict.name, judged.explain(), judged)
