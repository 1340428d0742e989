"""The Ray placement: every host is an actor, and so is the scheduler.

The hosts run the same `Host` as in process; what differs is that mail travels as bytes and that several windows'
answers are awaited at once. Laws: answers are collected and sorted by key, never acted on in the order of arrival; one
submitter (the scheduler's actor) and no retries by Ray; a worker that dies is replaced, and its host brought up to date
by sending it again all the mail it ever got, so that a real failure changes nothing.

Ray is imported here and in `actors.ray_tasks`, nowhere else, and only when a run needs it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actors.message import check_message
from actors.run import payload_type_of
from actors.shipping import dumps, loads, ship
from simclock.errors import Failure, PlacementError, SimclockError, UsageError
from simclock.guard import guarding
from simclock.host import Host
from simclock.mail import HostPlan, Mail, Summary, Window
from simclock.scenario import Scenario
from simclock.scheduler import RunResult, Scheduler, host_plan, made_observers
from simclock.trace import TraceRecord

if TYPE_CHECKING:
    from actors.run import Placement

REVIVALS_MAX = 3
"""How often a host's worker may die before the run is given up."""
JOURNAL_BYTES_MAX = 1 << 30
"""Mail kept for reviving hosts, over all hosts of a run."""
TRACE_RECORDS_PER_CHUNK = 5_000
CONNECT_TIMEOUT_S = 5
WORKERS_AT_ONCE = 1024
"""A local Ray starts this many workers without a warning; with one actor per node they are many on purpose."""


class HostActor:
    """A host in a worker process. Everything that crosses is bytes or plain numbers."""

    def __init__(self, plan: bytes, number: int, guard: bool) -> None:
        loaded: HostPlan = loads(plan)
        self._guarding = guarding(loaded.build, guard)
        self._guarding.run.__enter__()  # until the worker ends
        self._host = Host(loaded, number)

    def advance(self, mail: Mail) -> tuple[Any, ...]:
        """A window, with the parts that may hold user classes pickled our way."""
        with self._guarding.advance():
            window = self._host.advance(*mail)
        told = dumps((window.observations, window.trace)) if window.observations or window.trace else b""
        failures = [tuple(failure) for failure in window.failures]
        return (
            window.next_time_ns,
            window.outbox,
            window.outbox_ns_min,
            told,
            failures,
            window.handled,
            window.last_time_ns,
        )

    def advance_only(self, mail: Mail) -> None:
        """Do again what was done before; the answer is known."""
        with self._guarding.advance():
            self._host.advance(*mail)

    def finish(self, end_ns: int) -> bytes:
        """The host's share of the result."""
        return dumps(self._host.finish(end_ns))

    def process_id(self) -> int:
        """Of the worker, for tests that kill it."""
        return os.getpid()


def spread(cpus: dict[str, float], count: int) -> list[str]:
    """The cluster's node for each of `count` hosts, in proportion to the nodes' CPUs.

    A node that offers none gets a host only if none offers any; ties go to the lower id.
    """
    share = {node: offered for node, offered in cpus.items() if offered} or dict.fromkeys(cpus, 1.0)
    taken = dict.fromkeys(sorted(share), 0)
    nodes = []
    for _ in range(count):
        node = min(taken, key=lambda node: (taken[node] + 1) / share[node])
        taken[node] += 1
        nodes.append(node)
    return nodes


