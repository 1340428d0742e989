"""The loads, as the same handlers on every engine: ours, the bare loop, SimPy."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

import simclock
from simclock import Network, Uniform
from simclock.experiments.bench.bare_loop import BareLoop, BareNode
from simclock.experiments.catalog.synthetic.scenario import (
    BROADCAST,
    DELAY_NS_MAX,
    DELAY_NS_MEAN,
    DELAY_NS_MIN,
    PHOLD,
    PING_PONG,
    ROUND_NS,
    TICK_NS_MEAN,
    TIMERS,
    Broadcaster,
    Phold,
    PingPong,
    Ticker,
)
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings

SEED = 7
HANDLERS = ("__init__", "on_start", "on_message", "on_timer")


class Sample(NamedTuple):
    """One run of a load on an engine, measured from its first event to its end; making the nodes is not in it."""

    events: int
    seconds: float

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load of a certain size."""

    name: str
    nodes: int
    duration_ns: int
    entry: Entry
    node_class: type[Any]
    arguments: tuple[int, ...] = ()
    """What the node class is made with."""
    parameters: tuple[tuple[str, int], ...] = ()
    """The same, as the catalog knows it."""
    delay_ns_min: int = DELAY_NS_MIN
    delay_ns_max: int = DELAY_NS_MAX


def load_of(name: str, nodes: int, events: int) -> Load:
    """The load of that name on so many nodes, of about so many events."""
    match name:
        case "phold":
            duration_ns = events * DELAY_NS_MEAN // nodes
            return Load(name=name, nodes=nodes, duration_ns=duration_ns, entry=PHOLD, node_class=Phold)
        case "ping-pong":
            duration_ns = events * DELAY_NS_MEAN // max(1, nodes // 2)
            return Load(name=name, nodes=nodes, duration_ns=duration_ns, entry=PING_PONG, node_class=PingPong)
        case "timers":
            duration_ns = events * TICK_NS_MEAN // nodes
            return Load(name=name, nodes=nodes, duration_ns=duration_ns, entry=TIMERS, node_class=Ticker)
        case "broadcast":
            broadcasts = max(1, events // nodes)
            broadcasters = max(1, min(nodes, broadcasts // 5))
            return Load(
                name=name,
                nodes=nodes,
                duration_ns=broadcasts * ROUND_NS // broadcasters + DELAY_NS_MEAN,
                entry=BROADCAST,
                node_class=Broadcaster,
                arguments=(broadcasters,),
                parameters=(("broadcasters", broadcasters),),
            )
    raise ValueError(f"no load is called {name!r}")


LOADS = ("phold", "ping-pong", "timers", "broadcast")


@cache
def handlers_on(node_class: type[Any], engine_class: type[Any]) -> type[Any]:
    """A class with the handlers of a node class and the means of another engine's.

    The handlers are copied, code and all: CPython keeps what it learned about types in the code object, and two
    engines that shared one would each spoil it for the other.
    """
    copied: dict[str, Any] = {}
    for name in HANDLERS:
        handler = vars(node_class).get(name)
        if isinstance(handler, FunctionType):
            code = handler.__code__.replace()
            copied[name] = FunctionType(code, handler.__globals__, name, handler.__defaults__, handler.__closure__)
    return type(f"{engine_class.__name__}{node_class.__name__}", (engine_class,), copied)


def run_ours(load: Load, placement: simclock.Placement | str = "inline", *, guard: bool = True) -> Sample:
    """simclock."""
    settings = Settings(
        seed=SEED,
        nodes=load.nodes,
        duration_ns=load.duration_ns,
        network=Network(latency=Uniform(low_ns=load.delay_ns_min, high_ns=load.delay_ns_max)),
        parameters=dict(load.parameters),
    )
    scenario = make_scenario(load.entry, settings)
    gc.collect()
    result = simclock.run(scenario, placement, guard=guard)
    return Sample(result.counters["messages"] + result.counters["timer"], result.wall_s)


def run_bare_loop(load: Load) -> Sample:
    """The bare loop."""
    return _run(load, BareLoop, BareNode)


def run_simpy_stores(load: Load) -> Sample:
    """SimPy, a store and a process per node."""
    from simclock.experiments.bench.simpy_engines import SimpyEngine, StoreNode

    return _run(load, SimpyEngine, StoreNode)


def run_simpy_callbacks(load: Load) -> Sample:
    """SimPy, raw callbacks."""
    from simclock.experiments.bench.simpy_engines import CallbackNode, SimpyEngine

    return _run(load, SimpyEngine, CallbackNode)


def _run(load: Load, engine_class: Callable[..., Any], means: type[Any]) -> Sample:
    made = handlers_on(load.node_class, means)  # type: ignore[arg-type] # mypy: a type[Any] is not known to hash
    nodes = (made(*load.arguments) for _ in range(load.nodes))
    engine = engine_class(nodes, SEED, load.delay_ns_min, load.delay_ns_max - load.delay_ns_min + 1)
    gc.collect()
    started = time.perf_counter()
    events = engine.run(load.duration_ns)
    return Sample(events, time.perf_counter() - started)
