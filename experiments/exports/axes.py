"""A picture on the axes of matplotlib: for PNG, and for `--plot` beside the pictures that topics draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simclock.experiments.exports.space_time import Band, Line, Mark, Picture, Text
from simclock.experiments.exports.svg import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 0.62
"""Of a font's size, for a unit of the picture, at 12 inches for its width."""


def draw(picture: Picture, axes: Axes) -> None:
    """Draw the picture; the axes take its units, y going down."""
    axes.set_xlim(0, picture.width)
    axes.set_ylim(picture.height, 0)
    axes.set_axis_off()
    for shape in picture.shapes:
        colour = COLOURS[shape.colour][0]
        match shape:
            case Line(head=True):
                arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
                axes.annotate("", (shape.to_x, shape.to_y), (shape.x, shape.y), arrowprops=arrow)
            case Line():
                style = "--" if shape.colour == "lost" else "-"
                alpha = 0.35 if shape.colour == "faint" else 1.0
                ends = ([shape.x, shape.to_x], [shape.y, shape.to_y])
                axes.plot(*ends, color=colour, linestyle=style, linewidth=0.7, alpha=alpha)
            case Mark(form="tick"):
                axes.plot([shape.x] * 2, [shape.y - 5, shape.y + 5], color=colour, linewidth=0.5, alpha=0.5)
            case Mark():
                form = "o" if shape.form == "disc" else "x"
                axes.plot([shape.x], [shape.y], form, color=colour, markersize=3 if form == "o" else 5)
            case Text():
                size = (10 if shape.small else 12) * POINTS
                across = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
                text = shape.text.replace("$", r"\$")
                axes.text(shape.x, shape.y, text, color=colour, fontsize=size, ha=across, va="baseline")
            case Band():
                axes.fill(
                    [shape.x, shape.x + shape.width, shape.x + shape.width, shape.x],
                    [shape.y, shape.y, shape.y + shape.height, shape.y + shape.height],
                    color=colour,
                    alpha=0.18,
                    linewidth=0,
                )
