"""A protocol whose handlers cost more than its messages: nodes verify long chains of signatures, all at once.

The liars are the senders. They hand each value from one to the next until it bears the signatures of many of them, and
let it out to one node, which sends it on; then every node verifies the whole chain.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from functools import partial
from statistics import median

import simclock
from simclock import Scenario
from simclock.experiments.bench.loads import SEED, Sample
from simclock.experiments.bench.measure import Row, Target, alternate, ratios
from simclock.experiments.catalog.dolev_strong.scenario import dolev_strong
from simclock.experiments.entries.settings import Settings
from simclock.protocols.dolev_strong.signatures import missing

Size = tuple[int, int, int]
"""Nodes, liars, and broadcasts one after the other."""
SIGNED: tuple[Size, ...] = ((40, 20, 5), (100, 33, 1))
SIGNED_TARGET = Target(limit=1.7)
FIRST_SHARE = 0.54
"""Of the nodes, on the first host: the liars are the first nodes, and verify less; halves would not be equal work."""


def signed_scenario(nodes: int, liars: int, broadcasts: int) -> Scenario:
    """The load. Rounds are long, so that a window of a host holds all that happens in one."""
    parameters = {"faulty": liars, "senders": liars, "broadcasts": broadcasts, "delay": "10ms"}
    return dolev_strong(Settings(seed=SEED, nodes=nodes, parameters=parameters))


def two_hosts(nodes: int) -> simclock.Placement:
    """Two actors with about as much to do each."""
    return simclock.Placement(kind="ray", nodes_per_actor=max(-(-nodes // 2), round(FIRST_SHARE * nodes)))


def run_signed(scenario: Scenario, placement: simclock.Placement | str) -> Sample:
    """One run."""
    gc.collect()
    result = simclock.run(scenario, placement)
    return Sample(result.counters["messages"] + result.counters["timer"], result.wall_s)


def measure_signed(sizes: tuple[Size, ...], repeats: int) -> Iterator[Row]:
    """Two hosts on Ray, which has been started, against one process; nothing without `cryptography`."""
    if missing():
        print(f"dolev-strong is left out: it {missing()}", file=sys.stderr)
        return
    for size in sizes:
        scenario = signed_scenario(*size)
        two = two_hosts(scenario.nodes)
        sides = {"two": partial(run_signed, scenario, two), "one": partial(run_signed, scenario, "inline")}
        samples = alternate(sides, repeats)
        rates = {side: [sample.rate for sample in those] for side, those in samples.items()}
        yield Row(
            part="ray",
            load="dolev-strong, two hosts",
            nodes=scenario.nodes,
            against="inline",
            unit="events/s",
            ours=median(rates["two"]),
            other=median(rates["one"]),
            ratio=ratios(rates["two"], rates["one"]),
            target=SIGNED_TARGET if size in SIGNED else None,
        )
