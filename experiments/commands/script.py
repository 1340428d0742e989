"""`simclock script`: play a schedule that was written by hand, and tell after every command what it changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from simclock.actors import Placement
from simclock.actors.placements.steered import steered_nodes
from simclock.errors import UsageError
from simclock.experiments.commands.options import placement_options
from simclock.experiments.commands.run import trace_to
from simclock.experiments.scripts.acting import outcome_of
from simclock.experiments.scripts.play import Play
from simclock.experiments.scripts.setting import setting_of
from simclock.experiments.scripts.text import RULE, Block, Script, read_script, split_in_acts
from simclock.experiments.telling import exit_status
from simclock.experiments.telling.output import cannot_write


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--act", type=click.IntRange(min=1), metavar="N", help="Play the N-th `scenario` of the file alone.")
@click.option("--trace", "trace_file", metavar="FILE", help="Write the trace of the act, as `simclock run` does.")
@placement_options
@click.option("--rewrite", is_flag=True, help="Record in FILE what is printed, in place of what stands there.")
def script(*, file: Path, act: int | None, trace_file: str | None, placement: Placement, rewrite: bool) -> int:
    """Play the script in FILE: which message is delivered, lost or doubled, which timer fires, who crashes.

    docs/scripts.md has the grammar. What each command changed is printed below it. Exit status 1 where something is not
    as the script expects, or a property is violated that it does not expect; 2 for a step that is impossible, with what
    was possible; else as for `simclock run`.

    \b
    Examples:
      simclock script tests/scripts/raft-figure-8.txt
      simclock script mine.txt --act 2 --trace wrong.jsonl
      simclock script mine.txt --rewrite
    """
    whole = read_script(file)
    acts = split_in_acts(whole)
    if act is not None and act > len(acts):
        raise UsageError(f"--act: {file} has {len(acts)}: use 1 to {len(acts)}")
    if trace_file is not None and act is None and len(acts) > 1:
        raise UsageError(
            f"--trace: {file} has {len(acts)} scenarios, and a trace is of one: add --act 1 to {len(acts)}"
        )
    if rewrite and act is not None:
        raise UsageError("--rewrite: it records the whole file: leave --act out")
    chosen = whole if act is None else acts[act - 1]
    with steered_nodes(placement) as nodes_of:
        play = Play(chosen, partial(setting_of, folder=file.parent, nodes_of=nodes_of))
        outputs = []
        for told in play.blocks():
            outputs.append(told.lines)
            if not rewrite:
                rule = [RULE] if told.lines else []
                click.echo("\n".join([*_said(chosen, told.block), *rule, *told.lines, ""]))
        if rewrite:
            _write(file, chosen.rewritten(outputs))
        statuses = []
        with trace_to(trace_file) as trace:
            for number, each in enumerate(play.acts, start=act or 1):
                outcome = outcome_of(each, trace=trace)
                statuses.append(outcome.status)
                click.echo("\n".join(outcome.report(number)))
    for failing in play.failing:
        click.echo(f"{file}:{failing.line}: {failing.text}: not so: {failing.why}")
    return exit_status.gravest([*statuses, exit_status.VIOLATED if play.failing else exit_status.VALID])


def _said(script: Script, block: Block) -> list[str]:
    """A block's commands, with the remarks above and among them."""
    start = block.begins
    while start and script.lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return list(script.lines[start : block.ends])


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise cannot_write(f"--rewrite: cannot write {file}", error) from None
