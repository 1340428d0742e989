"""A space-time diagram: time to the right, a line for each node, transfers from line to line, and the cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simclock import Observation, ms
from simclock.protocols.snapshots.observed import Completed, Received, Recorded, Sent, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AROUND_NS = ms(25)
"""How much is drawn before the first recording and after the last."""
PAST, ACROSS, FUTURE = "tab:gray", "tab:red", "lightgray"


def draw(kept: Sequence[Observation], axes: Axes) -> None:
    """The first snapshot that is complete."""
    snapshot = next((told.snapshot for told in map(read, kept) if isinstance(told, Completed)), None)
    if snapshot is None:
        axes.set_title("no snapshot was complete")
        return
    cut_ns: dict[int, int] = {}
    for each in kept:
        match read(each):
            case Recorded(snapshot=recorded) if recorded == snapshot:
                cut_ns[each.node] = each.time_ns
    since_ns, until_ns = min(cut_ns.values()) - AROUND_NS, max(cut_ns.values()) + AROUND_NS
    for node in cut_ns:
        axes.plot([since_ns / ms(1), until_ns / ms(1)], [node, node], color="black", linewidth=0.6)
    for source, target, left_ns, arrived_ns in _transfers(kept, since_ns, until_ns):
        before, after = left_ns < cut_ns[source], arrived_ns >= cut_ns[target]
        colour = ACROSS if before and after else PAST if before else FUTURE
        axes.annotate(
            "",
            xy=(arrived_ns / ms(1), target),
            xytext=(left_ns / ms(1), source),
            arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.2 if colour == ACROSS else 0.7},
        )
    nodes = sorted(cut_ns)
    axes.plot([cut_ns[node] / ms(1) for node in nodes], nodes, "o-", color="tab:blue", label="the cut")
    axes.plot([], [], color=ACROSS, label="under way: recorded on a channel")
    axes.plot([], [], color=PAST, label="before the cut")
    axes.plot([], [], color=FUTURE, label="after it")
    axes.set_yticks(nodes, [f"node {node}" for node in nodes])
    axes.set_xlim(since_ns / ms(1), until_ns / ms(1))
    axes.set_xlabel("virtual time [ms]")
    axes.set_title(f"snapshot {snapshot[0]}.{snapshot[1]}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, fontsize=7)


def _transfers(kept: Sequence[Observation], since_ns: int, until_ns: int) -> list[tuple[int, int, int, int]]:
    """(source, target, left, arrived) of what moves in that time."""
    left: dict[tuple[int, int, int], int] = {}
    found = []
    for each in kept:
        match read(each):
            case Sent(target, number):
                left[each.node, target, number] = each.time_ns
            case Received(source, number):
                left_ns = left.pop((source, each.node, number))
                if left_ns >= since_ns and each.time_ns <= until_ns:
                    found.append((source, each.node, left_ns, each.time_ns))
    return found
