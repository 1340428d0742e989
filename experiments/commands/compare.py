"""`simclock compare`: scenarios x node counts x placements x repeats, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from simclock.actors.run import Placement
from simclock.errors import UsageError
from simclock.experiments.commands.completion import complete_placements, complete_scenario
from simclock.experiments.commands.options import SEED, Overrides
from simclock.experiments.comparing.comparison import Case, compare, comparison_text, disagreements
from simclock.experiments.runs.seeds import bounded
from simclock.experiments.telling.exit_status import DIFFERENT, VALID
from simclock.experiments.telling.spelling import say
from simclock.experiments.telling.tables import FORMS
from simclock.experiments.watching.progress import progress_bar

DEFAULT_SCENARIOS = ("raft-kv", "phold")


@click.command("compare")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...", shell_complete=complete_scenario)
@click.option("--nodes", default="3,5,9", show_default=True, metavar="N,N,...", help="Node counts.")
@click.option(
    "--placements",
    default="inline,ray,ray:hosts=2",
    show_default=True,
    metavar="P,P,...",
    shell_complete=complete_placements,
    help="inline, ray (one actor per node), ray:4 (four nodes to an actor), ray:hosts=2.",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each; the median counts."
)
@click.option("--seed", type=SEED, help="The seed that decides everything.  [default: the scenario's, or 0]")
@click.option("--duration", metavar="TIME", help="Virtual time of each run, such as 10s.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the scenarios.")
@click.option("--address", help="The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
@click.option("--format", "form", type=click.Choice(FORMS), default="github", show_default=True)
def compare_placements(
    *,
    scenarios: tuple[str, ...],
    nodes: str,
    placements: str,
    repeats: int,
    seed: int | None,
    duration: str | None,
    settings: tuple[str, ...],
    address: str | None,
    form: str,
) -> int:
    """Run scenarios with several node counts on several placements, and check that all digests agree.

    Without SCENARIO: raft-kv and phold. Exit status 1 where digests differ.

    \b
    Example: simclock compare phold --nodes 10,100 --placements inline,ray:hosts=2 --repeats 5
    """
    cases = []
    for name in scenarios or DEFAULT_SCENARIOS:
        for count in _counts(nodes):
            cases.append(case_of(name, Overrides(seed=seed, nodes=count, duration=duration, settings=settings)))
    places = [(text.strip(), Placement.parse(text, address)) for text in placements.split(",")]
    with progress_bar(total=len(cases) * len(places) * repeats, unit="run") as bar, ray_for(places, address):

        def told(what: str) -> None:
            bar.set_description(what)
            bar.update()

        rows = compare(cases, places, repeats, told)
    click.echo(comparison_text(rows, form))
    differing = disagreements(rows)
    for line in differing:
        click.echo(f"simclock: {line}", err=True)
    return DIFFERENT if differing else VALID


def case_of(name: str, overrides: Overrides) -> Case:
    """A scenario with one node count, ready to run."""
    source = overrides.source(name)
    scenario = source.scenario()
    replay = overrides.replay(source, source.settings)
    return Case(name=name, nodes=overrides.nodes or scenario.nodes, scenario=scenario, replay=replay)


def ray_for(places: Sequence[tuple[str, Placement]], address: str | None) -> ExitStack:
    """One Ray for all runs, where one of them needs any."""
    stack = ExitStack()
    if any(placement.kind == "ray" for _, placement in places):
        from simclock.actors.placements.ray.session import ray_session

        stack.enter_context(ray_session(address))
    return stack


def _counts(text: str) -> list[int]:
    counts = [bounded(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(counts) < 1:
        raise UsageError(f"--nodes: {say(text)} is not a list of node counts: write it as 3,5,9")
    return counts
