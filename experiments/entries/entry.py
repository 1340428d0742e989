"""A named scenario: how it is made, and how its result is judged.

The command line, comparisons, sweeps and tests make scenarios here, so what a user may set is in force everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from simclock.errors import UsageError
from simclock.experiments.entries.bug import BUG, Bug
from simclock.experiments.entries.keys import PARAMETER, Key, pressed
from simclock.experiments.entries.narration import Narrator
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey, under_nemesis
from simclock.experiments.telling.spelling import unknown
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NO_NEMESIS = "none"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A named scenario."""

    name: str
    summary: str
    """What it shows, one line."""
    source: str = ""
    """The paper or project it comes from."""
    make: Callable[..., Scenario]
    """(asked) -> Scenario, or (asked, parts) where the entry has parts; settings are laid over what it makes."""
    missing: Callable[[], str] = lambda: ""
    """What has to be installed for it and is not, as "needs x, which is not here: pip install ..."; empty: nothing."""
    parts: Any = None
    """The right classes that the scenario is made of, as a frozen dataclass; None: it has none to be replaced."""
    bugs: Mapping[str, Bug] = field(default_factory=dict)
    """Id -> what the parameter `bug` may put in; a topic gives its own to its entries."""
    judge: Callable[[RunResult], Verdict]
    describe: Callable[[RunResult], Sequence[tuple[str, str]]] = lambda result: ()
    """(label, text) rows for the report, beyond what every run has."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameter name -> default; the only ones that `make` accepts."""
    prey: Callable[[Scenario], Prey] | None = None
    """Whom a nemesis may strike, and what progress is; None: every node, in a rhythm taken from the duration."""
    nemesis: str = NO_NEMESIS
    """What is drawn where the user says neither faults nor a nemesis."""
    project: int | None = None
    """Number of the project in the curriculum, if it belongs to one."""
    story: Callable[[RunResult], Iterable[str]] = lambda result: ()
    """What happened, line by line, for a reader: `simclock run` prints it above the report."""
    plot: Callable[[RunResult, Axes], None] | None = None
    """Draws the run, for `simclock run --plot`."""
    keys: Mapping[str, Key] = field(default_factory=dict)
    """Keys that a watched run takes; an entry that has some has the parameter `keys`."""
    narrator: Callable[[Scenario], Narrator] | None = None
    """Tells the story while it happens, for `simclock run --watch`."""
    sometimes: Callable[[RunResult], Mapping[str, int]] = lambda result: {}
    """What a run should reach now and then, and how often it did: a run in which all of it is 0 shows nothing."""


def made(entry: Entry, settings: Settings) -> Scenario:
    """What `entry.make` makes of the parts asked for: the right ones, or those of the bug that the settings name."""
    if missing := entry.missing():
        raise UsageError(f"{entry.name}: {missing}")
    if entry.parts is None:
        return entry.make(settings)
    asked = {**entry.parameters, **settings.parameters}.get(BUG, "")
    if not asked or not entry.bugs:
        return entry.make(settings, entry.parts)
    if asked not in entry.bugs:
        raise UsageError(f"{BUG}: {unknown('bug', asked, entry.bugs)}")
    bug = entry.bugs[asked]
    bug.check(settings.parameters)
    parameters = {**settings.parameters, **bug.parameters}
    return entry.make(replace(settings, parameters=parameters), replace(entry.parts, **bug.parts))


def make_scenario(entry: Entry, settings: Settings) -> Scenario:
    """The scenario with every setting in force, also one that `entry.make` takes no notice of."""
    scenario = made(entry, settings)
    names = ("duration_ns", "network", "clocks", "disk", "faults", "adaptive", "fail_when_quiet")
    given = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
    given["parameters"] = {**scenario.parameters, **settings.parameters}
    scenario = replace(scenario, seed=settings.seed, **given)
    scenario = pressed(scenario, entry.keys, scenario.parameters.get(PARAMETER, "")) if entry.keys else scenario
    nemesis = nemesis_of(entry, settings)
    if nemesis == NO_NEMESIS and settings.liveness_ns is None:
        return scenario
    prey = _every_node(scenario) if entry.prey is None else entry.prey(scenario)
    return under_nemesis(scenario, prey, nemesis, liveness_ns=settings.liveness_ns, extra=settings.faults is not None)


def nemesis_of(entry: Entry, settings: Settings) -> str:
    """What is drawn: the user's nemesis, else the entry's own, unless the user gives faults in its place."""
    if settings.nemesis is not None:
        return settings.nemesis
    return entry.nemesis if settings.faults is None else NO_NEMESIS


def _every_node(scenario: Scenario) -> Prey:
    return Prey(servers=tuple(range(scenario.nodes)), rhythm_ns=max(1, (scenario.duration_ns or 0) // 40))
