"""What the model behind `auto` predicts of a comparison's rows, before they are measured.

A pilot is run in this process for each scenario and node count: the beginning of the run, half a second of CPU at most,
or one window where that takes longer. It is made only where a row is on Ray, or left open.
"""

from __future__ import annotations

from collections.abc import Sequence

from simclock.actors.placements.auto import LOOKS_S, Pilot
from simclock.actors.placements.cores import cluster_address, cores_here, ray_is_up
from simclock.actors.placements.inline import InlineHosts
from simclock.actors.placements.model import Load, choose
from simclock.actors.run import Placement, inline_run
from simclock.errors import SimclockError
from simclock.guarding.guard import guarding
from simclock.scenario import Scenario

OPEN = ("ray", "auto")
"""Kinds of placements of which something is predicted."""


def load_of(scenario: Scenario, placements: Sequence[Placement]) -> Load | None:
    """What a pilot has seen; None where there is nothing to predict, or its code fails: the run itself will tell."""
    if not any(placement.kind in OPEN for placement in placements):
        return None
    pilot, guards = Pilot(scenario, looks_s=LOOKS_S[:1]), guarding(scenario.build, True)
    try:
        with guards.run:
            scheduler, _ = inline_run(scenario, guards=guards)
            assert isinstance(scheduler.hosts, InlineHosts), "the pilot is in this process"
            pilot(scheduler, scheduler.hosts)
    except SimclockError:
        return None
    return pilot.load


def predicted_s(load: Load | None, placement: Placement) -> float:
    """Seconds of a run there, without the start of Ray; 0 where nothing is predicted."""
    if load is None or placement.kind == "windows":
        return 0.0
    if placement.kind == "inline":
        return load.whole_s
    cores = cores_of_ray() if placement.kind == "ray" or cluster_address(placement.address) else cores_here()
    if placement.kind == "ray":
        return load.spread_s(max(placement.host_of(load.nodes)) + 1, cores)
    hosts = choose(load, cores, 0.0).hosts
    return load.spread_s(hosts, cores) if hosts else load.whole_s


def cores_of_ray() -> int:
    """Of the Ray that is up; of this machine where there is none."""
    if not ray_is_up():
        return cores_here()
    from simclock.actors.placements.ray.session import cluster_cores

    return cluster_cores()
