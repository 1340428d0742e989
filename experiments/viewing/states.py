"""What a run knows and its trace does not tell: where timers were set, and what nodes hold before each event.

The state of a node costs a look at every field at every event, so it is kept only when it is asked for.
"""

from __future__ import annotations

import json

from simclock.experiments.traces.inspection import fields_of, readable
from simclock.kernel.events import OBSERVATION, Event
from simclock.kernel.host import Host
from simclock.trace import Trace, TraceRecord


class LookingTrace(Trace):
    """A trace that looks at the node before each event that it handles."""

    def __init__(self, host: Host, *, states: bool) -> None:
        super().__init__()
        self._host = host
        self._keeps_states = states
        self._states: dict[tuple[int, int], str] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def handled(self, node: int, event: Event) -> None:
        super().handled(node, event)
        record = self._records[-1]
        if event[4] == OBSERVATION or record.node < 0:
            return
        process = self._host.processes[record.node]
        self._counts[record.node, record.number] = process.sim_count
        if self._keeps_states and process.incarnation >= 0:
            state = {name: readable(value) for name, value in fields_of(process)}
            if state:
                text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
                self._states[record.node, record.number] = text

    def state_of(self, record: TraceRecord) -> str:
        """The state before that record, once; empty where none was kept."""
        return self._states.pop((record.node, record.number), "")

    def began_of(self, record: TraceRecord) -> int | None:
        """The node's running number before that record, once; None of what it does not handle."""
        return self._counts.pop((record.node, record.number), None)
