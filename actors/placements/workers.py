"""A function mapped over items by what workers there are: a joined Ray's, else processes of this machine.

Laws: those of `ray_tasks`. What comes of it is the same wherever it is done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from simclock.actors.placements.cores import cluster_address, ray_is_up
from simclock.actors.placements.processes import map_in_processes

PROCESSES_S = 1.0
"""Until processes of this machine are at work."""
JOIN_S = 4.0
"""Until a cluster is, that is joined."""

Item = TypeVar("Item")


def is_for_ray(address: str | None) -> bool:
    """Whether a Ray is named, is there already, or is the only way."""
    return cluster_address(address) is not None or ray_is_up() or os.name != "posix"


def map_on_workers(
    function: Callable[[Item], Any],
    items: Iterable[Item],
    *,
    jobs: int | None = None,
    address: str | None = None,
    on_start: Callable[[int, float], None] = lambda workers, ray_s: None,
    on_death: Callable[[Item, str], Any] | None = None,
) -> Iterator[tuple[Item, Any]]:
    """As `map_on_ray`; `on_start` is told how many work at once, and how long a Ray took to be there."""
    if not is_for_ray(address):
        started = lambda workers: on_start(workers, 0.0)  # noqa: E731
        yield from map_in_processes(function, items, jobs=jobs, on_start=started, on_death=on_death)
        return
    from simclock.actors.placements.ray_tasks import map_on_ray

    began = time.perf_counter()

    def joined(workers: int) -> None:
        on_start(workers, time.perf_counter() - began)

    yield from map_on_ray(function, items, jobs=jobs, address=address, on_start=joined, on_death=on_death)
