"""The command `bench`: measures, prints the table, and says which targets were met."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import sys
import time
from collections.abc import Sequence

import click
from tabulate import tabulate

from simclock.errors import UsageError
from simclock.experiments.bench.measure import Row
from simclock.experiments.bench.parts import PARTS, QUICK, Sizes, with_repeats

REPEATS_MIN = 5
FORMATS = ("github", "csv", "json")


@click.command()
@click.option("--only", default=",".join(PARTS), show_default=True, help="Parts to measure, with commas.")
@click.option("--repeats", type=click.IntRange(min=1), default=REPEATS_MIN, show_default=True)
@click.option("--quick", is_flag=True, help="Smaller sizes: a look, not a measurement.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="github", show_default=True)
def bench(only: str, repeats: int, quick: bool, style: str) -> None:
    """Measure the kernel side by side with a bare loop, SimPy and bare Ray.

    \b
    Example: simclock bench --quick --only inline
    """
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    for part in wanted:
        if part not in PARTS:
            raise click.BadParameter(f"{part!r} is not a part: {', '.join(PARTS)}", param_hint="--only")
    sizes = with_repeats(QUICK if quick else Sizes(), repeats)
    rows: list[Row] = []
    started = time.perf_counter()
    try:
        for part in wanted:
            for row in PARTS[part](sizes):
                rows.append(row)
                click.echo(f"{time.perf_counter() - started:4.0f} s  {said(row)}", err=True)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    click.echo(table(rows, style))
    if style == "github":
        click.echo("\n".join(["", *summary(rows, repeats=repeats, quick=quick)]))


def said(row: Row) -> str:
    """A row in one line, while the rest is still being measured."""
    return f"{row.part}: {row.load}, {row.nodes} nodes, {row.against}: {row.ratio} {row.verdict}".rstrip()


def record(row: Row) -> dict[str, object]:
    """A row as plain values."""
    return {
        "part": row.part,
        "load": row.load,
        "nodes": row.nodes,
        "against": row.against,
        "unit": row.unit,
        "ours": round(row.ours, 1),
        "other": None if row.other is None else round(row.other, 1),
        "ratio": round(row.ratio.middle, 3),
        "min": round(row.ratio.least, 3),
        "max": round(row.ratio.greatest, 3),
        "target": "" if row.target is None else str(row.target),
        "verdict": row.verdict,
    }


def table(rows: Sequence[Row], style: str) -> str:
    """The rows in one of the formats."""
    records = [record(row) for row in rows]
    if style == "json":
        return json.dumps(records, indent=2)
    if style == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(records[0]) if records else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue().rstrip("\n")
    for line in records:
        for name in ("ours", "other"):
            value = line[name]
            line[name] = f"{value:,.{0 if value >= 100 else 1}f}" if isinstance(value, float) else ""
    return tabulate(records, headers="keys", tablefmt="github", disable_numparse=True)


def summary(rows: Sequence[Row], *, repeats: int, quick: bool) -> list[str]:
    """The targets in plain words, and what the figures were measured on."""
    lines = []
    for row in rows:
        if row.target is not None:
            verdict = "met" if row.verdict == "met" else "NOT met"
            unit = f" {row.unit}" if row.part == "memory" else ""
            what = row.against if row.part == "memory" else f"against {row.against}"
            lines.append(
                f"Target {verdict}: {row.load} on {row.nodes} nodes, {what}: "
                f"{row.ratio.middle:.3g}{unit}, wanted {row.target}{unit}."
            )
    if not lines:
        lines.append("None of what was measured has a target.")
    cores = os.cpu_count() or 1
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    lines.append(f"Medians of {repeats}, alternating; {implementation}, {sys.platform}, {cores} cores.")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > cores:
        lines.append(
            f"The machine is busy with more than this (load {os.getloadavg()[0]:.1f} on {cores} cores): "
            "two hosts lack free cores, or get more of them than one process does; what they read against inline is "
            "off either way."
        )
    if quick or repeats < REPEATS_MIN:
        lines.append(f"A look, not a measurement: sizes are small, or fewer than {REPEATS_MIN} repeats.")
    return lines
