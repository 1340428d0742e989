"""The seed goes on: what would come next by the network's delays and the timers, and not by a reader.

A message arrives when the latency of the scenario's network says, drawn from a stream of the seed and the message's
number; a timer fires when it is due; the earliest comes first. Losses and planned faults of the scenario do not happen,
so it is a run of the seed's luck, and not the run that `simclock run` makes.
"""

from __future__ import annotations

from simclock.actors.steering.steps import Deliver, Fire, Pass, Step
from simclock.actors.steering.world import World
from simclock.streams import stream

PURPOSE = "stepping"


class ByTime:
    """Decides for a world what comes next; two steps where time has to pass before a message arrives."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, world: World) -> Step | None:
        first: tuple[int, str, Step] | None = None
        for step in world.enabled():
            match step:
                case Deliver():
                    at_ns = self._arrives_ns(world, step.number)
                case Fire(node, name):
                    at_ns = world.due_ns[node, name]
                case _:
                    continue
            if first is None or (at_ns, str(step)) < first[:2]:
                first = (at_ns, str(step), step)
        if first is None:
            return None
        at_ns, _, step = first
        if isinstance(step, Deliver) and at_ns > world.now_ns:
            return Pass(at_ns - world.now_ns)
        return step

    def _arrives_ns(self, world: World, number: int) -> int:
        each = world.pending[number]
        luck = stream(self._seed, PURPOSE, number)
        latency = world.scenario.network.latency
        return each.sent_ns + latency.sample_ns(each.source, each.target, each.sent_ns, luck.getrandbits)
