"""One execution at a time, each step chosen by a function: for strategies that draw, or count delays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from simclock.experiments.exploring.executions.systems import Run, Step, System, Trace
from simclock.experiments.exploring.executions.tally import Bounds, Exploration, Seen

Chooser = Callable[[int, Sequence[Step]], Step]
"""(number of the step, from 0; what may happen): what happens."""
CUT_OFF = "cut short"


def walk(system: System, choose: Chooser, steps_max: int, found: Exploration) -> tuple[Run, Trace, str]:
    """Make one execution; returns it with how it ended. Violations are kept, and steps counted."""
    run, trace = system.start(), Trace()
    violated = found.note_violations(run, trace, 0)
    while True:
        options = run.enabled()
        if not options:
            end = run.end()
            break
        if len(trace.steps) >= steps_max:
            end = CUT_OFF
            break
        step = choose(len(trace.steps), options)
        trace.add(step, run.take(step))
        violated = found.note_violations(run, trace, violated)
    found.note_violations(run, trace, violated)
    found.steps += len(trace.steps)
    found.depth = max(found.depth, len(trace.steps))
    return run, trace, end


class Distinct:
    """Counts executions once, by what `Trace.canonical` says."""

    def __init__(self, found: Exploration, seen: Seen | None) -> None:
        self.found = found
        self._seen = seen
        self._known: set[bytes] = set()

    def add(self, run: Run, trace: Trace, end: str) -> None:
        """One more."""
        digest = blake2b(repr(trace.canonical()).encode(), digest_size=16).digest()
        if digest in self._known:
            self.found.redundant += 1
            return
        self._known.add(digest)
        self.found.count(None if end == CUT_OFF else end)
        if self._seen is not None:
            self._seen(run, trace, end)


def over(found: Exploration, bounds: Bounds) -> bool:
    """Whether a search ends now, for a violation."""
    return bool(found.violations) and bounds.stop_at_violation
