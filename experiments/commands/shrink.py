"""`simclock shrink`: the smallest scenario that fails the same way."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import Overrides, address_option, database_option, override_options
from simclock.experiments.commands.replay import named_run
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.database import DEFAULT_DATABASE
from simclock.experiments.shrinking.minimal import MADE_SMALLER, failing_trial, file_text, report_text, shrink_run
from simclock.experiments.shrinking.trials import Evaluate, TrialRunner, Trials, in_process, on_ray
from simclock.experiments.telling.exit_status import INTERRUPTED, VALID
from simclock.experiments.telling.output import cannot_write
from simclock.experiments.watching.progress import progress_bar

RUN_S_WORTH_RAY = 0.2
"""Runs that take less are over sooner in this process than a Ray has started."""


@click.command(cls=ScenarioCommand)
@click.argument("result", metavar="RESULT|SCENARIO", shell_complete=complete_scenario)
@click.option(
    "--property", "property_name", metavar="NAME", help="What has to stay broken.  [default: what broke first]"
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default="minimal.toml", show_default=True)
@click.option("--max-runs", type=click.IntRange(min=1), default=2000, show_default=True, help="Runs in all.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at a time; 1 is in this process.  [default: all cores, for long runs]",
)
@address_option("The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
@override_options
@database_option
def shrink(
    *,
    result: str,
    property_name: str | None,
    out: Path,
    max_runs: int,
    jobs: int | None,
    address: str | None,
    overrides: Overrides,
    database: Path,
) -> int:
    """Make a failing run smaller while the same property stays broken, and write what is left as a scenario file.

    Less is: fewer faults and operations of clients, a shorter run, smaller numbers of the scenario's own, fewer nodes,
    simpler faults. A result is named by sweep and seed, as 3:17, or is a SCENARIO with --seed, or SCENARIO@SEED. The
    outcome is the same for any --jobs.

    Exit status 2 where the run breaks nothing.

    \b
    Examples:
      simclock shrink 3:17
      simclock shrink raft.py:storm --seed 17 --property "Vote Once" --out vote.toml
    """
    reference = named_run(result, overrides, database)
    _check_writable(_behind_links(out))
    started = time.perf_counter()
    trial, name = failing_trial(reference, property_name)
    run_s = time.perf_counter() - started
    here = address is None and (jobs == 1 or (jobs is None and run_s < RUN_S_WORTH_RAY))
    with (
        progress_bar(total=max_runs, unit="run", leave=False) as bar,
        _evaluation(TrialRunner(entry=reference.entry), here, jobs, address) as (evaluate, started_s),
    ):

        def told(settings: Settings) -> None:
            duration = "" if settings.duration_ns is None else f", {format_duration(settings.duration_ns)}"
            bar.set_postfix_str(f"{len(settings.faults or ())} faults{duration}", refresh=False)

        trials = Trials(evaluate, name, max_runs, told=lambda runs: _advance(bar, runs))
        minimal = shrink_run(reference, trial, trials, told)
    command = _command(result, overrides, property_name, database, reference.replay)
    text = file_text(minimal, out, command)
    try:
        _write(_behind_links(out), text)
    except OSError as error:
        click.echo(text)  # what took so many runs is not lost
        raise cannot_write(f"--out: cannot write {out}, which stands on stdout", error) from None
    click.echo(report_text(minimal, out, time.perf_counter() - started - started_s, started_s))
    return INTERRUPTED if minimal.why_ended.startswith("interrupted") else VALID


def _advance(bar: Any, runs: int) -> None:
    bar.update(runs - bar.n)


@contextmanager
def _evaluation(
    runner: TrialRunner, here: bool, jobs: int | None, address: str | None
) -> Iterator[tuple[Evaluate, float]]:
    """What tries candidates, and how long a Ray took to start for it."""
    if here:
        yield in_process(runner), 0.0
        return
    from simclock.actors.placements.ray.session import ray_session

    began = time.perf_counter()
    with ray_session(address):  # one for all rounds
        yield on_ray(runner, jobs), time.perf_counter() - began


def _behind_links(out: Path) -> Path:
    """The file itself, so that a link stays one."""
    try:
        return out.resolve() if out.is_symlink() else out
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--out: cannot follow {out}: {error}") from None


def _check_writable(out: Path) -> None:
    """Refused before an hour of runs, not after."""
    if not out.parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.parent}")
    if out.exists() and not os.access(out, os.W_OK):
        raise UsageError(f"--out: cannot write {out}: no permission")
    if out.exists() and not out.is_file():  # /dev/stdout
        return
    if not os.access(out.parent, os.W_OK | os.X_OK):  # the file is made beside the old one, and put in its place
        raise UsageError(f"--out: cannot write {out}: no permission to make a file in {out.parent}")
    try:
        earlier = out.read_bytes() if out.exists() else b""
    except OSError as error:
        raise UsageError(f"--out: cannot read {out}, which is there: {error.strerror}") from None
    if earlier and MADE_SMALLER.encode() not in earlier:
        raise UsageError(f"--out: {out} is there and is no outcome of shrink, so it is not overwritten: name another")


def _write(out: Path, text: str) -> None:
    """All of it, or nothing: a disk that fills up leaves what was there before."""
    if out.exists() and not out.is_file():  # /dev/stdout
        out.write_text(text, encoding="utf-8")
        return
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(out)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _command(result: str, overrides: Overrides, name: str | None, database: Path, replay: str) -> str:
    words = ["simclock", "shrink", result]
    if overrides != Overrides():
        words = shlex.split(replay)
        words[words.index("simclock") + 1] = "shrink"
    words += [] if name is None else ["--property", name]
    words += [] if str(database) == DEFAULT_DATABASE else ["--database", str(database)]
    return shlex.join(words)
