"""Observers read what nodes tell, in the canonical order, and may react.

Laws: observations come ordered by (time, node, the node's own number), never in the order in which work happened to
finish. (Where messages may take no time an instant holds causes and their effects: there they come in the order in
which the one host made them.) A reaction to an observation at time t takes effect at t + lookahead on every placement:
a stop ends the run before that instant, a fault happens at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple

import msgspec

from simclock.durations import format_duration
from simclock.environment.disk import DiskModel
from simclock.environment.network import Network
from simclock.errors import UsageError
from simclock.faults import Fault
from simclock.faults.fault import duration_problem
from simclock.faults.plan import type_problem
from simclock.kernel.mail import Observation
from simclock.kernel.strikes import nobody_carries_out

if TYPE_CHECKING:  # a type variable with a default, as Python has from 3.13 on: who writes no report needs no brackets
    from typing_extensions import TypeVar

    R = TypeVar("R", default=Any)
else:
    from typing import TypeVar

    R = TypeVar("R")


class Violation(NamedTuple):
    """A property that does not hold."""

    property: str
    """Its name, as in the paper."""
    time_ns: int
    node: int
    detail: str
    """One line: what was seen."""

    def __str__(self) -> str:
        return f"{self.property} violated at {format_duration(self.time_ns)}, node {self.node}: {self.detail}"


class Unjudged(NamedTuple):
    """A property of which the run says neither that it holds nor that it does not."""

    property: str
    why: str
    """One line."""

    def __str__(self) -> str:
        return f"{self.property} was not judged: {self.why}"


class Environment(NamedTuple):
    """What faults find, and what they return to when they end."""

    nodes: int
    network: Network
    disk: DiskModel


class Happened(NamedTuple):
    """What the environment did in a run."""

    environment: Environment
    """As the scenario has it, before any fault."""
    faults: tuple[Fault, ...]
    """In order, with node ids in place of names."""
    halts: tuple[tuple[int, int], ...]
    """(time, node) of every node that ended itself, in order."""


class Control:
    """What an observer may do about an observation."""

    def __init__(self, lookahead_ns: int, nodes: int = 0) -> None:
        self.lookahead_ns = lookahead_ns
        self.nodes = nodes
        """How many nodes the run has."""
        self.now_ns = 0
        self.stop_ns: int | None = None
        self.stop_reason = ""
        self.faults: list[Fault] = []
        self.violations: list[Violation] = []
        self.happened: Happened | None = None
        """All that the environment did; None until the run has ended."""
        self.exhausted = False
        """At the end: whether the run ended because nothing was left to happen, however much longer it had lasted."""
        self.unjudged: list[Unjudged] = []

    def stop(self, reason: str) -> None:
        """End the run one lookahead after the observation."""
        at_ns = self.now_ns + self.lookahead_ns
        if self.stop_ns is None or at_ns < self.stop_ns:
            self.stop_ns, self.stop_reason = at_ns, reason

    def inject(self, fault: Fault, after_ns: int = 0) -> None:
        """Have a fault happen `after_ns` after the earliest instant possible, one lookahead from the observation."""
        problem = (
            nobody_carries_out(fault) or type_problem(fault) or fault.problem() or duration_problem("after", after_ns)
        )
        if problem:
            raise UsageError(f"{fault.kind}: {problem}")
        self.faults.append(msgspec.structs.replace(fault, at_ns=self.now_ns + self.lookahead_ns + after_ns))

    def violated(self, property: str, node: int, detail: str, *, stop: bool = True) -> None:
        """A property does not hold; the run stops, unless told otherwise."""
        self.violations.append(Violation(property, self.now_ns, node, detail))
        if stop:
            self.stop(f"violated: {property}")

    def not_judged(self, property: str, why: str) -> None:
        """At the end: the run has not put the property to the test, so that it is unknown and never valid."""
        self.unjudged.append(Unjudged(property, why))


class Observer(Generic[R]):
    """Reads the canonical stream. One instance serves one run, which has one of each name.

    `class Count(Observer[int])` says what its `report` is, so that `result.report(Count)` is an int to a type checker.

    `reacts` says whether it may call `control.stop`, `inject` or `violated`; one that only collects sets it to False,
    and the in-process placement then need not pause for it.
    """

    reacts: ClassVar[bool] = True
    judges: ClassVar[bool] = True
    """Whether it looks for violations; where no observer of a run does, the report says that nothing was judged."""
    sim_served: bool = False
    """The kernel's: whether it has been given to a run."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        """A node told something."""

    def on_finish(self, control: Control) -> None:
        """The run has ended; `control.now_ns` is its last instant. A property of the whole run is judged here."""

    def report(self) -> R:
        """What the run's result should keep of it: plain data, or None."""
        return None  # type: ignore[return-value] # one that keeps something overrides this
