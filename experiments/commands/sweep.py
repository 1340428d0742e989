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
from tqdm import tqdm

from experiments import exit_status
from experiments.catalog import VALID
from experiments.code_version import code_version
from experiments.commands.options import Overrides, ScenarioCommand, database_option, seedless_override_options
from experiments.outcome import Outcome, SeedRunner
from experiments.results_database import (
    DEFAULT_DATABASE,
    FINISHED,
    INTERRUPTED,
    ResultsDatabase,
    Sweep,
    open_results,
)
from experiments.scenario_source import Source
from experiments.scenario_text import write_settings
from experiments.seeds import parse_seeds, seeds_text
from experiments.sweep import Keeper, sweep
from experiments.sweep_report import summary_json, summary_text
from simclock.errors import SimclockError

FAILURES_TOLD_MAX = 25


@click.command("sweep", cls=ScenarioCommand, short_help="Run many seeds of a scenario, over all cores.")
@click.argument("scenario")
@click.option("--seeds", required=True, metavar="FROM:TO", help="Such as 0:10000 (TO is left out), 7 or 3,5,20:30.")
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at a time; 1 is in this process.  [default: all cores]")
@click.option("--address", help="The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
@database_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@seedless_override_options
def sweep_seeds(
    *,
    scenario: str,
    seeds: str,
    jobs: int | None,
    address: str | None,
    database: Path,
    form: str,
    overrides: Overrides,
) -> int:
    """Run SCENARIO with many seeds, each run in one process of its own, and keep every result.

    Failures are told as they come, with the command that replays them. Exit status 1 where a seed is violated, else
    4 where the code of one failed, else 3 where one is unknown.

    \b
    Examples:
      simclock sweep raft-kv-wan --seeds 0:10000
      simclock sweep raft-kv --seeds 0:500 --nodes 5 --set clients=4 --loss 0.02 --jobs 1
    """
    source = overrides.source(scenario)
    wanted = parse_seeds(seeds)
    replace(source, settings=replace(source.settings, seed=wanted[0])).scenario()  # refused before anything begins
    settings = write_settings(source.name, replace(source.settings, seed=0))
    with open_results(database, create=True) as opened:
        number = opened.begin(source.text, settings, seeds_text(wanted), code_version(source.name))
        run = _Run(source=source, overrides=overrides, keeper=Keeper(opened, number), total=len(wanted))
        state = run.through(wanted, jobs, address)
        found = opened.sweep(number)
        _print_summary(found, opened, run, form, state)
        if state == INTERRUPTED:
            return exit_status.INTERRUPTED
        return exit_status.gravest(result.outcome.exit_status for result in opened.results(sweep=number))


@dataclass(kw_only=True)
class _Run:
    """A sweep under way on the command line."""

    source: Source
    overrides: Overrides
    keeper: Keeper
    total: int
    workers: int = 0
    wall_s: float = 0.0
    _failures: int = field(default=0)

    def through(self, seeds: Sequence[int], jobs: int | None, address: str | None) -> str:
        """Run all seeds and save what comes; gives the state in which the sweep ended."""
        runner = SeedRunner(entry=self.source.entry, settings=self.source.settings)
        started = time.perf_counter()
        try:
            with tqdm(total=self.total, unit="run", disable=None, smoothing=0.05) as bar:
                try:
                    with closing(sweep(runner, seeds, jobs=jobs, address=address, on_start=self._started)) as running:
                        for outcomes in running:
                            self.keeper.add(outcomes)
                            self._tell(outcomes, bar)
                    state = FINISHED
                except KeyboardInterrupt:
                    state = INTERRUPTED
            with _uninterrupted():
                self.keeper.save()
                self.keeper.database.end(self.keeper.sweep, state)
        except Exception:
            self._save_what_is_left()
            raise
        finally:
            self.wall_s = time.perf_counter() - started
        return state

    def _save_what_is_left(self) -> None:
        """The sweep ends early, perhaps because of the database itself."""
        try:
            with _uninterrupted():
                self.keeper.save()
        except SimclockError:
            _print_unsaved(self.keeper)

    def _started(self, workers: int) -> None:
        self.workers = workers

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
        yield f"  replay: {self.overrides.replay(self.source, replace(self.source.settings, seed=outcome.seed))}"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Who presses Ctrl-C once more loses nothing by it; another thread than the main one gets none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


def _print_unsaved(keeper: Keeper) -> None:
    """What cannot be saved is not lost: a line of JSON each on stdout."""
    for outcome in sorted(keeper.unsaved, key=lambda each: each.seed):
        click.echo(json.dumps({"sweep": keeper.sweep, **asdict(outcome)}, ensure_ascii=False))
    click.echo(f"simclock: {len(keeper.unsaved)} results could not be saved and stand on stdout", err=True)


def _print_summary(found: Sweep, database: ResultsDatabase, run: _Run, form: str, state: str) -> None:
    results = database.results(sweep=found.id)
    if form == "json":
        click.echo(summary_json(found, results, run.wall_s, run.workers))
        return
    place = [] if str(database.path) == DEFAULT_DATABASE else ["--database", str(database.path)]
    failing = [result for result in results if result.outcome.verdict != VALID]
    click.echo(summary_text(found, results, run.wall_s, run.workers, f"{database.path}"))
    if failing:
        click.echo(f"  replay with  {shlex.join(['simclock', 'replay', failing[0].id, *place])}")
    if state == INTERRUPTED:
        click.echo(f"simclock: interrupted: {len(results):,} of {run.total:,} results are saved", err=True)
