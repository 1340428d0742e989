"""Values of a run as JSON knows them: messages and faults as objects with their type, bytes as hexadecimal text.

Law: equal values give equal text on every placement and machine; what has no order of its own is sorted.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

from simclock.experiments.checkers.histories import Truth
from simclock.faults import Fault
from simclock.trace import VERSION, TraceRecord

_TEXTUAL = (str, Number, date, time, timedelta, UUID, PurePath, range)
"""Classes whose text is the same wherever the value is."""


def plain(value: Any, other: Callable[[Any], str] = str) -> Any:
    """The value in dicts, lists, text, numbers, booleans and None; `other` gives the text of what it does not know."""

    def each_plain(each: Any) -> Any:
        return plain(each, other)

    match value:
        case None | bool() | int() | str() if type(value) in (type(None), bool, int, str):
            return value
        case Truth():
            return bool(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case enum.Enum():
            return each_plain(value.value)
        case bytes():
            return value.hex()
        case Fault():
            return {"type": value.kind, **_fields(value, value.__struct_fields__, each_plain)}
        case msgspec.Struct():
            name = str(value.__struct_config__.tag or type(value).__qualname__)
            return {"type": name, **_fields(value, value.__struct_fields__, each_plain)}
        case tuple() if hasattr(value, "_asdict"):
            return {name: each_plain(each) for name, each in value._asdict().items()}
        case tuple() | list():
            return [each_plain(each) for each in value]
        case Mapping():
            return {_key(key, each_plain): each_plain(each) for key, each in value.items()}
        case Set():
            return sorted((each_plain(each) for each in value), key=json.dumps)
        case _ if is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in fields(value) if field.compare]
            return {"type": type(value).__qualname__, **_fields(value, names, each_plain)}
        case _:
            return str(value) if isinstance(value, _TEXTUAL) else other(value)


def _fields(value: Any, names: Iterable[str], each_plain: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: each_plain(getattr(value, name)) for name in names if hasattr(value, name)}


def _key(key: Any, each_plain: Callable[[Any], Any]) -> str:
    """A key as text; one with parts may hold a set."""
    return str(key) if _is_textual(key) else json.dumps(each_plain(key))


def _is_textual(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_textual, key))
    return key is None or isinstance(key, (*_TEXTUAL, bytes, enum.Enum))


def trace_line(record: TraceRecord) -> str:
    """A trace record as one line of JSON, each with the version of its fields: a part of a file can be read too."""
    return json.dumps({"version": VERSION, **plain(record)}, ensure_ascii=False, separators=(",", ":"))
