"""`simclock study`: tables that compare many runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from simclock.errors import UsageError
from simclock.experiments.catalog import studies
from simclock.experiments.commands.completion import complete_study
from simclock.experiments.commands.options import SEED
from simclock.experiments.entries.parameters import parameter_from_text, parameters_of
from simclock.experiments.entries.studies import StudySettings, cell
from simclock.experiments.telling.catalog_text import catalog_text, form_option
from simclock.experiments.telling.pictures import try_picture
from simclock.experiments.telling.spelling import unknown
from simclock.experiments.telling.tables import table_text
from simclock.experiments.watching.progress import progress_bar


@click.command()
@click.argument("name", required=False, shell_complete=complete_study)
@click.option("--seed", type=SEED, default=0, show_default=True, help="The first seed of the runs.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the study: `simclock list NAME`."
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it too, as FILE.svg.")
@form_option
def study(*, name: str | None, seed: int, settings: tuple[str, ...], plot: Path | None, form: str) -> None:
    """Measure the study NAME and print its table; without NAME, list what there is.

    \b
    Examples:
      simclock study
      simclock study NAME --plot picture.svg
    """
    known = studies()
    if name is None:
        click.echo(catalog_text("study", known.values(), form))
        return
    if name not in known:
        raise UsageError(f"study: {unknown('study', name, known, 'simclock study')}")
    wanted = known[name]
    if plot is not None and wanted.plot is None:
        raise UsageError(f"--plot: the study {name} has no picture: leave --plot out")
    given: dict[str, Any] = dict(parameter_from_text(wanted, setting, "--set") for setting in settings)
    asked = StudySettings(seed=seed, parameters={**parameters_of(wanted), **given})
    measured = list(progress_bar(wanted.rows(asked), desc=name, unit="row", leave=False))
    draw = wanted.plot
    problem = try_picture(plot, draw and partial(draw, measured))
    shown = [tuple(cell(value) for value in row) for row in measured]
    click.echo(table_text(wanted.headers, shown, form, measured))
    if form not in ("csv", "json"):
        for note in wanted.notes(measured):
            click.echo(note)
    if problem is not None:
        raise problem
