"""Values as a script writes and compares them: short, on one line, the same on every machine.

    none  true  false  12  0.5            as they are
    leader                                an enum's member, in small letters
    x  "two words"                        text; in quotes where it is not one plain word
    (1, a)  [1, 2]  {0, 1}  {k: v}        a set is sorted
    Entry(1, x)                           a message or record: its fields, in order
    -                                     no bytes at all

Bytes that are text are written as text. Law: a value is compared by what is written, so `x`, `"x"` and b"x" are equal
to a script, and so is a tuple to itself with other blanks.
"""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from simclock.experiments.traces.inspection import fields_of
from simclock.machinery import is_machinery
from simclock.readable import in_one_line

DEPTH_MAX = 6
ITEMS_MAX = 40
"""Elements of a collection that are written."""
BYTES_MAX = 24
_PLAIN = re.compile(r"[^\s\"'()\[\]{},=#|][^\s\"'()\[\]{},=#|]*")
_CONSTANTS = {"none", "true", "false", "-"}


def value_text(value: Any, depth: int = 0) -> str:
    """A value as scripts write it."""
    match value:
        case None | bool():
            return str(value).lower()
        case enum.Enum():
            return value.name.lower()
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case bytes() | bytearray():
            return _bytes(bytes(value))
    if depth >= DEPTH_MAX:
        return "..."
    return _collection(value, depth + 1)


def _collection(value: Any, depth: int) -> str:
    match value:
        case tuple() if hasattr(value, "_asdict"):
            return _record(type(value).__name__, value, depth)
        case tuple():
            return f"({_parts(value, depth)})"
        case list():
            return f"[{_parts(value, depth)}]"
        case Mapping():
            pairs = [f"{value_text(key, depth)}: {value_text(each, depth)}" for key, each in value.items()]
            return f"{{{_first(pairs)}}}"
        case Set():
            return f"{{{_first(sorted((value_text(each, depth) for each in value), key=_by_size))}}}"
        case msgspec.Struct():
            return _record(type(value).__name__, [getattr(value, name) for name in stated(value)], depth)
    if is_dataclass(value) and not isinstance(value, type):
        return _record(type(value).__name__, [getattr(value, field.name) for field in fields(value)], depth)
    if is_machinery(type(value).__module__) or callable(value):
        return getattr(value, "__name__", type(value).__name__)
    held = [f"{name}={value_text(each, depth)}" for name, each in fields_of(value) if not name.startswith("_")]
    return f"{type(value).__name__}({', '.join(held)})"


def stated(value: msgspec.Struct) -> tuple[str, ...]:
    """The fields of a struct, without those at its end that are as they are where nobody says anything of them."""
    names, defaults = value.__struct_fields__, value.__struct_defaults__
    while defaults and getattr(value, names[-1]) == defaults[-1]:
        names, defaults = names[:-1], defaults[:-1]
    return names


def _record(name: str, values: Iterable[Any], depth: int) -> str:
    return f"{name}({_parts(values, depth)})"


def _parts(values: Iterable[Any], depth: int) -> str:
    return _first([value_text(each, depth) for each in values])


def _first(parts: list[str]) -> str:
    more = [f"... {len(parts)} in all"] if len(parts) > ITEMS_MAX else []
    return ", ".join([*parts[:ITEMS_MAX], *more])


def _by_size(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if re.fullmatch(r"-?\d{1,18}", text) else (1, 0, text)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _CONSTANTS and not _is_number(text):
        return in_one_line(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{in_one_line(escaped)}"'


def _bytes(value: bytes) -> str:
    if not value:
        return "-"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if text and text.isprintable():
        return _text(text)
    cut = "..." if len(value) > BYTES_MAX else ""
    return f"0x{value[:BYTES_MAX].hex()}{cut}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def same(value: Any, written: str) -> bool:
    """Whether a value is what a script has written."""
    return same_text(value_text(value), written)


def same_text(text: str, written: str) -> bool:
    """The same of a value that has been written already."""
    return _bare(text) == _bare(written)


def _bare(text: str) -> str:
    """Without what does not count: quotes around plain words, and blanks beside brackets and commas."""
    text = " ".join(text.split())
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1].replace('\\"', ""):
        text = text[1:-1]
    text = re.sub(r'"([\w.:-]+)"', r"\1", text)
    return re.sub(r",?\s*([()\[\]{},:])\s*", r"\1", text)


def read_value(word: str) -> Any:
    """What a word of a command stands for: none, true, false, a number, quoted text or Python's own; else the text."""
    if word in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[word]
    if word == "-":
        return ""
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return word


def number_of(value: Any) -> float | int | None:
    """What a value is in an order: a number, or the text of one; None for anything else."""
    if isinstance(value, bool | enum.Enum):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
