"""Trace files, a line of JSON for each record, read back as `simclock run --trace` wrote them.

What a record's detail was (a message, a fault) is plain data in a file; `plain_record` makes a record of a run
comparable with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.telling.spelling import is_64_bits, reason, say
from simclock.experiments.traces.plain_values import plain
from simclock.trace import TraceRecord

_KINDS = {
    "time_ns": int,
    "node": int,
    "number": int,
    "what": str,
    "source": int,
    "sequence": int,
    "target": int,
    "reason": str,
}


def read_trace(path: Path) -> Iterator[TraceRecord]:
    """Every record of a trace file."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield _record(line, f"{path}:{number}")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a trace file: not UTF-8 text") from None
    except ValueError as error:  # a name that no file can have
        raise UsageError(f"{path}: cannot be read: {reason(error)}") from None


def plain_record(record: TraceRecord) -> TraceRecord:
    """The record as it would come back from a file."""
    return record._replace(detail=plain(record.detail))


def _record(line: str, place: str) -> TraceRecord:
    try:
        values: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError(f"{place}: not JSON: a trace file has an object to a line") from None
    if not isinstance(values, dict) or values.keys() != {*_KINDS, "detail"}:
        raise UsageError(f"{place}: not a trace record: it has the keys {', '.join(TraceRecord._fields)}")
    for key, kind in _KINDS.items():
        if type(values[key]) is not kind:
            raise UsageError(f"{place}: not a trace record: {key} is {say(values[key])}")
        if kind is int and not is_64_bits(values[key]):
            raise UsageError(f"{place}: not a trace record: {key} is no number of 64 bits: {say(values[key])}")
    if values["what"] == "observe" and not (isinstance(values["detail"], list) and len(values["detail"]) == 2):
        raise UsageError(f"{place}: not a trace record: an observation's detail is its name and value")
    return TraceRecord(**values)
