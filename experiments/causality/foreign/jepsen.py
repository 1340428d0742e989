"""Histories as Jepsen writes them: JSON lines or one array, EDN maps, or the lines of its log.

Laws: a process is a node; an invocation and its return are events of it. An operation that returned before another was
invoked happened before it, in real time as whoever wrote the history saw it (Herlihy and Wing 1990); operations that
overlap are concurrent. An `info` is no answer: nothing follows from it. Events of the nemesis are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from simclock.errors import UsageError
from simclock.experiments.causality.execution import EVENT, INVOKE, NO_TIME, RETURN
from simclock.experiments.causality.foreign.gathered import GatheredLogs
from simclock.experiments.checkers.histories import Truth
from simclock.experiments.checkers.histories.edn import frozen, read_edn
from simclock.experiments.telling.spelling import is_64_bits, reason, say

_LOG_LINE = re.compile(r"INFO\s+jepsen\.util\s+-\s+(\d{1,18})\s+:(\S+)\s+:(\S+)\s+(.+)", re.ASCII)
_TYPES = {"invoke": INVOKE, "ok": RETURN, "fail": RETURN, "info": EVENT}


class _Event(NamedTuple):
    fields: dict[Any, Any]
    line: int


def is_jepsen_line(fields: Any) -> bool:
    """Whether a line's object is of such a history."""
    return isinstance(fields, dict) and fields.get("type") in _TYPES and "process" in fields


def is_log_line(text: str) -> bool:
    """Whether that is a line of Jepsen's log."""
    return text.startswith("INFO") and "jepsen." in text


def read_jepsen(text: str, file: str, logs: GatheredLogs) -> None:
    """Add the events of a history. Raises UsageError with file and line."""
    order = _RealTime(logs)
    for fields, line in _events(text, file):
        place = f"{file}:{line}" if line else file
        process, sort = fields.get("process"), fields.get("type")
        if type(process) is not int:
            continue  # the nemesis
        kind = _TYPES.get(sort) if isinstance(sort, str) else None
        if kind is None:
            raise UsageError(f"{place}: an event is of type invoke, ok, fail or info, not {say(sort)}")
        event = logs.add(
            str(process),
            _text(fields, sort),
            kind=kind,
            time_ns=_time_ns(fields.get("time"), place),
            detail=json.dumps(fields, default=str).encode(),
            file=file,
            line=line,
        )
        if kind == INVOKE:
            order.invoked(process, event, place)
        else:
            order.ended(process, event, place, answered=kind == RETURN)


class _RealTime:
    """Which returns an invocation follows: those that no later return has followed already."""

    def __init__(self, logs: GatheredLogs) -> None:
        self._logs = logs
        self._returned: dict[int, int] = {}
        self._open: dict[int, tuple[str, dict[int, int]]] = {}

    def invoked(self, process: int, event: int, place: str) -> None:
        if process in self._open:
            since = self._open[process][0]
            self._logs.problem(place, f"process {process} invokes, and has not returned since {since}")
        self._open[process] = (place, dict(self._returned))
        for other, returned in self._returned.items():
            if other != process:
                self._logs.builder.caused(returned, event)

    def ended(self, process: int, event: int, place: str, *, answered: bool) -> None:
        if process not in self._open:
            self._logs.problem(place, f"an effect without its cause: process {process} returns, and invoked nothing")
        _, followed = self._open.pop(process, ("", {}))
        if not answered:
            return
        for other, returned in followed.items():
            if self._returned.get(other) == returned:
                del self._returned[other]  # whoever knows this return knows that one
        self._returned[process] = event


def _text(fields: dict[Any, Any], sort: str | None) -> str:
    function = fields.get("f")
    value = fields.get("value")
    told = "" if value is None else f" {value if isinstance(value, str) else json.dumps(value, default=str)}"
    return f"{'' if sort == 'invoke' else f'{sort} '}{'' if function is None else function}{told}".strip()


def _time_ns(time: Any, place: str) -> int:
    if time is None:
        return NO_TIME
    if type(time) is not int or not is_64_bits(time):
        raise UsageError(f"{place}: {say(time)} is no time of an event: write nanoseconds")
    return time


def _events(text: str, file: str) -> Iterator[_Event]:
    begins = text.lstrip()[:2]
    if is_log_line(text.lstrip()):
        yield from _of_log(text, file)
    elif begins[:1] == "[" and _is_json(text):
        for place, fields in enumerate(msgspec.json.decode(text)):
            yield _Event(_checked(fields, f"{file}: event {place}"), 0)
    elif begins[:1] == "{" and '"type"' in text.lstrip().partition("\n")[0]:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield _Event(_json(line, f"{file}:{number}"), number)
    else:
        yield from _of_edn(text, file)


def _of_log(text: str, file: str) -> Iterator[_Event]:
    for number, line in enumerate(text.split("\n"), start=1):
        found = _LOG_LINE.fullmatch(line)
        if found is not None:
            process, sort, function, value = found.groups()
            forms = read_edn(value, file, number)
            values = [_plain(form) for form in forms]
            fields = {"process": int(process), "type": sort, "f": function, "value": values[0] if values else None}
            yield _Event(fields, number)


def _of_edn(text: str, file: str) -> Iterator[_Event]:
    line = 1
    lines = text.split("\n")
    if all(each.strip()[:1] in ("", ";", "{") for each in lines):
        for line, each in enumerate(lines, start=1):
            for form in read_edn(each, file, line):
                yield _Event(_map(form, f"{file}:{line}"), line)
        return
    forms = read_edn(text, file)
    if len(forms) == 1 and isinstance(forms[0], tuple):
        (forms,) = forms
    for place, form in enumerate(forms):
        yield _Event(_map(form, f"{file}: event {place}"), 0)


def _map(form: Any, place: str) -> dict[Any, Any]:
    if not isinstance(form, dict):
        raise UsageError(f"{place}: {say(str(form))} is not a map: a history is a collection of maps")
    return {key: _plain(value) for key, value in form.items() if isinstance(key, str)}


def _plain(form: Any) -> Any:
    try:
        return _thawed(frozen(form))
    except UsageError:  # an exception, or what else nobody looks at
        return str(form)


def _thawed(value: Any) -> Any:
    if isinstance(value, Truth):
        return bool(value)
    if isinstance(value, tuple | frozenset):
        return [_thawed(each) for each in value]
    return value if isinstance(value, str | bool | int | float | None) else str(value)


def _is_json(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), list)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False


def _json(line: str, place: str) -> dict[Any, Any]:
    try:
        return _checked(json.loads(line), place)
    except ValueError as error:
        raise UsageError(f"{place}: not JSON ({reason(error)}): write one object a line") from None
    except RecursionError:
        raise UsageError(f"{place}: a value is nested too deeply") from None


def _checked(fields: Any, place: str) -> dict[Any, Any]:
    if not isinstance(fields, dict):
        raise UsageError(f"{place}: not an object: an event of a history is one")
    return fields
