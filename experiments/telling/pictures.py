"""Pictures, as SVG: the only place that imports matplotlib, which is an extra (`pip install 'simclock[plot]'`).

Law: the same run draws the same bytes: no date, and ids that depend on what is drawn alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simclock.errors import UsageError
from simclock.experiments.telling.output import cannot_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[["Axes"], Any]


def try_picture(path: Path | None, draw: Draw | None) -> UsageError | None:
    """Draw, if there is a path; what is wrong with it is given back, to be raised when the report has been printed.

    A picture is drawn before anything is printed: who reads the report may close the pipe after its first line.
    """
    try:
        if path is not None and draw is not None:
            write_picture(path, draw)
    except UsageError as problem:
        return problem
    return None


def write_picture(path: Path, draw: Draw) -> None:
    """Draw on axes of their own and write an SVG. Raises UsageError where that cannot be."""
    if path.suffix != ".svg":
        raise UsageError(f"--plot: {path} is not a picture: its name must end in .svg")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("--plot: needs matplotlib, which is not here: pip install 'simclock[plot]'") from None
    with matplotlib.rc_context({"svg.hashsalt": "simclock", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        draw(figure.add_subplot())
        try:
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        except (OSError, ValueError) as error:
            raise cannot_write(f"--plot: cannot write {path}", error) from None
