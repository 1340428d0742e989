"""JSON lines with vector and Lamport clocks, an event a line; `simclock causal` reads them back as the same graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.execution import KINDS, NO_TIME
from simclock.experiments.causality.relations import lamport_clocks


def json_lines(excerpt: Excerpt) -> Iterator[str]:
    """In an order that happened-before allows; vector clocks count the events that are there."""
    execution = excerpt.execution
    lamport = lamport_clocks(excerpt.relations)
    for event, clock in excerpt.clocks():
        fields: dict[str, Any] = {
            "node": execution.nodes[execution.node[event]],
            "event": execution.text(event, whole=False),
            "id": execution.id(event),
            "kind": KINDS[execution.kind[event]],
        }
        if execution.time_ns[event] != NO_TIME:
            fields["time_ns"] = execution.time_ns[event]
        fields["vc"] = {execution.nodes[node]: count for node, count in enumerate(clock) if count}
        fields["lamport"] = lamport[event]
        fields["detail"] = execution.detail(event)
        yield json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
