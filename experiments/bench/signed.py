"""A protocol whose handlers cost more than its messages: nodes verify long chains of signatures, all at once.

A third of the nodes lie, and hand values from one to the next until each bears the signatures of them all. Every node
is a sender (interactive consistency), so about n/3 such chains are let out, and every correct node verifies them all.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from functools import partial
from statistics import median

import simclock
from simclock import Scenario, UsageError
from simclock.experiments.bench.loads import SEED, Sample
from simclock.experiments.bench.measure import Row, Target, alternate, ratios
from simclock.experiments.catalog.dolev_strong.scenario import dolev_strong
from simclock.experiments.entries.settings import Settings
from simclock.protocols.dolev_strong.signatures import check_installed

SIGNED = ((40, 4), (100, 1))
"""(nodes, broadcasts one after the other): 2,000 to 75,000 signatures are verified in each."""
SIGNED_TARGET = Target(limit=1.7)


def signed_scenario(nodes: int, broadcasts: int) -> Scenario:
    """The load."""
    parameters = {"faulty": nodes // 3, "senders": nodes, "broadcasts": broadcasts, "delay": "10ms"}
    return dolev_strong(Settings(seed=SEED, nodes=nodes, parameters=parameters))


def run_signed(scenario: Scenario, placement: simclock.Placement | str) -> Sample:
    """One run."""
    gc.collect()
    result = simclock.run(scenario, placement)
    return Sample(result.counters["messages"] + result.counters["timer"], result.wall_s)


def measure_signed(sizes: tuple[tuple[int, int], ...], repeats: int) -> Iterator[Row]:
    """Two hosts on Ray, which has been started, against one process; nothing without `cryptography`."""
    try:
        check_installed()
    except UsageError as error:
        print(f"dolev-strong is left out. {error}", file=sys.stderr)
        return
    for nodes, broadcasts in sizes:
        scenario = signed_scenario(nodes, broadcasts)
        two = simclock.Placement(kind="ray", hosts=2)
        sides = {"two": partial(run_signed, scenario, two), "one": partial(run_signed, scenario, "inline")}
        samples = alternate(sides, repeats)
        rates = {side: [sample.rate for sample in those] for side, those in samples.items()}
        yield Row(
            part="ray",
            load="dolev-strong, two hosts",
            nodes=nodes,
            against="inline",
            unit="events/s",
            ours=median(rates["two"]),
            other=median(rates["one"]),
            ratio=ratios(rates["two"], rates["one"]),
            target=SIGNED_TARGET if (nodes, broadcasts) in SIGNED else None,
        )
