"""What a run measured, as numbers with a name: what its observers reported.

A number in an observer's report is `Observer.name`, with a dot for each level of a report that is nested: keys of a
dict, fields of a dataclass, a named tuple or a message struct. A report that is one number bears the observer's name.
A number that is none (NaN, an infinity) is left out, and so are truths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from numbers import Real
from typing import Any

import msgspec

from simclock.experiments.telling.spelling import is_64_bits

BITS_MAX = 1000
"""A whole number of more is none that a float can be."""
DEPTH_MAX = 8
"""Of a report that is nested; one may contain itself."""

Number = int | float


def measures_of(reports: Mapping[str, Any]) -> dict[str, Number]:
    """All numbers in what observers reported, by observer, in their order."""
    return {name: number for each, report in reports.items() for name, number in _numbers(each, report, DEPTH_MAX)}


def _numbers(name: str, value: Any, depth: int) -> Iterator[tuple[str, Number]]:
    if isinstance(value, int):
        if type(value) is not bool and value.bit_length() < BITS_MAX:
            yield name, int(value) if is_64_bits(value) else float(value)
    elif isinstance(value, Real):
        if isfinite(value):
            yield name, float(value)
    elif depth:
        for key, part in _parts(value).items():
            yield from _numbers(f"{name}.{key}", part, depth - 1)


def _parts(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        made: dict[str, Any] = value._asdict()
        return made
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value) if each.compare}
    return {}
