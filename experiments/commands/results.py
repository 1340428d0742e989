"""`simclock results`: what sweeps and comparisons have found, listed, queried and compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from simclock.durations import format_duration
from simclock.experiments.commands.options import database_option
from simclock.experiments.comparing.records import Records
from simclock.experiments.entries import verdict
from simclock.experiments.entries.verdict import VIOLATED
from simclock.experiments.runs.database import Result, Sweep, open_results
from simclock.experiments.runs.outcome import FAILED, VERDICTS
from simclock.experiments.runs.seeds import SEED_MAX
from simclock.experiments.runs.sweep_report import compare_sweeps, comparison_lines, shorten
from simclock.experiments.telling.exit_status import DIFFERENT, VALID
from simclock.experiments.telling.tables import FORMS, table_text
from simclock.readable import in_one_line

DETAIL_MAX = 80
NUMBER = click.IntRange(0, SEED_MAX)
form_option = click.option("--format", "form", type=click.Choice(FORMS), default="simple", show_default=True)
SWEEP_HEADERS = ("sweep", "scenario", "seeds", "state", "valid", "violated", "unknown", "failed", "code", "started")
RESULT_HEADERS = (
    "result",
    "scenario",
    "seed",
    "verdict",
    "violated",
    "failed",
    "detail",
    "events",
    "virtual time",
    "wall time",
    "digest",
)
COMPARISON_HEADERS = (
    "comparison",
    "scenarios",
    "nodes",
    "placements",
    "rounds",
    "runs",
    "state",
    "code",
    "started",
)
MACHINE_FORMS = ("csv", "json")
MACHINE_HEADERS = ("code", "started", "counters")
"""What is too wide for a table to read."""


@click.group(invoke_without_command=True)
@click.option("--sweep", type=NUMBER, help="The results of that sweep.")
@click.option("--verdict", type=click.Choice(VERDICTS), help="The results with that verdict.")
@click.option("--failing", is_flag=True, help="The results that are violated or failed.")
@click.option("--property", "violated", metavar="NAME", help="The results that violate it, or failed so.")
@click.option("--seed", type=NUMBER, help="The results of that seed.")
@form_option
@database_option
@click.pass_context
def results(
    context: click.Context,
    *,
    sweep: int | None,
    verdict: str | None,
    failing: bool,
    violated: str | None,
    seed: int | None,
    form: str,
    database: Path,
) -> None:
    """List the sweeps; with an option that asks for results, list these, by sweep and seed.

    `simclock results comparisons` lists what `simclock compare` has measured.

    \b
    Examples:
      simclock results
      simclock results --sweep 3 --failing
      simclock results --seed 17 --format json
      simclock results compare 3 4
    """
    if context.invoked_subcommand is not None:
        return
    with open_results(database) as opened:
        sweeps = opened.sweeps()
        if sweep is None and verdict is None and violated is None and seed is None and not failing:
            click.echo(_sweeps_text(sweeps, form))
            return
        if sweep is not None:
            opened.sweep(sweep)
        found = opened.results(sweep=sweep, verdict=verdict, seed=seed, property=violated)
        if failing:
            found = [result for result in found if result.outcome.verdict in (VIOLATED, FAILED)]
        click.echo(_results_text(found, {each.id: each for each in sweeps}, form))


def _sweeps_text(sweeps: Sequence[Sweep], form: str) -> str:
    raw = [
        (
            each.id,
            each.scenario,
            each.seeds,
            each.state,
            *(each.verdicts[verdict] for verdict in VERDICTS),
            each.code.text,
            each.started_at,
        )
        for each in sweeps
    ]
    shown = [[in_one_line(each) if isinstance(each, str) else each for each in row] for row in raw]
    return table_text(SWEEP_HEADERS, shown, form, raw)


def _results_text(found: Sequence[Result], sweeps: dict[int, Sweep], form: str) -> str:
    if form in MACHINE_FORMS:
        return table_text(
            (*RESULT_HEADERS, *MACHINE_HEADERS), (), form, [_raw(r, sweeps[r.sweep], form) for r in found]
        )
    raw = [_raw(result, sweeps[result.sweep], form)[: len(RESULT_HEADERS)] for result in found]
    shown = []
    for row, result in zip(raw, found, strict=True):
        outcome = result.outcome
        last = (f"{outcome.events:,}", format_duration(outcome.virtual_ns), f"{outcome.wall_s:.3f} s")
        texts = (*row[:6], shorten(outcome.detail, DETAIL_MAX), *last, outcome.digest[:12])
        shown.append([in_one_line(each) if isinstance(each, str) else each for each in texts])
    return table_text(RESULT_HEADERS, shown, form, raw)


def _raw(result: Result, sweep: Sweep, form: str) -> tuple[Any, ...]:
    """Everything that is kept of it; in csv the counters are JSON in a field."""
    outcome = result.outcome
    counters = dict(outcome.counters)
    return (
        result.id,
        sweep.scenario,
        outcome.seed,
        outcome.verdict,
        *(", ".join(outcome.properties) if outcome.verdict == verdict else "" for verdict in (VIOLATED, FAILED)),
        outcome.detail,
        outcome.events,
        outcome.virtual_ns / 10**9,
        outcome.wall_s,
        outcome.digest,
        sweep.code.text,
        outcome.started_at,
        json.dumps(counters) if form == "csv" else counters,
    )


@results.command("comparisons")
@form_option
@database_option
def comparisons(form: str, database: Path) -> None:
    """List the comparisons; `simclock compare --resume NUMBER` shows one, or goes on with it."""
    with open_results(database) as opened:
        records = Records(opened)
        raw = [
            (
                each.id,
                " ".join(dict.fromkeys(scenario.name for scenario in each.asked.scenarios)),
                ",".join(map(str, each.asked.nodes)),
                ",".join(each.asked.placements),
                each.asked.repeats,
                sum(not measured.word for measured in records.measured(each.id)),
                each.state,
                each.code.text,
                each.started_at,
            )
            for each in records.comparisons()
        ]
    shown = [[in_one_line(each) if isinstance(each, str) else each for each in row] for row in raw]
    click.echo(table_text(COMPARISON_HEADERS, shown, form, raw))


@results.command("compare")
@click.argument("before", metavar="A", type=NUMBER)
@click.argument("after", metavar="B", type=NUMBER)
@form_option
@database_option
def compare(before: int, after: int, form: str, database: Path) -> int:
    """Show the seeds whose verdict or digest is not the same in sweeps A and B.

    Exit status 1 where there is one.

    \b
    Example: simclock results compare 3 4
    """
    with open_results(database) as opened:
        sweeps = opened.sweep(before), opened.sweep(after)
        found = compare_sweeps(opened.results(sweep=before), opened.results(sweep=after))
    machine = form in MACHINE_FORMS
    for line in comparison_lines(*sweeps, found):
        click.echo(line, err=machine)
    raw = [change.row for change in found.changes]
    shown = [(seed, a, b, digest[:12], other[:12]) for seed, a, b, digest, other in raw]
    if raw or machine:
        click.echo(table_text(("seed", "verdict A", "verdict B", "digest A", "digest B"), shown, form, raw))
    return DIFFERENT if raw else VALID


assert VERDICTS == (verdict.VALID, VIOLATED, "unknown", FAILED), "the headers of the sweeps' table say so"
