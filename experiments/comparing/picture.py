"""A comparison drawn: wall time, events a second and messages against nodes, a line for each scenario and placement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simclock.experiments.comparing.comparison import Comparison, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (11.0, 4.2)
MARKERS = "os^Dv<>PX*"
"""Lines are told apart by these as well as by colours; of as many lines as there are, no two neighbours share one."""
STYLES = ("-", "--", ":", "-.")
MARKER_SIZES = (9.0, 7.5, 6.0, 4.5)
"""Lines that lie on each other, as those of messages do, are still seen: a later one's markers are smaller."""


def draw_comparison(found: Comparison, figure: Figure) -> None:
    """Three panels with logarithmic axes. What was not measured has no point, and is named in the legend."""
    panels: Sequence[tuple[str, Callable[[Row], float | None]]] = (
        ("wall time [s], median, least to most", lambda row: row.wall_s and row.wall_s.median),
        ("events per second of wall time", lambda row: row.events_per_s),
        ("messages delivered", lambda row: row.messages),
    )
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in found.rows:
        lines.setdefault((row.name, row.placement), []).append(row)
    for axes, (title, value) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for number, (named, rows) in enumerate(lines.items()):
            look = {
                "label": _label(*named, rows),
                "marker": MARKERS[number % len(MARKERS)],
                "linestyle": STYLES[number % len(STYLES)],
                "markersize": MARKER_SIZES[number % len(MARKER_SIZES)],
            }
            _line(axes, sorted(rows, key=lambda row: row.nodes), value, look)
        axes.set_title(title, fontsize="medium")
        if any(value(row) for row in found.rows):
            _scale(axes, sorted({row.nodes for row in found.rows}))
        else:
            axes.text(0.5, 0.5, "nothing was measured", ha="center", transform=axes.transAxes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small", frameon=False)


def _line(axes: Axes, rows: Sequence[Row], value: Callable[[Row], float | None], look: Mapping[str, Any]) -> None:
    points = [(row, measured) for row in rows if (measured := value(row))]  # nor nought, which has no logarithm
    (line,) = axes.plot(
        [row.nodes for row, _ in points],
        [measured for _, measured in points],
        markerfacecolor="none",
        **look,
    )
    for row, measured in points:
        if row.wall_s is not None and measured == row.wall_s.median and row.rounds > 1:
            axes.vlines(row.nodes, row.wall_s.least, row.wall_s.most, color=line.get_color(), linewidth=1)


def _label(name: str, placement: str, rows: Sequence[Row]) -> str:
    missing = ", ".join(str(row.nodes) for row in rows if not row.rounds)
    return f"{name}, {placement}" + (f" (not measured: {missing} nodes)" if missing else "")


def _scale(axes: Any, nodes: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(nodes, [str(count) for count in nodes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("nodes")
    axes.grid(alpha=0.3)
