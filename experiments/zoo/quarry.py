"""What is hunted: a scenario with something wrong in it, and the same scenario without, on the very same seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from simclock.experiments.entries.bug import BUG, LIVENESS, SAFETY, Bug
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID, Verdict
from simclock.experiments.nemesis.plan import SWARM
from simclock.experiments.runs.outcome import FAILED, Outcome, SeedRunner
from simclock.experiments.runs.report import Report
from simclock.experiments.runs.source import find_source
from simclock.experiments.scenario_files.file import named_entry
from simclock.experiments.scenario_files.python_scenarios import scenarios_in
from simclock.kernel.scheduler import RunResult

CRASHED = "a node's own code"
"""What is named where the wrong line makes a node's code fail, at an assertion for instance."""


@dataclass(frozen=True, kw_only=True)
class Quarry:
    """One thing to be hunted."""

    id: str
    name: str
    kind: str
    """SAFETY or LIVENESS."""
    scenario: str
    """What names the entry in a scenario file."""
    entry: Entry
    wrong: Settings
    right: Settings
    property: str | None
    """What has to be named; None: anything."""
    judged: bool = True
    """Whether the entry's judge has to be asked; where an observer names the property, that can be spared."""
    whole: bool = False
    """Whether runs are described too, to be recorded."""

    def is_found(self, names: frozenset[str]) -> bool:
        """Only its own property counts, if it has one."""
        return bool(names) if self.property is None else self.property in names

    def run(self, seed: int, *, wrong: bool) -> Ran:
        """One run, whatever it comes to."""
        settings = self.wrong if wrong else self.right
        judge = None if self.whole else _judged if self.judged or not wrong else _observed
        with_calls = [each.cls for each in settings.replaced]
        before = Counter(calls_of(with_calls))
        outcome = SeedRunner(entry=self.entry, settings=settings, judge=judge).outcome(seed)
        calls = Counter(calls_of(with_calls))
        calls.subtract(before)
        return Ran(outcome, dict(calls))


class Ran(NamedTuple):
    """One run of a hunt."""

    outcome: Outcome
    calls: Mapping[str, int]
    """Method that the wrong class overrides -> how often it ran."""

    @property
    def names(self) -> frozenset[str]:
        """The properties that it breaks."""
        return frozenset((CRASHED,) if self.outcome.verdict == FAILED else self.outcome.properties)


def _judged(entry: Entry, result: RunResult) -> Report:
    return Report(result=result, rows=(), verdict=entry.judge(result))


def _observed(entry: Entry, result: RunResult) -> Report:
    return Report(result=result, rows=(), verdict=Verdict(status=VALID, lines=()))


def row_quarry(bug: Bug) -> Quarry:
    """A row of the zoo, with the swarm of its scenario; or one of a user's, whose scenario is named from any folder."""
    settings = Settings(nemesis=bug.nemesis, liveness_ns=bug.liveness_ns)
    return Quarry(
        id=bug.id,
        name=bug.name,
        kind=bug.kind,
        scenario=bug.scenario,
        entry=named_entry(bug.scenario, Path())[0],
        wrong=replace(settings, parameters={BUG: bug.id}),
        right=replace(settings, parameters=bug.parameters),
        property=bug.property,
        judged=bug.judged,
    )


def own_rows(scenario: str) -> list[Bug]:
    """The rows that a user's file has for one of its scenarios, or for each of them."""
    rows = []
    for name in (scenario,) if ":" in scenario else scenarios_in(scenario, Path()):
        source = find_source(name)
        found = source.entry.bugs.values()
        rows += [replace(bug, scenario=source.name, nemesis=bug.nemesis or SWARM) for bug in found]
    return rows


def class_quarry(entry: Entry, name: str, settings: Settings, property: str | None) -> Quarry:
    """The classes that the settings put in."""
    return Quarry(
        id=", ".join(each.cls.__name__ for each in settings.replaced),
        name=", ".join(f"{each.part}={each.short}" for each in settings.replaced),
        kind=SAFETY if settings.liveness_ns is None else LIVENESS,
        scenario=name,
        entry=entry,
        wrong=settings,
        right=replace(settings, replaced=()),
        property=property,
        whole=True,
    )


# How often the wrong code runs.

_CALLS = "_simclock_calls"


def calls_of(classes: Sequence[type]) -> dict[str, int]:
    """Method of these classes -> how often it has run in this process, from the first time somebody asked."""
    return {f"{cls.__name__}.{name}": count for cls in classes for name, count in _counted(cls).items()}


def _counted(cls: type) -> Counter[str]:
    """The calls of a class's own methods. They are counted from now on: it is a wrong one, that no right run has."""
    if _CALLS not in vars(cls):
        calls: Counter[str] = Counter()
        for name, value in list(vars(cls).items()):
            if isinstance(value, FunctionType):
                calls[name] = 0
                setattr(cls, name, _counting(value, name, calls))
            elif isinstance(value, staticmethod | classmethod):
                calls[name] = 0
                setattr(cls, name, type(value)(_counting(value.__func__, name, calls)))
            elif isinstance(value, property) and value.fget is not None:
                calls[name] = 0
                setattr(cls, name, value.getter(_counting(value.fget, name, calls)))
        setattr(cls, _CALLS, calls)
    found: Counter[str] = vars(cls)[_CALLS]
    return found


def _counting(function: Callable[..., Any], name: str, calls: Counter[str]) -> Callable[..., Any]:
    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        calls[name] += 1
        return function(*arguments, **named)

    return counted
