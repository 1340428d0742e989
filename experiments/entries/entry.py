"""A named scenario: how it is made, and how its result is judged.

The command line, comparisons, sweeps and tests make scenarios here, so what a user may set is in force everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, cast

from simclock.errors import UsageError
from simclock.experiments.entries.bug import BUG, Bug
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.keys import PARAMETER, Key, pressed
from simclock.experiments.entries.lanes import Lanes
from simclock.experiments.entries.narration import Narrator
from simclock.experiments.entries.planned_operations import with_operations
from simclock.experiments.entries.replacement import replaced_nodes, replaced_parts
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey, parse_rhythm, prey_of, under_nemesis
from simclock.experiments.nemesis.plan import DRAWN
from simclock.experiments.nemesis.rhythm import PARAMETER as RHYTHM
from simclock.experiments.telling.spelling import unknown
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from typing_extensions import TypeVar

    P = TypeVar("P", default=Any)
    """The parts of an entry: a frozen dataclass of classes. `Entry` alone is an entry of any parts, or of none."""
else:
    from typing import TypeVar

    P = TypeVar("P")

NO_NEMESIS = "none"


@dataclass(frozen=True, kw_only=True)
class Entry(Generic[P]):
    """A named scenario, made of parts P."""

    name: str
    summary: str
    """What it shows, one line."""
    source: str = ""
    """The paper or project it comes from."""
    make: Callable[[Settings], Scenario] | Callable[[Settings, P], Scenario]
    """(asked) -> Scenario, or (asked, parts) where the entry has parts. Settings are laid over what it makes, by
    `make_scenario` alone: it reads only those that something else of the scenario follows from."""
    missing: Callable[[], str] = lambda: ""
    """What has to be installed for it and is not, as "needs x, which is not here: pip install ..."; empty: nothing."""
    parts: P | None = None
    """The right classes that the scenario is made of, as a frozen dataclass; None: it has none to be replaced."""
    bugs: Mapping[str, Bug] = field(default_factory=dict)
    """Id -> what the parameter `bug` may put in; a topic gives its own to its entries."""
    judge: Callable[[RunResult], Verdict]
    describe: Callable[[RunResult], Sequence[tuple[str, str]]] = lambda result: ()
    """(label, text) rows for the report, beyond what every run has."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameter name -> default; the only ones that `make` accepts."""
    prey: Callable[[Scenario], Prey] | None = None
    """Whom a nemesis may strike, and what progress is; None: what the scenario itself says."""
    nemesis: str = NO_NEMESIS
    """What is drawn where the user says neither faults nor a nemesis."""
    project: int | None = None
    """Number of the project in the curriculum, if it belongs to one."""
    story: Callable[[RunResult], Iterable[str]] = lambda result: ()
    """What happened, line by line, for a reader: `simclock run` prints it above the report."""
    plot: Callable[[RunResult, Axes], None] | None = None
    """Draws the run, for `simclock run --plot`."""
    lanes: Lanes | None = None
    """How nodes are coloured in a picture of a run, `simclock view`; None: by their observations."""
    keys: Mapping[str, Key] = field(default_factory=dict)
    """Keys that a watched run takes; an entry that has some has the parameter `keys`."""
    narrator: Callable[[Scenario], Narrator] | None = None
    """Tells the story while it happens, for `simclock run --watch`."""
    reports: Callable[[RunResult], Mapping[str, Any]] = lambda result: {}
    """What observers reported and is told as it is, by their names; its numbers are kept of every run of a sweep."""
    exploration: Exploration = field(default_factory=Exploration)
    """How `simclock explore` looks at it where the user does not say."""
    shown: Callable[[Any], Mapping[str, Any]] | None = None
    """Given a node that has begun: what scripts show and ask of its state, by name; None: its public attributes."""
    sometimes: Callable[[RunResult], Mapping[str, int]] = lambda result: {}
    """What a run should reach now and then, and how often it did: a run in which all of it is 0 shows nothing."""


