"""`simclock check-determinism`: the same scenario and seed in fresh processes, and where they part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import click

from simclock.actors import Placement
from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.commands.completion import complete_placements, complete_scenario
from simclock.experiments.commands.options import SEED, WHOLE, Overrides, address_option
from simclock.experiments.entries.entry import as_drawn
from simclock.experiments.runs.determinism import Answer, Question, Variant, answer, first_difference, variants
from simclock.experiments.runs.sweep_report import shorten
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.telling.exit_status import CODE_FAILED, DIFFERENT, VALID, gravest
from simclock.hash_seed import on_command_line

BESIDES_MAX = 500


@click.command("check-determinism")
@click.argument("scenario", shell_complete=complete_scenario)
@click.option("--seed", "seeds", type=SEED, multiple=True, help="May be repeated.  [default: the scenario's, or 0]")
@click.option("--nodes", type=WHOLE, help="How many nodes; replicas, where there are clients beside them.")
@click.option("--duration", metavar="TIME", help="Virtual time, such as 10s.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the scenario.")
@click.option("--nemesis", metavar="KINDS", help="As in `simclock run`. A rhythm is measured anew in each process.")
@click.option("--rhythm", metavar="TIME", help="Of the nemesis: 80ms, or 80ms for 2s.  [default: measured]")
@click.option(
    "--placements",
    default="inline,windows,ray:hosts=2",
    show_default=True,
    metavar="P,P,...",
    shell_complete=complete_placements,
    help="inline, windows (Ray's windows in one process), ray, ray:4 (four nodes to an actor), ray:hosts=2.",
)
@click.option(
    "--hash-seeds", default="0,1,random", show_default=True, metavar="S,S,...", help="PYTHONHASHSEED, first placement."
)
@address_option("The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
@click.option("--guard/--no-guard", default=True, show_default=True, help="As in `simclock run`.")
def check_determinism(
    *,
    scenario: str,
    seeds: tuple[int, ...],
    nodes: int | None,
    duration: str | None,
    settings: tuple[str, ...],
    nemesis: str | None,
    rhythm: str | None,
    placements: str,
    hash_seeds: str,
    address: str | None,
    guard: bool,
) -> int:
    """Run SCENARIO in fresh processes, with other hash seeds, placements and kernel, and twice in one: one digest.

    Where they are not, names the first record that differs, its node and virtual time, and the line of the node's code
    that did it. Exit status 1 where runs differ, 4 where a node's code fails in the same way every time.

    \b
    Examples:
      simclock check-determinism raft-kv --seed 1 --seed 2
      simclock check-determinism experiments/examples/set_order.py:set_order --placements inline
    """
    places = [text.strip() for text in placements.split(",")]
    for place in places:
        Placement.parse(place, address)
    statuses = []
    for seed in seeds or (None,):
        overrides = Overrides(
            seed=seed, nodes=nodes, duration=duration, settings=settings, nemesis=nemesis, rhythm=rhythm
        )
        source = overrides.source(scenario)
        made = source.scenario()  # what is wrong with it is told here, in one line
        replay = overrides.replay(source, as_drawn(source.settings, made))
        question = Question(
            scenario=scenario,
            settings=write_settings(source.name, source.settings),
            replay=replay.removeprefix(on_command_line()),  # the same in every variant
            address=address,
            guard=guard,
        )
        chosen = variants(places, [text.strip() for text in hash_seeds.split(",")])
        click.echo(f"{scenario}{'' if seed is None else f', seed {seed}'}")
        statuses.append(_status(question, chosen))
    return gravest(statuses)


def _status(question: Question, chosen: list[Variant]) -> int:
    width = max(len(str(variant)) for variant in chosen)
    first: Answer | None = None
    for variant, found in _answers(question, chosen):
        if found.usage:
            raise UsageError(found.error)
        first = first or found
        what = first.differs_in(found)
        if what or not variant.again:
            click.echo(f"  {variant!s:<{width}}  {found.outcome}{'  DIFFERS' if what else ''}")
        if what == "digest":
            _explain(question, chosen[0], variant)
            return DIFFERENT
        if what:
            click.echo(f"\nthe digests are one, but what comes of the runs is not: {what}")
            for each, answered in ((chosen[0], first), (variant, found)):
                click.echo(f"  > {each!s:<{width}}  {shorten(answered.besides[what], BESIDES_MAX)}")
            return DIFFERENT
    if first is not None and first.error:
        click.echo("  a node's code fails, in the same way every time")
        return CODE_FAILED
    count = "once: nothing to compare with" if len(chosen) == 1 else f"{len(chosen)} times the same"
    click.echo(f"  {count}, {first.events if first else 0} events")
    return VALID


def _answers(question: Question, chosen: list[Variant]) -> Iterator[tuple[Variant, Answer]]:
    """Of every variant; of the first also what a second run in its process gives."""
    for position, variant in enumerate(chosen):
        found = answer(question, variant, twice=position == 0)
        yield variant, found
        if found.again is not None:
            yield replace(variant, again=True), found.again


def _explain(question: Question, one: Variant, other: Variant) -> None:
    difference = first_difference(question, one, other)
    if difference is None:
        click.echo("  the digests differ, but run once more the two agree: a difference that comes and goes")
        return
    where = f"the runs part at {format_duration(difference.time_ns)}, node {difference.node}"
    click.echo(f"\n{where}{f', {difference.place}' if difference.place else ''}\n{difference.text}")
