"""The Ray placement: every host is an actor, and so is the scheduler.

The hosts run the same `Host` as in process; what differs is that mail travels as bytes and that several windows'
answers are awaited at once. Laws: answers are collected and sorted by key, never acted on in the order of arrival; one
submitter (the scheduler's actor) and no retries by Ray; a worker that dies is replaced, and its host brought up to date
by sending it again all the mail it ever got, so that a real failure changes nothing.

Ray is imported here and in `simclock.actors.placements.ray_tasks`, nowhere else, and only when a run needs it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any

from simclock.actors.message import check_message, payload_type_of
from simclock.actors.placements.local_ray import keep_token_private, local_ray_folder
from simclock.actors.placements.ray_deaths import first_line, how_it_died
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads, ship
from simclock.errors import Failure, PlacementError, RunInterrupted, SimclockError, UsageError
from simclock.guarding.guard import guarding
from simclock.hash_seed import VARIABLE, of_workers
from simclock.kernel.host import Host
from simclock.kernel.mail import HostPlan, Mail, Summary, Window
from simclock.kernel.scheduler import RunResult, Scheduler, host_plan, made_observers
from simclock.kernel.standing import HostStanding, Standing, frames_of
from simclock.machinery import IMPORTED_FROM
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

if TYPE_CHECKING:
    from simclock.actors.placements.placement import Onlooker, Placement

REVIVALS_MAX = 3
"""How often a host's worker may die before the run is given up."""
JOURNAL_BYTES_MAX = 1 << 30
"""Mail kept for reviving hosts, over all hosts of a run."""
TRACE_RECORDS_PER_CHUNK = 5_000
CONNECT_TIMEOUT_S = 5
JOIN_TIMEOUT_S = 5
HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client begins a connection (RFC 9113, 3.4): the preface and an empty SETTINGS frame."""
HTTP2_HEAD_BYTES = 9
HTTP2_SETTINGS = 4
START_ONE = "start one with `ray start --head`, or leave it out"
LOOK_TIMEOUT_S = 2
LOOKING = "looking"
"""The thread of an actor that tells where it stands, beside the one that works."""
WORKERS_AT_ONCE = 1024
"""A local Ray starts this many workers without a warning; with one actor per node they are many on purpose."""


class HostActor:
    """A host in a worker process. Everything that crosses is bytes or plain numbers."""

    def __init__(self, folders: list[str], plan: bytes, number: int, guard: bool) -> None:
        import_also_from(folders)
        loaded: HostPlan = loads(plan)
        self._guarding = guarding(loaded.build, guard)
        self._guarding.run.__enter__()  # until the worker ends
        self._host = Host(loaded, number)
        self._thread = 0

    def standing(self) -> tuple[Any, ...]:
        """Where the host stands, and what it is doing; asked in another thread."""
        return tuple(self._host.standing(frames_of(self._thread)))

    def advance(self, mail: Mail) -> tuple[Any, ...]:
        """A window, with the parts that may hold user classes pickled our way."""
        self._thread = get_ident()
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
        # It runs in what the scheduler's actor runs in, the hash seed too.
        self._actor_class = _actor_class(HostActor)
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
        start = self._actor_class.options(scheduling_strategy=there).remote
        return start(import_folders(), self._plan_ref, number, self._guard)

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
        how, details = how_it_died(error, ray_logs()), str(error)
        if getattr(error, "_actor_init_failed", False):
            raise PlacementError(f"the Ray worker of host {host} did not live: {how}", details) from None
        who = f"the Ray worker of host {host} died"
        if self._journal_bytes > JOURNAL_BYTES_MAX:
            raise PlacementError(
                f"{who} ({how}), and the mail to revive it is no longer kept, being over {JOURNAL_BYTES_MAX:,} "
                "bytes: run again",
                details,
            ) from None
        if self._revivals[host] > REVIVALS_MAX:
            raise PlacementError(f"{who} {self._revivals[host]} times: {how}", details) from None
        self._actors[host] = self._start(host)
        under_way = self._refs[host]
        for place, mail in enumerate(self._journal[host]):
            if place in under_way:
                under_way[place] = self._actors[host].advance.remote(mail)
            else:
                self._actors[host].advance_only.remote(mail)

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result, in host order."""
        return [loads(self._asked(host, "finish", end_ns)) for host in range(self.count)]

    def standing(self) -> list[HostStanding]:
        """Where the hosts stand that answer, and what they are doing."""
        asked = [actor.standing.options(concurrency_group=LOOKING).remote() for actor in self._actors]
        ready, _ = self._ray.wait(asked, num_returns=len(asked), timeout=LOOK_TIMEOUT_S)
        told = []
        for ref in ready:
            try:
                told.append(HostStanding(*self._ray.get(ref)))
            except self._ray.exceptions.RayError:  # its worker has just died
                continue
        return told

    def process_ids(self) -> list[int]:
        """Of the workers; waits until all have started."""
        return [self._asked(host, "process_id") for host in range(self.count)]

    def _asked(self, host: int, method: str, *arguments: Any) -> Any:
        while True:
            try:
                return self._ray.get(getattr(self._actors[host], method).remote(*arguments))
            except self._ray.exceptions.RayActorError as error:
                self._revive(host, error)


