"""A story made of what nodes tell: a sentence for each kind of observation, among the faults and what was violated.

    story=Chronicle({Leader: "leads with ballot {ballot}", Halted: "halts: {reason}"})

`simclock run` has such a story's observations kept; a sweep does not, and pays nothing. A result of a run without it
gives the faults and the violations alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simclock import RunResult, Scenario, Told, format_duration, reader
from simclock.experiments.telling.recorded import Recorded

LINES_MAX = 60


class Chronicled(Recorded):
    """What a chronicle is made of: beside it a scenario may have a `Recorded` of its own."""


@dataclass(frozen=True)
class Chronicle:
    """Tells a run by what its nodes told."""

    sentences: Mapping[type[Told], str]
    """What the node did, with fields in braces: times are written with their unit, several values with commas."""

    def kept_of(self, scenario: Scenario) -> Scenario:
        """The scenario whose observations of these kinds are kept; it has the same digest."""
        return replace(scenario, observers=(*scenario.observers, partial(Chronicled, tuple(self.sentences))))

    def __call__(self, result: RunResult) -> Iterator[str]:
        """Lines in order of time; where they are many, those at the beginning and the end."""
        read = reader(*self.sentences)
        lines = []
        for each in result.reports.get(Chronicled.__name__, ()):
            told = read(each)
            if told is not None:
                fields = {name: _words(name, getattr(told, name)) for name in told.__struct_fields__}
                lines.append((each.time_ns, f"node {each.node} {self.sentences[type(told)].format_map(fields)}"))
        return story_lines(result, lines)


def story_lines(result: RunResult, lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    """(time in ns, text), faults and violations in order; where they are many, those at the beginning and the end."""
    ordered = [(fault.at_ns, f"-- {fault.describe()}") for fault in result.faults]
    ordered += lines
    ordered += [(each.time_ns, f"!! {each.property}: {each.detail}") for each in result.violations]
    ordered.sort(key=lambda line: line[0])
    told = [f"{format_duration(time_ns // 1000 * 1000):>12}  {text}" for time_ns, text in ordered]
    if len(told) > LINES_MAX:
        half = LINES_MAX // 2
        told = [*told[:half], f"{'...':>12}  {len(told) - 2 * half} more", *told[-half:]]
    yield from told


def _words(name: str, value: Any) -> str:
    if name.endswith("_ns") and isinstance(value, int):
        return format_duration(value) if value >= 0 else f"-{format_duration(-value)}"
    if isinstance(value, tuple):
        parts = (f"({_words('', each)})" if isinstance(each, tuple) else _words("", each) for each in value)
        return ", ".join(parts) or "none"
    return "none" if value is None else str(value)
