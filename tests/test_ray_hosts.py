"""Hosts as Ray actors, without a Ray: one in its place lets workers die when a test says so."""

from __future__ import annotations

import socket
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from simclock import LogNormal, Network, PlacementError, RunResult, Scenario, UsageError, ms
from simclock.actors import run
from simclock.actors.message import check_message
from simclock.actors.placements.ray.hosts import REVIVALS_MAX, RayHosts, spread
from simclock.actors.placements.ray.mail import mail_to_bytes
from simclock.actors.placements.ray.scheduler import run_on_ray
from simclock.actors.placements.ray.session import ray_session
from simclock.actors.placements.ray_deaths import how_it_died
from simclock.actors.run import Placement, payload_type_of
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.kernel.scheduler import Scheduler, host_plan

# A Ray in which workers die.


class RayError(Exception):
    pass


class RayActorError(RayError):
    _actor_init_failed = False


class ActorDiedError(RayActorError):
    pass


class Actor:
    """A worker of one host. `ray.deaths` says how often it dies on which method; what is dead answers no more."""

    def __init__(self, ray: DyingRay, make: Callable[[], Any]) -> None:
        self.ray = ray
        self.host = make()
        self.number = self.host._host.number
        self.dead = False

    def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        self.ray.calls[self.number, method] += 1
        if self.ray.deaths[self.number, method] and not self.dead:
            self.ray.deaths[self.number, method] -= 1
            self.dead = True
        if self.dead:
            return ActorDiedError(self.ray.said)
        return getattr(self.host, method)(*arguments)

    def __getattr__(self, method: str) -> Any:
        return types.SimpleNamespace(remote=lambda *arguments: self.call(method, arguments))