class RayHosts:
    """Hosts as Ray actors; lives in the scheduler's actor."""

    def __init__(self, plan: HostPlan, count: int, guard: bool) -> None:
        import ray

        self.count = count
        # Carrying mail while hosts work takes a core of its own: with two hosts on two cores it made runs slower.
        self.pipelined = ray.cluster_resources().get("CPU", 0) > count
        self._ray = ray
        self._plan_ref = ray.put(dumps(plan))
        self._guard = guard
        self._actor_class = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(HostActor)
        cpus = {node["NodeID"]: node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]}
        self._nodes = spread(cpus, count)
        self._actors = [self._start(number) for number in range(count)]
        self._journal: list[list[Mail]] = [[] for _ in range(count)]
        """All mail of each host, oldest first: what brings a new worker to where the dead one was."""
        self._journal_bytes = 0
        self._refs: list[dict[int, Any]] = [{} for _ in range(count)]
        """Per host: place in the journal -> the answer under way."""
        self._revivals = [0] * count

    def _start(self, number: int) -> Any:
        # Ray's own "SPREAD" puts actors that reserve no CPU on nodes at random, now and then all on one.
        there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self._nodes[number], soft=True)
        return self._actor_class.options(scheduling_strategy=there).remote(self._plan_ref, number, self._guard)

    def submit(self, host: int, mail: Mail) -> int:
        """Send mail to a host; the ticket is its place in the journal."""
        journal = self._journal[host]
        journal.append(mail)
        self._journal_bytes += sum(map(len, mail[1]))
        ticket = len(journal) - 1
        self._refs[host][ticket] = self._actors[host].advance.remote(mail)
        return ticket

    def collect(self, tickets: Sequence[tuple[int, int]]) -> list[Window]:
        """Wait for all of them."""
        refs = [self._refs[host][ticket] for host, ticket in tickets]
        try:
            answers = self._ray.get(refs)
        except self._ray.exceptions.RayActorError:
            answers = [self._answer(host, ticket) for host, ticket in tickets]
        for host, ticket in tickets:
            del self._refs[host][ticket]
        return [_window(answer) for answer in answers]

    def _answer(self, host: int, ticket: int) -> Any:
        while True:
            try:
                return self._ray.get(self._refs[host][ticket])
            except self._ray.exceptions.RayActorError as error:
                self._revive(host, error)

    def _revive(self, host: int, error: Exception) -> None:
        """Start a new worker and have it do everything again."""
        self._revivals[host] += 1
        who = f"the Ray worker of host {host} died"
        if self._journal_bytes > JOURNAL_BYTES_MAX:
            raise PlacementError(f"{who}, and the mail to revive it is no longer kept: run again ({error})") from None
        if self._revivals[host] > REVIVALS_MAX:
            raise PlacementError(f"{who} {self._revivals[host]} times: is it out of memory? ({error})") from None
        self._actors[host] = self._start(host)
        under_way = self._refs[host]
        for place, mail in enumerate(self._journal[host]):
            if place in under_way:
                under_way[place] = self._actors[host].advance.remote(mail)
            else:
                self._actors[host].advance_only.remote(mail)

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result, in host order."""
        summaries = []
        for host in range(self.count):
            while True:
                try:
                    summaries.append(loads(self._ray.get(self._actors[host].finish.remote(end_ns))))
                    break
                except self._ray.exceptions.RayActorError as error:
                    self._revive(host, error)
        return summaries

    def process_ids(self) -> list[int]:
        """Of the workers; waits until all have started."""
        return list(self._ray.get([actor.process_id.remote() for actor in self._actors]))


def _window(answer: tuple[Any, ...]) -> Window:
    next_time_ns, outbox, outbox_ns_min, told, failures, handled, last_ns = answer
    observations, trace = loads(told) if told else ([], [])
    told_failures = [Failure(*failure) for failure in failures]
    return Window(next_time_ns, outbox, outbox_ns_min, observations, trace, told_failures, handled, last_ns)


class SchedulerActor:
    """The scheduler in a worker process; it owns the hosts."""

    def __init__(self, shipped: bytes) -> None:
        self._shipped = shipped
        self._hosts: RayHosts | None = None

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
        return self._hosts.process_ids()

    def run(self) -> Iterator[bytes]:
        """Yields pickled chunks: ("trace", records) any number of times, then ("result", ...) or ("error", ...)."""
        try:
            self._scheduler.restart_stopwatch()
            while self._scheduler.step():
                if len(self._records) >= TRACE_RECORDS_PER_CHUNK:
                    yield self._chunk()
            yield self._chunk()
            yield dumps(("result", self._scheduler.result()))
        except SimclockError as error:
            yield self._chunk()
            yield dumps(("error", error))

    def _chunk(self) -> bytes:
        chunk = dumps(("trace", self._records))
        self._records.clear()
        return chunk


def run_on_ray(
    scenario: Scenario,
    placement: Placement,
    *,
    trace: Callable[[TraceRecord], None] | None,
    replay: str,
    guard: bool = True,
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
    with ray_session(placement.address):
        import ray

        actor = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(SchedulerActor).remote(shipped)
        try:
            kind, process_ids = loads(ray.get(actor.start.remote()))
            if kind == "error":
                raise process_ids
            if on_start is not None:
                on_start(process_ids)
            for ref in actor.run.options(num_returns="streaming").remote():
                kind, value = loads(ray.get(ref))
                if kind == "trace":
                    for record in value:
                        assert trace is not None, "records come only when asked for"
                        trace(record)
                elif kind == "error":
                    raise value
                else:
                    result: RunResult = value
        except ray.exceptions.RayTaskError as error:
            raise PlacementError(f"the scheduler's actor failed: {error.cause!r}") from error
        except ray.exceptions.RayActorError as error:
            raise PlacementError(f"the scheduler's worker died ({error}); replay: {replay}") from None
        finally:
            ray.kill(actor)
    return result


@contextmanager
def ray_session(address: str | None = None) -> Iterator[None]:
    """A Ray to run on: the one this process is connected to, the one at `address` or RAY_ADDRESS, or a local one.

    Only a connection, or a local Ray, that was made here is ended at the end.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        if address is not None:
            _check_address(address)
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or None
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        if address is None:
            os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(WORKERS_AT_ONCE))
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            _check_address(address)
            ray.init(address=address, **quiet)
    except Exception as error:  # a local Ray that takes too long to start raises nothing more special
        raise _cannot_join(address, error) from None
    try:
        yield
    finally:
        ray.shutdown()


def _cannot_join(address: str | None, error: Exception) -> UsageError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if address is None:
        return UsageError(f"ray: a local Ray does not start: {reason}")
    return UsageError(
        f"address: the Ray at {address} does not let us join: if its nodes have a token, set RAY_AUTH_MODE=token, and "
        f"RAY_AUTH_TOKEN or the file ~/.ray/auth_token as there ({reason})"
    )


def _check_address(address: str) -> None:
    """Ray waits long for an address nobody answers at; a plain connection tells at once."""
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f'address: {address!r} is not an address: write host:port, such as 127.0.0.1:6379, or "auto"')
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise UsageError(
            f"address: no Ray answers at {address} ({error}): start one with `ray start --head`, or leave it out"
        ) from None