def _actor_class(cls: type, **options: Any) -> Any:
    import ray

    groups = {LOOKING: 1}
    return ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, concurrency_groups=groups, **options)(cls)


def _window(answer: tuple[Any, ...]) -> Window:
    next_time_ns, outbox, outbox_ns_min, told, failures, handled, last_ns = answer
    observations, trace = loads(told) if told else ([], [])
    told_failures = [Failure(*failure) for failure in failures]
    return Window(next_time_ns, outbox, outbox_ns_min, observations, trace, told_failures, handled, last_ns)


class SchedulerActor:
    """The scheduler in a worker process; it owns the hosts."""

    def __init__(self, folders: list[str], shipped: bytes) -> None:
        import_also_from(folders)
        self._shipped = shipped
        self._hosts: RayHosts | None = None
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
        return self._hosts.process_ids()

    def standing(self, closely: bool) -> Standing:
        """Where the run stands; asked in another thread, while it goes."""
        assert self._hosts is not None, "the run has begun"
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

        scheduler = _actor_class(SchedulerActor, **worker_options()).remote(import_folders(), shipped)

        def look(closely: bool) -> Standing | None:
            try:
                asked = scheduler.standing.options(concurrency_group=LOOKING).remote(closely)
                answer: Standing = ray.get(asked, timeout=2 * LOOK_TIMEOUT_S)
            except ray.exceptions.RayError:  # it is busy, or has died
                return None
            return answer

        try:
            kind, process_ids = loads(ray.get(scheduler.start.remote()))
            if kind == "error":
                raise process_ids
            started_s = time.perf_counter() - began
            if on_start is not None:
                on_start(process_ids)
            with onlooker(look):
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


def ray_logs() -> str | None:
    """The folder of this machine's Ray logs, where one is known."""
    import ray

    node = ray._private.worker._global_node
    return None if node is None else str(node.get_logs_dir_path())


