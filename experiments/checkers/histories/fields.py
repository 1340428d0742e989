"""An event out of its fields, as Jepsen names them: process, type, f, key, value, time, index."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

from simclock.experiments.checkers.histories.edn import Strange, StrangeError
from simclock.experiments.checkers.histories.operation import OUTCOME_OF, Event, HistoryError
from simclock.experiments.telling.spelling import say

NEMESIS = "nemesis"
TRANSACTION = "txn"
"""What an operation is that does not say, and whose value is a list of steps (as Elle has it)."""


def event_of_fields(fields: Mapping[Any, Any], value_of: Callable[[Any], Hashable]) -> Event | None:
    """The event; None where it is of Jepsen's nemesis. Of the fields only those that an event has are looked at.

    A process may be missing (see `operations_of`), and so may `f` where something returns. Raises HistoryError.
    """
    process, kind, function = (fields.get(name) for name in ("process", "type", "f"))
    if process == NEMESIS or (isinstance(process, str) and kind == "info"):
        return None
    _expect(fields, "process", int, optional=True)
    _expect(fields, "type", str)
    if kind not in ("invoke", *OUTCOME_OF):
        raise HistoryError(f"type {say(kind)} is none of invoke, ok, fail, info")
    try:
        value = value_of(fields.get("value"))
    except HistoryError:
        if kind not in ("fail", "info"):
            raise
        value = None  # nobody reads what one heard of an operation that failed or timed out
    if function is None and kind == "invoke" and _is_transaction(value):
        function = TRANSACTION
    elif function is not None or kind == "invoke":
        _expect(fields, "f", str)
    if function is not None and not (function and function.isprintable()):
        raise HistoryError(f"key 'f' is {say(function)}; it must be a word")
    for name in ("time", "index"):
        _expect(fields, name, int, optional=True)
    return Event(
        process=process,
        type=kind,
        function=function,
        key=value_of(fields.get("key")),
        value=value,
        time=fields.get("time"),
        index=fields.get("index"),
    )


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


def numbered(events: list[tuple[int, Event]]) -> list[Event]:
    """Events with their places in a file: where not all have a number of their own, their places are their numbers."""
    if all(event.index is not None for _, event in events):
        return [event for _, event in events]
    return [replace(event, index=place) for place, event in events]
