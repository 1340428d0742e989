"""A function mapped over items by processes of this machine: what `ray_tasks` does on a Ray, started in half a second.

Laws: those of `ray_tasks`. A process gets the function once, then item after item over a socket of its own, and answers
each; what its code prints is not seen. It ends when its parent does, also by `kill -9`: it watches a pipe that only the
parent holds open. Ctrl-C in the terminal is the parent's to handle.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from simclock.actors.placements.cores import cores_here
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads, ship
from simclock.errors import PlacementError
from simclock.hash_seed import VARIABLE, of_workers
from simclock.machinery import IMPORTED_FROM

RETRIES = 2
"""How often an item is tried again after its process died."""
HEAD = struct.Struct(">Q")
"""Before each frame: its length in bytes."""
START = (
    "import sys; sys.path.append(sys.argv[1])\n"
    "from simclock.actors.placements.processes import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)

Item = TypeVar("Item")


def map_in_processes(
    function: Callable[[Item], Any],
    items: Iterable[Item],
    *,
    jobs: int | None = None,
    on_start: Callable[[int], None] = lambda workers: None,
    on_death: Callable[[Item, str], Any] | None = None,
) -> Iterator[tuple[Item, Any]]:
    """Give (item, answer) as they come, at most `jobs` at a time, and as many as this process may use cores.

    All else is as `map_on_ray` says. Needs POSIX.
    """
    first = dumps((import_folders(), ship(function)))
    workers = min(jobs or cores_here(), cores_here())
    on_start(workers)
    with _Workers(first) as pool:
        waiting = iter(items)
        while True:
            while len(pool.items) < workers:
                try:
                    pool.give(next(waiting))
                except StopIteration:
                    break
            if not pool.items:
                return
            item, kind, answer = pool.take()
            if kind == "died":
                if on_death is None:
                    raise PlacementError(f"a worker died {RETRIES + 1} times on one task: {answer}")
                answer = on_death(item, f"its worker died {RETRIES + 1} times: {answer}")
            elif kind == "error":
                said, details = answer
                raise PlacementError(f"a task failed: {said}", details)
            yield item, answer


class _Workers:
    """The processes, and what each is at."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self._selector = selectors.DefaultSelector()
        self._alive, self._kept_open = os.pipe()
        self._free: list[_Worker] = []
        self.items: dict[_Worker, Any] = {}
        """Worker -> the item it is at."""

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in (*self._free, *self.items):
            worker.end()
        self._selector.close()
        os.close(self._alive)
        os.close(self._kept_open)

    def give(self, item: Any, deaths: int = 0) -> None:
        """Have a free worker do it, or a new one."""
        worker = self._free.pop() if self._free else self._started()
        worker.deaths = deaths
        self.items[worker] = item
        with suppress(OSError):  # it has died, which `take` sees
            worker.send(dumps(item))

    def take(self) -> tuple[Any, str, Any]:
        """Wait for one: (item, "answer" or "error" or "died", what came)."""
        while True:
            for key, _ in self._selector.select():
                worker: _Worker = key.data
                frame = worker.receive()
                if worker not in self.items:  # it has died with nothing to do
                    self._free.remove(worker)
                    self._gone(worker)
                    continue
                item = self.items.pop(worker)
                if frame is not None:
                    self._free.append(worker)
                    kind, answer = loads(frame)
                    return item, kind, answer
                how = self._gone(worker)
                if worker.deaths == RETRIES:
                    return item, "died", how
                self.give(item, worker.deaths + 1)

    def _gone(self, worker: _Worker) -> str:
        self._selector.unregister(worker.connection)
        return worker.end()

    def _started(self) -> _Worker:
        worker = _Worker(self._alive)
        self._selector.register(worker.connection, selectors.EVENT_READ, worker)
        with suppress(OSError):
            worker.send(self._first)
        return worker


class _Worker:
    """One process, seen from its parent."""

    def __init__(self, alive: int) -> None:
        self.deaths = 0
        """How many have died of the item it is at."""
        self.connection, theirs = socket.socketpair()
        numbers = (alive, theirs.fileno())
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # as multiprocessing does
        command = [sys.executable, *flags, "-P", "-c", START, str(IMPORTED_FROM), *map(str, numbers)]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=numbers,
                env={**os.environ, VARIABLE: of_workers()},
            )

    def send(self, frame: bytes) -> None:
        self.connection.sendall(HEAD.pack(len(frame)) + frame)

    def receive(self) -> bytes | None:
        """The next frame; None where there is nobody any more."""
        try:
            return _receive(self.connection)
        except OSError:
            return None

    def end(self) -> str:
        """End it, if it still lives; how it died, if it did."""
        self.connection.close()
        self._process.kill()
        status = self._process.wait()
        if status < 0:
            return f"its process was killed by {signal.Signals(-status).name}"
        return f"its process ended itself with exit status {status}"


def _receive(connection: socket.socket) -> bytes | None:
    head = _bytes(connection, HEAD.size)
    return None if head is None else _bytes(connection, HEAD.unpack(head)[0])


def _bytes(connection: socket.socket, count: int) -> bytes | None:
    """So many; None where the other end has gone."""
    parts = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def serve(alive: int, descriptor: int) -> None:
    """Be one of the processes: answer item after item, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
    with socket.socket(fileno=descriptor) as connection:
        function: Any = None
        while (frame := _receive(connection)) is not None:
            try:
                if function is None:
                    folders, shipped = loads(frame)
                    import_also_from(folders)
                    function = loads(shipped)
                    continue
                answer = dumps(("answer", function(loads(frame))))
            except Exception as error:
                answer = dumps(("error", (f"{type(error).__name__}: {error}", traceback.format_exc())))
            connection.sendall(HEAD.pack(len(answer)) + answer)


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os._exit(1)
