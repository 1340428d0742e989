"""As much of Ray as hosts need, with a process for each actor: what really dies, stops and connects, without a Ray."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import types
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

WAIT_S = 60

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["simclock.actors.placements.ray.hosts", "simclock.experiments.catalog"])


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class GetTimeoutError(RayError):
    pass


class Ref:
    """An answer under way."""

    def __init__(self) -> None:
        self.come = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None


class Actor:
    """A process that is called over a pipe, one call after the other."""

    def __init__(self, cls: type, arguments: tuple[Any, ...]) -> None:
        self._pipe, theirs = _processes.Pipe()
        self._refs: list[Ref] = []
        self._over = False
        self._lock = threading.Lock()
        self.process = _processes.Process(target=_act, args=(theirs, cls, arguments), daemon=True)
        self.process.start()
        theirs.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                failed, value = self._pipe.recv()
                with self._lock:
                    ref = self._refs.pop(0)
                if failed:
                    ref.error = RayError(value)
                else:
                    ref.value = value
                ref.come.set()
        except (EOFError, OSError):
            with self._lock:
                self._over = True
                for ref in self._refs:
                    self._die(ref)

    def _die(self, ref: Ref) -> None:
        ref.error = RayActorError("The actor died. Worker exit detail: connection error code 2. End of file.")
        ref.come.set()

    def __getattr__(self, method: str) -> Any:
        def remote(*arguments: Any) -> Ref:
            ref = Ref()
            with self._lock:
                if not self._over:
                    try:
                        self._refs.append(ref)
                        self._pipe.send((method, arguments))
                        return ref
                    except OSError:  # who reads finds the end
                        return ref
                self._die(ref)
            return ref

        return types.SimpleNamespace(remote=remote)


def _act(pipe: Connection, cls: type, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    actor = cls(*arguments)
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            os._exit(0)
        try:
            pipe.send((False, getattr(actor, method)(*arguments)))
        except Exception as error:
            pipe.send((True, repr(error)))


class ForkedRay(types.ModuleType):
    """`actors` are all that were started, in order."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.actors: list[Actor] = []
        self.exceptions = types.SimpleNamespace(RayError=RayError, RayActorError=RayActorError)
        affinity = types.SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        self.util = types.SimpleNamespace(scheduling_strategies=affinity, get_node_ip_address=lambda: "127.0.0.1")
        self._private = types.SimpleNamespace(worker=types.SimpleNamespace(_global_node=None))

    def remote(self, **options: Any) -> Callable[[type], Any]:
        def made(cls: type) -> Any:
            return types.SimpleNamespace(
                options=lambda scheduling_strategy: types.SimpleNamespace(
                    remote=lambda *arguments: self._start(cls, arguments)
                )
            )

        return made

    def _start(self, cls: type, arguments: tuple[Any, ...]) -> Actor:
        self.actors.append(Actor(cls, arguments))
        return self.actors[-1]

    def get(self, refs: Any, timeout: float = WAIT_S) -> Any:
        values = []
        for ref in refs if isinstance(refs, list) else [refs]:
            if not ref.come.wait(timeout):
                raise GetTimeoutError
            if ref.error is not None:
                raise ref.error
            values.append(ref.value)
        return values if isinstance(refs, list) else values[0]

    def wait(self, refs: list[Ref], *, num_returns: int, timeout: float) -> tuple[list[Ref], list[Ref]]:
        end = time.monotonic() + timeout
        for ref in refs:
            ref.come.wait(max(0, end - time.monotonic()))
        return [ref for ref in refs if ref.come.is_set()], [ref for ref in refs if not ref.come.is_set()]

    @staticmethod
    def kill(actor: Actor) -> None:
        actor.process.kill()

    @staticmethod
    def put(value: Any) -> Any:
        return value

    @staticmethod
    def nodes() -> list[dict[str, Any]]:
        return [{"NodeID": "here", "NodeManagerAddress": "192.0.2.7", "Resources": {"CPU": 8.0}, "Alive": True}]

    @staticmethod
    def cluster_resources() -> dict[str, float]:
        return {"CPU": 8.0}

    def end(self) -> None:
        """End all that was started."""
        for actor in self.actors:
            actor.process.kill()
        for actor in self.actors:
            actor.process.join(WAIT_S)
