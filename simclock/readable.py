"""Values, times and foreign text in messages and reports: short, in one line, and without power over the terminal.

Law: what comes from a file (a note, a name, a recorded detail) is shown, never obeyed. A control character is written
as TOML and JSON write it, `\\u001b`, so that what is escaped can still be read back where it stands in such a text.
"""

from __future__ import annotations

import re

TEXT_MAX = 60
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves a cursor, colours, rings, or turns the order of letters around; not tab and newline."""


def say(value: object) -> str:
    """A value in a message: its repr, not too long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of more digits than Python will print, or a nest of lists
        return "that number" if isinstance(value, int) else "that value"
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."


def format_duration(time_ns: int) -> str:
    """Write nanoseconds in the largest unit that keeps them exact: `1500000000` is `1.5s`."""
    if time_ns == 0:
        return "0s"
    sign = "-" if time_ns < 0 else ""
    size = abs(time_ns)
    for unit, unit_ns, places in (("s", 1_000_000_000, 9), ("ms", 1_000_000, 6), ("us", 1_000, 3)):
        if size >= unit_ns:
            whole, rest = divmod(size, unit_ns)
            decimals = f"{rest:0{places}d}".rstrip("0")
            return f"{sign}{whole}.{decimals}{unit}" if decimals else f"{sign}{whole}{unit}"
    return f"{sign}{size}ns"


def escaped(text: str) -> str:
    """The text with its control characters written out; tabs and newlines stay."""
    return _CONTROLS.sub(_written_out, text)


def in_one_line(text: str) -> str:
    """The same with newlines written out too: nobody can add a line to a report, or leave a comment."""
    return escaped(text).replace("\n", "\\n")


def _written_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
