"""Properties over the canonical stream of observations: always, sometimes, eventually within.

    Scenario(
        observers=(
            always("one leader per term", at_most_one_leader),
            sometimes("a leader is elected", lambda seen: seen.name == "leader"),
            eventually_within("a crash is repaired", is_crash, is_leader, within_ns=seconds(5)),
        ),
        ...
    )

Each is what `Scenario.observers` wants, a maker of a fresh Observer. What it found stands in `result.reports` under the
property's name as a `PropertyReport`, and what it saw broken in `result.violations` with property, node and time.

Law: a predicate reads what is observed and nothing else, so a verdict is the same on every placement. `always` and
`eventually_within` that were never put to the test (`tested` is 0), and a `sometimes` that was not reached, say so: a
run in which nothing happened proves nothing. `unreached` lists them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.kernel.scheduler import RunResult
from simclock.observers import Control, Observation, Observer

ALWAYS = "always"
SOMETIMES = "sometimes"
EVENTUALLY = "eventually within"


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation, and the latest of every name by every node, itself included."""

    observation: Observation
    latest: Mapping[str, Mapping[int, Any]]
    """Name -> node -> value."""

    @property
    def name(self) -> str:
        return self.observation.name

    @property
    def value(self) -> Any:
        return self.observation.value

    @property
    def node(self) -> int:
        return self.observation.node

    @property
    def time_ns(self) -> int:
        return self.observation.time_ns


Predicate = Callable[[Seen], bool]


class PropertyReport(msgspec.Struct, frozen=True):
    """What a run said of a property."""

    kind: str
    tested: int
    """Always: observations it was asked of. Sometimes: times reached. Eventually: times triggered."""
    violated: int
    open: int = 0
    """Eventually: triggered so late that the run ended before the bound."""
    slowest_ns: int | None = None
    """Eventually: the longest it took."""
    reached_at_ns: int | None = None
    """Sometimes: when first."""

    @property
    def is_vacuous(self) -> bool:
        """The run never put it to the test."""
        return not self.tested

    def __str__(self) -> str:
        match self.kind:
            case "sometimes":
                return f"reached {self.tested} times" if self.tested else "never reached"
            case "always":
                asked = f"asked {self.tested} times"
                return f"violated {self.violated} times, {asked}" if self.violated else f"held, {asked}"
        if not self.tested:
            return "never triggered"
        slowest = "" if self.slowest_ns is None else f", at the latest after {format_duration(self.slowest_ns)}"
        return f"triggered {self.tested} times, {self.violated} too late, {self.open} open at the end{slowest}"


@dataclass(frozen=True, kw_only=True)
class Property:
    """Makes the observer of one property: put it into `Scenario.observers`."""

    name: str
    kind: str
    make: Callable[[Property], Observer]
    predicate: Predicate
    applies: Predicate | None = None
    goal: Predicate | None = None
    within_ns: int = 0
    match: Callable[[Seen], Hashable] | None = None
    stop: bool = True

    def __call__(self) -> Observer:
        return self.make(self)


def always(name: str, predicate: Predicate, *, of: str | None = None, stop: bool = True) -> Property:
    """True of every observation, or of those called `of`; the run stops at the first that breaks it.

    With `stop=False` it goes on and counts.

    Example: always("balance is not negative", lambda seen: seen.value >= 0, of="balance")
    """
    applies = None if of is None else _Called(of)
    return Property(name=name, kind=ALWAYS, make=_observer(_Always), predicate=predicate, applies=applies, stop=stop)


def sometimes(name: str, predicate: Predicate) -> Property:
    """True of at least one observation: never a violation of a run, but of what the run is worth.

    Example: sometimes("a split vote", lambda seen: seen.name == "candidate" and seen.value > 3)
    """
    return Property(name=name, kind=SOMETIMES, make=_observer(_Sometimes), predicate=predicate)


def eventually_within(
    name: str,
    trigger: Predicate,
    goal: Predicate,
    within_ns: int,
    *,
    match: Callable[[Seen], Hashable] | None = None,
    stop: bool = True,
) -> Property:
    """Every observation for which `trigger` is true is followed, at most `within_ns` later, by one for which `goal` is.

    The bound itself is in time, and one observation may be both. With `match`, trigger and goal must agree on its
    value (`match=lambda seen: seen.node`: at the same node); a goal meets every trigger before it. The violation is
    noticed at the first observation after the bound, or at the end; it names the trigger's node.
    """
    if type(within_ns) is not int or within_ns < 0:
        raise UsageError(f"{name}: within_ns {within_ns!r} must be a whole number of nanoseconds, zero or more")
    return Property(
        name=name,
        kind=EVENTUALLY,
        make=_observer(_EventuallyWithin),
        predicate=trigger,
        goal=goal,
        within_ns=within_ns,
        match=match,
        stop=stop,
    )


