"""Pictures, as SVG: the only place that imports matplotlib, which is an extra (`pip install 'simclock[plot]'`).

Law: the same run draws the same bytes: no date, and ids that depend on what is drawn alone.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simclock.errors import UsageError
from simclock.experiments.telling.output import cannot_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Axes"], Any]
MISSING = "needs matplotlib, which is not here: pip install 'simclock[plot]'"


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
    write_figure(path, lambda figure: draw(figure.add_subplot()))


def check_picture(path: Path) -> None:
    """Refuse beforehand what `write_figure` would refuse after all the work."""
    _check_name(path)
    if find_spec("matplotlib") is None:
        raise UsageError(f"--plot: {MISSING}")
    if not path.parent.is_dir():
        raise UsageError(f"--plot: cannot write {path}: there is no folder {path.parent}")


def _check_name(path: Path) -> None:
    if path.suffix != ".svg":
        raise UsageError(f"--plot: {path} is not a picture: its name must end in .svg")


def write_figure(path: Path, draw: Callable[[Figure], Any], size: tuple[float, float] = (7.0, 4.0)) -> None:
    """Draw on a figure of that size, in inches, and write an SVG. Raises UsageError where that cannot be."""
    _check_name(path)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(f"--plot: {MISSING}") from None
    with matplotlib.rc_context({"svg.hashsalt": "simclock", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        try:
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        except (OSError, ValueError) as error:
            raise cannot_write(f"--plot: cannot write {path}", error) from None
