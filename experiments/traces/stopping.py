"""A run in this process that stops where it is told, so that one can look into it or step through a node's handler.

Laws: looking changes nothing: events happen in the order they always do. Stopped at a time, everything up to and
including that instant has happened; stopped at an event, it has not been handled yet.
"""

from __future__ import annotations

import pdb
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from simclock.actors.run import inline_run
from simclock.durations import format_duration
from simclock.errors import HandlerError, Interruption, UsageError
from simclock.experiments.runs.seeds import bounded
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import say
from simclock.guarding.guard import Guarding, guarding
from simclock.kernel.events import MESSAGE, TIMER, Event
from simclock.kernel.host import Host
from simclock.kernel.process import Process
from simclock.kernel.scheduler import RunResult
from simclock.scenario import DURATION_NS_MAX, Scenario
from simclock.trace import Trace, TraceRecord

_RECORD = re.compile(r"([0-9]+)#([0-9]+)", re.ASCII)


class Debugger(pdb.Pdb):
    """Python's debugger, which remembers whether it was left by `quit`."""

    left = False

    def set_quit(self) -> None:
        super().set_quit()
        self.left = True


class StopAt(NamedTuple):
    """Where to stop: at a virtual time, or at a record of a node's trace."""

    time_ns: int | None = None
    node: int = -1
    number: int = -1

    def __str__(self) -> str:
        return f"node {self.node}'s record {self.number}" if self.time_ns is None else format_duration(self.time_ns)


def parse_stop(text: str, place: str = "--until") -> StopAt:
    """Read `30s`, or `3#17`: node 3's record of that number, as in a trace."""
    if "#" not in text:
        return StopAt(time_ns=duration_ns(text, place))
    found = _RECORD.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{place}: {say(text)} is not an event: write NODE#NUMBER as in a trace, such as 3#17")
    return StopAt(node=bounded(found[1]), number=bounded(found[2]))


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A run that went as far as it was told, or to its end."""

    host: Host
    reached: bool
    """Whether it came to where it was to stop."""
    result: RunResult | None
    """None where it was stopped at an event, whose handler has not run, or failed."""
    error: HandlerError | None = None
    """What a node's code, or an observer's, raised on the way."""


def run_until(
    scenario: Scenario,
    stop: StopAt,
    *,
    trace: Callable[[TraceRecord], Any] | None = None,
    replay: str = "",
    debug_node: int | None = None,
    debugger: Callable[[], Debugger] | None = None,
) -> Stopped:
    """Run inline up to there; with `debug_node`, open the debugger on that node's first message or timer from there."""
    guards = guarding(scenario.build, True)
    with guards.run:
        return _run_until(
            scenario,
            stop,
            trace=trace,
            replay=replay,
            debug_node=debug_node,
            debugger=debugger or Debugger,
            guards=guards,
        )


def _run_until(
    scenario: Scenario,
    stop: StopAt,
    *,
    trace: Callable[[TraceRecord], Any] | None,
    replay: str,
    debug_node: int | None,
    debugger: Callable[[], Debugger],
    guards: Guarding,
) -> Stopped:
    if debug_node is None and stop.time_ns is not None:
        end_ns = min(stop.time_ns + 1, scenario.duration_ns or stop.time_ns + 1)
        if end_ns <= DURATION_NS_MAX:
            scenario = replace(scenario, duration_ns=end_ns)
        scheduler, host = inline_run(scenario, trace=trace, replay=replay, guards=guards)
        try:
            result = scheduler.run()
        except HandlerError as error:
            return Stopped(host=host, reached=False, result=None, error=error)
        reached = result.virtual_ns > stop.time_ns
        if reached:
            host.now_ns = stop.time_ns  # clocks are read at that instant, not at the last event before it
        return Stopped(host=host, reached=reached, result=result)
    records = trace or _forget
    scheduler, host = inline_run(scenario, trace=records, replay=replay, guards=guards)
    watch = _Watch(host, stop, debug_node, debugger)
    host.trace = watch
    try:
        while scheduler.step():
            pass
    except _ReachedEvent:
        for record in sorted(watch.take(), key=lambda record: record[:3]):
            records(record)
        return Stopped(host=host, reached=True, result=None)
    except HandlerError as error:
        return Stopped(host=host, reached=watch.opened, result=None, error=error)
    return Stopped(host=host, reached=watch.opened, result=scheduler.result())


def _forget(record: TraceRecord) -> None:
    pass


class _ReachedEvent(Interruption):
    """Ends a run in the middle of a window."""


class _Watch(Trace):
    """A trace that looks at each record as it is made."""

    def __init__(self, host: Host, stop: StopAt, debug_node: int | None, debugger: Callable[[], Debugger]) -> None:
        super().__init__()
        self._host = host
        self._stop = stop
        self._debug_node = debug_node
        self._debugger = debugger
        self._passed = False
        self.opened = False

    def handled(self, node: int, event: Event) -> None:
        super().handled(node, event)
        self._look()
        if self._debug_node == node and not self.opened and self._has_passed(event[0]):
            self._open_debugger(self._host.processes[node], event[4])

    def sent(self, node: int, now_ns: int, event: Event) -> None:
        super().sent(node, now_ns, event)
        self._look()

    def dropped(self, node: int, now_ns: int, event: Event, reason: str) -> None:
        super().dropped(node, now_ns, event, reason)
        self._look()

    def _look(self) -> None:
        if self._records[-1][1:3] == (self._stop.node, self._stop.number):
            self._passed = True
            if self._debug_node is None:
                raise _ReachedEvent

    def _has_passed(self, time_ns: int) -> bool:
        return self._passed if self._stop.time_ns is None else time_ns >= self._stop.time_ns

    def _open_debugger(self, process: Process, kind: int) -> None:
        """Have the debugger call the handler that comes next, once."""
        name = {MESSAGE: "on_message", TIMER: "on_timer"}.get(kind)
        if name is None:
            return
        self.opened = True
        handler = getattr(process, name)

        def once(*arguments: Any) -> None:
            delattr(process, name)
            debugger = self._debugger()
            debugger.runcall(handler, *arguments)
            if debugger.left:  # a run whose handler was abandoned half-way is not the run any more
                raise _ReachedEvent

        setattr(process, name, once)


def check_node(node: int | None, scenario: Scenario, place: str) -> None:
    """Refuse a node that the scenario does not have."""
    if node is not None and not 0 <= node < scenario.nodes:
        raise UsageError(f"{place}: node {node} is out of range: nodes are 0 to {scenario.nodes - 1}")


def check_nodes(nodes: Sequence[int], scenario: Scenario, place: str) -> None:
    """The same for several."""
    for node in nodes:
        check_node(node, scenario, place)
