"""Histories in files: an event a line, a JSON object with Jepsen's keys; what is written reads back equal."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from simclock.experiments.checkers.histories.collector import collector_paused
from simclock.experiments.checkers.histories.fields import event_of_fields, numbers_of
from simclock.experiments.checkers.histories.operation import Event, HistoryError, Operation, OrderBy
from simclock.experiments.checkers.histories.pairing import events_of, paired
from simclock.experiments.checkers.histories.values import EXACT, Truth, exact
from simclock.experiments.telling.spelling import reason, say

_OBJECT = msgspec.json.Decoder(dict[str, Any])
"""Reads what `json` reads as the same and refuses the rest, lone surrogates, NaN and the infinities as well."""


def write_history(path: Path | str, operations: Iterable[Operation]) -> None:
    """Write operations as events, one JSON object a line."""
    lines = lines_of(events_of(operations))
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@collector_paused()
def read_history(path: Path | str, order_by: OrderBy = "time") -> tuple[Operation, ...]:
    """Read the operations from a file of events, one a line or all in one array; `order_by` as in `operations_of`."""
    text = Path(path).read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        events = _events_of_array(text, str(path))
    else:
        # Not splitlines: it also splits at U+2028 and its like, which may stand inside a JSON string.
        events = _events_of_lines(text.split("\n"), str(path))
    try:
        return paired([event for _, event in events], numbers_of(events), order_by)
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
    return tuple(event for _, event in _events_of_lines(lines, source))


def _events_of_lines(lines: Iterable[str], source: str) -> list[tuple[int, Event]]:
    """Each with its place among all events, those of the nemesis counted."""
    events = []
    place = 0
    for number, line in enumerate(lines, start=1):
        try:
            event = event_of_fields(_OBJECT.decode(line), _from_json)
        except (ValueError, HistoryError, RecursionError):  # a line as few are, or a bad one: say which, and where
            if not line.strip():
                continue
            event = _event(_json(line, f"{source}:{number}", "write one object a line"), f"{source}:{number}")
        if event is not None:
            events.append((place, event))
        place += 1
    return events


def _events_of_array(text: str, source: str) -> list[tuple[int, Event]]:
    parsed = _json(text, source, "write one array of objects, or one object a line")
    events = [(place, _event(fields, f"{source}: event {place}")) for place, fields in enumerate(parsed)]
    return [(place, event) for place, event in events if event is not None]


def _json(text: str, source: str, mend: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise HistoryError(f"{source}: not JSON ({reason(error)}); {mend}") from None
    except RecursionError:
        raise HistoryError(f"{source}: a value is nested too deeply") from None


def _event(fields: Any, source: str) -> Event | None:
    try:
        if not isinstance(fields, dict):
            raise HistoryError("not a JSON object; write one event a line, or one array of events")
        return event_of_fields(fields, _from_json)
    except HistoryError as error:
        raise HistoryError(f"{source}: {error}") from None
    except RecursionError:
        raise HistoryError(f"{source}: a value is nested too deeply") from None


def _to_json(value: Any, position: int) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case Truth():
            return bool(value)
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
    if type(value) is list:
        return tuple([each if each.__class__ in EXACT else _from_json(each) for each in value])
    match value:
        case None | bool() | int() | str():
            known: Hashable = exact(value)
            return known
        case float() if math.isfinite(value):
            real: Hashable = exact(value)
            return real
        case {"set": list(members)} if len(value) == 1:
            return frozenset(_from_json(each) for each in members)
        case {"bytes": str(digits)} if len(value) == 1 and set(digits) <= set("0123456789abcdef"):
            if len(digits) % 2 == 0:
                return bytes.fromhex(digits)
    raise HistoryError(f"value {say(value)} cannot be read; write an object as a list of pairs, no NaN")
