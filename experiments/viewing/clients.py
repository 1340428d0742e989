"""What clients asked and heard, as bars beside a picture, and the operation that no order explains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from simclock.errors import UsageError
from simclock.experiments.checkers.histories import Event, HistoryError, Operation, operations_of
from simclock.experiments.checkers.linearizability import Linearizability, Model, Verdict, check_linearizability
from simclock.experiments.traces.plain_values import plain
from simclock.trace import TraceRecord

STEPS_MAX = 2_000_000
"""What the checker may try for a page."""
OPERATIONS_MAX = 200_000
TEXT_MAX = 200


class Clients:
    """The operations of a trace, read record by record: observations named invoke, ok, fail and unknown."""

    TYPES: ClassVar = {"invoke": "invoke", "ok": "ok", "fail": "fail", "unknown": "info"}

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._nodes: dict[int, int] = {}

    def add(self, record: TraceRecord, detail: Any) -> None:
        """Take the next record, with its detail as plain data."""
        if record.what != "observe" or detail[0] not in self.TYPES or len(self._events) >= 2 * OPERATIONS_MAX:
            return
        match detail[1]:
            case [int(process), str(function), key, value]:
                kind: Any = self.TYPES[detail[0]]
                try:
                    event = Event(
                        time=record.time_ns,
                        type=kind,
                        process=process,
                        function=function,
                        key=_frozen(key),
                        value=_frozen(value),
                    )
                except UsageError:  # of a form that is no history's
                    return
                self._events.append(event)
                self._nodes.setdefault(process, record.node)

    def operations(self) -> tuple[Operation, ...]:
        """What was asked, in the order of asking; none where the observations of those names make no history."""
        try:
            return operations_of(self._events, order_by="time")
        except HistoryError:
            return ()

    def node_of(self, process: int) -> int:
        """Whose client it is."""
        return self._nodes.get(process, -1)


def judge(operations: Sequence[Operation], model: Model) -> Linearizability | None:
    """The verdict on a history, None where the model does not speak of its operations."""
    try:
        return check_linearizability(operations, model, step_limit=STEPS_MAX)
    except UsageError:
        return None


def bars(clients: Clients, operations: Sequence[Operation], judged: Linearizability | None) -> list[dict[str, Any]]:
    """An object for each operation. `stuck` marks the one that cannot follow, `order` its place among those before."""
    illegal = judged if judged is not None and judged.verdict is Verdict.ILLEGAL else None
    places = {} if illegal is None else {id(each): place for place, each in enumerate(illegal.prefix, start=1)}
    under_way = set() if illegal is None else {id(each) for each in illegal.under_way}
    found = []
    for each in operations:
        bar: dict[str, Any] = {
            "process": each.process,
            "node": clients.node_of(each.process),
            "from": each.call,
            "to": each.finish,
            "outcome": each.outcome,
            "key": _text(each.key),
            "function": each.function,
            "argument": _text(each.argument),
            "result": _text(each.result) if each.outcome == "ok" else "",
        }
        if illegal is not None:
            if each is illegal.blocked:
                bar["stuck"] = True
            elif id(each) in places:
                bar["order"] = places[id(each)]
            elif id(each) in under_way:
                bar["under_way"] = True
        found.append(bar)
    return found


def _frozen(value: Any) -> Any:
    """The value as it was before it was plain: a list was a tuple."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."
