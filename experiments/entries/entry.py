"""The catalog: every scenario that has a name, how it is made, and how its result is judged.

A scenario module registers its entries; `entries()` imports them all. The command line, comparisons, sweeps and tests
go through here, so an entry that stands here is reachable everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from simclock.environment.disk import DiskModel
from simclock.environment.network import Network
from simclock.environment.quartz import Clocks
from simclock.errors import UsageError
from simclock.experiments.entries.keys import PARAMETER, Key, pressed
from simclock.experiments.entries.narration import Narrator
from simclock.experiments.nemesis import Prey, parse_nemesis, under_nemesis
from simclock.experiments.runs.seeds import check_seed
from simclock.experiments.telling import exit_status
from simclock.faults import Fault
from simclock.kernel.scheduler import RunResult
from simclock.observers import Violation
from simclock.readable import say
from simclock.scenario import NODES_MAX, Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VALID = "valid"
VIOLATED = "violated"
UNKNOWN = "unknown"
EXIT_STATUS = {VALID: exit_status.VALID, VIOLATED: exit_status.VIOLATED, UNKNOWN: exit_status.UNKNOWN}
"""Verdict -> the exit status of a run that has it."""

_WORST_FIRST = (VIOLATED, UNKNOWN, VALID)

NO_NEMESIS = "none"

_MODULES = (
    "simclock.experiments.catalog.synthetic.scenario",
    "simclock.experiments.catalog.everything.scenario",
    "simclock.experiments.catalog.raft.scenario",
    "simclock.experiments.catalog.raft.hunt",
    "simclock.experiments.catalog.clock_synchronization.scenario",
    "simclock.experiments.catalog.clock_synchronization.hunt",
    "simclock.experiments.catalog.true_time.scenario",
    "simclock.experiments.catalog.true_time.hunt",
    "simclock.experiments.catalog.byzantine_clocks.scenario",
    "simclock.experiments.catalog.byzantine_clocks.hunt",
    "simclock.experiments.catalog.byzantine_clocks.sources",
    "simclock.experiments.catalog.clock_laws.scenario",
    "simclock.experiments.catalog.leases.scenario",
    "simclock.experiments.catalog.leases.hunt",
    "simclock.experiments.catalog.failure_detectors.scenario",
    "simclock.experiments.catalog.total_order.scenario",
    "simclock.experiments.catalog.total_order.hunt",
    "simclock.experiments.catalog.causal_broadcast.hunt",
    "simclock.experiments.catalog.shared_document.scenario",
    "simclock.experiments.catalog.crdts.scenario",
    "simclock.experiments.catalog.crdts.hunt",
    "simclock.experiments.catalog.dynamo.scenario",
    "simclock.experiments.catalog.dynamo.hunt",
    "simclock.experiments.catalog.lock_table.scenario",
    "simclock.experiments.catalog.lock_table.hunt",
    "simclock.experiments.catalog.throttle.scenario",
    "simclock.experiments.catalog.snapshots.scenario",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user may set about any scenario; None means the scenario's own value."""

    seed: int = 0
    nodes: int | None = None
    """The number that scales the scenario: replicas where there are clients beside them, else all nodes."""
    duration_ns: int | None = None
    network: Network | None = None
    clocks: Clocks | None = None
    disk: DiskModel | None = None
    faults: tuple[Fault, ...] | None = None
    adaptive: bool | None = None
    """Whether faults that observers inject happen, beside those of the plan."""
    fail_when_quiet: bool | None = None
    """Whether a run in which nothing is left to happen is violated."""
    nemesis: str | None = None
    """Trouble drawn from the seed, such as "swarm"; None means the entry's own, "none" that nothing is drawn."""
    liveness_ns: int | None = None
    """How long the run goes on after everything has healed, and is asked for progress; None: no such phase."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The scenario's own parameters, by name; each has the type of its default."""

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.nodes is not None and (type(self.nodes) is not int or not 1 <= self.nodes <= NODES_MAX):
            raise UsageError(f"nodes: {say(self.nodes)} is not a number of nodes: 1 to {NODES_MAX}")
        if self.duration_ns is not None and (type(self.duration_ns) is not int or self.duration_ns <= 0):
            raise UsageError(f'duration: {say(self.duration_ns)} is not a duration: more than zero, such as "30s"')
        if self.nemesis is not None:
            parse_nemesis(self.nemesis)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a finished run is judged to be."""

    status: str
    """VALID, VIOLATED or UNKNOWN."""
    lines: tuple[str, ...]
    """What was checked and what was found, one line each."""
    properties: tuple[str, ...] = ()
    """Names of what this judge itself found violated; those of the observers' violations need not be repeated."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A named scenario."""

    name: str
    summary: str
    """What it shows, one line."""
    source: str = ""
    """The paper or project it comes from."""
    make: Callable[[Settings], Scenario]
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


_entries: dict[str, Entry] = {}


def register(entry: Entry) -> Entry:
    """Put an entry into the catalog."""
    if entry.name in _entries:
        raise UsageError(f"two scenarios are called {entry.name!r}")
    _entries[entry.name] = entry
    return entry


def entries() -> dict[str, Entry]:
    """Every entry by name, in order of registration."""
    for module in _MODULES:
        import_module(module)
    return _entries


def make_scenario(entry: Entry, settings: Settings) -> Scenario:
    """The scenario with every setting in force, also one that `entry.make` takes no notice of."""
    scenario = entry.make(settings)
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


def judge_invariants(result: RunResult) -> Verdict:
    """The verdict of a scenario whose only judges are its observers; unknown where they had nothing to judge."""
    if result.violations:
        lines = (f"{v.property} violated {_where(v)}: {v.detail}" for v in result.violations)
        return Verdict(status=VIOLATED, lines=tuple(lines))
    if not result.judged:
        why = "no observer of the scenario looks for violations, and it has no `final`"
        return Verdict(status=UNKNOWN, lines=(f"nothing was judged: {why}", *result.warnings))
    silent = ": but no node observed anything" if result.reports and not result.counters.get("observation") else ""
    return Verdict(status=VALID, lines=(f"no invariant was violated{silent}",))


def _where(violation: Violation) -> str:
    return f"at node {violation.node}" if violation.node >= 0 else "in the whole run"


def nothing_promised(result: RunResult) -> Verdict:
    """The verdict of a load, which promises nothing: what its observers found, and that no code failed."""
    verdict = judge_invariants(result)
    return (
        verdict
        if verdict.status == VIOLATED
        else Verdict(status=VALID, lines=("nothing was judged: a load promises nothing",))
    )


def together(*parts: Verdict) -> Verdict:
    """One verdict of several: the worst of their statuses, and what decided it comes first."""
    ordered = sorted(parts, key=lambda part: _WORST_FIRST.index(part.status))
    return Verdict(
        status=ordered[0].status,
        lines=tuple(line for part in ordered for line in part.lines),
        properties=tuple(name for part in ordered for name in part.properties),
    )
