"""What a run measured, as numbers with a name: what its observers reported, and what the kernel counted.

A number in an observer's report is `Observer.name`, with a dot for each level of a report that is nested: fields of a
dataclass, a named tuple or a message struct, and keys of a dict. A report that is one number bears the observer's name.
What the kernel counts is `counters.name`. A number that is none (NaN, an infinity) is left out, and so are truths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from numbers import Real
from typing import Any

import msgspec

from simclock.errors import UsageError
from simclock.experiments.telling.spelling import is_64_bits, nearest, say
from simclock.kernel.scheduler import RunResult

COUNTERS = "counters"
BITS_MAX = 1000
"""A whole number of more is none that a float can be."""
DEPTH_MAX = 8
"""Of a report that is nested; one may contain itself."""

Number = int | float


def numbers_of(result: RunResult) -> dict[str, Number]:
    """All numbers of a run by name, in the order of its reports."""
    found: dict[str, Number] = {}
    for name, report in [*result.reports.items(), (COUNTERS, result.counters)]:
        found.update(_numbers(name, report, DEPTH_MAX))
    return found


def _numbers(name: str, value: Any, depth: int) -> Iterator[tuple[str, Number]]:
    if isinstance(value, int):
        if type(value) is not bool and value.bit_length() < BITS_MAX:
            yield name, int(value) if is_64_bits(value) else float(value)
    elif isinstance(value, Real):
        if isfinite(value):
            yield name, float(value)
    elif depth:
        for key, part in _parts(value):
            yield from _numbers(f"{name}.{key}", part, depth - 1)


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict()).items()
    if is_dataclass(value):
        return [(each.name, getattr(value, each.name)) for each in fields(value)]
    return []


def column_named(word: str, names: Iterable[str]) -> str | None:
    """The measurement of that name, in letters of any case, with `-` or `_` for a space; None where there is none."""
    names = list(names)
    return word if word in names else {_plain(name): name for name in names}.get(_plain(word))


def _plain(name: str) -> str:
    return name.lower().replace("-", " ").replace("_", " ")


def check_observer(word: str, names: Iterable[str]) -> None:
    """Refuse a column whose observer no run has; what a report will hold, only the runs show."""
    names = list(names)
    observers = {_plain(name.partition(".")[0]) for name in names}
    if _plain(word.partition(".")[0]) not in observers:
        raise unknown_column(word, names)


def unknown_column(word: str, names: Iterable[str]) -> UsageError:
    """That nothing of that name is measured, and what is."""
    names = sorted(set(names))
    near = nearest(word, names)
    meant = f"did you mean {near!r}? there is" if near else "there is"
    return UsageError(f"--column: unknown measurement {say(word)}: {meant} {', '.join(names) or 'none'}")
