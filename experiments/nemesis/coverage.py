"""What really happened in a run: a fault that strikes nothing, or a run in which nothing happens, shows nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from simclock import Crash, JumpClock, Note, Partition, Pause, Restart, Resume, RunResult
from simclock.faults import NodeFault


def coverage(result: RunResult) -> dict[str, int]:
    """Which faults had an effect, how often: a crash of a node that was up, a pause of one that ran."""
    counts: Counter[str] = Counter()
    down: set[int] = set()
    paused: set[int] = set()
    halts = list(result.halts)
    for fault in sorted(result.faults, key=lambda fault: fault.at_ns):
        while halts and halts[0][0] < fault.at_ns:
            down.add(halts.pop(0)[1])
        if fault.at_ns >= result.virtual_ns or isinstance(fault, Note):
            continue
        node = fault.node if isinstance(fault, NodeFault) and isinstance(fault.node, int) else -1
        match fault:
            case Crash() if node in down:
                continue
            case Crash():
                down.add(node)
                paused.discard(node)
            case Restart() if node not in down:
                continue
            case Restart():
                down.discard(node)
            case Pause() if node in paused or node in down:
                continue
            case Pause():
                paused.add(node)
            case Resume() if node not in paused:
                continue
            case Resume():
                paused.discard(node)
            case Partition(groups=()) | JumpClock(by_ns=0):
                continue
        counts[fault.kind] += 1
    for name, count in result.counters.items():
        if name.startswith("dropped_") or name in ("duplicated", "crashes_losing_writes"):
            counts[name.replace("_", " ")] += count
    counts["halts"] = len(result.halts)
    return {name: count for name, count in counts.items() if count}


def coverage_text(counts: Mapping[str, int]) -> str:
    """`12 crash, 3 partition`, the rest of a line; says so when it is nothing."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing happened: this run shows little"


def sometimes_text(reached: Mapping[str, int]) -> str:
    """What was reached, and what never was."""
    never = [name for name, count in reached.items() if not count]
    parts = [f"{count:,} {name}" for name, count in reached.items() if count]
    return ", ".join(parts) + (f"{'; ' if parts else ''}never: {', '.join(never)}" if never else "")
