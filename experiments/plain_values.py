"""Values of a run as JSON knows them: messages and faults as objects with their type, bytes as hexadecimal text.

Law: equal values give equal text on every placement and machine; what has no order of its own is sorted.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Set
from typing import Any

import msgspec

from simclock.faults import Fault
from simclock.trace import TraceRecord


def plain(value: Any) -> Any:
    """The value in dicts, lists, text, numbers, booleans and None."""
    match value:
        case None | bool() | int() | str() if type(value) in (type(None), bool, int, str):
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case enum.Enum():
            return plain(value.value)
        case bytes():
            return value.hex()
        case Fault():
            return {"type": value.kind, **_fields(value)}
        case msgspec.Struct():
            return {"type": str(value.__struct_config__.tag or type(value).__qualname__), **_fields(value)}
        case tuple() if hasattr(value, "_asdict"):
            return {name: plain(each) for name, each in value._asdict().items()}
        case tuple() | list():
            return [plain(each) for each in value]
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case Set():
            return sorted((plain(each) for each in value), key=json.dumps)
        case _:
            return str(value)


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    return {name: plain(getattr(value, name)) for name in value.__struct_fields__}


def trace_line(record: TraceRecord) -> str:
    """A trace record as one line of JSON."""
    return json.dumps(plain(record), ensure_ascii=False, separators=(",", ":"))