def property_reports(result: RunResult) -> dict[str, PropertyReport]:
    """The reports of a run's properties, by name."""
    return {name: report for name, report in result.reports.items() if isinstance(report, PropertyReport)}


def unreached(result: RunResult) -> tuple[str, ...]:
    """The properties that the run never put to the test: it proves nothing about them."""
    return tuple(name for name, report in property_reports(result).items() if report.is_vacuous)


@dataclass(frozen=True)
class _Called:
    name: str

    def __call__(self, seen: Seen) -> bool:
        return seen.observation.name == self.name


def _observer(kind: type[_PropertyObserver]) -> Callable[[Property], Observer]:
    return _Maker(kind)


@dataclass(frozen=True)
class _Maker:
    """Makes an observer whose class has the property's name, which is what reports are kept under."""

    kind: type[_PropertyObserver]

    def __call__(self, of: Property) -> Observer:
        named: type[_PropertyObserver] = type(of.name, (self.kind,), {})
        return named(of)


class _PropertyObserver(Observer):
    """Keeps what was observed last."""

    def __init__(self, of: Property) -> None:
        self.of = of
        self.tested = 0
        self.violated = 0
        self._latest: dict[str, dict[int, Any]] = {}

    def on_observation(self, observation: Observation, control: Control) -> None:
        self._latest.setdefault(observation.name, {})[observation.node] = observation.value
        self.see(Seen(observation, self._latest), control)

    def see(self, seen: Seen, control: Control) -> None:
        raise NotImplementedError

    def break_(self, control: Control, node: int, detail: str) -> None:
        """The property does not hold."""
        self.violated += 1
        control.violated(self.of.name, node, detail, stop=self.of.stop)

    def report(self) -> PropertyReport:
        return PropertyReport(kind=self.of.kind, tested=self.tested, violated=self.violated)


class _Always(_PropertyObserver):
    def see(self, seen: Seen, control: Control) -> None:
        if self.of.applies is not None and not self.of.applies(seen):
            return
        self.tested += 1
        if not self.of.predicate(seen):
            self.break_(control, seen.node, f"{seen.name} {seen.value!r}")


class _Sometimes(_PropertyObserver):
    reacts: ClassVar[bool] = False

    def __init__(self, of: Property) -> None:
        super().__init__(of)
        self._reached_at_ns: int | None = None

    def see(self, seen: Seen, control: Control) -> None:
        if self.of.predicate(seen):
            self.tested += 1
            if self._reached_at_ns is None:
                self._reached_at_ns = seen.time_ns

    def report(self) -> PropertyReport:
        return msgspec.structs.replace(super().report(), reached_at_ns=self._reached_at_ns)


@dataclass(frozen=True, slots=True)
class _Due:
    """Something was triggered, and the goal has not been seen since."""

    trigger: Observation
    at_ns: int
    key: Hashable = field(default=None)


class _EventuallyWithin(_PropertyObserver):
    def __init__(self, of: Property) -> None:
        super().__init__(of)
        self._due: deque[_Due] = deque()
        """In order of time."""
        self._slowest_ns: int | None = None

    def see(self, seen: Seen, control: Control) -> None:
        self._expire(seen.time_ns, control)
        key = None if self.of.match is None else self.of.match(seen)
        if self.of.predicate(seen):
            self.tested += 1
            self._due.append(_Due(seen.observation, seen.time_ns + self.of.within_ns, key))
        assert self.of.goal is not None, "made by eventually_within"
        if self._due and self.of.goal(seen):
            met = [due for due in self._due if due.key == key]
            if met:
                self._slowest_ns = max(self._slowest_ns or 0, seen.time_ns - met[0].trigger.time_ns)
                self._due = deque(due for due in self._due if due.key != key)

    def _expire(self, now_ns: int, control: Control) -> None:
        while self._due and self._due[0].at_ns < now_ns:
            trigger = self._due.popleft().trigger
            bound = format_duration(self.of.within_ns)
            detail = f"{trigger.name} {trigger.value!r} at {format_duration(trigger.time_ns)}: nothing within {bound}"
            self.break_(control, trigger.node, detail)

    def on_finish(self, control: Control) -> None:
        self._expire(control.now_ns, control)

    def report(self) -> PropertyReport:
        return msgspec.structs.replace(super().report(), open=len(self._due), slowest_ns=self._slowest_ns)
