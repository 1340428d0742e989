"""`simclock causal`: what happened before what, rebuilt from logs of any origin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from simclock.errors import UsageError
from simclock.experiments.causality.answers import (
    answer_before,
    answer_concurrent,
    answer_cut,
    answer_path,
    summary,
)
from simclock.experiments.causality.excerpt import Wanted
from simclock.experiments.causality.execution import Execution
from simclock.experiments.causality.foreign.logs import ReadLogs, read_logs
from simclock.experiments.causality.relations import Relations
from simclock.experiments.commands.executions import execution_named, wanted_options
from simclock.experiments.commands.options import Overrides, database_option
from simclock.experiments.commands.trace import write
from simclock.experiments.exports.formats import NAMES, excerpt_for
from simclock.experiments.telling.exit_status import VALID, VIOLATED
from simclock.experiments.telling.spelling import is_file, unknown

PROBLEMS_MAX = 20
"""What is told of impossible clocks; the rest is counted."""


@click.command()
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option(
    "--regex", "regexes", multiple=True, metavar="REGEX", help="Of text: (?<host>..), (?<event>..), (?<clock>..)."
)
@click.option("--delimiter", metavar="REGEX", help="Of text with several executions; (?<trace>..) names one.")
@click.option("--execution", "which", metavar="NAME|N", help="Of several executions: which.  [default: all, in turn]")
@click.option("--before", nargs=2, metavar="A B", help="Whether event A happened before event B.")
@click.option("--concurrent-with", "concurrent", metavar="E", help="Every event that is concurrent with E.")
@click.option("--path", nargs=2, metavar="A B", help="The chain from A to B with the fewest messages.")
@click.option("--cut", metavar="E,E,...", help="Whether a cut that ends with these events is consistent.")
@click.option("--format", "form", type=click.Choice(NAMES), help="Write the graph, as `simclock trace` does.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file for --format.")
@wanted_options
@database_option
def causal(
    *,
    logs: tuple[str, ...],
    regexes: tuple[str, ...],
    delimiter: str | None,
    which: str | None,
    before: tuple[str, str] | None,
    concurrent: str | None,
    path: tuple[str, str] | None,
    cut: str | None,
    form: str | None,
    out: Path | None,
    wanted: Wanted,
    database: Path,
) -> int:
    """Rebuild from LOGs what happened before what, and answer questions about it.

    Together the LOGs are one execution: JSON lines with node, event and vc (a list or mapping of counts); ShiViz's and
    other text, by --regex; OTLP spans; Jepsen's histories. A trace of simclock or a run as raft-kv@7 stands alone.
    Events are named NODE#NUMBER. Clocks that cannot have been are named with file and line.

    Exit status 1 where clocks are impossible, where A was not before B, or the cut is not consistent.

    \b
    Examples:
      simclock causal a.jsonl b.jsonl --format mermaid-flowchart
      simclock causal chord.log --path front-end#3 kv-node-10#40
      simclock causal app.log --regex '(?<host>\\S+) (?<clock>{.*}) (?<event>.*)' --concurrent-with web#12
    """
    found = _found(logs, regexes, delimiter, database)
    chosen = _chosen(found, which)
    questions = [each for each in (before, concurrent, path, cut) if each is not None]
    if len(questions) > 1:
        raise UsageError("--before, --concurrent-with, --path and --cut: ask one of them")
    impossible = _tell_problems(chosen)
    if impossible:
        return VIOLATED
    if form is not None:
        if questions:
            raise UsageError("--format: it writes the graph: leave the question out")
        write(form, [excerpt_for(form, each.execution, wanted) for each in chosen], out)
        return VALID
    if questions and len(chosen) > 1:
        raise UsageError(f"--execution: there are {len(chosen)}: say of which you ask, by name or from 1 on")
    holds = True
    for each in chosen:
        relations = Relations(each.execution)
        if not questions:
            lines: Iterator[str] = summary(relations)
        elif concurrent is not None:
            lines = answer_concurrent(relations, each.execution.find(concurrent, "--concurrent-with"))
        else:
            holds, lines = _answer(relations, before, path, cut)
        for line in lines:
            click.echo(line)
    return VALID if holds else VIOLATED


def _answer(
    relations: Relations, before: tuple[str, str] | None, path: tuple[str, str] | None, cut: str | None
) -> tuple[bool, Iterator[str]]:
    execution = relations.execution
    if before is not None:
        return answer_before(relations, *_pair(execution, before, "--before"))
    if path is not None:
        return answer_path(relations, *_pair(execution, path, "--path"))
    assert cut is not None, "one of them was asked"
    members = [execution.find(text, "--cut") for text in cut.split(",") if text.strip()]
    nodes = [execution.node[event] for event in members]
    if not members or len(set(nodes)) < len(nodes):
        raise UsageError("--cut: name one event of each node, such as A#3,B#5")
    return answer_cut(relations, dict(zip(nodes, members, strict=True)))


def _pair(execution: Execution, names: tuple[str, str], place: str) -> tuple[int, int]:
    one, other = (execution.find(name, place) for name in names)
    return one, other


def _found(logs: tuple[str, ...], regexes: tuple[str, ...], delimiter: str | None, database: Path) -> list[ReadLogs]:
    paths = [Path(log) for log in logs]
    if len(paths) == 1 and not is_file(paths[0]) and ("@" in logs[0] or ":" in logs[0]):
        return [ReadLogs(name="", execution=execution_named(logs[0], Overrides(), database))]
    return read_logs(paths, regexes, delimiter)


def _chosen(found: list[ReadLogs], which: str | None) -> list[ReadLogs]:
    if which is None:
        return found
    if which.isdecimal() and 1 <= int(which[:9]) <= len(found):
        return [found[int(which) - 1]]
    named = [each for each in found if each.name == which]
    if not named:
        raise UsageError(f"--execution: {unknown('execution', which, [each.name for each in found if each.name])}")
    return named[:1]


def _tell_problems(chosen: list[ReadLogs]) -> bool:
    problems = [problem for each in chosen for problem in each.problems]
    for problem in problems[:PROBLEMS_MAX]:
        click.echo(f"impossible: {problem}")
    if len(problems) > PROBLEMS_MAX:
        click.echo(f"and {len(problems) - PROBLEMS_MAX} more")
    return bool(problems)
