"""The placement `auto`: a run begins in this process, and goes elsewhere where that pays.

Laws: the pilot is the beginning of the run itself, so a run that stays has lost nothing by it, and one that is over
before has not asked for more. It is bounded in CPU and events; one that goes elsewhere begins anew there, and what the
pilot took is told. What happens in the run is the same wherever it goes: only its first part may happen twice, so a
trace is held back until it is decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from simclock.actors.placements.cores import cluster_address, cores_here, ray_is_up
from simclock.actors.placements.inline import InlineHosts, run_in_process
from simclock.actors.placements.model import RAY_S, Load, choose, may_pay
from simclock.actors.placements.packing import Look, Onlooker, Packing
from simclock.kernel.mail import NEVER_NS
from simclock.kernel.scheduler import RunResult, Scheduler
from simclock.kernel.standing import Standing
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

LOOKS_S = (0.5, 1.0, 2.0, 4.0)
"""Seconds of CPU after which it is decided, each time anew: beginnings are slow, and work may grow. After the last the
run stays where it is."""
EVENTS_MAX = 2_000_000
"""More than that are not piloted, however little they take."""


class Run(Protocol):
    """What runs a scenario on a placement that has been chosen."""

    def __call__(
        self,
        scenario: Scenario,
        *,
        trace: Callable[[TraceRecord], None] | None,
        replay: str,
        guard: bool,
        onlooker: Onlooker,
    ) -> RunResult: ...


def run_where_it_pays(
    scenario: Scenario,
    placement: Packing,
    *,
    here: Packing,
    there: Callable[[int], Run],
    trace: Callable[[TraceRecord], None] | None,
    replay: str,
    guard: bool,
    onlooker: Onlooker,
) -> RunResult:
    """Run a scenario in process, as `here`, or on Ray: `there(hosts)` gives what runs it on so many hosts."""
    looks: list[Look] = []

    @contextmanager
    def looked_on(look: Look) -> Iterator[None]:
        looks.append(look)
        try:
            yield
        finally:
            looks.pop()

    def looks_now(closely: bool) -> Standing | None:
        return looks[-1](closely) if looks else None

    with onlooker(looks_now), ExitStack() as session:
        pilot = Pilot(scenario, Cores(placement.address, session), trace)
        try:
            result = run_in_process(
                scenario,
                here,
                trace=None if trace is None else pilot.record,
                replay=replay,
                guard=guard,
                onlooker=looked_on,
                pilot=pilot,
            )
        except _Elsewhere as elsewhere:
            hosts = elsewhere.hosts
        else:
            return result._replace(chosen=f"auto: in process: {pilot.why}", pilot_s=pilot.cpu_s)
        finally:
            pilot.release()
        result = there(hosts)(scenario, trace=trace, replay=replay, guard=guard, onlooker=looked_on)
        return result._replace(chosen=f"auto: {pilot.why}", pilot_s=pilot.cpu_s)


class _Elsewhere(Exception):
    """The run is to begin again, on so many hosts."""

    def __init__(self, hosts: int) -> None:
        super().__init__(hosts)
        self.hosts = hosts


class Cores:
    """How many cores there are for a run, and how long it takes until a Ray is there."""

    def __init__(self, address: str | None, session: ExitStack) -> None:
        self._address = cluster_address(address)
        self._session = session

    def ask(self, load: Load) -> tuple[int, float]:
        """(cores, seconds). A cluster is joined to be asked, if any number of cores could pay."""
        if not (self._address or ray_is_up()):
            return cores_here(), RAY_S
        if not may_pay(load):
            return max(2, load.nodes), 0.0
        from simclock.actors.placements.ray.session import cluster_cores, ray_session

        self._session.enter_context(ray_session(self._address))
        return cluster_cores(), 0.0


class Pilot:
    """Runs the beginning of a run that is to go on, window by window, and decides where the rest of it is best."""

    def __init__(
        self,
        scenario: Scenario,
        cores: Cores | None = None,
        trace: Callable[[TraceRecord], None] | None = None,
        looks_s: tuple[float, ...] | None = None,
    ) -> None:
        self.why = "it was over before more cores could pay"
        self.load: Load | None = None
        """What was seen last; None where there is no choice."""
        self.cpu_s = 0.0
        self._scenario = scenario
        self._cores = cores
        self._looks_s = LOOKS_S if looks_s is None else looks_s
        self._trace = trace
        self._held: list[TraceRecord] | None = None if trace is None else []
        self._windows = 0

    def record(self, record: TraceRecord) -> None:
        """Of the trace."""
        if self._held is not None:
            self._held.append(record)
        elif self._trace is not None:
            self._trace(record)

    def release(self) -> None:
        """The run stays, or has failed: what was held back is its trace."""
        held, self._held = self._held or (), None
        for record in held:
            if self._trace is not None:
                self._trace(record)

    def __call__(self, scheduler: Scheduler, hosts: InlineHosts) -> None:
        """Run the beginning; raises where the run is to go elsewhere."""
        if self._scenario.nodes < 2:
            self.why = "one node has one host"
        elif self._scenario.lookahead_ns < 1:
            self.why = "the network has no smallest delay, so nodes cannot run side by side"
        else:
            self._look_on(scheduler, hosts)
            scheduler.pause_ns = NEVER_NS
        self.release()

    def _look_on(self, scheduler: Scheduler, hosts: InlineHosts) -> None:
        began_s, pause_ns, seen = time.thread_time(), 0, (0.0, 0)
        for look_s in self._looks_s:
            while self.cpu_s < look_s and hosts.events < EVENTS_MAX:
                pause_ns = max(pause_ns, hosts.next_ns or 0) + self._scenario.lookahead_ns
                scheduler.pause_ns = pause_ns
                while scheduler.step():
                    pass
                self._windows += 1
                self.cpu_s = time.thread_time() - began_s
                if hosts.next_ns is None or hosts.next_ns >= scheduler.end_ns:
                    self.load = Load(self._scenario.nodes, hosts.events, self._windows, self.cpu_s, 0.0)
                    return
            now_ns = hosts.next_ns or 0
            if scheduler.end_ns == NEVER_NS:
                left_s = self.cpu_s  # nobody knows; as much again is the best guess there is
            else:
                left_s = (self.cpu_s - seen[0]) / max(1, now_ns - seen[1]) * (scheduler.end_ns - now_ns)
            seen = self.cpu_s, now_ns
            self.load = Load(self._scenario.nodes, hosts.events, self._windows, self.cpu_s, left_s)
            self._decide(self.load)

    def _decide(self, load: Load) -> None:
        if self._cores is None:
            return
        choice = choose(load, *self._cores.ask(load))
        self.why = f"{choice.why} (pilot: {load.events:,} events, {load.cpu_s:.1f} s)"
        if choice.hosts:
            self._held = None if self._held is None else []
            raise _Elsewhere(choice.hosts)