def made(entry: Entry[P], settings: Settings) -> Scenario:
    """What `entry.make` makes of the parts asked for: the right ones, those of the bug in the settings, or others.

    Raises UsageError for a replacement of what is no part of the scenario, and where something is not installed.
    """
    if missing := entry.missing():
        raise UsageError(f"{entry.name}: {missing}")
    if entry.parts is None:
        scenario = cast(Callable[[Settings], Scenario], entry.make)(settings)
        return _asked_for(replaced_nodes(scenario, None, settings.replaced), settings, {})
    bug, parts = bug_of(entry, settings), entry.parts
    parameters: Mapping[str, Any] = {}
    if bug is not None:
        parameters, parts = bug.parameters, replace(parts, **bug.parts)  # type: ignore[type-var] # parts are a dataclass
    parts, left = replaced_parts(parts, settings.replaced)
    asked = replace(settings, parameters={**settings.parameters, **parameters})
    scenario = cast(Callable[[Settings, P], Scenario], entry.make)(asked, parts)
    return _asked_for(replaced_nodes(scenario, entry.parts, left), settings, parameters)


def bug_of(entry: Entry, settings: Settings) -> Bug | None:
    """The bug that the settings put in; raises UsageError for one that does not exist, or cannot show there."""
    asked = {**entry.parameters, **settings.parameters}.get(BUG, "")
    if not asked or not entry.bugs:
        return None
    if asked not in entry.bugs:
        raise UsageError(f"{BUG}: {unknown('bug', asked, entry.bugs)}")
    entry.bugs[asked].check(settings.parameters)
    return entry.bugs[asked]


def _asked_for(scenario: Scenario, settings: Settings, of_the_bug: Mapping[str, Any]) -> Scenario:
    """The scenario, which says what it was made from: what was asked for goes over what its maker has told of it."""
    asked = {**settings.parameters, **of_the_bug}
    first = {name: value for name, value in asked.items() if name not in scenario.parameters}
    return replace(scenario, seed=settings.seed, parameters={**first, **scenario.parameters, **settings.parameters})


def make_scenario(entry: Entry, settings: Settings) -> Scenario:
    """The scenario with every setting in force, also one that `entry.make` takes no notice of."""
    scenario = _unstruck(entry, settings)
    nemesis = nemesis_of(entry, settings)
    if settings.rhythm is not None and nemesis == NO_NEMESIS:
        raise UsageError("rhythm: nothing is drawn that has one: give a nemesis too, such as swarm")
    if nemesis == NO_NEMESIS and settings.liveness_ns is None:
        return scenario
    prey = prey_of(scenario) if entry.prey is None else entry.prey(scenario)
    return under_nemesis(
        scenario,
        prey,
        nemesis,
        liveness_ns=settings.liveness_ns,
        extra=settings.faults is not None,
        rhythm=None if settings.rhythm is None else parse_rhythm(settings.rhythm),
        pilot=partial(_unstruck, entry, settings),
    )


def as_drawn(settings: Settings, scenario: Scenario) -> Settings:
    """The settings that make that scenario again, also where its rhythm was measured: then without a pilot."""
    struck = scenario.parameters if DRAWN in scenario.parameters else {}
    return replace(settings, rhythm=struck.get(RHYTHM, settings.rhythm))


def _unstruck(entry: Entry, settings: Settings) -> Scenario:
    """The same before a nemesis draws anything."""
    scenario = made(entry, settings)
    names = ("duration_ns", "network", "clocks", "disk", "faults", "adaptive", "fail_when_quiet")
    given = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
    scenario = with_operations(replace(scenario, **given), settings.operations)
    return pressed(scenario, entry.keys, scenario.parameters.get(PARAMETER, "")) if entry.keys else scenario


def nemesis_of(entry: Entry, settings: Settings) -> str:
    """What is drawn: the user's nemesis, else the entry's own, unless the user gives faults in its place."""
    if settings.nemesis is not None:
        return settings.nemesis
    return entry.nemesis if settings.faults is None else NO_NEMESIS
