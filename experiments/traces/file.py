"""Trace files, a line of JSON for each record, read back as `simclock run --trace` wrote them.

What a record's detail was (a message, a fault) is plain data in a file; `plain_record` makes a record of a run
comparable with it. Each line carries the version of its fields (`simclock.trace.VERSION`); files of an earlier version
are read as if they were of this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simclock.durations import parse_duration
from simclock.errors import UsageError
from simclock.experiments.telling.spelling import is_64_bits, reason, say
from simclock.experiments.traces.plain_values import plain
from simclock.trace import VERSION, TraceRecord

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
_ARRIVES = "arrives "
"""How a send's reason began in version 1, which wrote no version."""


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
    if isinstance(values, dict):
        _bring_up_to_date(values, place)
    if not isinstance(values, dict) or values.keys() != {*TraceRecord._fields}:
        raise UsageError(f"{place}: not a trace record: it has the keys version, {', '.join(TraceRecord._fields)}")
    for key, kind in _KINDS.items():
        _check(key, values[key], kind, place)
    if values["what"] == "send":
        if values["arrives_ns"] is not None:  # of a steered run, where it never arrived
            _check("arrives_ns", values["arrives_ns"], int, place)
    elif values["arrives_ns"] is not None:
        raise UsageError(f"{place}: not a trace record: it arrives, and is no send")
    if values["what"] == "observe" and not (isinstance(values["detail"], list) and len(values["detail"]) == 2):
        raise UsageError(f"{place}: not a trace record: an observation's detail is its name and value")
    return TraceRecord(**values)


def _check(key: str, value: object, kind: type, place: str) -> None:
    if type(value) is not kind:
        raise UsageError(f"{place}: not a trace record: {key} is {say(value)}")
    if isinstance(value, int) and not is_64_bits(value):
        raise UsageError(f"{place}: not a trace record: {key} is no number of 64 bits: {say(value)}")


def _bring_up_to_date(values: dict[str, Any], place: str) -> None:
    """Take the version out, and make of an earlier one's fields what this one has."""
    version = values.pop("version", 1)
    if type(version) is not int or version < 1:
        raise UsageError(f"{place}: not a trace record: version is {say(version)}")
    if version > VERSION:
        raise UsageError(
            f"{place}: a trace of version {say(version)}, written by a later simclock: this one reads 1 to {VERSION}"
        )
    if version == 1:
        if "arrives_ns" in values:
            raise UsageError(f"{place}: not a trace record: arrives_ns is of version 2, and no such version is written")
        values["arrives_ns"] = None
        if values.get("what") == "send":
            values["arrives_ns"] = _arrival_ns(values.get("reason"), place)
            values["reason"] = ""


def _arrival_ns(reason: object, place: str) -> int:
    if not isinstance(reason, str) or not reason.startswith(_ARRIVES):
        raise UsageError(f"{place}: not a trace record: a send's reason is {say(reason)}, not when it arrives")
    return parse_duration(reason.removeprefix(_ARRIVES), f"{place}: not a trace record: reason")
