"""What clients asked and heard, kept while a scenario runs, as operations for a checker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from simclock import Control, Observation, Observer, RunResult
from simclock.experiments.checkers.histories import Event, Operation, operations_of
from simclock.protocols.key_value.observed import Failed, Invoked, Succeeded, Unknown, read
from simclock.protocols.key_value.observed import Operation as Told


class History(Observer):
    """Keeps what clients asked and heard, as events in canonical order."""

    reacts = judges = False
    TYPES: ClassVar = {Invoked: "invoke", Succeeded: "ok", Failed: "fail", Unknown: "info"}

    def __init__(self, clients: range) -> None:
        self._clients = clients
        self._events: list[tuple[Any, ...]] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.node in self._clients:
            told = read(observation)
            if isinstance(told, Told):
                kind = self.TYPES[type(told)]
                self._events.append((observation.time_ns, kind, told.process, told.function, told.key, told.value))

    def report(self) -> Sequence[tuple[Any, ...]]:
        return tuple(self._events)


def history_of(result: RunResult) -> tuple[Operation, ...]:
    """The operations of a run; what had no answer when it ended is of unknown outcome."""
    events = (
        Event(time=time_ns, type=kind, process=process, function=function, key=key, value=value)
        for time_ns, kind, process, function, key, value in result.reports["History"]
    )
    return operations_of(events, order_by="time")
