"""An event out of its fields, as Jepsen names them: process, type, f, key, value, time, index."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, cast

from simclock.experiments.checkers.histories.edn import Strange, StrangeError
from simclock.experiments.checkers.histories.operation import Event, EventType, HistoryError
from simclock.experiments.checkers.histories.values import EXACT
from simclock.experiments.telling.spelling import say

NEMESIS = "nemesis"
EVENT_TYPES: frozenset[EventType] = frozenset({"invoke", "ok", "fail", "info"})
TRANSACTION = "txn"
"""What an operation is that does not say, and whose value is a list of steps (as Elle has it)."""


def event_of_fields(fields: Mapping[Any, Any], value_of: Callable[[Any], Hashable]) -> Event | None:
    """The event; None where it is of Jepsen's nemesis. Of the fields only those that an event has are looked at.

    A process may be missing (see `operations_of`), and so may `f` where something returns. Raises HistoryError.
    """
    look = fields.get
    process, kind, function, time, index = look("process"), look("type"), look("f"), look("time"), look("index")
    if not (
        type(process) is int
        and type(kind) is str
        and kind in EVENT_TYPES
        and type(function) is str
        and function
        and function.isprintable()
        and (time is None or type(time) is int)
        and (index is None or type(index) is int)
    ):  # an event that is not as nearly all are: look closer
        if process == NEMESIS or (isinstance(process, str) and kind == "info"):
            return None
        function = _looked_at(fields, value_of)
    value, key = look("value"), look("key")
    return Event(
        process=process,
        type=cast(EventType, kind),
        function=function,
        value=value if value.__class__ in EXACT else _value(value, kind, value_of),
        key=key if key.__class__ in EXACT else value_of(key),
        time=time,
        index=index,
    )


def _looked_at(fields: Mapping[Any, Any], value_of: Callable[[Any], Hashable]) -> str | None:
    """The function of the event; raises HistoryError where one of its fields is not as it must be."""
    kind, function = fields.get("type"), fields.get("f")
    _expect(fields, "process", int, optional=True)
    _expect(fields, "type", str)
    if kind not in EVENT_TYPES:
        raise HistoryError(f"type {say(kind)} is none of invoke, ok, fail, info")
    value = _value(fields.get("value"), kind, value_of)
    if function is None and kind == "invoke" and _is_transaction(value):
        function = TRANSACTION
    elif function is not None or kind == "invoke":
        _expect(fields, "f", str)
    if function is not None and not (function and function.isprintable()):
        raise HistoryError(f"key 'f' is {say(function)}; it must be a word")
    for name in ("time", "index"):
        _expect(fields, name, int, optional=True)
    return function


def _value(value: Any, kind: Any, value_of: Callable[[Any], Hashable]) -> Hashable:
    try:
        return value_of(value)
    except HistoryError:
        if kind not in ("fail", "info"):
            raise
        return None  # nobody reads what one heard of an operation that failed or timed out


def _expect(fields: Mapping[Any, Any], name: str, kind: type, optional: bool = False) -> None:
    value = fields.get(name)
    if type(value) is kind or (optional and value is None):
        return
    if isinstance(value, Strange):
        raise StrangeError(value.why)
    found = f"is {say(value)}" if name in fields else "is missing"
    what = "a whole number, or absent" if optional else f"of type {kind.__name__}"
    raise HistoryError(f"key {name!r} {found}; it must be {what}")


def _is_transaction(value: Hashable) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(each, tuple) for each in value)


def numbers_of(events: Sequence[tuple[int, Event]]) -> list[int]:
    """Of events with their places in a file: where not all have a number of their own, their places are."""
    numbers = [event.index for _, event in events]
    return [place for place, _ in events] if None in numbers else numbers  # type: ignore[return-value]
