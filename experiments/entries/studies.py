"""Studies: tables that compare many runs, each with the question it answers; `simclock study` prints them.

A row is plain values, its units stand in the headers, so that a program can read the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simclock.experiments.runs.seeds import check_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What a user may set about any study."""

    seed: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Every parameter of the study, by name."""

    def __post_init__(self) -> None:
        check_seed(self.seed)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A named table of measurements."""

    name: str
    summary: str
    """The question, one line."""
    source: str = ""
    """The paper whose claim it measures."""
    project: int | None = None
    """Number of the project in the curriculum, if it belongs to one."""
    headers: tuple[str, ...]
    """With units, as "skew median [us]"."""
    rows: Callable[[StudySettings], Iterator[Row]]
    """Plain values, a row at a time, as they are measured."""
    notes: Callable[[Sequence[Row]], Sequence[str]] = lambda rows: ()
    """Lines below the table: a fit, a bound."""
    plot: Callable[[Sequence[Row], Axes], None] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameter name -> default."""


def cell(value: Any) -> str:
    """A value as it is read in a table: thousands set apart, four digits of a fraction."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
