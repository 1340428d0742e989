"""The observers of a steered world: told at each step, copied with the world, and written down with it.

An observer may find violations and ask for a stop, which who steers may heed (`stopped`). Faults that it would inject
do not happen, as with `adaptive` off: steps are all there is; `ignored` counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simclock.actors.steering.freezing import Unfreezable, Writer, copied, digest_of, fields_of, refusal
from simclock.errors import OBSERVER, HandlerError, UsageError
from simclock.faults import Fault
from simclock.kernel.failures import describe_error, is_interrupt
from simclock.kernel.mail import Observation
from simclock.kernel.scheduler import made_observers
from simclock.observers import Control, Environment, Happened, Observer, Violation
from simclock.scenario import Scenario

REPLAY = "the same steps again"


class Watch:
    """The observers and what they have found."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.observers: list[Observer[Any]] = made_observers(scenario, REPLAY)
        self.control = Control(1, scenario.nodes)
        self.ignored = 0
        """Faults that observers would have injected."""

    def copy(self) -> Watch:
        """The observers as they are now, in objects of their own. Raises UsageError where one cannot be copied."""
        twin = object.__new__(Watch)
        twin.scenario, twin.ignored = self.scenario, self.ignored
        made: dict[int, Any] = {}
        twin.observers = []
        for observer in self.observers:
            try:
                twin.observers.append(copied(observer, made))
            except Unfreezable as unfreezable:
                raise self._refusal(observer, unfreezable) from None
        twin.control = self.copied_control()
        return twin

    def copied_control(self) -> Control:
        """What they have found, in an object of its own."""
        control = self.control
        twin = Control(control.lookahead_ns, control.nodes)
        twin.now_ns, twin.stop_ns, twin.stop_reason = control.now_ns, control.stop_ns, control.stop_reason
        twin.violations, twin.unjudged = list(control.violations), list(control.unjudged)
        return twin

    @property
    def stopped(self) -> str:
        """Why an observer asked for the end; empty if none did."""
        return self.control.stop_reason

    def observer(self, kind: type[Observer[Any]]) -> Any:
        """The observer of that class. Raises UsageError where there is none."""
        for each in self.observers:
            if type(each) is kind:
                return each
        had = ", ".join(type(each).__name__ for each in self.observers) or "none"
        raise UsageError(f"observer: the scenario has no {kind.__name__}: it has {had}")

    def text(self) -> Any:
        """What the observers hold, written down, and how often each property was violated."""
        writer = Writer({})
        parts = []
        for observer in self.observers:
            try:
                parts.append(writer.write(observer))
            except Unfreezable as unfreezable:
                raise self._refusal(observer, unfreezable) from None
        return tuple(parts), tuple((each.property, each.node, each.detail) for each in self.control.violations)

    def fingerprint_with(self, world: Any) -> bytes:
        """Of the observers, together with the rest of the world."""
        return digest_of((world, self.text()))

    def tell(self, observations: Sequence[Observation]) -> tuple[Violation, ...]:
        """They read what nodes told; gives the violations found by it."""
        control = self.control
        known = len(control.violations)
        for observation in observations:
            control.now_ns = observation.time_ns
            for observer in self.observers:
                self._call(observer, f"reading {observation}", lambda o: o.on_observation(observation, control))  # noqa: B023
        self.ignored += len(control.faults)
        control.faults.clear()
        return tuple(control.violations[known:])

    def finish(
        self,
        now_ns: int,
        halts: tuple[tuple[int, int], ...] = (),
        *,
        exhausted: bool = False,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        """The run has ended: what is judged at the end is judged. `exhausted`: nothing more could happen."""
        scenario, control = self.scenario, self.control
        control.now_ns = now_ns
        control.exhausted = exhausted
        environment = Environment(scenario.nodes, scenario.network, scenario.disk)
        control.happened = Happened(environment, faults, halts)
        for observer in self.observers:
            self._call(observer, "at the end", lambda o: o.on_finish(control))

    def reports(self) -> dict[str, Any]:
        """Observer class name -> what it kept."""
        return {type(each).__name__: self._call(each, "reporting", lambda o: o.report()) for each in self.observers}

    def _call(self, observer: Observer[Any], doing: str, call: Callable[[Observer[Any]], Any]) -> Any:
        try:
            return call(observer)
        except BaseException as error:
            if is_interrupt(error):
                raise
            name = type(observer).__name__
            failure = describe_error(self.control.now_ns, OBSERVER, f"{name} {doing}", error)
            raise HandlerError(failure, self.scenario.seed, REPLAY, tuple(self.control.violations)) from error

    def _refusal(self, observer: Observer[Any], unfreezable: Unfreezable) -> UsageError:
        return refusal(f"observer {type(observer).__name__}", fields_of(observer), unfreezable)
