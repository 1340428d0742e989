"""The plain and the compiled kernel, each in processes of its own, against the bare loop in another.

python -m simclock.experiments.bench.kernels SIDE LOAD NODES EVENTS     is what each process runs
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from statistics import median

from simclock.errors import UsageError
from simclock.experiments.bench.loads import Sample, load_of, run_bare_loop, run_ours
from simclock.experiments.bench.measure import Row, Target, alternate, ratios
from simclock.kernel.core import COMPILED, PLAIN, VARIABLE, built

Size = tuple[str, int]
"""A load, and how many nodes."""
SIZES: tuple[Size, ...] = (
    *(("phold", nodes) for nodes in (10, 1_000, 10_000, 100_000)),
    *(("timers", nodes) for nodes in (1_000, 10_000)),
    ("ping-pong", 1_000),
    ("broadcast", 1_000),
)
KERNEL_TARGETS = {
    ("phold", 1_000): Target(limit=1.5),
    ("phold", 10_000): Target(limit=1.2),
    ("phold", 100_000): Target(limit=0.9),
    ("timers", 10_000): Target(limit=0.7),
    ("ping-pong", 1_000): Target(limit=1.8),
    ("broadcast", 1_000): Target(limit=2.5),
}
"""Of the compiled kernel, as multiples of the bare loop."""
EVENTS_PER_NODE = 3
BARE_LOOP = "bare loop"


def measure_kernels(sizes: tuple[Size, ...], events: int, repeats: int, *, judged: bool) -> Iterator[Row]:
    """Every load on every kernel there is, in turn, events per second."""
    kernels = [PLAIN, *[COMPILED] * built()]
    for name, nodes in sizes:
        wanted = max(events, EVENTS_PER_NODE * nodes)
        sides = {side: partial(sample, side, name, nodes, wanted) for side in (*kernels, BARE_LOOP)}
        rates = {side: [each.rate for each in those] for side, those in alternate(sides, repeats).items()}
        for kernel in kernels:
            yield Row(
                part="kernels",
                load=f"{name}, {kernel} kernel",
                nodes=nodes,
                against=BARE_LOOP,
                unit="events/s",
                ours=median(rates[kernel]),
                other=median(rates[BARE_LOOP]),
                ratio=ratios(rates[kernel], rates[BARE_LOOP]),
                target=KERNEL_TARGETS.get((name, nodes)) if judged and kernel == COMPILED else None,
            )


def sample(side: str, name: str, nodes: int, events: int) -> Sample:
    """One run of a load in a process of its own."""
    command = [sys.executable, "-m", __name__, side, name, str(nodes), str(events)]
    environment = {**os.environ, VARIABLE: "" if side == BARE_LOOP else side}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"kernels: the process that was measured failed: {done.stderr.strip()[-500:]}")
    return Sample(*json.loads(done.stdout))


def main(side: str, name: str, nodes: int, events: int) -> None:
    """Run and print."""
    load = load_of(name, nodes, events)
    print(json.dumps(run_bare_loop(load) if side == BARE_LOOP else run_ours(load)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
