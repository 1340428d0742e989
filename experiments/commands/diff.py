"""`simclock diff`: where two runs part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from simclock.actors.run import run
from simclock.errors import HandlerError, UsageError
from simclock.experiments.commands.options import database_option
from simclock.experiments.commands.played import records_of
from simclock.experiments.commands.replay import name_code
from simclock.experiments.commands.script_named import is_script
from simclock.experiments.runs.neighbour import nearest_passing
from simclock.experiments.runs.outcome import Outcome
from simclock.experiments.runs.reference import Reference, find_run
from simclock.experiments.telling.exit_status import DIFFERENT, VALID
from simclock.experiments.telling.spelling import is_file
from simclock.experiments.traces.difference import first_difference
from simclock.experiments.traces.file import plain_record, read_trace
from simclock.faults import Fault
from simclock.scenario import Scenario
from simclock.trace import TraceRecord


@click.command("diff")
@click.argument("runs", nargs=-1, metavar="A [B]")
@click.option("--neighbour", is_flag=True, help="Compare the failing run A with its nearest passing neighbour.")
@database_option
def diff(runs: tuple[str, ...], neighbour: bool, database: Path) -> int:
    """Show the first record in which two runs differ, and what led to it.

    A and B are each a recorded result as 3:17, SCENARIO@SEED as raft-kv@17, a script, or a trace file. With
    --neighbour, A is a run that fails: of the runs of its seed with one planned fault fewer, the nearest one that
    passes is sought.

    Exit status 1 where the runs differ; with --neighbour, where every neighbour fails too.

    \b
    Examples:
      simclock diff 3:17 4:17
      simclock diff raft-kv@17 trace.jsonl
      simclock diff --neighbour 3:17
    """
    if neighbour:
        if len(runs) != 1:
            raise UsageError("diff --neighbour: name one run that fails, such as 3:17")
        name_code(runs[0], database)
        return _diff_neighbour(find_run(runs[0], database))
    if len(runs) != 2:
        raise UsageError("diff: name two runs, such as 3:17 4:17, or one with --neighbour")
    first, second = runs
    in_files = [_is_file(text) for text in runs]
    traces = [_trace(text, database, plainly=any(in_files)) for text in runs]
    names = (first, second) if first != second else (f"{first} (1st)", f"{second} (2nd)")
    return _tell(first_difference(traces[0], traces[1], names))


def _tell(difference: str | None) -> int:
    click.echo(difference or "the runs are the same, record by record")
    return DIFFERENT if difference else VALID


def _is_file(text: str) -> bool:
    """A file that lies there and is no scenario; or what can be nothing else."""
    return is_file(Path(text)) or text.endswith((".jsonl", ".json"))


def _trace(text: str, database: Path, *, plainly: bool) -> Iterable[TraceRecord]:
    if is_script(text):
        return map(plain_record, records_of(Path(text)))
    if _is_file(text):
        return read_trace(Path(text))
    name_code(text, database)
    reference = find_run(text, database)
    records = trace_of(reference.scenario(), reference.replay)
    return map(plain_record, records) if plainly else records


def trace_of(scenario: Scenario, replay: str) -> list[TraceRecord]:
    """The trace of a run in this process, up to where it failed if it does."""
    records: list[TraceRecord] = []
    try:
        run(scenario, trace=records.append, replay=replay)
    except HandlerError as error:
        click.echo(f"simclock: {error}", err=True)
    return records


def _diff_neighbour(reference: Reference) -> int:
    def told(fault: Fault, outcome: Outcome) -> None:
        click.echo(f"without {fault}: {outcome.what}")

    found = nearest_passing(reference, told)
    if found is None:
        click.echo("every neighbour fails too: no single fault is to blame")
        return DIFFERENT
    click.echo(f"the nearest passing neighbour lacks one fault: {found.without}\n")
    traces = trace_of(reference.scenario(), reference.replay), trace_of(found.scenario, reference.replay)
    click.echo(first_difference(*traces, names=("failing", "passing")) or "no record differs: the judges alone do")
    return 0
