"""A protocol whose handlers cost more than their messages: every node signs, and verifies what all others have signed.

Each node is a sender in every broadcast (interactive consistency), so n nodes make about n^2 signatures a broadcast and
verify as many, in two bursts of all nodes at once.
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

SIGNED_NODES = (40, 100)
SIGNED_TARGET = Target(limit=1.7)
FAULTS = 2
"""What the nodes are built for. Nobody lies: liars would make fewer signatures."""


def signed_scenario(nodes: int, signatures: int) -> Scenario:
    """Broadcasts with about so many signatures in all."""
    broadcasts = max(1, round(signatures / nodes**2))
    parameters = {"faulty": 0, "tolerates": FAULTS, "senders": nodes, "broadcasts": broadcasts}
    return dolev_strong(Settings(seed=SEED, nodes=nodes, parameters=parameters))


def run_signed(scenario: Scenario, placement: simclock.Placement | str) -> Sample:
    """One run."""
    gc.collect()
    result = simclock.run(scenario, placement)
    return Sample(result.counters["messages"] + result.counters["timer"], result.wall_s)


def measure_signed(nodes: tuple[int, ...], signatures: int, repeats: int) -> Iterator[Row]:
    """Two hosts on Ray, which has been started, against one process; nothing without `cryptography`."""
    try:
        check_installed()
    except UsageError as error:
        print(f"dolev-strong is left out. {error}", file=sys.stderr)
        return
    for each in nodes:
        scenario = signed_scenario(each, signatures)
        two = simclock.Placement(kind="ray", hosts=2)
        sides = {"two": partial(run_signed, scenario, two), "one": partial(run_signed, scenario, "inline")}
        rates = {side: [sample.rate for sample in samples] for side, samples in alternate(sides, repeats).items()}
        yield Row(
            part="ray",
            load="dolev-strong, two hosts",
            nodes=each,
            against="inline",
            unit="events/s",
            ours=median(rates["two"]),
            other=median(rates["one"]),
            ratio=ratios(rates["two"], rates["one"]),
            target=SIGNED_TARGET if each in SIGNED_NODES else None,
        )
