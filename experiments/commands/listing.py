"""`simclock list` and `simclock show`: what there is, and what one scenario is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import click

from simclock.errors import UsageError
from simclock.experiments.catalog import entries, studies
from simclock.experiments.commands.completion import ScenarioCommand, complete_name, complete_scenario
from simclock.experiments.commands.options import Overrides, override_options
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import parameters_of
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Study
from simclock.experiments.runs.reference import code_of
from simclock.experiments.runs.source import Source, find_source
from simclock.experiments.scenario_files.file import is_python
from simclock.experiments.scenario_files.latency_forms import latency_to_table
from simclock.experiments.scenario_files.text import whole_settings, write_settings
from simclock.experiments.telling.catalog_text import FOR_READING, catalog_text, details_text, form_option
from simclock.experiments.telling.spelling import unknown
from simclock.readable import in_one_line
from simclock.scenario import Scenario


@click.command("list")
@click.argument("name", required=False, shell_complete=complete_name)
@form_option
def list_scenarios(name: str | None, form: str) -> None:
    """List the scenarios that have a name; with the NAME of a scenario or a study, tell all about it.

    \b
    Examples:
      simclock list
      simclock list raft-kv
      simclock list mine.py
    """
    if name is None:
        click.echo(catalog_text("scenario", entries().values(), form))
        return
    named: list[Entry | Study] = [known[name] for known in (entries(), studies()) if name in known]
    if is_python(name):
        named = [find_source(name).entry]
    if not named:
        raise UsageError(f"list: {unknown('scenario or study', name, {**entries(), **studies()}, 'simclock list')}")
    told = "\n\n".join(map(details_text, named)) if form == FOR_READING else catalog_text("name", named, form)
    click.echo(told)


@click.command(cls=ScenarioCommand)
@click.argument("scenario", shell_complete=complete_scenario)
@override_options
def show(scenario: str, overrides: Overrides) -> None:
    """Print SCENARIO as a file that `simclock run` accepts, every value spelled out, to be edited.

    A TOML file that names Python code is refused: it would have to be run.

    \b
    Example: simclock show raft-kv-wan > mine.toml && simclock run mine.toml
    """
    code = code_of(scenario)
    if code is not None:
        raise UsageError(f"{scenario}: it is of Python code, {code}, which is not run to be shown: read the two files")
    source = overrides.source(scenario)
    made = source.scenario()
    comments = [f"# {in_one_line(line)}".rstrip() for line in _comments(source, made)]
    settings = whole_settings(source.settings, made)
    settings = replace(settings, parameters={**parameters_of(source.entry), **settings.parameters})
    click.echo("\n".join(comments))
    click.echo(write_settings(source.entry.name, _writable(settings)), nl=False)


def _comments(source: Source, made: Scenario) -> Iterator[str]:
    yield str(made)
    yield source.entry.summary
    if source.entry.source:
        yield f"source: {source.entry.source}"
    for fault in made.faults:
        yield f"planned: {fault}"


def _writable(settings: Settings) -> Settings:
    """Without a network whose latency model TOML has no name for."""
    assert settings.network is not None, "every value is spelled out"
    try:
        latency_to_table(settings.network.latency)
    except UsageError as error:
        click.echo(f"# {in_one_line(str(error))}")
        return replace(settings, network=None)
    return settings
