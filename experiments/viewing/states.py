"""The state of nodes, recorded before each event that they handle: what a page shows as before and after.

It costs a look at every field of a node at every event, so it is done only when it is asked for.
"""

from __future__ import annotations

import json

from simclock.experiments.traces.inspection import fields_of, readable
from simclock.kernel.events import OBSERVATION, Event
from simclock.kernel.host import Host
from simclock.trace import Trace, TraceRecord


class StateTrace(Trace):
    """A trace that also keeps what the node held before each event it handles."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self._states: dict[tuple[int, int], str] = {}

    def handled(self, node: int, event: Event) -> None:
        super().handled(node, event)
        process = self._host.processes.get(node)
        if event[4] == OBSERVATION or process is None or process.incarnation < 0:
            return
        state = {name: readable(value) for name, value in fields_of(process)}
        record = self._records[-1]
        if state and record.node == node:
            self._states[record.node, record.number] = json.dumps(state, ensure_ascii=False, separators=(",", ":"))

    def state_of(self, record: TraceRecord) -> str:
        """The state before that record, once; empty where none was kept."""
        return self._states.pop((record.node, record.number), "")
