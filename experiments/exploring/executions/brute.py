"""Every interleaving of a system's steps, one by one: what the other strategies are measured against."""

from __future__ import annotations

from collections.abc import Sequence

from simclock.experiments.exploring.executions.systems import Step, System, Trace
from simclock.experiments.exploring.executions.tally import (
    CUT_SHORT,
    EXHAUSTED,
    TOO_MANY,
    VIOLATED,
    Bounds,
    Exploration,
    Seen,
    told,
)


def interleavings(system: System, bounds: Bounds | None = None, seen: Seen | None = None) -> Exploration:
    """Explore every sequence of steps. Nothing is reduced: executions are interleavings here."""
    found = Exploration("interleavings")
    return told(found, lambda: _search(system, bounds or Bounds(), seen, found))


def _search(system: System, bounds: Bounds, seen: Seen | None, found: Exploration) -> str:
    places: list[tuple[Sequence[Step], int]] = []
    while True:
        run, trace, violated = system.start(), Trace(), 0
        for options, chosen in places:
            trace.add(options[chosen], run.take(options[chosen]))
            violated = found.note_violations(run, trace, violated)
        violated = found.note_violations(run, trace, violated)
        end = None
        while len(places) < bounds.steps_max:
            options = run.enabled()
            if not options:
                end = run.end()
                break
            places.append((options, 0))
            trace.add(options[0], run.take(options[0]))
            violated = found.note_violations(run, trace, violated)
        found.note_violations(run, trace, violated)
        found.count(end)
        found.made(run, len(trace.steps))
        if seen is not None:
            seen(run, trace, end or "cut short")
        if found.violations and bounds.stop_at_violation:
            return VIOLATED
        while places and places[-1][1] + 1 == len(places[-1][0]):
            places.pop()
        if not places:
            return CUT_SHORT if found.cut_short else EXHAUSTED
        options, chosen = places[-1]
        places[-1] = (options, chosen + 1)
        if found.runs >= bounds.executions_max:
            return TOO_MANY
