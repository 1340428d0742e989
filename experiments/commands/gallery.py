"""`simclock gallery`: a picture of every topic, with its caption and the command that draws it alone.

Law: the same bytes on every machine, since a picture follows from a scenario, a seed and a stretch of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from simclock.durations import format_duration
from simclock.experiments.catalog import topics
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.causality.execution import SEND
from simclock.experiments.causality.of_runs import see
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic
from simclock.experiments.exports.space_time import space_time
from simclock.experiments.exports.svg import svg
from simclock.experiments.telling.output import cannot_write, write_lines

SENDS_SHOWN = 24
"""Of a topic that does not say what is worth a picture: the beginning, up to so many messages."""
LOOKED_AT_NS = 2_000_000_000
INDEX = "README.md"
HEAD = """# Gallery

One space-time picture for each topic of the catalog: a line is a node, an arrow a message, a cross one that was lost, a
band a node that is down or paused, or links that are cut. `simclock view` shows the same as a page to zoom into
([viewing.md](../viewing.md)). All of this page and its pictures is written by `simclock gallery`.
"""


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="docs/gallery",
    show_default=True,
    help="A folder.",
)
def gallery(*, out: Path) -> None:
    """Draw a picture of every topic of the catalog, and a page of them.

    The bytes are the same whenever and wherever it is run: they follow from scenario and seed alone.

    \b
    Examples:
      simclock gallery
      simclock gallery --out pictures
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(f"--out: cannot make {out}", error) from None
    page = [HEAD]
    for topic in topics():
        shot = shot_of(topic)
        if shot is None:
            continue
        entry = {each.name: each for each in topic.entries}[shot.scenario]
        write_lines(out / f"{topic.name}.svg", "--out", picture(entry, shot))
        page.append(_section(topic, shot))
    write_lines(out / INDEX, "--out", "\n".join(page).splitlines())
    click.echo(f"{out / INDEX}: {len(page) - 1} pictures")


def shot_of(topic: Topic) -> Shot | None:
    """What the topic says is worth a picture, or else the beginning of its first scenario; None where it has none."""
    if topic.shot is not None or not topic.entries:
        return topic.shot
    entry = topic.entries[0]
    execution = see(make_scenario(entry, Settings(seed=1)), "", until_ns=LOOKED_AT_NS).execution
    sends = (time_ns for time_ns, kind in zip(execution.time_ns, execution.kind, strict=True) if kind == SEND)
    to_ns = next(islice(sends, SENDS_SHOWN, None), LOOKED_AT_NS)
    return Shot(scenario=entry.name, caption=f"{entry.summary[:1].upper()}{entry.summary[1:]}.", to_ns=to_ns)


def picture(entry: Entry, shot: Shot) -> Iterator[str]:
    """The lines of the picture."""
    scenario = make_scenario(entry, Settings(seed=shot.seed))
    execution = see(scenario, f"{shot.scenario}, seed {shot.seed}", until_ns=shot.to_ns).execution
    wanted = Wanted(nodes=tuple(map(str, shot.nodes)), from_ns=shot.from_ns, to_ns=shot.to_ns)
    return svg(space_time(Excerpt(execution, wanted.of(execution))))


def command_of(shot: Shot) -> str:
    """The command that draws the same picture to standard output."""
    stretch = f"--from {format_duration(shot.from_ns)} --to {format_duration(shot.to_ns)}"
    nodes = f" --node {','.join(map(str, shot.nodes))}" if shot.nodes else ""
    return f"simclock trace {shot.scenario} --seed {shot.seed} {stretch}{nodes} --format svg"


def _section(topic: Topic, shot: Shot) -> str:
    title = topic.name.replace("_", " ")
    head = f"## {title[:1].upper()}{title[1:]}\n\n{shot.caption}"
    return f"{head}\n\n![{shot.caption}]({topic.name}.svg)\n\n`{command_of(shot)}`\n"
