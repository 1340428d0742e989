"""Why a run was violated: its beginning is run once more, with a trace, and the chain of the violation is told.

Nobody pays for it during a run. What a run's code prints is not printed again.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout

from simclock.errors import SimclockError
from simclock.experiments.causality.execution import NONE
from simclock.experiments.causality.of_runs import see
from simclock.experiments.causality.why import chain_text, event_of
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario

EVENTS_MAX = 50_000
"""A run of more is not run again for it: `simclock why` does when it is asked."""
STEPS_SHOWN = 6


def reasons(scenario: Scenario, result: RunResult) -> list[str]:
    """The chain of the first violation that an observer noticed at a time; nothing where there is none."""
    first = next((each for each in result.violations if each.node >= 0), None)
    if first is None:
        return []
    if result.events > EVENTS_MAX:
        return [f"{result.replay.replace('simclock run', 'simclock why', 1).replace('replay', 'why', 1)} tells it"]
    try:
        with redirect_stdout(io.StringIO()):
            execution = see(scenario, result.scenario, until_ns=first.time_ns).execution
    except SimclockError:  # it cannot be run so; the verdict stands without a reason
        return []
    event = event_of(execution, first)
    return [] if event == NONE else list(chain_text(execution, event, STEPS_SHOWN, worded=False))
