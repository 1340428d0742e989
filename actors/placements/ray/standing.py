"""Workers that keep what they know from one question to the next, as Ray actors; the laws are those of `standing`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simclock.actors.placements.ray.hosts import actor_class, answer_of, is_ready
from simclock.actors.placements.ray.session import cluster_cores, ray_session, worker_options
from simclock.actors.placements.shipping import import_also_from, import_folders, loads, ship
from simclock.actors.placements.standing import Beginning, Beginnings, Crew, Kept, WorkerDied, answer_in
from simclock.errors import PlacementError

DEATHS_MAX = 2
"""Workers that are replaced; a third one that dies ends the search."""


class StandingActor:
    """A worker."""

    def __init__(self, folders: list[str], shipped: bytes) -> None:
        import_also_from(folders)
        self._kept = Kept(loads(shipped))

    def told(self, data: bytes) -> None:
        """Let it know."""
        self._kept.told(data)

    def asked(self, data: bytes) -> bytes:
        """Ask it."""
        return self._kept.asked(data)


@contextmanager
def cluster(address: str | None) -> Iterator[int]:
    """While this is open, there is a Ray: that one, or a local one; how many CPUs it has."""
    with ray_session(address):
        yield cluster_cores()


def actors(count: int, begins: Beginnings) -> Crew:
    """So many actors of the Ray that there is."""
    return _Actors(count, begins)


class _Actors:
    """The actors, and what each was asked."""

    def __init__(self, count: int, begins: Beginnings) -> None:
        self.count = count
        self._start = actor_class(StandingActor, **worker_options()).remote
        self._folders = import_folders()
        self._actors = [self._start(self._folders, ship(begins(worker))) for worker in range(count)]
        self._asked: list[deque[Any]] = [deque() for _ in range(count)]
        self._deaths = 0

    def tell(self, worker: int, data: bytes) -> None:
        """Let it know; calls of one caller come in order."""
        self._actors[worker].told.remote(data)

    def ask(self, worker: int, data: bytes) -> None:
        """Ask it."""
        self._asked[worker].append(self._actors[worker].asked.remote(data))

    def ready(self, worker: int, timeout_s: float) -> bool:
        """Whether there is an answer, or an end."""
        return is_ready(self._asked[worker][0], timeout_s)

    def hear(self, worker: int) -> bytes:
        """Its next answer."""
        try:
            data: bytes = answer_of(self._asked[worker].popleft())
        except PlacementError as error:
            raise WorkerDied(str(error)) from None
        return answer_in(data)

    def replace(self, worker: int, begin: Beginning) -> bool:
        """Another actor, wherever Ray has room."""
        self._deaths += 1
        if self._deaths > DEATHS_MAX:
            return False
        self._asked[worker].clear()
        self._actors[worker] = self._start(self._folders, ship(begin))
        return True
