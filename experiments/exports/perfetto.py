"""Chrome's JSON of trace events, as Perfetto (https://ui.perfetto.dev) and chrome://tracing open it.

Laws: a node is a process with one thread; an event is a complete slice (`X`), whose times are microseconds with three
decimals, so that no nanosecond is lost. Slices of a thread lie apart or one within the other, as the importer demands:
what a node does at one instant is nested in the order in which it was done. A message is a flow from the slice of its
send to that of its delivery. An execution without times has its Lamport clocks in their place, a millisecond each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from simclock.durations import MILLISECOND
from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.execution import DELIVER, KINDS
from simclock.experiments.exports.instants import instants_of
from simclock.experiments.exports.mermaid import node_title

SLICE_NS_MAX = MILLISECOND // 5
"""How long a slice lasts at most: handling takes no virtual time, and a slice of none is not seen."""


def chrome(excerpt: Excerpt) -> Iterator[str]:
    """The whole document, an event a line."""
    rows = (json.dumps(row, ensure_ascii=False) for row in _rows(excerpt))
    about = json.dumps({"execution": excerpt.execution.origin}, ensure_ascii=False)
    yield f'{{"displayTimeUnit": "ns", "otherData": {about}, "traceEvents": ['
    previous = next(rows)
    for row in rows:
        yield f"{previous},"
        previous = row
    yield previous
    yield "]}"


def _rows(excerpt: Excerpt) -> Iterator[dict[str, Any]]:
    execution = excerpt.execution
    times = instants_of(excerpt)
    flowing = {end for arrow in excerpt.arrows() if execution.kind[arrow[1]] == DELIVER for end in arrow}
    for node, lane in excerpt.lanes.items():
        pid = node + 1  # 0 is the importer's own
        yield {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": node_title(execution, node)}}
        yield {"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": node}}
        yield {"ph": "M", "pid": pid, "tid": pid, "name": "thread_name", "args": {"name": "events"}}
        for event, lasts_ns in _slices(lane, times):
            yield {
                "ph": "X",
                "pid": pid,
                "tid": pid,
                "ts": _microseconds(times[event]),
                "dur": _microseconds(lasts_ns),
                "name": execution.text(event, whole=False),
                "cat": KINDS[execution.kind[event]],
                "args": {"event": execution.id(event), "detail": execution.detail(event)},
                **(_flow(excerpt, event) if event in flowing else {}),
            }


def _flow(excerpt: Excerpt, event: int) -> dict[str, Any]:
    execution = excerpt.execution
    if execution.kind[event] == DELIVER:
        return {"bind_id": hex(execution.message[event] + 1), "flow_in": True}
    return {"bind_id": hex(event + 1), "flow_out": True}


def _slices(lane: Sequence[int], times: dict[int, int]) -> Iterator[tuple[int, int]]:
    """(event, how long its slice is); of one instant each is a little shorter than that before it."""
    groups: list[list[int]] = []
    for event in lane:
        if groups and times[groups[-1][0]] == times[event]:
            groups[-1].append(event)
        else:
            groups.append([event])
    for place, group in enumerate(groups):
        room = SLICE_NS_MAX
        if place + 1 < len(groups):
            room = min(room, times[groups[place + 1][0]] - times[group[0]])
        for depth, event in enumerate(group):
            yield event, room * (len(group) - depth) // len(group)


def _microseconds(time_ns: int) -> float:
    return round(time_ns / 1000, 3)
