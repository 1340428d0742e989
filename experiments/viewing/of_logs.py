"""Logs of other systems as rows of a page: their events, and the edges of their happens-before graph.

Laws: where every event has a time, and no node's goes back, events stand at their times; else at their Lamport clocks,
a second to a tick, because clocks of different machines, or none, say nothing about the order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

from simclock.durations import SECOND
from simclock.errors import UsageError
from simclock.experiments.causality.execution import KINDS as KINDS_OF_LOGS
from simclock.experiments.causality.execution import NO_TIME, NONE, SEND, Execution
from simclock.experiments.causality.relations import Relations, lamport_clocks
from simclock.experiments.viewing.columns import EXACT_MAX
from simclock.experiments.viewing.rows import KINDS, ROWS_MAX, Rows
from simclock.experiments.viewing.seen import Seen

assert KINDS == KINDS_OF_LOGS, "a kind has the same number in both"


def seen_log(execution: Execution, name: str, problems: Sequence[str] = ()) -> Seen:
    """The execution, ready for a page."""
    count = len(execution)
    if count > ROWS_MAX:
        raise UsageError(f"{name}: a page holds {ROWS_MAX:,} events at most, and it has {count:,}")
    timed = _is_timed(execution)
    relations = Relations(execution)
    if timed:
        earliest = min(execution.time_ns, default=0)
        times = [time_ns - earliest for time_ns in execution.time_ns]
    else:
        times = [clock * SECOND for clock in lamport_clocks(relations)]
    order = list(range(count)) if timed else list(relations.order())
    order.sort(key=lambda event: (times[event], execution.position[event] if timed else 0))
    if times and max(times) > EXACT_MAX:
        raise UsageError(f"{name}: its events span more than 104 days: a page counts to {EXACT_MAX} ns")
    report = [("time", "as the log has it" if timed else "ticks of the Lamport clock: the log has none that fit")]
    report += [("impossible", problem) for problem in problems]
    return Seen(
        name=name,
        rows=_rows(execution, order, times),
        names=execution.nodes,
        report=report,
        log=True,
        ticks=not timed,
    )


def _is_timed(execution: Execution) -> bool:
    times = execution.time_ns
    if not len(execution) or NO_TIME in times:
        return False
    return all(times[one] <= times[other] for lane in execution.lanes for one, other in pairwise(lane))


def _rows(execution: Execution, order: Sequence[int], times: Sequence[int]) -> Rows:
    rows = Rows()
    rows.nodes = len(execution.nodes)
    row_of = [0] * len(order)
    expected = [0] * len(execution.nodes)
    for row, event in enumerate(order):
        row_of[event] = row
        node, kind = execution.node[event], execution.kind[event]
        detail = execution.detail(event)
        send, target = execution.message[event], execution.target[event]
        peer = execution.node[send] if send != NONE else target
        rows.time_ns.append(times[event])
        rows.node.append(node)
        rows.skipped.append(execution.number[event] - expected[node])
        expected[node] = execution.number[event] + 1
        rows.what.append(kind)
        rows.peer.append(node if peer == NONE else peer)
        rows.label.append(rows.labels.number(execution.name(event)))
        rows.text.append(
            0 if detail is None else rows.texts.number(json.dumps(detail, ensure_ascii=False, separators=(",", ":")))
        )
        rows.reason.append(rows.reasons.number(execution.why_dropped(event)))
        for column in (rows.sent, rows.flight_ns, rows.own, rows.state, rows.began):
            column.append(0)
    _link(execution, rows, row_of)
    return rows


def _link(execution: Execution, rows: Rows, row_of: Sequence[int]) -> None:
    edges = []
    for event in range(len(execution)):
        send = execution.message[event]
        if send != NONE and execution.kind[send] == SEND:
            rows.sent[row_of[event]] = row_of[event] - row_of[send]
        edges += [(row_of[event], row_of[cause]) for cause in execution.causes(event) if cause != send]
    for effect, cause in sorted(edges):
        rows.edges_to.append(effect)
        rows.edges_from.append(cause)
