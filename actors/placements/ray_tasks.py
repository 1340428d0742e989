"""A function mapped over items by Ray tasks: for work that is many independent calls, as the seeds of a sweep are.

Laws: an answer is told with its item, in whatever order they come, so the caller sorts; items are taken from their
iterator only when a worker is free for them, so that the iterator may go by the answers so far. The function must give
the same for the same item: a task whose worker died is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from simclock.actors.placements.ray.session import cluster_cores, ray_logs, ray_session, worker_options
from simclock.actors.placements.ray_deaths import how_it_died
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads, ship
from simclock.errors import PlacementError

RETRIES = 2
"""How often a task is run again after its worker died."""

Item = TypeVar("Item")


def map_on_ray(
    function: Callable[[Item], Any],
    items: Iterable[Item],
    *,
    jobs: int | None = None,
    address: str | None = None,
    on_start: Callable[[int], None] = lambda workers: None,
    on_death: Callable[[Item, str], Any] | None = None,
) -> Iterator[tuple[Item, Any]]:
    """Give (item, answer) as they come, at most `jobs` at a time, and as many as that Ray has CPUs.

    `on_start` is told how many work at once. Closing the iterator, or an interrupt, cancels what is under way.
    `on_death` is told of an item whose worker died again and again, and why, and gives the answer in its place; without
    it that is a PlacementError. It is asked before the next item is taken, so that it may put items back. Raises
    UsageError where the function cannot travel.
    """
    shipped = ship(function)
    with ray_session(address):
        import ray

        deaths = (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError)
        cores = cluster_cores()
        workers = min(jobs or cores, cores)
        on_start(workers)
        folders, function_ref = import_folders(), ray.put(shipped)
        task = ray.remote(num_cpus=1, max_retries=RETRIES, **worker_options())(_call)
        waiting = iter(items)
        under_way: dict[Any, Item] = {}
        try:
            while True:
                for item in islice(waiting, workers - len(under_way)):
                    under_way[task.remote(folders, function_ref, dumps(item))] = item
                if not under_way:
                    return
                ready, _ = ray.wait(list(under_way), num_returns=1)
                item = under_way.pop(ready[0])
                try:
                    answer = loads(ray.get(ready[0]))
                except deaths as error:
                    if on_death is None:
                        raise
                    answer = on_death(item, f"its worker died {RETRIES + 1} times: {how_it_died(error, ray_logs())}")
                for following in islice(waiting, 1):  # before the caller takes its time
                    under_way[task.remote(folders, function_ref, dumps(following))] = following
                yield item, answer
        except ray.exceptions.RayTaskError as error:
            raise PlacementError(f"a Ray task failed: {error.cause!r}", str(error)) from error
        except ray.exceptions.RayError as error:
            how = how_it_died(error, ray_logs())
            raise PlacementError(f"a Ray worker died {RETRIES + 1} times on one task: {how}", str(error)) from None
        finally:
            for ref in under_way:
                ray.cancel(ref, force=True)


def _call(folders: list[str], shipped: bytes, item: bytes) -> bytes:
    import_also_from(folders)
    return dumps(_function(shipped)(loads(item)))


@lru_cache(maxsize=2)
def _function(shipped: bytes) -> Any:
    """Loaded once in a worker: a user's classes stay the same from task to task."""
    return loads(shipped)
