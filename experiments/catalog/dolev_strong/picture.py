"""A picture of the broadcasts: time to the right, a line for each node, what it extracts, sends and decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simclock import RunResult, ms
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.dolev_strong import ByzantineBroadcast
from simclock.protocols.dolev_strong.observed import Decided, Extracted, Lied, Proposed, Refused, Relayed, read
from simclock.protocols.dolev_strong.participant import VALUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = dict(zip(VALUES, ("tab:blue", "tab:orange"), strict=True))
LYING = "tab:red"
ARROW_MS = 1.0
"""How long an arrow is drawn: when the message comes is not told."""
SENDS: dict[str, Any] = {"marker": ">", "markersize": 11, "markerfacecolor": "none"}
HAS_EXTRACTED: dict[str, Any] = {"marker": "o", "markersize": 4}
REFUSES: dict[str, Any] = {"marker": "x", "markersize": 6, "color": "gray"}
DECIDES: dict[str, Any] = {"marker": "s", "markersize": 9}


def draw(result: RunResult, axes: Axes) -> None:
    """Every broadcast of the run; of liars, what they give to whom."""
    kept = result.report(ByzantineBroadcast)
    nodes = range(kept.settings.nodes)
    end_ms = result.virtual_ns / ms(1)
    for node in nodes:
        axes.plot([0, end_ms], [node, node], color="lightgray", linewidth=0.6, zorder=0)
    for each in recorded(result):
        at_ms, node = each.time_ns / ms(1), each.node
        told = read(each)
        if isinstance(told, Lied):
            _arrows(axes, at_ms, node, told)
        elif node not in kept.liars:
            for marker, colour in _markers(told):
                axes.plot(at_ms, node, linestyle="none", **{"color": colour, **marker})
    for value, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=value)
    named = (("sends", SENDS), ("has extracted", HAS_EXTRACTED), ("refuses", REFUSES), ("decides", DECIDES))
    for label, marker in named:
        axes.plot([], [], linestyle="none", label=label, **{"color": "gray", **marker})
    axes.plot([], [], linestyle="none", color=LYING, label="decides that the sender lies", **DECIDES)
    axes.set_yticks(list(nodes), [f"{'liar' if node in kept.liars else 'node'} {node}" for node in nodes])
    axes.set_xlim(0, end_ms)
    axes.set_xlabel("virtual time [ms]")
    axes.set_title("broadcasts; arrows: what liars give to whom")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, fontsize=7)


def _markers(told: object) -> list[tuple[dict[str, Any], str]]:
    """How something told is drawn, each in its colour."""
    match told:
        case Proposed(value=value):
            return [(SENDS, COLOURS[value])]
        case Relayed(values=sent):
            return [(SENDS, COLOURS.get(value, LYING)) for _, value in sent]
        case Extracted(values=taken):
            return [(HAS_EXTRACTED, COLOURS.get(value, LYING)) for _, value, _ in taken]
        case Refused():
            return [(REFUSES, "gray")]
        case Decided(values=values):
            return [(DECIDES, COLOURS.get(decided or "", LYING)) for _, decided in values]
    return []


def _arrows(axes: Axes, at_ms: float, node: int, told: Lied) -> None:
    for target in told.targets:
        axes.annotate(
            "",
            xy=(at_ms + ARROW_MS, target),
            xytext=(at_ms, node),
            arrowprops={"arrowstyle": "->", "color": COLOURS.get(told.value, LYING), "linewidth": 0.9},
        )
