"""Runs whose steps somebody decided: there events stand at their Lamport clocks, since time hardly moves.

Law: an event has a greater clock than all that happened before it (Lamport 1978), so arrows go from left to right.
"""

from __future__ import annotations

from collections.abc import Sequence

from simclock.durations import SECOND
from simclock.experiments.causality.of_traces import execution_of
from simclock.experiments.causality.relations import Relations, lamport_clocks
from simclock.trace import TraceRecord


def at_lamport_clocks(records: Sequence[TraceRecord]) -> list[TraceRecord]:
    """The same records, a second of time to a tick of the Lamport clock, in that order."""
    clocks = lamport_clocks(Relations(execution_of(records, "steps")))
    moved = [
        record._replace(time_ns=clock * SECOND, arrives_ns=None) for record, clock in zip(records, clocks, strict=True)
    ]
    return sorted(moved, key=lambda record: record[:3])
