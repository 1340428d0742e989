"""Studies: tables that compare many runs, each with the question it answers; `simclock study` prints them.

A study's module registers it; `studies()` imports them all. A row is plain values, its units stand in the headers, so
that a program can read the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from simclock.errors import UsageError
from simclock.experiments.runs.seeds import check_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = tuple[Any, ...]

_MODULES: tuple[str, ...] = (
    "simclock.experiments.catalog.clock_synchronization.study",
    "simclock.experiments.catalog.true_time.study",
    "simclock.experiments.catalog.byzantine_clocks.study",
    "simclock.experiments.catalog.failure_detectors.study",
    "simclock.experiments.catalog.causal_broadcast.study",
    "simclock.experiments.catalog.crdts.study",
    "simclock.experiments.catalog.metadata.size_study",
    "simclock.experiments.catalog.dynamo.study",
    "simclock.experiments.catalog.lock_table.study",
    "simclock.experiments.catalog.metadata.growth_study",
    "simclock.experiments.catalog.synthetic.study",
)


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


_studies: dict[str, Study] = {}


def register_study(study: Study) -> Study:
    """Put a study where `simclock study` finds it."""
    if study.name in _studies:
        raise UsageError(f"two studies are called {study.name!r}")
    _studies[study.name] = study
    return study


def studies() -> dict[str, Study]:
    """Every study by name, in order of registration."""
    for module in _MODULES:
        import_module(module)
    return _studies


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
