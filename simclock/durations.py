"""Virtual time is an `int` of nanoseconds; this module makes it readable.

Law: no float ever becomes a time. `seconds(1.5)` is refused; write `ms(1500)` or `"1.5s"`, whose decimal text is
converted exactly.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated

from simclock.errors import UsageError
from simclock.readable import format_duration, say

__all__ = [
    "DIGITS_MAX",
    "HOUR",
    "MICROSECOND",
    "MILLISECOND",
    "MINUTE",
    "NANOSECOND",
    "SECOND",
    "TIME",
    "TIME_NS_MAX",
    "UNITS_NS",
    "Duration",
    "format_duration",
    "minutes",
    "ms",
    "parse_drift",
    "parse_duration",
    "seconds",
    "us",
]

TIME = "a time, with its unit"
Duration = Annotated[int, TIME]
"""Of a scenario function's parameter: nanoseconds for the function, `80ms` for who sets it."""

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
TIME_NS_MAX = 10 * 365 * 24 * HOUR
"""Ten years, the longest time there is anywhere: sums of a few such times are still whole numbers of 64 bits."""
DIGITS_MAX = 40
"""Of a number before or after the point: Python does not even read one of thousands."""

UNITS_NS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "min": MINUTE,
    "h": HOUR,
}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]+)")
_PPM = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*(ppm|ppb)")


def _whole(count: int, unit_ns: int) -> int:
    if type(count) is not int:
        raise UsageError(
            f"a time is a whole number, not {say(count)}: take a smaller unit, such as us(1500) for 1.5 ms"
        )
    return count * unit_ns


def us(count: int) -> int:
    """Microseconds as nanoseconds."""
    return _whole(count, MICROSECOND)


def ms(count: int) -> int:
    """Milliseconds as nanoseconds."""
    return _whole(count, MILLISECOND)


def seconds(count: int) -> int:
    """Seconds as nanoseconds."""
    return _whole(count, SECOND)


def minutes(count: int) -> int:
    """Minutes as nanoseconds."""
    return _whole(count, MINUTE)


def parse_duration(text: str | int, place: str = "duration") -> int:
    """Read `"150ms"`, `"2.5s"`, `"2m"` or `"1h30m"` as nanoseconds.

    `place` names the flag or key in the error. The number 0 needs no unit; any other bare number is refused, because
    nobody can tell its unit.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        if text == 0:
            return 0
        raise UsageError(f'{place}: {say(text)} has no unit: write it as "{say(text)}ms" or "{say(text)}s"')
    if not isinstance(text, str):
        raise UsageError(f'{place}: {say(text)} is not a time: write it as "150ms" or "2s"')
    compact = text.strip()
    if compact == "0":
        return 0
    if compact.startswith("-"):
        raise UsageError(f"{place}: {say(compact)[1:-1]} is negative: a duration is zero or more")
    total = Fraction(0)
    position = 0
    while position < len(compact):
        part = _DURATION.match(compact, position)
        if part is None or part[2] not in UNITS_NS:
            mend = f'"{compact}ms"' if re.fullmatch(r"[0-9.]{1,20}", compact) else '"150ms", "2.5s" or "1h30m"'
            units = ", ".join(UNITS_NS)
            raise UsageError(f"{place}: cannot read {say(text)} as a time: write it as {mend} (units: {units})")
        total += _exactly(part[1], place) * UNITS_NS[part[2]]
        position = part.end()
        while position < len(compact) and compact[position] == " ":
            position += 1
    if position == 0:
        raise UsageError(f'{place}: an empty time: write it as "150ms" or "2s"')
    if total.denominator != 1:
        raise UsageError(f"{place}: {say(text)[1:-1]} is finer than a nanosecond, the smallest step of virtual time")
    if total >= 1 << 63:  # what is said of it is true, and what most callers ask for
        raise UsageError(f"{place}: {say(text)} is more than ten years: take a shorter time")
    return int(total)


def _exactly(number: str, place: str) -> Fraction:
    if max(map(len, number.split("."))) > DIGITS_MAX:
        raise UsageError(f"{place}: {say(number)[1:-1]} has too many digits: {DIGITS_MAX} at most")
    return Fraction(number)


def parse_drift(text: str, place: str = "drift") -> int:
    """Read `"50ppm"` or `"250ppb"` as parts per billion."""
    part = _PPM.fullmatch(text.strip()) if isinstance(text, str) else None
    if part is None:
        raise UsageError(f'{place}: cannot read {say(text)} as a drift: write it as "50ppm" or "250ppb"')
    parts = _exactly(part[1], place) * (1_000 if part[2] == "ppm" else 1)
    if parts.denominator != 1:
        raise UsageError(f"{place}: {say(text)[1:-1]} is finer than one part per billion")
    return int(parts)
