"""Where the nodes of a steered world are: in this process, in parts of it, or in Ray actors.

with steered_nodes(Placement.parse("ray:hosts=2")) as nodes_of:
    world = World(scenario, nodes=nodes_of(scenario))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simclock.actors.placements.placement import Placement
from simclock.actors.placements.shipping import dumps, loads
from simclock.actors.steering.nodes import LocalNodes, Nodes
from simclock.actors.steering.spread import PartOfNodes, SpreadNodes
from simclock.scenario import Scenario

NodesOf = Callable[[Scenario], Nodes]
"""Makes the nodes of a world, where they are to be."""


class _Beside:
    """A part in this process, to which only bytes pass."""

    def __init__(self, scenario: Scenario, guard: bool) -> None:
        self._part = PartOfNodes(scenario, True, guard)

    def call(self, method: str, *arguments: Any) -> Any:
        kind, answer = loads(dumps(self._part.answer(*loads(dumps((method, arguments))))))
        if kind == "error":
            raise answer
        return answer


@contextmanager
def steered_nodes(placement: Placement, *, guard: bool = True) -> Iterator[NodesOf]:
    """While this is open, what makes a world's nodes there; their actors end with it."""
    if placement.kind == "ray":
        from simclock.actors.placements.ray.steered import nodes_on_ray

        with nodes_on_ray(placement, guard) as nodes_of:
            yield nodes_of
    elif placement.kind == "windows":

        def in_parts(scenario: Scenario) -> Nodes:
            host_of = placement.host_of(scenario.nodes)
            return SpreadNodes([_Beside(scenario, guard) for _ in range(max(host_of) + 1)], host_of)

        yield in_parts
    else:
        yield LocalNodes
