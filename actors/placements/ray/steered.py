"""The nodes of a steered world in Ray actors: each actor has a part of them, and answers call by call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simclock.actors.placements.packing import Packing
from simclock.actors.placements.ray.hosts import actor_class, answer_of
from simclock.actors.placements.ray.session import ray_session, worker_options
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads, ship
from simclock.actors.steering.nodes import Nodes
from simclock.actors.steering.spread import PartOfNodes, SpreadNodes
from simclock.scenario import Scenario


class NodesActor:
    """A part of the nodes in a worker process."""

    def __init__(self, folders: list[str], shipped: bytes) -> None:
        import_also_from(folders)
        self._part = PartOfNodes(*loads(shipped))

    def answer(self, data: bytes) -> bytes:
        """What `PartOfNodes.answer` gives, pickled."""
        return dumps(self._part.answer(*loads(data)))


class _Remote:
    """A part that is asked over Ray."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def call(self, method: str, *arguments: Any) -> Any:
        kind, answer = loads(answer_of(self._actor.answer.remote(dumps((method, arguments)))))
        if kind == "error":
            raise answer
        return answer


@contextmanager
def nodes_on_ray(placement: Packing, guard: bool) -> Iterator[Callable[[Scenario], Nodes]]:
    """While this is open, what makes the nodes of a scenario as actors, packed as the placement says."""
    with ray_session(placement.address):
        start = actor_class(NodesActor, **worker_options()).remote

        def nodes_of(scenario: Scenario) -> Nodes:
            host_of = placement.host_of(scenario.nodes)
            shipped = ship((scenario, True, guard))
            parts = [_Remote(start(import_folders(), shipped)) for _ in range(max(host_of) + 1)]
            return SpreadNodes(parts, host_of)

        yield nodes_of
