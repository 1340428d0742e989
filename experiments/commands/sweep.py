"""`simclock sweep`: many seeds of a scenario, over all cores, into the results database."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from simclock.errors import RunInterrupted, SimclockError, UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import (
    Overrides,
    address_option,
    database_option,
    seedless_override_options,
    telling_details,
    verbose_option,
)
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.runs.code_version import code_version
from simclock.experiments.runs.database import (
    DEFAULT_DATABASE,
    FINISHED,
    INTERRUPTED,
    ResultsDatabase,
    Sweep,
    open_results,
)
from simclock.experiments.runs.outcome import Outcome, SeedRunner
from simclock.experiments.runs.reference import settings_of, settings_to_record
from simclock.experiments.runs.replay_code import CodeMaker
from simclock.experiments.runs.seeds import SEED_MAX, bounded, parse_seeds, seeds_text
from simclock.experiments.runs.source import Source
from simclock.experiments.runs.sweep import Keeper, sweep
from simclock.experiments.runs.sweep_report import Ran, summary_json, summary_text, sweep_status
from simclock.experiments.telling import exit_status
from simclock.experiments.watching.progress import progress_bar

FAILURES_TOLD_MAX = 25


@click.command("sweep", cls=ScenarioCommand)
@click.argument("scenario", required=False, shell_complete=complete_scenario)
@click.option("--seeds", metavar="FROM:TO", help="Such as 0:10000 (TO is left out), 7 or 3,5,20:30.")
@click.option("--resume", is_flag=True, help="Go on with a sweep that was interrupted or killed; SCENARIO: its number.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at a time; 1 is in this process.  [default: as first seeds say]",
)
@address_option("The Ray to join; local starts one.  [default: RAY_ADDRESS, or no Ray]")
@verbose_option
@database_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@seedless_override_options
def sweep_seeds(
    *,
    scenario: str | None,
    seeds: str | None,
    resume: bool,
    jobs: int | None,
    address: str | None,
    verbose: bool,
    database: Path,
    form: str,
    overrides: Overrides,
) -> int:
    """Run SCENARIO with many seeds, each run in one process of its own, and keep every result.

    Failures are told as they come, with the command that replays them. Exit status 1 where a seed is violated, else
    4 where the code of one failed, else 3 where one is unknown.

    A result is saved at most half a second after it has come, so a sweep that was killed can go on: --resume takes the
    last one that is unfinished, or the number of one; with SCENARIO and --seeds the last one of these and of this code,
    and begins it where there is none.

    \b
    Examples:
      simclock sweep raft-kv-wan --seeds 0:10000
      simclock sweep --resume
      simclock sweep raft-kv --seeds 0:500 --nodes 5 --set clients=4 --loss 0.02 --jobs 1
    """
    numbered = resume and (scenario is None or scenario.isdecimal())
    if numbered and (seeds is not None or overrides != Overrides()):
        raise UsageError("--resume: a sweep goes on with its own seeds and settings: leave the others out")
    if scenario is None and not numbered:
        raise UsageError("Missing argument 'SCENARIO'")
    if seeds is None and not resume:
        raise UsageError("Missing option '--seeds'")
    source = None if scenario is None or numbered else overrides.source(scenario)
    wanted = None if seeds is None else parse_seeds(seeds)
    if source is not None and wanted is not None:  # refused before anything begins
        replace(source, settings=replace(source.settings, seed=wanted[0])).scenario()
    with open_results(database, create=wanted is not None) as opened:
        before: Sweep | None
        if source is None:
            before, source = _recorded(opened, scenario)
        else:
            before = _same(opened, source, wanted) if resume else None
        run = _run_of(opened, source, before, wanted)
        run.overrides = None if numbered else overrides
        with telling_details(verbose):
            state = run.through(jobs, address)
        found = opened.sweep(run.keeper.sweep)
        _print_summary(found, opened, run, form, state)
        if state == INTERRUPTED:
            return exit_status.INTERRUPTED
        return sweep_status(result.outcome for result in opened.results(sweep=found.id))


def _run_of(database: ResultsDatabase, source: Source, before: Sweep | None, seeds: Sequence[int] | None) -> _Run:
    """A sweep that begins, or goes on."""
    if before is None:
        assert seeds is not None, "a sweep that begins has seeds"
        settings = settings_to_record(source)
        number = database.begin(
            source.text, settings, seeds_text(seeds), code_version(source.name, *source.settings.replaced_by)
        )
        return _Run(source=source, keeper=Keeper(database, number), seeds=seeds)
    seeds = parse_seeds(before.seeds, f"{database.path}, sweep {before.id}")
    within = seeds if isinstance(seeds, range) else set(seeds)
    done = frozenset(seed for seed in database.seeds(before.id) if seed in within)
    database.resume(before.id)
    click.echo(f"simclock: sweep {before.id} goes on: {len(done):,} of {len(seeds):,} seeds are done", err=True)
    return _Run(source=source, keeper=Keeper(database, before.id), seeds=seeds, done=done)


def _recorded(database: ResultsDatabase, number: str | None) -> tuple[Sweep, Source]:
    """The sweep of that number, or the last one that is unfinished, and what it runs."""
    if number is None:
        unfinished = [each for each in database.sweeps() if each.state != FINISHED]
        if not unfinished:
            raise UsageError(f"--resume: no sweep in {database.path} is unfinished: `simclock results` lists them")
        found = unfinished[-1]
    else:
        found = database.sweep(min(bounded(number), SEED_MAX))
    name, entry, settings = settings_of(found, database.path, f"sweep {found.id}")
    if code_version(name, *settings.replaced_by).hash != found.code.hash:
        raise UsageError(
            f"--resume: sweep {found.id} was of other code ({found.code.text}), whose results are not of today's: "
            "begin a new one"
        )
    return found, Source(text=found.scenario, entry=entry, settings=settings, name=name)


def _same(database: ResultsDatabase, source: Source, seeds: Sequence[int] | None) -> Sweep | None:
    """The last sweep of this scenario, settings, seeds and code; where no seeds are given, the last unfinished one."""
    settings = settings_to_record(source)
    version = code_version(source.name, *source.settings.replaced_by).hash
    text = None if seeds is None else seeds_text(seeds)
    found = [each for each in database.sweeps() if each.settings == settings and each.code.hash == version]
    found = [each for each in found if (each.state != FINISHED if text is None else each.seeds == text)]
    if not found and text is None:
        raise UsageError(f"--resume: {database.path} has no unfinished sweep of {source.text} and of this code")
    return found[-1] if found else None


@dataclass(kw_only=True)
class _Run:
    """A sweep under way on the command line."""

    source: Source
    keeper: Keeper
    seeds: Sequence[int]
    done: frozenset[int] = frozenset()
    """Seeds that were run before."""
    overrides: Overrides | None = None
    """None where the command line names the sweep alone."""
    interrupt: KeyboardInterrupt | None = None
    codes: CodeMaker | None = None
    """Made at the first failure."""
    workers: int = 0
    chosen: str = ""
    """Why it was spread or not, where that was left open."""
    started_s: float = 0.0
    """How long a Ray took to start or to be joined."""
    wall_s: float = 0.0
    """How long the runs took, after that."""
    _began: float = 0.0
    _failures: int = field(default=0)

    def through(self, jobs: int | None, address: str | None) -> str:
        """Run all seeds and save what comes; gives the state in which the sweep ended."""
        runner = SeedRunner(entry=self.source.entry, settings=self.source.settings)
        self._began = time.perf_counter()
        try:
            with (
                self.keeper,
                progress_bar(total=len(self.seeds), initial=len(self.done), unit="run", smoothing=0.05) as bar,
            ):
                try:
                    running = sweep(
                        runner,
                        self.seeds,
                        done=self.done,
                        jobs=jobs,
                        address=address,
                        on_start=self._started,
                        on_choice=self._chosen,
                    )
                    with closing(running):
                        for outcomes in running:
                            self.keeper.add(outcomes)
                            self._tell(outcomes, bar)
                    state = FINISHED
                except KeyboardInterrupt as interrupt:
                    state, self.interrupt = INTERRUPTED, interrupt
            with uninterrupted():
                self.keeper.save()
                self.keeper.database.end(self.keeper.sweep, state)
        except Exception:
            self._save_what_is_left()
            raise
        finally:
            self.wall_s = time.perf_counter() - self._began - self.started_s
        return state

    def _save_what_is_left(self) -> None:
        """The sweep ends early, perhaps because of the database itself."""
        try:
            with uninterrupted():
                self.keeper.save()
        except SimclockError:
            print_unsaved(self.keeper)

    def _started(self, workers: int, ray_s: float) -> None:
        self.workers, self.started_s = workers, ray_s

    def _chosen(self, why: str) -> None:
        self.chosen = why

    def _tell(self, outcomes: Sequence[Outcome], bar: Any) -> None:
        for outcome in outcomes:
            if not outcome.passed:
                self._failures += 1
                if self._failures <= FAILURES_TOLD_MAX:
                    bar.write("\n".join(self._failure(outcome)), file=sys.stderr)
                elif self._failures == FAILURES_TOLD_MAX + 1:
                    bar.write("more seeds fail; they are counted and kept, and no longer told", file=sys.stderr)
        bar.set_postfix_str(f"{self._failures} failing" if self._failures else "", refresh=False)
        bar.update(len(outcomes))

    def _failure(self, outcome: Outcome) -> Iterator[str]:
        yield f"seed {outcome.seed}: {outcome.what} (result {self.keeper.sweep}:{outcome.seed})"
        yield f"  {outcome.detail}"
        yield f"  replay: {self._replay(outcome)}"
        if self.codes is None:
            self.codes = self.source.codes()
        settings = outcome.settings(self.source.settings)
        code = self.codes.code(settings, next(iter(outcome.properties), ""), outcome.digest)
        yield f"  or paste: simclock run --replay {code}"

    def _replay(self, outcome: Outcome) -> str:
        if self.overrides is None:
            return replay_text(self.keeper.database, f"{self.keeper.sweep}:{outcome.seed}")
        return self.overrides.replay(self.source, outcome.settings(self.source.settings))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Who presses Ctrl-C once more loses nothing by it; another thread than the main one gets none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


def print_unsaved(keeper: Keeper) -> None:
    """What cannot be saved is not lost: a line of JSON each on stdout."""
    for outcome in sorted(keeper.unsaved, key=lambda each: each.seed):
        click.echo(json.dumps({"sweep": keeper.sweep, **asdict(outcome)}, ensure_ascii=False))
    click.echo(f"simclock: {len(keeper.unsaved)} results could not be saved and stand on stdout", err=True)


def _print_summary(found: Sweep, database: ResultsDatabase, run: _Run, form: str, state: str) -> None:
    results = database.results(sweep=found.id)
    ran = Ran(wall_s=run.wall_s, workers=run.workers, before=len(run.done), started_s=run.started_s, chosen=run.chosen)
    if form == "json":
        click.echo(summary_json(found, results, ran))
        return
    failing = [result for result in results if result.outcome.verdict != VALID]
    click.echo(summary_text(found, results, ran, f"{database.path}"))
    if failing:
        click.echo(f"  replay with  {replay_text(database, failing[0].id)}")
    if state == INTERRUPTED:
        click.echo(f"simclock: interrupted: {len(results):,} of {len(run.seeds):,} results are saved", err=True)
        if isinstance(run.interrupt, RunInterrupted):
            click.echo(f"simclock: seed {run.interrupt.seed} stood at {run.interrupt.standing}", err=True)
        command = shlex.join(["simclock", "sweep", "--resume", str(found.id), *_place(database)])
        click.echo(f"simclock: it goes on with `{command}`", err=True)


def replay_text(database: ResultsDatabase, result: str) -> str:
    """The command that runs a recorded result again."""
    return shlex.join(["simclock", "replay", result, *_place(database)])


def _place(database: ResultsDatabase) -> list[str]:
    return [] if str(database.path) == DEFAULT_DATABASE else ["--database", str(database.path)]
