"""Histories in files: an event a line, a JSON object with Jepsen's keys; what is written reads back equal."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

from experiments.histories.operation import OUTCOME_OF, Event, HistoryError, Operation, OrderBy
from experiments.histories.pairing import events_of, operations_of
from experiments.spelling import reason


def write_history(path: Path | str, operations: Iterable[Operation]) -> None:
    """Write operations as events, one JSON object a line."""
    lines = lines_of(events_of(operations))
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_history(path: Path | str, order_by: OrderBy = "time") -> tuple[Operation, ...]:
    """Read the operations from a file of events; `order_by` as in `operations_of`."""
    # Not splitlines: it also splits at U+2028 and its like, which may stand inside a JSON string.
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    events = events_of_lines(lines, source=str(path))
    try:
        return operations_of(events, order_by)
    except HistoryError as error:
        raise HistoryError(f"{path}: {error}") from None


def lines_of(events: Iterable[Event]) -> Iterator[str]:
    """Each event as a line of JSON with Jepsen's keys; `key`, `time` and `index` only where they are set."""
    for position, event in enumerate(events):
        fields = {
            "index": event.index,
            "time": event.time,
            "process": event.process,
            "type": event.type,
            "f": event.function,
            "key": _to_json(event.key, position),
            "value": _to_json(event.value, position),
        }
        present = {name: value for name, value in fields.items() if value is not None or name == "value"}
        yield json.dumps(present, allow_nan=False)


def events_of_lines(lines: Iterable[str], source: str = "history") -> tuple[Event, ...]:
    """Parse lines of JSON into events.

    Keys that an event does not have are ignored, and so are events of Jepsen's nemesis and empty lines.
    `source` is named in errors, with the line.
    """
    events = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                event = _event_of_line(line)
            except HistoryError as error:
                raise HistoryError(f"{source}:{number}: {error}") from None
            except RecursionError:
                raise HistoryError(f"{source}:{number}: a value is nested too deeply") from None
            if event is not None:
                events.append(event)
    return tuple(events)


def _event_of_line(line: str) -> Event | None:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise HistoryError(f"not JSON ({reason(error)}); write one object a line") from None
    if not isinstance(fields, dict):
        raise HistoryError("not a JSON object; write one event a line")
    if fields.get("process") == "nemesis":
        return None
    for name, kind in (("process", int), ("type", str), ("f", str)):
        if type(fields.get(name)) is not kind:
            found = f"is {fields[name]!r}" if name in fields else "is missing"
            raise HistoryError(f"key {name!r} {found}; it must be of type {kind.__name__}")
    for name in ("time", "index"):
        if type(fields.get(name)) not in (int, type(None)):
            raise HistoryError(f"key {name!r} is {fields[name]!r}; it must be a whole number, or absent")
    if fields["type"] not in ("invoke", *OUTCOME_OF):
        raise HistoryError(f"type {fields['type']!r} is none of invoke, ok, fail, info")
    return Event(
        process=fields["process"],
        type=fields["type"],
        function=fields["f"],
        key=_from_json(fields.get("key")),
        value=_from_json(fields.get("value")),
        time=fields.get("time"),
        index=fields.get("index"),
    )


def _to_json(value: Any, position: int) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case bytes():
            return {"bytes": value.hex()}
        case tuple():
            return [_to_json(each, position) for each in value]
        case frozenset():
            return {"set": [_to_json(each, position) for each in sorted(value, key=repr)]}
    raise HistoryError(
        f"event {position}: {value!r} cannot be written as JSON and read back; "
        "use None, bool, int, finite float, str, bytes, tuple or frozenset"
    )


def _from_json(value: Any) -> Hashable:
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list():
            return tuple(_from_json(each) for each in value)
        case {"set": list(members)} if len(value) == 1:
            return frozenset(_from_json(each) for each in members)
        case {"bytes": str(digits)} if len(value) == 1 and set(digits) <= set("0123456789abcdef"):
            if len(digits) % 2 == 0:
                return bytes.fromhex(digits)
    raise HistoryError(f"value {value!r} cannot be read; write an object as a list of pairs, no NaN")
