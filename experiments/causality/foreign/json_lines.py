"""Logs of JSON, an event a line: `{"node": "A", "event": "start", "vc": [1, 0, 0]}`.

Keys: `node` (or `host`), `event` (or `message`); `vc` (or `clock`), a list or a mapping of counts; without it `sent`
and `received` may name messages. `time_ns` is in nanoseconds; `time` or `timestamp` in seconds, or ISO 8601. All other
keys are fields of the event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from simclock.errors import UsageError
from simclock.experiments.causality.execution import NO_TIME
from simclock.experiments.causality.foreign.gathered import GatheredLogs
from simclock.experiments.causality.foreign.times import time_ns_of
from simclock.experiments.telling.spelling import is_64_bits, say

Name = str | int


class _Line(msgspec.Struct):
    node: Name | None = None
    host: Name | None = None
    event: str | None = None
    message: Any = None
    vc: dict[str, int] | list[int] | None = None
    clock: dict[str, int] | list[int] | None = None
    time_ns: int | None = None
    time: Any = None
    timestamp: Any = None
    sent: Name | None = None
    received: Name | None = None


_DECODER = msgspec.json.Decoder(_Line)
_NEEDED = 'write {"node": "A", "event": "start", "vc": {"A": 1}}'


def is_json_line(fields: Any) -> bool:
    """Whether a line's object is of such a log."""
    return isinstance(fields, dict) and ("node" in fields or "host" in fields)


def read_json_lines(lines: Iterable[bytes], file: str, logs: GatheredLogs) -> None:
    """Add the events of a file. Raises UsageError with file and line."""
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line:
            continue
        place = f"{file}:{number}"
        try:
            found = _DECODER.decode(line)
        except msgspec.ValidationError as error:
            raise UsageError(f"{place}: {error}: {_NEEDED}") from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise UsageError(f"{place}: not JSON: {_NEEDED}") from None
        node = found.host if found.node is None else found.node
        text = found.message if found.event is None else found.event
        if node is None or not isinstance(text, str):
            raise UsageError(f"{place}: {'no node' if node is None else 'no event'}: {_NEEDED}")
        logs.add(
            str(node),
            text,
            clock=found.clock if found.vc is None else found.vc,
            time_ns=_time_ns(found, place),
            detail=line,
            file=file,
            line=number,
            sent=None if found.sent is None else str(found.sent),
            received=None if found.received is None else str(found.received),
        )


def _time_ns(found: _Line, place: str) -> int:
    if found.time_ns is not None:
        if not is_64_bits(found.time_ns):
            raise UsageError(f"{place}: time_ns is no number of 64 bits: {say(found.time_ns)}")
        return found.time_ns
    written = found.timestamp if found.time is None else found.time
    return NO_TIME if written is None else time_ns_of(written)
