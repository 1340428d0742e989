"""From a run that fails to the smallest scenario that fails the same way, and how it is told."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simclock.durations import format_duration
from simclock.environment.network import Network
from simclock.errors import PlacementError, UsageError
from simclock.experiments.entries.entry import NO_NEMESIS, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import healed_ns
from simclock.experiments.runs.reference import Reference
from simclock.experiments.runs.replay_code import CodeMaker
from simclock.experiments.runs.sweep_report import shorten
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.shrinking.shrink import Shrinking, Size, numbers_of
from simclock.experiments.shrinking.trials import Trial, TrialRunner, Trials
from simclock.experiments.telling.spelling import listed
from simclock.hash_seed import on_command_line
from simclock.readable import in_one_line

SEEN_MAX = 240
OPERATIONS_SHOWN = 12
"""More stand in the file alone."""
MADE_SMALLER = "Made smaller from "
"""How the second line of what is written begins."""


@dataclass(frozen=True, kw_only=True)
class Minimal:
    """What shrinking led to."""

    reference: Reference
    broken: str
    """The property."""
    settings: Settings
    trial: Trial
    """Of the smallest."""
    before: Size
    after: Size
    runs: int
    why_ended: str
    """Empty where nothing smaller fails."""

    @property
    def seen(self) -> str:
        """What shows that the property is broken, one line."""
        return shorten(self.trial.details[self.broken], SEEN_MAX)


def failing_trial(reference: Reference, property: str | None) -> tuple[Trial, str]:
    """The run to begin with, and which of the properties it breaks is meant."""
    trial = TrialRunner(entry=reference.entry).trial(reference.settings)
    if trial.refused:
        raise UsageError(f"{reference.text}: {trial.refused}")
    recorded = reference.recorded
    if not trial.broken:
        was = f"the recorded run was {recorded.outcome.what}, but " if recorded and not recorded.outcome.passed else ""
        raise UsageError(f"{reference.text}: {was}the run breaks nothing: there is nothing to shrink")
    if property is None:
        return trial, trial.broken[0]
    for name in trial.broken:
        if name == property or name.startswith(f"{property} at "):
            return trial, name
    raise UsageError(f"{reference.text}: the run does not break {property!r}, but {listed(trial.broken)}")


def shrink_run(
    reference: Reference, trial: Trial, trials: Trials, told: Callable[[Settings], None] = lambda settings: None
) -> Minimal:
    """Make a failing run as small as it gets. An interrupt, or a Ray that fails, gives the smallest so far."""
    settings = reference.settings
    # What observers inject stands in the plan from here on, so that each of it can be left out.
    plain = replace(settings, faults=trial.faults, adaptive=False, nemesis=NO_NEMESIS, rhythm=None)
    if not trials.fails(plain):
        raise UsageError(
            f"{reference.text}: {trials.property} is not broken again: the scenario is not determined by its seed"
        )
    shrinking = Shrinking(reference.entry, plain, trials, network=settings.network, told=told)
    why = ""
    try:
        shrinking.to_the_end()
        if shrinking.spent:
            why = f"ended by the limit of {trials.runs_max:,} runs: a smaller one may be left"
    except KeyboardInterrupt:
        why = "interrupted: a smaller one may be left"
    except PlacementError as error:
        why = f"ended early, as {error}: a smaller one may be left"
    best = _plainest(reference, shrinking.best, trials)
    return Minimal(
        reference=reference,
        broken=trials.property,
        settings=best,
        trial=trials.trial(shrinking.best),
        before=_size(reference, settings, trial),
        after=_size(reference, best, trials.trial(shrinking.best)),
        runs=trials.runs,
        why_ended=why,
    )


def _plainest(reference: Reference, settings: Settings, trials: Trials) -> Settings:
    """Without a word on injected faults, where none would be injected."""
    plainest = replace(settings, adaptive=reference.settings.adaptive)
    trial = TrialRunner(entry=reference.entry).trial(plainest)
    return plainest if trial.digest and trial.digest == trials.trial(settings).digest else settings


def _size(reference: Reference, settings: Settings, trial: Trial) -> Size:
    scenario = make_scenario(reference.entry, settings)
    healed = healed_ns(trial.faults)  # from there on nothing goes wrong any more
    return Size(
        faults=sum(healed is None or fault.at_ns < healed for fault in trial.faults),
        operations=len(trial.operations),
        nodes=scenario.nodes,
        duration_ns=scenario.duration_ns or trial.virtual_ns,
        parameters=numbers_of(reference.entry, settings),
    )


# How it is told.


def size_rows(minimal: Minimal) -> Iterator[tuple[str, str, str]]:
    """What was made smaller: name, before, after."""
    before, after = minimal.before, minimal.after
    yield "faults", str(before.faults), str(after.faults)
    if before.operations:
        yield "operations", str(before.operations), str(after.operations)
    yield "nodes", str(before.nodes), str(after.nodes)
    yield "duration", format_duration(before.duration_ns), format_duration(after.duration_ns)
    for name, number in before.parameters.items():
        yield name, str(number), str(after.parameters[name])


def report_text(minimal: Minimal, out: Path, wall_s: float, started_s: float = 0.0) -> str:
    """A title and a row per fact; `started_s` is how long a Ray took to start, before `wall_s`."""
    rows = [(name, was if was == now else f"{was} -> {now}") for name, was, now in size_rows(minimal)]
    plan = [str(fault) for fault in minimal.settings.faults or ()]
    rows += [("plan" if not position else "", fault) for position, fault in enumerate(plan or ["no fault is needed"])]
    called = list(map(str, minimal.settings.operations or ()))
    if len(called) <= OPERATIONS_SHOWN:
        rows += [("called" if not position else "", each) for position, each in enumerate(called)]
    rows.append(("seen", minimal.seen))
    ended = f", {minimal.why_ended}" if minimal.why_ended else ""
    started = f" (Ray started in {started_s:.1f} s)" if started_s else ""
    rows.append(("runs", f"{minimal.runs:,} in {wall_s:.1f} s{ended}{started}"))
    rows.append(("replay", f"{on_command_line()}simclock run {out}"))
    code = CodeMaker(name=minimal.reference.name, own=_own_network(minimal)).code(
        minimal.settings, minimal.broken, minimal.trial.digest
    )
    rows.append(("or paste", f"simclock run --replay {code}"))
    width = max(len(label) for label, _ in rows)
    title = f"{minimal.reference.text}, seed {minimal.settings.seed}: {minimal.broken} is still broken by less"
    return "\n".join(map(in_one_line, [title, *(f"  {label:<{width}}  {text}" for label, text in rows)]))


def file_text(minimal: Minimal, out: Path, command: str) -> str:
    """The scenario file, with what it is of on top."""
    lines = [
        minimal.seen,
        MADE_SMALLER + ", ".join(f"{name} {was}" for name, was, _ in size_rows(minimal)) + f" by {command}",
    ]
    text = write_settings(_name_from(minimal.reference.name, out.parent), minimal.settings, _own_network(minimal))
    return "".join(f"# {in_one_line(' '.join(line.split()))}\n" for line in lines) + "\n" + text


def _own_network(minimal: Minimal) -> Network:
    """The network that the scenario has by itself."""
    bare = replace(minimal.settings, network=None, faults=(), operations=None)
    return make_scenario(minimal.reference.entry, bare).network


def _name_from(name: str, folder: Path) -> str:
    """The scenario's name in a file of that folder: its module lies below it, or is named from the root."""
    module, colon, rest = name.rpartition(":")
    if not module.endswith(".py"):
        return name
    near = os.path.relpath(module, folder.resolve())
    return name if near.startswith("..") else f"{near}{colon}{rest}"
