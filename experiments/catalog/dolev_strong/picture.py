"""A picture of the broadcasts: time to the right, a line for each node, what it extracts, refuses and decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simclock import RunResult, ms
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.dolev_strong.observed import Decided, Extracted, Lied, Proposed, Refused, Relayed, read
from simclock.protocols.dolev_strong.participant import VALUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = dict(zip(VALUES, ("tab:blue", "tab:orange"), strict=True))
LYING = "tab:red"


def draw(result: RunResult, axes: Axes) -> None:
    """Every broadcast of the run."""
    nodes = sorted({each.node for each in recorded(result)})
    for each in recorded(result):
        at_ms, node = each.time_ns / ms(1), each.node
        match read(each):
            case Proposed(value=value):
                axes.plot(at_ms, node, marker=">", color=COLOURS[value], markersize=9)
            case Extracted(values=taken):
                for _, value, _ in taken:
                    axes.plot(at_ms, node, marker="o", color=COLOURS.get(value, "black"), markersize=5)
            case Relayed(values=sent):
                for _, value in sent:
                    axes.plot(at_ms, node, marker=">", color=COLOURS.get(value, "black"), markersize=5)
            case Refused():
                axes.plot(at_ms, node, marker="x", color="gray", markersize=6)
            case Lied(targets=targets, value=value):
                for target in targets:
                    axes.annotate(
                        "",
                        xy=(at_ms + 1, target),
                        xytext=(at_ms, node),
                        arrowprops={"arrowstyle": "->", "color": COLOURS.get(value, "black"), "linewidth": 0.8},
                    )
            case Decided(values=values):
                for _, decided in values:
                    axes.plot(at_ms, node, marker="s", color=COLOURS.get(decided or "", LYING), markersize=9)
    for value, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=value)
    for marker, label in ((">", "sends"), ("o", "has extracted"), ("x", "refuses"), ("s", "decides")):
        axes.plot([], [], marker, color="gray", label=label)
    axes.plot([], [], "s", color=LYING, label="decides that the sender lies")
    axes.set_yticks(nodes, [f"node {node}" for node in nodes])
    axes.set_xlabel("virtual time [ms]")
    axes.set_title("broadcasts; arrows: what liars give to whom")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, fontsize=7)
