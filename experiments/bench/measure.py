"""Measuring side by side, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Spread(NamedTuple):
    """The least, the middle and the greatest of some measurements."""

    least: float
    middle: float
    greatest: float

    def __str__(self) -> str:
        return f"{self.middle:.3g} ({self.least:.3g}..{self.greatest:.3g})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    assert values, "nothing was measured"
    return Spread(min(values), median(values), max(values))


def alternate(sides: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Run all sides one after the other, `repeats` times over."""
    measured: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            measured[name].append(run())
    return measured


def ratios(ours: Sequence[float], other: Sequence[float]) -> Spread:
    """The spread of ours / other over neighbours in time; what slowed the machine down slowed both."""
    return spread([a / b for a, b in zip(ours, other, strict=True)])


@dataclass(frozen=True, kw_only=True)
class Target:
    """What was to be reached."""

    limit: float
    least: bool = True
    """Whether the limit is the least that will do, or the most."""

    def met_by(self, value: float) -> bool:
        """Whether a value reaches it."""
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.limit:g}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    part: str
    load: str
    nodes: int
    against: str
    unit: str
    """Of `ours` and `other`."""
    ours: float
    other: float | None
    ratio: Spread
    """Of ours to other; where there is no other, ours itself."""
    target: Target | None = None

    @property
    def verdict(self) -> str:
        """Whether the median reaches the target."""
        if self.target is None:
            return ""
        return "met" if self.target.met_by(self.ratio.middle) else "NOT MET"
