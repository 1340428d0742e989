"""What really happened in a run: a fault that strikes nothing, or a run in which nothing happens, shows nothing."""

from __future__ import annotations

from collections.abc import Mapping

from simclock import RunResult
from simclock.faults import FAULTS
from simclock.kernel.strikes.strike import EFFECT

HAPPENED = ("corrupted", "duplicated", "crashes_losing_writes", "held_by_clogs", "waited_at_nodes", "halts")
"""Counters of what faults, or the network, did to messages, timers and disks; and so is all that is dropped."""


def coverage(result: RunResult) -> dict[str, int]:
    """Which faults changed something, how often (a crash of a node that was up), and what came of it."""
    return coverage_of(result.counters)


def coverage_of(counters: Mapping[str, int]) -> dict[str, int]:
    """The same from a run's counters, or the sums of many runs'."""
    counts = {kind: counters.get(f"{EFFECT}{kind}", 0) for kind in FAULTS}
    for name, count in counters.items():
        if name.startswith("dropped_") or name in HAPPENED:
            counts[name.replace("_", " ")] = count
    return {name: count for name, count in counts.items() if count}


def coverage_text(counts: Mapping[str, int]) -> str:
    """`12 crash, 3 partition`, the rest of a line; says so when it is nothing."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing happened: this run shows little"


def sometimes_text(reached: Mapping[str, int]) -> str:
    """What was reached, and what never was."""
    never = [name for name, count in reached.items() if not count]
    parts = [f"{count:,} {name}" for name, count in reached.items() if count]
    return ", ".join(parts) + (f"{'; ' if parts else ''}never: {', '.join(never)}" if never else "")
