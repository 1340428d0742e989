"""`simclock demo`: the main job in process, then with Ray actors: two equal digests, a verdict, a table."""

from __future__ import annotations

import click

from simclock.actors.run import Placement, run
from simclock.experiments.commands.compare import case_of
from simclock.experiments.commands.options import SEED, Overrides, address_option
from simclock.experiments.comparing.comparing import ray_for
from simclock.experiments.comparing.comparison import Case, comparison_of
from simclock.experiments.comparing.rounds import Plan, measure
from simclock.experiments.comparing.table import comparison_text
from simclock.experiments.entries.verdict import EXIT_STATUS
from simclock.experiments.runs.report import Report, report_of, report_text, verdict_lines
from simclock.experiments.runs.source import Source
from simclock.experiments.telling.exit_status import DIFFERENT, gravest

SCENARIO = "raft-kv-wan"
COMPARED = "raft-kv"
COMPARED_NODES = (3, 5)
COMPARED_DURATION = "1s"
PLACEMENTS = ("inline", "ray", "ray:hosts=2")


@click.command()
@click.option("--seed", type=SEED, default=7, show_default=True)
@address_option("The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
def demo(seed: int, address: str | None) -> int:
    """Raft over real latencies with faults, in this process and then as Ray actors; the digests must be equal.

    \b
    Example: simclock demo
    """
    places = [(text, Placement.parse(text, address)) for text in PLACEMENTS]
    overrides = Overrides(seed=seed)
    source = overrides.source(SCENARIO)
    case = case_of(source, overrides)
    click.echo("In this process:\n")
    inline = _run(source, case, Placement())
    click.echo(report_text(inline))
    with ray_for(places, address):
        click.echo("\nThe same scenario and seed, one Ray actor per simulated node:\n")
        ray = _run(source, case, Placement.parse("ray", address))
        click.echo(f"  wall time  {ray.result.wall_s:.2f} s{ray.result.before_text}")
        click.echo("\n".join(f"  verdict    {line}" for line in verdict_lines(ray)))
        click.echo(f"\nDigests\n\n  inline  {inline.result.digest}\n  ray     {ray.result.digest}")
        equal = inline.result.digest == ray.result.digest
        click.echo(f"\n  {'equal: the same run to the last bit' if equal else 'DIFFERENT'}\n")
        several = [Overrides(seed=seed, nodes=nodes, duration=COMPARED_DURATION) for nodes in COMPARED_NODES]
        cases = [case_of(each.source(COMPARED), each) for each in several]
        plan = Plan(cases=cases, placements=places, repeats=1)
        compared = comparison_of(plan.spots, plan.repeats, list(measure(plan)))
    click.echo(comparison_text(compared, "github"))
    if not equal:
        return DIFFERENT
    return gravest((compared.status, EXIT_STATUS[inline.status]))


def _run(source: Source, case: Case, placement: Placement) -> Report:
    return report_of(source.entry, run(case.scenario, placement, replay=case.replay))
