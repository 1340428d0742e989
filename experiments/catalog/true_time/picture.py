"""The picture of a run with TrueTime: the saw teeth of epsilon, and what each commit waited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simclock import RunResult
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.true_time.observed import Assigned, Committed, Now, PreparedAt, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECOND = 1e9
MILLISECOND = 1e6


def plot(result: RunResult, axes: Axes) -> None:
    """Epsilon of each leader over true time; dots are commit waits."""
    epsilons: dict[int, list[tuple[float, float]]] = {}
    assigned: dict[int, int] = {}
    waits: list[tuple[float, float]] = []
    leaders = sorted({each.node for each in recorded(result) if isinstance(read(each), Assigned | PreparedAt)})
    for each in recorded(result):
        match read(each):
            case Now(earliest_ns, latest_ns) if each.node in leaders:
                half_ns = (latest_ns - earliest_ns) / 2
                epsilons.setdefault(each.node, []).append((each.time_ns / SECOND, half_ns / MILLISECOND))
            case Assigned(transaction):
                assigned[transaction] = each.time_ns
            case Committed(transaction) if transaction in assigned:
                waited_ns = each.time_ns - assigned.pop(transaction)
                waits.append((each.time_ns / SECOND, waited_ns / MILLISECOND))
    for leader, points in sorted(epsilons.items()):
        axes.plot(*zip(*points, strict=True), linewidth=1, label=f"epsilon of leader {leader}")
    if waits:
        axes.plot(*zip(*waits, strict=True), ".", markersize=3, color="grey", label="commit wait")
    axes.set_xlabel("true time [s]")
    axes.set_ylabel("[ms]")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=7)
