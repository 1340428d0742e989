"""When an event was, for forms that place events along a time."""

from __future__ import annotations

from simclock.durations import MILLISECOND
from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.relations import lamport_clocks


def is_timed(excerpt: Excerpt) -> bool:
    """Whether every event says when it was."""
    return all(map(excerpt.execution.has_time, excerpt.events))


def instants_of(excerpt: Excerpt) -> dict[int, int]:
    """Event -> its time; where any has none, its Lamport clock in milliseconds: an effect is later than its cause."""
    if is_timed(excerpt):
        return {event: excerpt.execution.time_ns[event] for event in excerpt.events}
    clocks = lamport_clocks(excerpt.relations)
    return {event: clocks[event] * MILLISECOND for event in excerpt.events}
