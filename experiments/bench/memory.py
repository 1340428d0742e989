"""`python -m simclock.experiments.bench.memory NODES`: runs PHOLD in process and prints its peak memory as JSON."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from simclock.experiments.bench.loads import load_of, run_ours

EVENTS_PER_NODE = 3
"""Of a hundred nodes 95 have handled one by then, and hold what a node ever holds."""


def peak_bytes() -> int:
    """The greatest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux its figure takes in what the parent had when it started this process.
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(nodes: int) -> None:
    """Run and print."""
    before_bytes = peak_bytes()
    sample = run_ours(load_of("phold", nodes, EVENTS_PER_NODE * nodes))
    print(json.dumps({"before_bytes": before_bytes, "peak_bytes": peak_bytes(), "events": sample.events}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
