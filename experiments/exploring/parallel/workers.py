"""Who searches: processes of this machine, or actors of a Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from simclock.actors.placements.ray.standing import actors, cluster
from simclock.actors.placements.standing import Beginnings, Crew, processes
from simclock.experiments.exploring.search import Asked


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Those that a search has."""

    count: int
    """So many look at a part each."""
    here: bool
    """Whether this process is the first of them; on a Ray it takes what the others find."""
    open: ExitStack
    """Where they end."""

    def begun(self, begins: Beginnings, forked: Beginnings) -> Crew:
        """The others, numbered from 0 on."""
        if not self.here:
            return actors(self.count, begins)
        return self.open.enter_context(processes(self.count - 1, begins, forked))


@contextmanager
def workers_for(asked: Asked) -> Iterator[Workers]:
    """While this is open, a search has workers; 0 of them are as many as the Ray has CPUs."""
    with ExitStack() as open_:
        if asked.address is None:
            yield Workers(count=max(1, asked.workers), here=True, open=open_)
        else:
            cores = open_.enter_context(cluster(asked.address))
            yield Workers(count=asked.workers or cores, here=False, open=open_)
