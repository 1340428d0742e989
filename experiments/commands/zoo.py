"""`simclock zoo`: documented bugs of real systems, put back and hunted."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing

import click

from simclock.errors import UsageError
from simclock.experiments.catalog import entries, topics
from simclock.experiments.commands.options import SEED
from simclock.experiments.entries.bug import SAFETY, Bug
from simclock.experiments.telling.exit_status import INTERRUPTED, VALID, VIOLATED
from simclock.experiments.telling.spelling import say, unknown
from simclock.experiments.telling.tables import FORMS
from simclock.experiments.watching.progress import progress_bar
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Found, Hunting
from simclock.experiments.zoo.quarry import own_rows, row_quarry
from simclock.experiments.zoo.table import row_line, zoo_text

AREAS = {"paxos": "multi-paxos", "vsr": "viewstamped-replication"}
"""Short names of topics."""


@click.command()
@click.option("--file", metavar="FILE", help="Rows of your own: a Python file with its scenario and its bugs.")
@click.option("--rows", metavar="ID,ID,...", help="Which rows, such as RAFT-01,RAFT-16.  [default: all]")
@click.option("--area", metavar="TOPIC", help="The rows of one topic of the catalog, such as raft, paxos, zab or vsr.")
@click.option("--hunts", type=click.IntRange(1), default=5, show_default=True, help="Searches per row, for the median.")
@click.option("--seeds-max", type=click.IntRange(1), default=2000, show_default=True, help="Seeds a search may try.")
@click.option("--first", type=SEED, default=0, show_default=True, help="The first search's start seed.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that hunt.")
@click.option("--shrink/--no-shrink", "shrinks", default=True, show_default=True, help="Make a found run smaller.")
@click.option("--format", "form", type=click.Choice(FORMS), default="simple", show_default=True)
def zoo(
    *,
    file: str | None,
    rows: str | None,
    area: str | None,
    hunts: int,
    seeds_max: int,
    first: int,
    jobs: int,
    shrinks: bool,
    form: str,
) -> int:
    """Hunt each bug, with the swarm that strikes the right protocol too, until its own property is named.

    The right protocol is run on the very same seeds, and must pass them all. "Faults after shrinking" is how many
    faults of the first run that was found are left when `simclock shrink` is done with it.

    Each row is told as it is done; Ctrl-C ends the hunt, prints the rows that there are, and exits with 130.

    The exit status is 0 if every safety row was found and the right protocol passed every seed, else 1.

    \b
    Examples:
      simclock zoo --rows RAFT-16,RAFT-18 --hunts 1
      simclock zoo --area zab --no-shrink
      simclock zoo --jobs 2 --format github
      simclock zoo --file tpc.py
    """
    wanted = _rows(rows, _known(file, area))
    hunting = Hunting(
        [row_quarry(bug) for bug in wanted], first=first, hunts=hunts, seeds_max=seeds_max, shrinks=shrinks
    )
    found, interrupted = hunted(hunting, len(wanted), jobs=jobs, address=None)
    order = {bug.id: position for position, bug in enumerate(wanted)}
    found.sort(key=lambda row: order[row.quarry.id])
    click.echo(zoo_text(found, form, whole=rows is None and file is None and area is None and not interrupted))
    if interrupted:
        return INTERRUPTED
    well = all(not row.right and (row.seeds is not None or row.quarry.kind != SAFETY) for row in found)
    return VALID if well else VIOLATED


def hunted(hunting: Hunting, total: int, *, jobs: int | None, address: str | None) -> tuple[list[Found], bool]:
    """Hunt them all, tell each as it is done, and whether Ctrl-C ended it: then with what there is of the others."""
    found: list[Found] = []
    with progress_bar(total=total, desc="hunt", unit="row") as bar:
        try:
            with closing(hunting.through(jobs, address)) as running:  # type: ignore[type-var]
                for row in running:
                    found.append(row)
                    bar.write(row_line(row), file=sys.stderr)
                    bar.update()
        except KeyboardInterrupt:
            return [*found, *hunting.unfinished()], True
    return found, False


def _known(file: str | None, area: str | None) -> Mapping[str, Bug]:
    """The rows that may be asked for, by id. Raises UsageError."""
    if file is not None and area is not None:
        raise UsageError("--area: the rows of a file are in no topic of the catalog: leave --area or --file out")
    if file is not None:
        return {bug.id: bug for bug in _own(file)}
    if area is None:
        return BUGS
    areas = {topic.name.replace("_", "-"): topic for topic in topics() if topic.bugs}
    name = AREAS.get(area, area.replace("_", "-"))
    if name not in areas:
        raise UsageError(f"--area: {unknown('topic', area, [*areas, *AREAS])}")
    return {bug.id: bug for bug in areas[name].bugs}


def _own(file: str) -> list[Bug]:
    if not file.partition(":")[0].endswith(".py"):
        raise UsageError(f"--file: {say(file)} is not a Python file: write it as mine.py, or mine.py:scenario")
    rows = own_rows(file)
    if not rows:
        raise UsageError(f"--file: {file} has no rows: a row is a Bug(...) whose `scenario` names a function there")
    return rows


def _rows(text: str | None, known: Mapping[str, Bug]) -> list[Bug]:
    missing = {name: why for name, entry in entries().items() if (why := entry.missing())}
    if text is None:
        for name in {bug.scenario for bug in known.values()} & set(missing):
            click.echo(f"the rows of {name} are left out: it {missing[name]}", err=True)
        return [bug for bug in known.values() if bug.scenario not in missing]
    ids = [part.strip() for part in text.split(",")]
    for each in ids:
        if each not in known:
            raise UsageError(f"--rows: {unknown('row', each, known)}")
        scenario = known[each].scenario
        if scenario in missing:
            raise UsageError(f"{scenario}: {missing[scenario]}")
    return [known[each] for each in ids]
