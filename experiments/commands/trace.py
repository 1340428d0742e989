"""`simclock trace`: a run, or a part of it, in a form that other tools draw."""

from __future__ import annotations

from pathlib import Path

import click

from simclock.errors import UsageError
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.executions import execution_named, wanted_options
from simclock.experiments.commands.options import Overrides, database_option, override_options
from simclock.experiments.exports.formats import NAMES, PNG, TEXT, excerpt_for, exported, write_export
from simclock.experiments.telling.output import OutputLost, lost_output


@click.command(cls=ScenarioCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_scenario)
@click.option("--format", "form", type=click.Choice(NAMES), default=TEXT, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file.  [default: stdout, but for png]"
)
@wanted_options
@override_options
@database_option
def trace(
    *, runs: tuple[str, ...], form: str, out: Path | None, wanted: Wanted, overrides: Overrides, database: Path
) -> None:
    """Write RUN as a picture, or for another tool: a SCENARIO with --seed, a result as 3:17, a script, or a trace file.

    Several RUNs go into one file of shiviz. What a form or its tool cannot take is cut, and it says so.

    \b
    Examples:
      simclock trace raft-kv --seed 7 --from 0s --to 300ms --format svg --out election.svg
      simclock trace raft-kv --seed 7 --node 0,1,2 --type AppendEntries --to 400ms --format mermaid
      simclock trace trace.jsonl --format chrome --out perfetto.json
    """
    excerpts = [excerpt_for(form, execution_named(text, overrides, database), wanted) for text in runs]
    write(form, excerpts, out)


def write(form: str, excerpts: list[Excerpt], out: Path | None) -> None:
    """To the file, or to standard output."""
    if out is None and form == PNG:
        raise UsageError("--out: png is no text: name a file")
    if out is not None:
        write_export(out, form, excerpts)
    else:
        for line in exported(form, excerpts):
            click.echo(line)
            problem = lost_output()
            if problem is not None:
                raise OutputLost from problem
    left_out = sum(excerpt.left_out for excerpt in excerpts)
    if left_out:
        click.echo(f"simclock: {left_out:,} later events were cut: {form} takes no more", err=True)
