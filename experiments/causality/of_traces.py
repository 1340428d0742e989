"""The execution of a simclock run: from its records as they are made, or from a trace file.

Laws: a delivery is the effect of the send with its key, (source, sequence). The copy of a message that was duplicated
has the next number of its source, and no send of its own: its send is that before it. A node reacts to one thing at a
time, so what it sends and observes is triggered by the last thing it handled. Where a timer was set is told by the
source's running number, which setting a timer takes as sending does: after the last send or observation with a
smaller one, before the first with a greater one. Where that leaves several places, the first of them is taken; who
sees the run itself can tell exactly (`began`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from simclock.errors import UsageError
from simclock.experiments.causality.execution import (
    DELIVER,
    DROP,
    ENVIRONMENT,
    HANDLED,
    KINDS,
    NONE,
    OBSERVE,
    SEND,
    TIMER,
    Execution,
    ExecutionBuilder,
)
from simclock.experiments.telling.spelling import unknown
from simclock.experiments.traces.file import read_trace
from simclock.faults import Fault
from simclock.trace import TraceRecord

TRACED = KINDS[: OBSERVE + 1]
_KIND_OF = {name: kind for kind, name in enumerate(TRACED)}


def execution_of(records: Iterable[TraceRecord], origin: str) -> Execution:
    """The execution of a run whose records these are, in order."""
    gathered = TracedExecution(origin)
    for record in records:
        gathered.add(record)
    return gathered.build()


def read_execution(path: Path) -> Execution:
    """The execution of a trace file. Raises UsageError with file and line."""
    gathered = TracedExecution(str(path), file=str(path))
    for line, record in enumerate(read_trace(path), start=1):
        if record.what not in _KIND_OF:
            raise UsageError(f"{path}:{line}: not a trace record: {unknown('kind', record.what, TRACED)}")
        gathered.add(record, line)
    return gathered.build()


class TracedExecution:
    """Takes the records of a run one by one: `run(scenario, trace=gathered.add)`."""

    def __init__(self, origin: str, file: str = "") -> None:
        self._builder = ExecutionBuilder(origin)
        self._file = file
        self._nodes: dict[int, int] = {}
        self._sends: dict[tuple[int, int], int] = {}
        self._unlinked: list[tuple[tuple[int, int], int, int]] = []
        self._handling: dict[int, int] = {}
        self._first: dict[int, int] = {}
        """Node -> the first that it handled: its start."""
        self._own: dict[int, tuple[array[int], array[int]]] = {}
        self._timers: list[tuple[int, int, int]] = []
        self._began: dict[tuple[int, int], int] = {}
        self._starts: dict[int, tuple[array[int], array[int]]] = {}

    def add(self, record: TraceRecord, line: int = 0) -> None:
        """The next record."""
        kind = _KIND_OF.get(record.what, NONE)
        if kind == NONE:
            raise ValueError(f"{record.what!r} is no kind of trace record")
        builder = self._builder
        node = self._node(record.node)
        key = (record.source, record.sequence)
        event = builder.add(
            node,
            record.number,
            kind,
            _label(kind, record.detail),
            time_ns=record.time_ns,
            detail=self._carried(kind, key, record.detail),
            reason=record.reason,
            target=self._node(record.target) if kind in (SEND, DROP) else NONE,
            file=self._file,
            line=line,
        )
        if kind in (DELIVER, DROP):
            self._link(kind, key, event)
        elif kind == SEND:
            self._sends[key] = event
        if kind == TIMER:
            self._timers.append((event, record.node, record.sequence))
        if kind in HANDLED:
            self._first.setdefault(record.node, event)
            self._handling[record.node] = event
            count = self._began.pop((record.node, record.number), None)
            if count is not None:
                counts, handlers = self._starts.setdefault(record.node, (array("q"), array("I")))
                counts.append(count)
                handlers.append(event)
        elif record.source == record.node and record.node in self._handling:
            builder.triggered(self._handling[record.node], event)
            if kind in (SEND, OBSERVE):
                numbers, handlers = self._own.setdefault(record.node, (array("q"), array("I")))
                numbers.append(record.sequence)
                handlers.append(self._handling[record.node])

    def began(self, node: int, number: int, count: int) -> None:
        """When the node began to handle what its record of that number tells, its running number was that."""
        self._began[node, number] = count

    def build(self) -> Execution:
        """The execution of all that was added."""
        self._link_the_rest()
        for event, node, sequence in self._timers:
            setter = self._setter(node, sequence)
            if setter != NONE:
                self._builder.triggered(setter, event)
        return self._builder.build(key=_by_id)

    def _node(self, node: int) -> int:
        if node not in self._nodes:
            self._nodes[node] = self._builder.node(ENVIRONMENT if node < 0 else str(node))
        return self._nodes[node]

    def _carried(self, kind: int, key: tuple[int, int], detail: Any) -> Any:
        """What is kept of it: as it is of a run, which has it anyway; as JSON of a file, once for send and delivery."""
        if not self._file:
            return detail
        packed = msgspec.json.encode(detail)
        send = self._sends.get(key) if kind in (DELIVER, DROP) else None
        if send is not None:
            sent: bytes = self._builder.detail(send)
            return sent if sent == packed else packed
        return packed

    def _link(self, kind: int, key: tuple[int, int], event: int) -> None:
        send = self._sends.get(key)
        if send is None:  # a duplicate; or of one instant, of which a trace tells the smaller node first
            self._unlinked.append((key, event, kind))
        else:
            self._join(send, event, kind)

    def _join(self, send: int, event: int, kind: int) -> None:
        (self._builder.arrived if kind == DELIVER else self._builder.dropped)(send, event)

    def _link_the_rest(self) -> None:
        for (source, sequence), event, kind in self._unlinked:
            send = self._sends.get((source, sequence), self._sends.get((source, sequence - 1)))
            if send is not None:
                self._join(send, event, kind)

    def _setter(self, node: int, sequence: int) -> int:
        """What the node handled when it set the timer of this number."""
        numbers, handlers = self._starts.get(node) or self._own.get(node, (array("q"), array("I")))
        place = bisect_left(numbers, sequence)
        return handlers[place - 1] if place else self._first.get(node, NONE)


def _by_id(name: str) -> tuple[bool, int]:
    return (True, 0) if name == ENVIRONMENT else (False, int(name))


def _label(kind: int, detail: Any) -> str:
    """The type of a message or fault, the name of an observation, a timer's name."""
    if kind == OBSERVE:
        return str(detail[0])
    if isinstance(detail, dict) and isinstance(detail.get("type"), str):
        return str(detail["type"])
    if isinstance(detail, Fault):
        return detail.kind
    if isinstance(detail, msgspec.Struct):
        return str(detail.__struct_config__.tag or type(detail).__qualname__)
    if detail is None:
        return ""
    return detail if isinstance(detail, str) else _text(detail)


def _text(detail: Any) -> str:
    """A timer's name with parts, the same of a run as of its file: `call 10`."""
    if isinstance(detail, tuple | list):
        return " ".join(map(_text, detail))
    return str(detail)
