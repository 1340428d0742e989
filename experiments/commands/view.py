"""`simclock view`: a run, two runs, or a log of another system as one HTML file with its space-time diagram."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import click

from simclock.actors.run import inline_run, looked_at
from simclock.errors import HandlerError, UsageError
from simclock.experiments.causality.foreign.logs import is_trace, read_logs
from simclock.experiments.checkers.linearizability import Model, key_value
from simclock.experiments.commands.check import MODELS
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import Overrides, database_option, override_options, progress_option
from simclock.experiments.commands.played import played
from simclock.experiments.commands.replay import named_run
from simclock.experiments.commands.script_named import is_named_file, is_script
from simclock.experiments.runs.reference import Reference
from simclock.experiments.runs.report import Report, report_of
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.output import cannot_write
from simclock.experiments.traces.difference import first_difference, parting
from simclock.experiments.traces.file import plain_record, read_trace
from simclock.experiments.viewing.logical import at_lamport_clocks
from simclock.experiments.viewing.of_logs import seen_log
from simclock.experiments.viewing.page import Parting, check_target, page
from simclock.experiments.viewing.seen import Collector, Seen, Window, model_observed
from simclock.experiments.viewing.states import LookingTrace
from simclock.experiments.watching.progress import watcher
from simclock.guarding.guard import guarding
from simclock.kernel.scheduler import RunResult
from simclock.observers import Violation
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

LINEARIZABILITY = "linearizability"


@click.command(cls=ScenarioCommand)
@click.argument("scenario", metavar="RUN [OTHER]", shell_complete=complete_scenario)
@override_options
@click.option("--out", default="run.html", show_default=True, metavar="FILE", help="The page to write.")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@click.option("--from", "from_text", metavar="TIME", help="Show what happens from then on, such as 2s.")
@click.option("--to", "to_text", metavar="TIME", help="Show what happens up to then.")
@click.option("--states", is_flag=True, help="Also record what a node holds before each event: slow, and a large page.")
@click.option(
    "--model", type=click.Choice(list(MODELS)), help="Judge the clients' history by it, and mark what breaks it."
)
@click.option("--regex", "regexes", multiple=True, help="How a text log is read: groups host, event, clock.")
@click.option(
    "--act", type=click.IntRange(min=1), metavar="N", help="Of a script, show the N-th `scenario`.  [default: 1]"
)
@progress_option
@database_option
def view(
    *,
    scenario: str,
    overrides: Overrides,
    out: str,
    opened: bool,
    from_text: str | None,
    to_text: str | None,
    states: bool,
    model: str | None,
    regexes: tuple[str, ...],
    act: int | None,
    progress: bool | None,
    database: Path,
) -> int:
    """Write a page that shows RUN: a space-time diagram to zoom into, to search and to click through, in one file.

    RUN is a scenario, with the settings of `simclock run`; SCENARIO@SEED; a recorded result as 3:17; a trace file; a
    script, as an explorer writes it of what it found; or a log of another system (JSON lines with clocks, ShiViz,
    OTLP, Jepsen). With a second run the page shows both, and where they part; several logs are read as one. The page
    needs no network, and holds 2,000,000 events at most.

    \b
    Examples:
      simclock view raft-kv --seed 7 --out run.html
      simclock view 3:17 4:17 --open
      simclock view trace.jsonl --from 2s --to 3s
    """
    run, (others, overrides) = scenario, _others(overrides)
    window = _window(from_text, to_text)
    target = Path(out)
    check_target(target, "--out")
    shown = _Shown(overrides, database, window, states, None if model is None else MODELS[model](None), progress)
    if act is not None and not is_script(run):
        raise UsageError(f"--act: {run} is no script: leave it out")
    if is_script(run):
        if others:
            raise UsageError(f"{run}: a script stands alone: leave {others[0]} out")
        shows = _Page([_script_seen(Path(run), act)])
    elif _is_log(run):
        shows = _Page([_log_seen(run, others, regexes)])
    elif regexes:
        raise UsageError("--regex: it says how a text log is read, and this is none: leave it out")
    elif len(others) > 1:
        raise UsageError("view: name one run, or two to compare")
    elif others:
        shows = _pair(shown, run, others[0])
    else:
        shows = _Page([shown.one(run)])
    try:
        target.write_text(shows.text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        raise cannot_write(f"--out: cannot write {out}", error) from None
    click.echo(f"{out}: {shows.events:,} events; open it in a browser")
    if opened:
        webbrowser.open(target.resolve().as_uri())
    return 0


def _others(overrides: Overrides) -> tuple[tuple[str, ...], Overrides]:
    """The words behind the first run that are runs too, and what is left: the flags of its scenario."""
    others = tuple(takewhile(lambda word: not word.startswith("-"), overrides.flags))
    return others, replace(overrides, flags=overrides.flags[len(others) :])


def _window(from_text: str | None, to_text: str | None) -> Window:
    from_ns = 0 if from_text is None else duration_ns(from_text, "--from")
    to_ns = None if to_text is None else duration_ns(to_text, "--to")
    if to_ns is not None and to_ns < from_ns:
        raise UsageError(f"--to: {to_text} is before --from {from_text}")
    return Window(from_ns=from_ns, to_ns=to_ns)


def _is_log(text: str) -> bool:
    return is_named_file(text) and not is_trace(Path(text)) and not is_script(text)


def _script_seen(path: Path, act: int | None) -> Seen:
    """An act of a script; its events stand at their Lamport clocks, since its deliveries take no time."""
    done = played(path, act)
    records: list[TraceRecord] = []
    result, verdict = done.act.stage.end(records.append)
    collector = Collector(lanes=done.source.entry.lanes)
    moved = at_lamport_clocks(records)
    for record in moved:
        collector.take(record)
    end_ns = moved[-1].time_ns if moved else 0
    violations = [violation._replace(time_ns=end_ns) for violation in result.violations]
    told = [("script", done.act.label), ("time", "ticks of the Lamport clock: deliveries take none")]
    told += [("verdict", verdict.status), *(("", line) for line in verdict.lines)]
    return collector.seen(path.name, None, violations=violations, report=told, ticks=True)


class _Page(NamedTuple):
    """What is shown."""

    runs: Sequence[Seen]
    parting: Parting | None = None

    @property
    def text(self) -> str:
        return page(" and ".join(run.name for run in self.runs), self.runs, self.parting)

    @property
    def events(self) -> int:
        return sum(len(run.rows) for run in self.runs)


def _log_seen(first: str, others: tuple[str, ...], regexes: tuple[str, ...]) -> Seen:
    logs = read_logs([Path(first), *map(Path, others)], regexes)
    if len(logs) > 1:
        click.echo(f"simclock: {first} has {len(logs)} executions; the page shows the first, {logs[0].name}", err=True)
    log = logs[0]
    for problem in log.problems:
        click.echo(f"simclock: {problem}", err=True)
    name = ", ".join(Path(each).name for each in (first, *others))
    return seen_log(log.execution, name, [str(problem) for problem in log.problems])


@dataclass(frozen=True, kw_only=False)
class _Shown:
    """How runs are shown."""

    overrides: Overrides
    database: Path
    window: Window
    states: bool
    model: Model | None
    progress: bool | None

    def one(self, text: str, keep: Callable[[TraceRecord], Any] | None = None) -> Seen:
        """The run that the text names, ready for a page; `keep` is called with each of its records."""
        if is_named_file(text):
            if self.overrides != Overrides():
                raise UsageError(f"{text}: a trace is a run that has been: leave the settings out")
            if self.states:
                raise UsageError(f"--states: {text} is a trace, in which no states are: name the run")
            collector = Collector(window=self.window)
            for record in read_trace(Path(text)):
                _each(collector, keep, record)
            return collector.seen(Path(text).name, self.model)
        reference = named_run(text, self.overrides, self.database)
        return self._run(reference, keep)

    def _run(self, reference: Reference, keep: Callable[[TraceRecord], Any] | None) -> Seen:
        scenario = reference.scenario()
        collector = Collector(lanes=reference.entry.lanes, window=self.window)
        take = partial(_each, collector, keep)
        name = f"{scenario.name}, seed {scenario.seed}"
        command = reference.replay.replace("simclock run ", "simclock replay ", 1)
        try:
            result = _looked_at(scenario, collector, take, reference.replay, states=self.states, progress=self.progress)
        except HandlerError as error:
            click.echo(f"simclock: {error}", err=True)
            failure = error.failure
            failed = Violation("the code failed", failure.time_ns, max(-1, failure.node), str(error))
            return collector.seen(name, self.model, violations=[*error.violations, failed], command=command)
        report = report_of(reference.entry, result, scenario)
        return collector.seen(
            name,
            self.model or _model_of(scenario, report),
            violations=result.violations,
            report=_told(report),
            command=command,
        )


def _each(collector: Collector, keep: Callable[[TraceRecord], Any] | None, record: TraceRecord) -> None:
    collector.take(record)
    if keep is not None:
        keep(record)


def _looked_at(
    scenario: Scenario,
    collector: Collector,
    take: Callable[[TraceRecord], Any],
    replay: str,
    *,
    states: bool,
    progress: bool | None,
) -> RunResult:
    guards = guarding(scenario.build, True)
    with guards.run:
        scheduler, host = inline_run(scenario, trace=take, replay=replay, guards=guards)
        host.trace = looking = LookingTrace(host, states=states)
        collector.state_of, collector.began_of = looking.state_of, looking.began_of
        with looked_at(scheduler, scenario.seed, watcher(progress)):
            return scheduler.run()


def _model_of(scenario: Scenario, report: Report) -> Model | None:
    """By what the clients' history is judged: what the scenario's observer says, or where its own judge found fault."""
    return model_observed(scenario) or (key_value() if LINEARIZABILITY in report.verdict.properties else None)


def _told(report: Report) -> list[tuple[str, str]]:
    rows = [("scenario", report.result.scenario), *report.rows]
    rows += [
        ("verdict" if place == 0 else "", line) for place, line in enumerate((report.status, *report.judged.lines))
    ]
    return [*rows, ("digest", report.result.digest)]


def _pair(shown: _Shown, first: str, second: str) -> _Page:
    if shown.overrides != Overrides():
        raise UsageError("view: two runs have their settings each: write them as SCENARIO@SEED or as results")
    if _is_log(second):
        raise UsageError(f"{second}: a log of another system stands alone, or with other logs")
    plainly = is_named_file(first) or is_named_file(second)
    records: tuple[list[TraceRecord], list[TraceRecord]] = ([], [])
    runs = [shown.one(text, kept.append) for text, kept in zip((first, second), records, strict=True)]
    names = (runs[0].name, runs[1].name)
    if names[0] == names[1]:
        names = (f"{names[0]} (1st)", f"{names[1]} (2nd)")
        runs = [replace(run, name=name) for run, name in zip(runs, names, strict=True)]
    one, other = (list(map(plain_record, kept)) if plainly else kept for kept in records)
    found = parting(one, other)
    if found is None:
        click.echo("the runs are the same, record by record")
        return _Page(runs)
    rows = tuple(max(0, found - _before(kept, shown.window)) for kept in (one, other))
    text = first_difference(one, other, names) or ""
    return _Page(runs, Parting(rows=(rows[0], rows[1]), text=text))


def _before(records: Iterable[TraceRecord], window: Window) -> int:
    return sum(record.time_ns < window.from_ns for record in records)
