"""What a run measured, as numbers with a name: what its observers reported.

A number in an observer's report is `Observer.name`, with a dot for each level of a report that is nested: keys of a
dict, fields of a dataclass, a named tuple or a message struct. A report that is one number bears the observer's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

import msgspec

DEPTH_MAX = 8
"""Of a report that is nested; one may contain itself."""


def measures_of(reports: Mapping[str, Any]) -> dict[str, int | float]:
    """All numbers in what observers reported, by observer, in their order."""
    return {name: number for each, report in reports.items() for name, number in _numbers(each, report, 0)}


def _numbers(name: str, value: Any, depth: int) -> Iterator[tuple[str, int | float]]:
    if type(value) in (int, float):
        if isfinite(value):
            yield name, value
    elif depth < DEPTH_MAX:
        for key, part in _parts(value).items():
            yield from _numbers(f"{name}.{key}", part, depth + 1)


def _parts(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        made: dict[str, Any] = value._asdict()
        return made
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return {}