class DyingRay(types.ModuleType):
    """As much of Ray as hosts need that have no channel."""

    def __init__(self, deaths: Mapping[tuple[int, str], int], said: str = "") -> None:
        super().__init__("ray")
        self.deaths = Counter(deaths)
        self.calls: Counter[tuple[int, str]] = Counter()
        self.said = said
        self.started = 0
        self.exceptions = types.SimpleNamespace(RayError=RayError, RayActorError=RayActorError)
        affinity = types.SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        self.util = types.SimpleNamespace(scheduling_strategies=affinity)
        self._private = types.SimpleNamespace(worker=types.SimpleNamespace(_global_node=None))

    def remote(self, **options: Any) -> Callable[[type], Any]:
        assert options["max_restarts"] == options["max_task_retries"] == 0, "Ray itself does nothing twice"

        def made(cls: type) -> Any:
            return types.SimpleNamespace(
                options=lambda scheduling_strategy: types.SimpleNamespace(
                    remote=lambda *arguments: self._start(cls, arguments)
                )
            )

        return made

    def _start(self, cls: type, arguments: tuple[Any, ...]) -> Actor:
        self.started += 1
        return Actor(self, lambda: cls(*arguments))

    @staticmethod
    def get(answer: Any) -> Any:
        answers = answer if isinstance(answer, list) else [answer]
        for each in answers:
            if isinstance(each, Exception):
                raise each
        return answer

    @staticmethod
    def put(value: Any) -> Any:
        return value

    @staticmethod
    def nodes() -> list[dict[str, Any]]:
        return [{"NodeID": "here", "NodeManagerAddress": "127.0.0.1", "Resources": {"CPU": 2.0}, "Alive": True}]

    @staticmethod
    def wait(refs: list[Any], *, num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return refs, []

    @staticmethod
    def kill(actor: Actor) -> None:
        actor.dead = True

    @staticmethod
    def cluster_resources() -> dict[str, float]:
        return {"CPU": 2.0}


@pytest.fixture
def scenario() -> Scenario:
    return make_scenario(entries()["everything"], Settings(seed=1, duration_ns=ms(300)))


@pytest.fixture
def run_there(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Callable[[DyingRay], RunResult]:
    """Runs the scenario on two hosts of that Ray."""

    def run_it(ray: DyingRay) -> RunResult:
        monkeypatch.setitem(sys.modules, "ray", ray)
        host_of = Placement(kind="ray", hosts=2).host_of(scenario.nodes)
        observers = [make() for make in scenario.observers]
        plan = host_plan(
            scenario,
            host_of,
            observers,
            payload_type=payload_type_of(scenario),
            check_message=check_message,
            traced=False,
        )
        hosts = RayHosts(plan, 2, False)
        hosts.process_ids()
        return Scheduler(scenario, hosts, observers, placement="", replay="").run()

    return run_it


@pytest.mark.parametrize("method", ["process_id", "advance", "finish"])
def test_a_worker_may_die_at_any_time_and_nothing_changes(
    scenario: Scenario, run_there: Callable[[DyingRay], RunResult], method: str
) -> None:
    ray = DyingRay({(1, method): 1})
    result, expected = run_there(ray), run(scenario)
    assert not +ray.deaths, "it died"
    assert ray.started == 3
    assert (result.digest, result.final, result.counters) == (expected.digest, expected.final, expected.counters)


def test_a_worker_that_dies_as_often_as_it_may_changes_nothing(
    scenario: Scenario, run_there: Callable[[DyingRay], RunResult]
) -> None:
    ray = DyingRay({(0, "advance"): 1, (0, "advance_again"): 1, (0, "finish"): REVIVALS_MAX - 2})
    assert run_there(ray).digest == run(scenario).digest
    assert ray.started == 2 + REVIVALS_MAX


@pytest.mark.parametrize("method", ["advance", "finish"])
def test_a_worker_that_dies_once_more_ends_the_run(run_there: Callable[[DyingRay], RunResult], method: str) -> None:
    said = "A block\nof Ray.\nWorker exits unexpectedly. Worker exits with an exit code 3."
    ray = DyingRay({(1, method): REVIVALS_MAX + 1}, said)
    with pytest.raises(PlacementError, match=r"^the Ray worker of host 1 died 4 times: .* exit status 3$") as caught:
        run_there(ray)
    assert caught.value.details == said
    assert ray.started == 2 + REVIVALS_MAX


def test_the_deaths_of_one_host_are_not_those_of_another(
    scenario: Scenario, run_there: Callable[[DyingRay], RunResult]
) -> None:
    ray = DyingRay({(0, "finish"): REVIVALS_MAX, (1, "finish"): REVIVALS_MAX})
    assert run_there(ray).digest == run(scenario).digest


def test_mail_beyond_the_journal_s_size_cannot_revive(
    scenario: Scenario, run_there: Callable[[DyingRay], RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simclock.actors.placements.ray.hosts.JOURNAL_BYTES_MAX", 1000)
    assert run_there(DyingRay({})).digest == run(scenario).digest, "who does not die needs none"
    with pytest.raises(PlacementError, match=r"host 0 died .* no longer kept, being over 1,000 bytes: run again"):
        run_there(DyingRay({(0, "finish"): 1}))


def test_a_journal_of_just_that_size_revives(
    scenario: Scenario, run_there: Callable[[DyingRay], RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def to_bytes(mail: Any) -> bytes:
        data = mail_to_bytes(mail)
        sizes.append(len(data))
        return data

    monkeypatch.setattr("simclock.actors.placements.ray.hosts.mail_to_bytes", to_bytes)
    run_there(DyingRay({}))
    size = sum(sizes)
    monkeypatch.setattr("simclock.actors.placements.ray.hosts.JOURNAL_BYTES_MAX", size)
    assert run_there(DyingRay({(0, "finish"): 1})).digest == run(scenario).digest
    monkeypatch.setattr("simclock.actors.placements.ray.hosts.JOURNAL_BYTES_MAX", size - 1)
    with pytest.raises(PlacementError, match="no longer kept"):
        run_there(DyingRay({(0, "finish"): 1}))


def test_a_worker_that_cannot_start_is_not_started_again(
    run_there: Callable[[DyingRay], RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ActorDiedError, "_actor_init_failed", True)
    ray = DyingRay({(1, "process_id"): 1}, "Traceback\n  of Ray\nImportError: no module named simclock\n")
    with pytest.raises(
        PlacementError, match="host 1 did not live: it could not start: ImportError: no module named simclock"
    ):
        run_there(ray)
    assert ray.started == 2


# How a worker died.


def death(kind: str, text: str) -> Exception:
    return type(kind, (Exception,), {})(text)


BLOCK = """The actor died unexpectedly before finishing this task.
\tclass_name: HostActor
\tactor_id: ede34a60b9778ab54a749a6701000000
\tpid: 9565
\tip: 192.0.2.2
The actor is dead because its worker process has died. Worker exit type: {}"""
CLOSED = (
    "SYSTEM_ERROR Worker exit detail: Worker unexpectedly exits with a connection error code 2. End of file. Some "
    "common causes include: (1) the process was killed by the OOM killer due to high memory usage, (2) ray stop "
    "--force was called, or (3) the worker crashed unexpectedly due to SIGSEGV or another unexpected error."
)
EXITED = "{} Worker exit detail: Worker exits. Worker exits with an exit code {}."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (death("ActorDiedError", BLOCK.format(EXITED.format("SYSTEM_ERROR", 3))), "exit status 3"),
        (death("ActorDiedError", BLOCK.format(EXITED.format("INTENDED_USER_EXIT", 0))), "exit status 0"),
        (death("ActorDiedError", BLOCK.format(CLOSED)), "exit status unknown"),
        (death("WorkerCrashedError", "The worker died unexpectedly while executing this task."), "exit status unknown"),
        (death("OutOfMemoryError", "Task was killed due to the node running low on memory.\nMemory on"), "of memory"),
        (
            death("RuntimeEnvSetupError", "Failed to set up.\n[Node 192.0.2.2] Traceback\nOSError: no pip\n"),
            "OSError: no pip",
        ),
        (death("NodeDiedError", "Task failed due to the node (where this task was running) was dead"), "machine"),
    ],
)
def test_how_a_worker_died_is_one_true_line(error: Exception, said: str) -> None:
    text = how_it_died(error)
    assert said in text
    assert "\n" not in text
    assert "?" not in text, "nothing is guessed"
    if "memory" not in said:
        assert not text.endswith("out of memory")


def test_a_signal_that_the_worker_wrote_down_is_named(tmp_path: Any) -> None:
    error = death("ActorDiedError", BLOCK.format(CLOSED))
    (tmp_path / "worker-0123-01000000-9566.err").write_text("*** SIGBUS received at time=1 on cpu 0 ***\n")
    assert "exit status unknown" in how_it_died(error, str(tmp_path)), "another worker's"
    (tmp_path / "worker-4567-01000000-9565.err").write_text(":job_id:01\n*** SIGSEGV received at time=1 on cpu 0 ***\n")
    assert how_it_died(error, str(tmp_path)) == "its process was killed by SIGSEGV"


# Which Ray.


@pytest.mark.parametrize(
    ("cpus", "nodes"),
    [
        ({"b": 1.0, "a": 1.0}, "ababab"),
        ({"a": 1.0, "b": 2.0}, "babbab"),
        ({"head": 0, "a": 4.0}, "aaa"),
        ({"b": 0, "a": 0}, "aba"),
    ],
)
def test_hosts_are_shared_out_by_cpus(cpus: dict[str, float], nodes: str) -> None:
    assert spread(cpus, len(nodes)) == list(nodes)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that Ray itself was asked to join."""
    asked: list[str] = []
    ray = types.ModuleType("ray")
    ray.is_initialized = lambda: False  # type: ignore[attr-defined]
    ray.init = lambda address, **options: asked.append(address)  # type: ignore[attr-defined]
    ray.shutdown = lambda: None  # type: ignore[attr-defined]
    gone = types.SimpleNamespace(canonicalize_bootstrap_address=lambda address: "127.0.0.1:1")
    ray._private = types.SimpleNamespace(worker=types.SimpleNamespace(), services=gone)  # type: ignore[attr-defined]
    monkeypatch.setattr("simclock.actors.placements.ray.session.runtime_environment", lambda ray, address: {})
    ray.job_config = types.SimpleNamespace(JobConfig=lambda **options: None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    return asked


GRPC = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""An empty SETTINGS frame, with which an HTTP/2 server answers."""


@contextmanager
def listening(family: socket.AddressFamily, host: str, answer: bytes | None) -> Iterator[int]:
    """Somebody at a port, who gives that answer to who greets him, or none at all."""
    with socket.socket(family) as server:
        try:
            server.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                connection.recv(100)
                if answer is not None:
                    connection.sendall(answer)
                if answer != b"":  # who says nothing at all hangs up
                    connection.recv(100)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "no Ray answers at 127.0.0.1:1 .*ray start --head"),
        ("[::1]:1", r"no Ray answers at \[::1\]:1"),
        ("ray://127.0.0.1:1", "no Ray answers at ray://127.0.0.1:1"),
        ("auto", "no Ray answers at 127.0.0.1:1"),
        ("127.0.0.1:99999", "no Ray answers at 127.0.0.1:99999"),
        ("no such host:1", "no Ray answers at no such host:1"),
        ("nonsense", "write host:port"),
        ("1.2.3.4:x", "write host:port"),
        ("1.2.3.4:", "write host:port"),
        (":6379", "write host:port"),
    ],
)
def test_an_address_nobody_answers_at_is_not_handed_to_ray(joined: list[str], address: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^address: .*{said}") as caught, ray_session(address):
        pass
    assert "\n" not in str(caught.value)
    assert joined == []


@pytest.mark.parametrize(
    ("family", "host", "shown"), [(socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")]
)
def test_an_address_where_a_ray_greets_is_joined(
    joined: list[str], family: socket.AddressFamily, host: str, shown: str
) -> None:
    with listening(family, host, GRPC) as port, ray_session(f"{shown}:{port}"):
        assert joined == [f"{shown}:{port}"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Ray"), (b"", "no Ray answers"), (None, "no Ray answers at .*timed")],
)
def test_who_listens_but_is_no_ray_is_not_joined(
    joined: list[str], monkeypatch: pytest.MonkeyPatch, answer: bytes | None, said: str
) -> None:
    monkeypatch.setattr("simclock.actors.placements.ray.session.CONNECT_TIMEOUT_S", 0.2 if answer is None else 30)
    with (
        listening(socket.AF_INET, "127.0.0.1", answer) as port,
        pytest.raises(UsageError, match=said),
        ray_session(f"127.0.0.1:{port}"),
    ):
        pass
    assert joined == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("Could not find any running Ray instance. Please"), "no Ray answers at 127"),
        (type("AuthenticationError", (Exception,), {})("no token found"), "does not know our token: set RAY_AUTH_MODE"),
        (RuntimeError("Version mismatch: the cluster\nwas"), "does not let us join: Version mismatch: the cluster$"),
    ],
)
def test_why_ray_lets_nobody_join_comes_first(
    joined: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def init(**options: Any) -> None:
        raise error

    monkeypatch.setattr(sys.modules["ray"], "init", init)
    with (
        listening(socket.AF_INET, "127.0.0.1", GRPC) as port,
        pytest.raises(UsageError, match=said) as caught,
        ray_session(f"127.0.0.1:{port}"),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_network_without_a_smallest_delay_is_refused_on_ray_and_runs_inline() -> None:
    network = Network(latency=LogNormal(median_ns=ms(1), sigma="1", floor_ns=0))
    scenario = make_scenario(entries()["everything"], Settings(seed=1, network=network))
    assert run(scenario).events > 100
    with pytest.raises(UsageError, match=r"has no smallest delay.*floor.*inline"):
        run_on_ray(scenario, Placement(kind="ray"), trace=None, replay="")
