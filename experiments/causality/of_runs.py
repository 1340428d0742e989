"""The execution of a scenario that is run for it, in this process, with what no trace tells: where timers were set.

Law: a node's running number is read when it begins to handle something; a timer was set in the handling whose numbers
its own is among.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simclock.actors.run import inline_run
from simclock.errors import HandlerError
from simclock.experiments.causality.execution import Execution
from simclock.experiments.causality.of_traces import TracedExecution
from simclock.guarding.guard import guarding
from simclock.kernel.events import Event
from simclock.kernel.host import Host
from simclock.observers import Violation
from simclock.scenario import DURATION_NS_MAX, Scenario
from simclock.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A run that was looked at."""

    execution: Execution
    violations: tuple[Violation, ...]
    error: HandlerError | None = None
    """What a node's code raised: the execution goes up to there."""


def see(scenario: Scenario, origin: str, *, replay: str = "", until_ns: int | None = None) -> Seen:
    """Run it, whole or up to an instant, that instant with it."""
    if until_ns is not None:
        end_ns = min(until_ns + 1, scenario.duration_ns or until_ns + 1, DURATION_NS_MAX)
        scenario = replace(scenario, duration_ns=end_ns)
    gathered = TracedExecution(origin)
    guards = guarding(scenario.build, True)
    with guards.run:
        scheduler, host = inline_run(scenario, trace=gathered.add, replay=replay, guards=guards)
        host.trace = _Counting(host, gathered)
        try:
            result = scheduler.run()
        except HandlerError as error:
            return Seen(execution=gathered.build(), violations=error.violations, error=error)
    return Seen(execution=gathered.build(), violations=tuple(result.violations))


class _Counting(Trace):
    def __init__(self, host: Host, gathered: TracedExecution) -> None:
        super().__init__()
        self._host = host
        self._gathered = gathered

    def handled(self, node: int, event: Event) -> None:
        super().handled(node, event)
        record = self._records[-1]
        if record.what != "observe":
            count = self._host.processes[record.node].sim_count
            self._gathered.began(record.node, record.number, count)
