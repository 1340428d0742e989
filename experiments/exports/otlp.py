"""OTLP's JSON: what OpenTelemetry's collectors and viewers read.

Laws: a node is a resource whose `service.name` it bears; what it handles is a span (CONSUMER where it is a message), a
send a span (PRODUCER) within it, whatever else an event of the span in which it was done. A delivery's parent is its
send, so a trace is what follows from one start or timer. Times are virtual nanoseconds, counted from 1970 where the run
begins. Ids are made of the event's place alone: the same run gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.execution import DELIVER, DROP, HANDLED, KINDS, NONE, SEND
from simclock.experiments.exports.instants import instants_of

INTERNAL, PRODUCER, CONSUMER = 1, 4, 5


def otlp(excerpt: Excerpt) -> Iterator[str]:
    """One document of one line per node."""
    spans = _Spans(excerpt)
    lines = []
    for node in excerpt.nodes:
        of_node = [spans.of(event) for event in excerpt.lanes[node] if spans.is_span(event)]
        resource = {"attributes": [_attribute("service.name", excerpt.execution.nodes[node])]}
        scope = {"scope": {"name": "simclock"}, "spans": of_node}
        lines.append(json.dumps({"resource": resource, "scopeSpans": [scope]}, ensure_ascii=False))
    yield '{"resourceSpans": ['
    yield from (f"{line}," for line in lines[:-1])
    yield from lines[-1:]
    yield "]}"


class _Spans:
    def __init__(self, excerpt: Excerpt) -> None:
        self._excerpt = excerpt
        self._execution = excerpt.execution
        self._times = instants_of(excerpt)
        self._trace: dict[int, int] = {}
        self._events: dict[int, list[int]] = {}
        for event in excerpt.events:
            parent = self._parent(event)
            if self.is_span(event):
                self._trace[event] = event if parent == NONE else self._trace[parent]
            elif parent != NONE:
                self._events.setdefault(parent, []).append(event)

    def is_span(self, event: int) -> bool:
        kind = self._execution.kind[event]
        return kind in HANDLED or kind == SEND or self._parent(event) == NONE

    def _parent(self, event: int) -> int:
        execution = self._execution
        kind = execution.kind[event]
        cause = execution.message[event] if kind in (DELIVER, DROP) else execution.trigger[event]
        if kind not in (DELIVER, DROP, SEND) and kind in HANDLED:
            return NONE  # a timer begins a trace: else a run is one
        return cause if cause in self._excerpt and cause in self._trace else NONE

    def of(self, event: int) -> dict[str, Any]:
        execution = self._execution
        kind, parent = execution.kind[event], self._parent(event)
        time = str(self._times[event])
        span: dict[str, Any] = {"traceId": f"{self._trace[event] + 1:032x}", "spanId": f"{event + 1:016x}"}
        if parent != NONE:
            span["parentSpanId"] = f"{parent + 1:016x}"
        span |= {
            "name": execution.text(event, whole=False),
            "kind": {SEND: PRODUCER, DELIVER: CONSUMER}.get(kind, INTERNAL),
            "startTimeUnixNano": time,
            "endTimeUnixNano": time,
            "attributes": [
                _attribute("simclock.event", execution.id(event)),
                _attribute("simclock.kind", KINDS[kind]),
                _attribute("simclock.detail", json.dumps(execution.detail(event), ensure_ascii=False)),
            ],
        }
        if event in self._events:
            span["events"] = [
                {
                    "timeUnixNano": str(self._times[each]),
                    "name": execution.text(each, whole=False),
                    "attributes": [_attribute("simclock.event", execution.id(each))],
                }
                for each in self._events[event]
            ]
        return span


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
