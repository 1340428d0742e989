"""A search over executions by several workers: its pieces are explored by processes of this machine, or by a Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simclock.actors.placements.processes import map_in_processes
from simclock.actors.placements.ray_tasks import map_on_ray
from simclock.experiments.exploring.executions.pieces import Given, Order, Pieces
from simclock.experiments.exploring.search import Asked

Explore = Callable[[Given], Any]


def by_workers(explore: Explore, asked: Asked) -> Callable[[Iterable[Given]], Iterator[tuple[Given, Any]]]:
    """What maps the function over items as those do that `asked` names; it travels to them."""

    def mapped(items: Iterable[Given]) -> Iterator[tuple[Given, Any]]:
        jobs = asked.workers or None
        if asked.address is not None:
            return map_on_ray(explore, items, jobs=jobs, address=asked.address)
        return map_in_processes(explore, items, jobs=jobs)

    return mapped


def in_order(
    pieces: Pieces,
    workers: int,
    mapped: Callable[[Iterable[Given]], Iterator[tuple[Given, Any]]],
    then: Callable[[Any], Any],
) -> None:
    """Explore all pieces, and let `then` see what came of each, in turn; it gives what the search takes."""
    order = Order(pieces, workers)
    answers = mapped(order)
    try:
        for given, answer in answers:
            order.take(given, answer, then)
            if order.ended is not None:
                break
    finally:
        answers.close()  # type: ignore[attr-defined] # a generator: what is under way is given up
    pieces.found.ended = order.ended or pieces.found.ended
