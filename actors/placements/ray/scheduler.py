"""A run on Ray: the scheduler as an actor that owns the hosts, and who asks for the run and takes what it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from threading import get_ident
from typing import Any

from simclock.actors.message import check_message, payload_type_of
from simclock.actors.placements.packing import Onlooker, Packing
from simclock.actors.placements.ray.hosts import LOOK_TIMEOUT_S, LOOKING, RayHosts, actor_class
from simclock.actors.placements.ray.session import ray_logs, ray_session, worker_options
from simclock.actors.placements.ray_deaths import first_line, how_it_died
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads, ship
from simclock.errors import PlacementError, RunInterrupted, SimclockError, UsageError
from simclock.kernel.scheduler import RunResult, Scheduler, host_plan, made_observers
from simclock.kernel.standing import Standing, frames_of
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

TRACE_RECORDS_PER_CHUNK = 5_000


class SchedulerActor:
    """The scheduler in a worker process; it owns the hosts."""

    def __init__(self, folders: list[str], shipped: bytes) -> None:
        import_also_from(folders)
        self._shipped = shipped
        self._hosts: RayHosts | None = None
        self._started = False
        self._thread = 0

    def start(self) -> bytes:
        """Start the hosts; gives, pickled, ("started", their workers' process ids) or ("error", ...)."""
        try:
            return dumps(("started", self._start()))
        except SimclockError as error:
            return dumps(("error", error))

    def _start(self) -> list[int]:
        scenario, host_of, payload_type, placement, replay, traced, guard = loads(self._shipped)
        observers = made_observers(scenario, replay)
        plan = host_plan(
            scenario, host_of, observers, payload_type=payload_type, check_message=check_message, traced=traced
        )
        self._hosts = RayHosts(plan, max(host_of) + 1, guard)
        self._records: list[TraceRecord] = []
        self._scheduler = Scheduler(
            scenario,
            self._hosts,
            observers,
            placement=placement,
            replay=replay,
            trace=self._records.append if traced else None,
        )
        process_ids = self._hosts.process_ids()
        self._hosts.connect()
        self._started = True
        return process_ids

    def standing(self, closely: bool) -> Standing | None:
        """Where the run, or the start of its workers, stands; asked in another thread, while it goes."""
        if self._hosts is None:
            return None
        if not self._started:
            return starting(self._hosts.count, self._hosts.up)
        if not closely:
            return self._scheduler.standing()
        return self._scheduler.standing(self._hosts.standing(), frames_of(self._thread))

    def run(self) -> Iterator[bytes]:
        """Yields pickled chunks: ("trace", records) any number of times, then ("result", ...) or ("error", ...)."""
        try:
            self._thread = get_ident()
            self._scheduler.restart_stopwatch()
            while self._scheduler.step():
                if len(self._records) >= TRACE_RECORDS_PER_CHUNK:
                    yield self._chunk()
            yield self._chunk()
            result = self._scheduler.result()
            assert self._hosts is not None, "the run has begun"
            yield dumps(("result", result._replace(warnings=(*result.warnings, *self._hosts.notes()))))
        except SimclockError as error:
            yield self._chunk()
            yield dumps(("error", error))

    def _chunk(self) -> bytes:
        chunk = dumps(("trace", self._records))
        self._records.clear()
        return chunk


def starting(count: int, up: int) -> Standing:
    """Where a run stands that has not begun: of its workers so many are up."""
    return Standing(0, None, 0, starting=f"starting {count:,} Ray actor{'s' * (count != 1)}: {up:,} up")


def run_on_ray(
    scenario: Scenario,
    placement: Packing,
    *,
    trace: Callable[[TraceRecord], None] | None,
    replay: str,
    guard: bool = True,
    onlooker: Onlooker = nullcontext,
    on_start: Callable[[list[int]], None] | None = None,
) -> RunResult:
    """Run a scenario with hosts as Ray actors. `on_start` is told the workers' process ids before the run begins."""
    if scenario.lookahead_ns < 1 and scenario.nodes > 1:
        raise UsageError(
            f"network: {scenario.network.latency} has no smallest delay, so nodes cannot run side by side on Ray: "
            "give it a floor above zero, or run inline"
        )
    host_of = placement.host_of(scenario.nodes)
    shipped = ship((scenario, host_of, payload_type_of(scenario), str(placement), replay, trace is not None, guard))
    began = time.perf_counter()
    with ray_session(placement.address):
        import ray

        scheduler = actor_class(SchedulerActor, **worker_options()).remote(import_folders(), shipped)

        def look(closely: bool) -> Standing | None:
            try:
                asked = scheduler.standing.options(concurrency_group=LOOKING).remote(closely)
                answer: Standing | None = ray.get(asked, timeout=2 * LOOK_TIMEOUT_S)
            except ray.exceptions.RayError:  # it is busy, or has died
                answer = None
            return starting(max(host_of) + 1, 0) if answer is None and not started else answer

        started = False
        try:
            with onlooker(look):
                kind, process_ids = loads(ray.get(scheduler.start.remote()))
                if kind == "error":
                    raise process_ids
                started = True
                started_s = time.perf_counter() - began
                if on_start is not None:
                    on_start(process_ids)
                result = _followed(scheduler, trace)._replace(started_s=started_s)
        except KeyboardInterrupt as interrupt:
            standing = look(True)
            if standing is None:
                raise
            raise RunInterrupted(standing, scenario.seed) from interrupt
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, SimclockError):
                raise error.cause from None
            said = f"{type(error.cause).__name__}: {error.cause}"
            raise PlacementError(f"the scheduler's actor failed: {first_line(said)}", str(error)) from None
        except ray.exceptions.RayError as error:
            how = how_it_died(error, ray_logs())
            raise PlacementError(f"the scheduler's worker died: {how}; replay: {replay}", str(error)) from None
        finally:
            with suppress(ray.exceptions.RayError):  # nobody is there any more to end it
                ray.kill(scheduler)
    return result


def _followed(scheduler: Any, trace: Callable[[TraceRecord], None] | None) -> RunResult:
    """Have the scheduler's actor run, and take what it tells."""
    import ray

    for ref in scheduler.run.options(num_returns="streaming").remote():
        kind, value = loads(ray.get(ref))
        if kind == "trace":
            for record in value:
                assert trace is not None, "records come only when asked for"
                trace(record)
        elif kind == "error":
            raise value
        else:
            result: RunResult = value
    return result
