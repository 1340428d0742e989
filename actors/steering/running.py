"""A run whose steps somebody decides, with the result that any run has.

    result = steered_run(scenario, [Deliver(0), Fire(2, "election")])
    result = steered_run(scenario, Seeded(7))

Law: the same steps give the same digest, trace, reports and verdict, wherever the nodes are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from simclock.actors.steering.deciders import Decider, Listed
from simclock.actors.steering.nodes import LocalNodes, Nodes
from simclock.actors.steering.steps import Step
from simclock.actors.steering.world import World
from simclock.guarding.guard import guarding
from simclock.hash_seed import hash_seed
from simclock.kernel.scheduler import RunResult
from simclock.observers import Environment, Observer
from simclock.scenario import Scenario
from simclock.trace import TraceRecord


def steer(world: World, decider: Decider) -> World:
    """Take what the decider says until it says nothing more."""
    while (step := decider.next(world)) is not None:
        world.take(step)
    return world


def steered_run(
    scenario: Scenario,
    steps: Iterable[Step] | Decider,
    *,
    model: str = "bag",
    timed: bool = True,
    nodes: Nodes | None = None,
    trace: Callable[[TraceRecord], None] | None = None,
    replay: str = "",
    guard: bool = True,
) -> RunResult:
    """The result of a run with these steps, or those of a decider; it ends where they do.

    Raises UsageError for a step that is not possible, HandlerError where the code of a node or an observer fails.
    """
    decider = Listed(steps) if isinstance(steps, Iterable) else steps
    began_s = time.perf_counter()
    guards = guarding(scenario.build, guard)
    with guards.run:
        local = LocalNodes(scenario, timed=timed, around=guards.advance) if nodes is None else nodes
        world = World(scenario, model=model, nodes=local, record=True)
        steer(world, decider)
        return result_of(world, trace=trace, replay=replay, wall_s=time.perf_counter() - began_s)


def result_of(
    world: World, *, trace: Callable[[TraceRecord], None] | None = None, replay: str = "", wall_s: float = 0.0
) -> RunResult:
    """End a recorded world here: observers judge, and what any run leaves is left."""
    recorder, watch, scenario = world.recorder, world.watch, world.scenario
    assert recorder is not None, "the world was made with record=True"
    halts = tuple(
        (each.time_ns, each.node) for each in recorder.trace() if each.what == "observe" and each.detail[0] == "halted"
    )
    watch.finish(
        world.now_ns, halts, exhausted=not world.enabled() and not watch.stopped, faults=tuple(recorder.faults)
    )
    for record in recorder.trace() if trace is not None else ():
        assert trace is not None, "asked for above"
        trace(record)
    final = {}
    if scenario.final is not None:
        for node in range(scenario.nodes):
            up = world.is_up(node)
            final[node] = world.nodes.read(node, world.state(node), scenario.final) if up else None
    judges = (each for each in watch.observers if each.judges)
    judged = any(
        type(each).on_observation is not Observer.on_observation or type(each).on_finish is not Observer.on_finish
        for each in judges
    )
    return RunResult(
        scenario=f"{scenario}; {len(world.taken)} steps decided",
        seed=scenario.seed,
        placement="inline",
        digest=recorder.digest(),
        virtual_ns=world.now_ns,
        wall_s=wall_s,
        events=recorder.events,
        counters=dict(sorted(recorder.counters.items())),
        host_calls=0,
        stopped=watch.stopped,
        faults=tuple(recorder.faults),
        skipped=(),
        violations=tuple(watch.control.violations),
        reports=watch.reports(),
        final=final,
        node_digests=recorder.node_digests(),
        replay=replay or f"simclock.actors.steering.steered_run(scenario, steps) with {scenario}",
        fallen={},
        halts=halts,
        environment=Environment(scenario.nodes, scenario.network, scenario.disk),
        judged=judged or scenario.final is not None,
        hash_seed=hash_seed(),
        unjudged=tuple(watch.control.unjudged),
    )
