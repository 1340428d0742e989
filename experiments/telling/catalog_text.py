"""What there is, as a list for reading: scenarios and studies by name, and all about one of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from textwrap import fill

import click

from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import defaults_text, flag_of, parameter_text, parameters_of
from simclock.experiments.entries.studies import Study, cell
from simclock.experiments.telling.tables import FORMS, table_text

FOR_READING = "simple"
form_option = click.option("--format", "form", type=click.Choice(FORMS), default=FOR_READING, show_default=True)


def catalog_text(noun: str, things: Iterable[Entry | Study], form: str) -> str:
    """The list of them. For reading: what each shows, as wide as the terminal; other forms have every column."""
    listed = list(things)
    if form != FOR_READING:
        rows = [(each.name, each.summary, defaults_text(each), each.project, each.source) for each in listed]
        shown = [(*row[:3], cell(row[3]), row[4]) for row in rows]
        return table_text((noun, "what it shows", "parameters", "project", "source"), shown, form, rows)
    names_width = max(len(each.name) for each in listed)
    width = max(30, shutil.get_terminal_size().columns - names_width - 12) if sys.stdout.isatty() else 1000
    lines = [(each.name, cell(each.project), fill(each.summary, width)) for each in listed]
    table = table_text((noun, "project", "what it shows"), lines, form, lines)
    return f"{table}\n\nsimclock list NAME tells all about one."


def details_text(thing: Entry | Study) -> str:
    """Everything a user may want to know before running it, a fact a line."""
    declared = parameters_of(thing)
    if isinstance(thing, Entry):
        command, flags = "run", [f"{flag_of(name)} " for name in declared]
    else:
        command, flags = "study", [f"--set {name}=" for name in declared]
    values = [parameter_text(name, value) for name, value in declared.items()]
    facts = [
        ("shows", thing.summary),
        ("project", cell(thing.project)),
        ("source", thing.source),
        *(("default", flag + value) for flag, value in zip(flags, values, strict=True)),
        ("run it", f"simclock {command} {thing.name}"),
    ]
    return "\n".join([thing.name, *(f"  {label:<10} {fact}".rstrip() for label, fact in facts if fact)])
