"""`simclock zoo`: documented bugs of real systems, put back and hunted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from simclock.errors import UsageError
from simclock.experiments.catalog import entries
from simclock.experiments.commands.options import SEED
from simclock.experiments.entries.bug import SAFETY, Bug
from simclock.experiments.telling.exit_status import VALID, VIOLATED
from simclock.experiments.telling.spelling import unknown
from simclock.experiments.telling.tables import FORMS
from simclock.experiments.watching.progress import progress_bar
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Hunt, hunt_rows
from simclock.experiments.zoo.table import zoo_text


@click.command()
@click.option("--rows", metavar="ID,ID,...", help="Which rows, such as RAFT-01,RAFT-16.  [default: all]")
@click.option("--hunts", type=click.IntRange(1), default=5, show_default=True, help="Searches per row, for the median.")
@click.option("--seeds-max", type=click.IntRange(1), default=2000, show_default=True, help="Seeds a search may try.")
@click.option("--first", type=SEED, default=0, show_default=True, help="The first search's start seed.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that hunt.")
@click.option("--shrink/--no-shrink", "shrinks", default=True, show_default=True, help="Make a found run smaller.")
@click.option("--format", "form", type=click.Choice(FORMS), default="simple", show_default=True)
def zoo(*, rows: str | None, hunts: int, seeds_max: int, first: int, jobs: int, shrinks: bool, form: str) -> int:
    """Hunt each bug, with the swarm that strikes the right protocol too, until its own property is named.

    The right protocol is run on the very same seeds, and must pass them all. "Faults after shrinking" is how many
    faults of the first run that was found are left when `simclock shrink` is done with it.

    The exit status is 0 if every safety row was found and the right protocol passed every seed, else 1.

    \b
    Examples:
      simclock zoo --rows RAFT-16,RAFT-18 --hunts 1
      simclock zoo --jobs 2 --format github
    """
    wanted = _rows(rows)
    with progress_bar(total=len(wanted), desc="zoo", unit="row") as bar:

        def told(bug: Bug, done: Sequence[Hunt]) -> None:
            bar.update()
            if not sys.stderr.isatty():
                tried = ", ".join(str(each.seeds) if each.found is not None else "not found" for each in done)
                click.echo(f"{bug.id}: {tried}", err=True)

        found = hunt_rows(wanted, first=first, hunts=hunts, seeds_max=seeds_max, jobs=jobs, shrinks=shrinks, told=told)
    click.echo(zoo_text(found, form, whole=rows is None))
    well = all(not row.right and (row.seeds is not None or row.bug.kind != SAFETY) for row in found)
    return VALID if well else VIOLATED


def _rows(text: str | None) -> list[Bug]:
    if text is None:
        missing = {name: why for name, entry in entries().items() if (why := entry.missing())}
        for name in {bug.scenario for bug in BUGS.values()} & set(missing):
            click.echo(f"the rows of {name} are left out: it {missing[name]}", err=True)
        return [bug for bug in BUGS.values() if bug.scenario not in missing]
    ids = [part.strip() for part in text.split(",")]
    for each in ids:
        if each not in BUGS:
            raise UsageError(f"--rows: {unknown('row', each, BUGS)}")
    return [BUGS[each] for each in ids]