@contextmanager
def ray_session(address: str | None = None) -> Iterator[None]:
    """A Ray to run on: the one this process is connected to, the one at `address` or RAY_ADDRESS, or a local one.

    Only a connection, or a local Ray, that was made here is ended at the end. UsageError where none is to be had.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        if address is not None:
            _check_address(address)
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    options = {"logging_level": "ERROR", "log_to_driver": False, "job_config": _job_config()}
    with local_ray_folder() if address == "local" else nullcontext() as folder:
        try:
            _keep_off_stdout()
            if address == "local":
                os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(WORKERS_AT_ONCE))
                keep_token_private()
                with _inherited_hash_seed():
                    ray.init(address=address, include_dashboard=False, _temp_dir=folder, **options)
            else:
                if address == "auto":  # the machine's last Ray, which may be long gone
                    address = ray._private.services.canonicalize_bootstrap_address(address)
                _check_address(address)
                with _patience(JOIN_TIMEOUT_S), _silence():
                    ray.init(address=address, **options)
        except SimclockError:
            raise
        except Exception as error:  # a local Ray that takes too long to start raises nothing more special
            raise _cannot_join(address, error) from None
        try:
            yield
        finally:
            _started_under.clear()
            ray.shutdown()


_started_under: list[str] = []
"""The hash seed of the workers of the local Ray that was started here, while there is one."""


@contextmanager
def _inherited_hash_seed() -> Iterator[None]:
    """The workers of a local Ray inherit this process's environment: they get its hash seed."""
    before = os.environ.get(VARIABLE)
    seed = os.environ[VARIABLE] = of_workers()
    try:
        yield
        _started_under.append(seed)
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def worker_options() -> dict[str, Any]:
    """Options that give the workers of a Ray which was not started here the hash seed of this process."""
    seed = of_workers()
    return {} if _started_under == [seed] else {"runtime_env": {"env_vars": {VARIABLE: seed}}}


def _keep_off_stdout() -> None:
    """Ray's driver prints a block on stdout for every worker that dies; what matters of it, its exceptions tell too."""
    import ray

    ray._private.worker.listen_error_messages = lambda worker, threads_stopped: None


@contextmanager
def _patience(seconds: int) -> Iterator[None]:
    """How long Ray goes on asking a cluster that refuses us, in place of 20 s; the user's own wish comes first."""
    name = "RAY_gcs_server_port_wait_time_s"
    ours = name not in os.environ
    os.environ.setdefault(name, str(seconds))
    try:
        yield
    finally:
        if ours:
            del os.environ[name]


@contextmanager
def _silence() -> Iterator[None]:
    """Ray's C++ side writes a line to stderr for each attempt; what came of it, its exception tells."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _job_config() -> Any:
    """Without the folders that Ray has workers look for modules in before all others: the user's and the script's.

    A queue.py there would hide Python's. User modules travel, and workers look in the user's folders last; only where
    our own packages are not installed is their folder needed.
    """
    import ray

    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:  # within `ray job submit`, which has its own
        return None
    ours = str(IMPORTED_FROM)
    return ray.job_config.JobConfig(
        _client_job=True, _py_driver_sys_path=[ours] if ours == os.path.abspath(os.curdir) else None
    )


def _cannot_join(address: str, error: Exception) -> UsageError:
    reason = first_line(str(error)) or type(error).__name__
    if address == "local":
        return UsageError(f"ray: a local Ray does not start: {reason}")
    if "AuthenticationError" in f"{type(error).__name__} {error.__cause__}":  # the cause holds a traceback, as text
        return UsageError(
            f"address: the Ray at {address} does not know our token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
            "the file ~/.ray/auth_token as on its nodes"
        )
    if isinstance(error, ConnectionError):
        return UsageError(f"address: no Ray answers at {address} ({reason}): {START_ONE}")
    return UsageError(f"address: the Ray at {address} does not let us join: {reason}")


def _check_address(address: str) -> None:
    """Ray waits long for an address nobody answers at; a plain connection tells at once."""
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f'address: {address!r} is not an address: write host:port, such as 127.0.0.1:6379, or "auto"')
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S) as connection:
            said = b"" if os.environ.get("RAY_USE_TLS") else _greeting(connection)
    except (OSError, OverflowError) as error:  # a port above 65535 overflows
        raise UsageError(f"address: no Ray answers at {address} ({error}): {START_ONE}") from None
    if said and said[3] != HTTP2_SETTINGS:
        raise UsageError(f"address: what answers at {address} is no Ray: {START_ONE}")


def _greeting(connection: socket.socket) -> bytes:
    """The head of the first frame of a gRPC server, as Ray's is: it greets as soon as it is greeted."""
    connection.sendall(HTTP2_HELLO)
    said = b""
    while len(said) < HTTP2_HEAD_BYTES:
        more = connection.recv(HTTP2_HEAD_BYTES - len(said))
        if not more:
            raise OSError("it hung up")
        said += more
    return said
