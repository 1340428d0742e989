"""Workers that keep what they know from one question to the next, as processes of this machine.

A worker is made by a function without arguments, which gives what stands in it: something with `told(data)` and
`asked(data)`. Laws: what one worker is told and asked comes in order; only what is asked is answered, in order, so that
nobody waits who is told many things. What a worker's code raises is raised where its next answer is heard.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from threading import active_count
from typing import Any, Protocol

from simclock.actors.placements.shipping import dumps, loads, ship
from simclock.errors import PlacementError

TELL = b"t"
ASK = b"a"


class Standing(Protocol):
    """What stands in a worker."""

    def told(self, data: bytes) -> None:
        """Take notice."""

    def asked(self, data: bytes) -> bytes:
        """Answer."""


Beginning = Callable[[], Standing]
Beginnings = Callable[[int], Beginning]
"""Of each worker, by its place among them."""


class WorkerDied(PlacementError):
    """Nothing more comes from a worker."""


class Crew(Protocol):
    """Workers, seen from who asks them."""

    count: int

    def tell(self, worker: int, data: bytes) -> None:
        """Let a worker know; nothing is awaited."""

    def ask(self, worker: int, data: bytes) -> None:
        """Ask a worker, which is heard later."""

    def ready(self, worker: int, timeout_s: float) -> bool:
        """Wait for an answer, so long at most; False if there is none yet."""

    def hear(self, worker: int) -> bytes:
        """The next answer of a worker. Raises WorkerDied, or what its code has raised."""

    def replace(self, worker: int, begin: Beginning) -> bool:
        """Have another worker in the place of one that died; False where that is not done."""


class Kept:
    """What stands in a worker, with the error that comes of it, until the next answer."""

    def __init__(self, begin: Beginning) -> None:
        self._error: BaseException | None = None
        try:
            self._standing = begin()
        except Exception as error:
            self._error = error

    def told(self, data: bytes) -> None:
        """Let it know."""
        if self._error is None:
            try:
                self._standing.told(data)
            except Exception as error:
                self._error = error

    def asked(self, data: bytes) -> bytes:
        """Its answer, or the error, pickled; `answer_in` reads it."""
        if self._error is None:
            try:
                return dumps((True, self._standing.asked(data)))
            except Exception as error:
                self._error = error
        return dumps((False, self._error))


def answer_in(data: bytes) -> bytes:
    """What `Kept.asked` gave. Raises what the worker's code raised."""
    fine, answer = loads(data)
    if not fine:
        raise answer
    found: bytes = answer
    return found


@contextmanager
def processes(count: int, begins: Beginnings, forked: Beginnings) -> Iterator[Crew]:
    """While this is open, so many processes; `forked` is for those that have this one's memory, and travels nowhere."""
    crew = _Processes(count, begins, forked)
    try:
        yield crew
    finally:
        crew.end()


class _Processes:
    """The processes, each at the end of a pipe."""

    def __init__(self, count: int, begins: Beginnings, forked: Beginnings) -> None:
        self.count = count
        alone = "fork" in get_all_start_methods() and active_count() == 1
        context: Any = get_context("fork" if alone else "spawn")  # a fork of several threads may never get a lock
        self._links: list[Connection] = []
        self._processes = []
        for worker in range(count):
            here, there = context.Pipe()
            how: Any = forked(worker) if alone else ship(begins(worker))
            others = (*self._links, here) if alone else ()
            process = context.Process(target=_work, args=(there, how, others), daemon=True)
            process.start()
            there.close()
            self._links.append(here)
            self._processes.append(process)

    def tell(self, worker: int, data: bytes) -> None:
        """Let it know."""
        self._send(worker, TELL, data)

    def ask(self, worker: int, data: bytes) -> None:
        """Ask it."""
        self._send(worker, ASK, data)

    def _send(self, worker: int, kind: bytes, data: bytes) -> None:
        with suppress(OSError):  # it has died, which `hear` sees
            self._links[worker].send_bytes(kind)
            self._links[worker].send_bytes(data)

    def ready(self, worker: int, timeout_s: float) -> bool:
        """Whether there is an answer, or the end."""
        return self._links[worker].poll(timeout_s)

    def hear(self, worker: int) -> bytes:
        """Its next answer."""
        try:
            return answer_in(self._links[worker].recv_bytes())
        except (EOFError, OSError):
            raise WorkerDied("a worker process has died: try fewer --workers") from None

    def replace(self, worker: int, begin: Beginning) -> bool:
        """A process that died had too little memory, most often: another would have no more."""
        return False

    def end(self) -> None:
        """No process is left."""
        for link in self._links:
            link.close()
        for process in self._processes:
            process.terminate()
            process.join()


def _work(link: Connection, how: Any, others: Sequence[Connection]) -> None:
    """A process's life. `others` are ends that are not its own; who asks is gone when all are closed."""
    for other in others:
        other.close()
    gc.freeze()  # a collection would write to all memory that is shared with who asks, and so copy it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kept = Kept(loads(how) if isinstance(how, bytes) else how)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            kind, data = link.recv_bytes(), link.recv_bytes()
            if kind == TELL:
                kept.told(data)
            else:
                link.send_bytes(kept.asked(data))
