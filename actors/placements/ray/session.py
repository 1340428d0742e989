"""A Ray to run on: the one this process is connected to, one that is joined, or a local one that is started."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from simclock.actors.placements.local_ray import keep_token_private, local_ray_folder
from simclock.actors.placements.ray.equipment import runtime_environment
from simclock.actors.placements.ray_deaths import first_line
from simclock.errors import SimclockError, UsageError
from simclock.hash_seed import VARIABLE, of_workers
from simclock.kernel import core
from simclock.machinery import IMPORTED_FROM

CONNECT_TIMEOUT_S = 5
JOIN_TIMEOUT_S = 5
HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client begins a connection (RFC 9113, 3.4): the preface and an empty SETTINGS frame."""
HTTP2_HEAD_BYTES = 9
HTTP2_SETTINGS = 4
START_ONE = "start one with `ray start --head`, or leave it out"
NEEDED = ("gcs_server", "raylet")
"""What Ray calls the processes that keep its book and start its workers."""
WORKERS_AT_ONCE = 1024
"""A local Ray starts this many workers without a warning; with one actor per node they are many on purpose."""


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
                with _inherited_variables():
                    ray.init(address=address, include_dashboard=False, _temp_dir=folder, **options)
            else:
                if address == "auto":  # the machine's last Ray, which may be long gone
                    address = ray._private.services.canonicalize_bootstrap_address(address)
                _check_address(address)
                with _patience(JOIN_TIMEOUT_S), _silence():
                    _join(address, options)
        except SimclockError:
            raise
        except Exception as error:  # a local Ray that takes too long to start raises nothing more special
            raise _cannot_join(address, error) from None
        try:
            yield
        finally:
            _started_under.clear()
            ray.shutdown()


def cluster_cores() -> int:
    """Of the Ray this process is connected to."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def ray_has_died() -> bool:
    """Whether a local Ray that was started here has lost a process without which nothing is started any more."""
    import ray

    node = ray._private.worker._global_node
    return node is not None and any(kind in NEEDED for kind, _ in node.dead_processes())


_started_under: list[dict[str, str]] = []
"""The variables of the workers of the local Ray that was started here, while there is one."""


def _of_workers() -> dict[str, str]:
    """What decides what a run does, and on what kernel, for processes that carry runs for this one."""
    return {VARIABLE: of_workers(), core.VARIABLE: core.of_workers()}


@contextmanager
def _inherited_variables() -> Iterator[None]:
    """The workers of a local Ray inherit this process's environment: they get its hash seed, and its kernel."""
    variables = _of_workers()
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
        _started_under.append(variables)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def worker_options() -> dict[str, Any]:
    """Options that give the workers of a Ray which was not started here this process's hash seed and kernel."""
    variables = _of_workers()
    return {} if _started_under == [variables] else {"runtime_env": {"env_vars": variables}}


def _join(address: str, options: dict[str, Any]) -> None:
    """Join a cluster; where its machines lack simclock once more, with what they lack."""
    import ray

    ray.init(address=address, **options)
    if options["job_config"] is None:  # of `ray job submit`, which may have an environment of its own
        return
    try:
        lacking = runtime_environment(ray, address)
    except BaseException:
        ray.shutdown()
        raise
    if lacking:
        ray.shutdown()
        ray.init(address=address, runtime_env=lacking, **options)


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
