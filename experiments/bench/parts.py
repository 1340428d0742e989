"""The parts of the bench: each measures one thing and gives rows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import pbkdf2_hmac
from math import log
from multiprocessing import get_context
from statistics import median
from typing import Any

import simclock
from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.bench import kernels
from simclock.experiments.bench.exploring import measure_exploring
from simclock.experiments.bench.loads import (
    LOADS,
    SEED,
    Load,
    Sample,
    load_of,
    run_bare_loop,
    run_ours,
    run_simpy_callbacks,
    run_simpy_stores,
)
from simclock.experiments.bench.measure import Row, Target, alternate, ratios, spread
from simclock.experiments.bench.raft import measure_raft
from simclock.experiments.bench.signed import SIGNED, Size, measure_signed
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.synthetic.scenario import (
    DELAY_NS_MAX,
    DELAY_NS_MEAN,
    DELAY_NS_MIN,
    Hop,
    Phold,
    phold,
)
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.outcome import SeedRunner
from simclock.experiments.runs.sweep import sweep

MEGABYTE = 1e6
HEAVY_ROUNDS = 2_500
"""Of a hash, about 0.2 us each."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is measured."""

    repeats: int = 5
    inline_nodes: tuple[int, ...] = (10, 100, 1_000, 10_000)
    inline_events: int = 200_000
    stores_slower: int = 4
    """By how much fewer events SimPy's stores get: only their rate counts, and they are slow."""
    growth_nodes: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000)
    growth_events: int = 100_000
    """Of a short run; the long one has three times as many. Three to a node at the least."""
    memory_nodes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    actors: int = 20
    calls: int = 4_000
    packed_nodes: int = 10_000
    packed_events: int = 400_000
    heavy_nodes: int = 100
    heavy_events: int = 4_000
    wan_seconds: int = 120
    sweep_seeds: int = 100
    signed: tuple[Size, ...] = SIGNED
    explored: tuple[int, ...] = (6, 7)
    """Managers of the two-phase commit that is explored."""
    kernels: tuple[kernels.Size, ...] = kernels.SIZES
    raft: tuple[int, int] = (100_000, 600)
    """Entries that a follower has missed, and seconds of a run whose memory is measured."""


QUICK = Sizes(
    inline_nodes=(10, 1_000),
    inline_events=30_000,
    growth_nodes=(10, 100, 1_000),
    growth_events=20_000,
    memory_nodes=(10_000,),
    calls=1_000,
    packed_events=100_000,
    heavy_events=1_000,
    wan_seconds=10,
    sweep_seeds=12,
    signed=((20, 10, 1),),
    explored=(4,),
    kernels=(("phold", 1_000), ("timers", 1_000)),
    raft=(10_000, 60),
)

INLINE_TARGETS = {
    ("phold", 1_000, "bare loop"): Target(limit=0.55),
    ("phold", 1_000, "SimPy stores"): Target(limit=3.5),
}
PACKED_TARGET = Target(limit=1.5)
HEAVY_TARGET = Target(limit=1.8)
CALLS_TARGET = Target(limit=5.0)
WAN_TARGET = Target(limit=5.0, least=False)
MEMORY_TARGETS = {100_000: Target(limit=300.0, least=False), 1_000_000: Target(limit=4000.0, least=False)}
GROWTH_TARGET = Target(limit=1.0, least=False)
SWEEP_TARGET = Target(limit=1.9)
SWEEP_WORKERS = 2
SWEEP_NODES = 6
"""Three replicas and three clients."""
EXPLORED_OF_TARGETS = 7
NODES_OF_TARGETS = {
    "calls": 20,
    "packed": 10_000,
    "heavy": 4_000,
    "wan": 120,
    "growth": 100_000,
    "sweep": 100,
}
"""Where each of these holds: at so many nodes, heavy events, seconds of raft-kv-wan, or seeds of a sweep. A smaller run
is not judged: it would be met too easily."""


def _target(name: str, target: Target | None, nodes: int) -> Target | None:
    return target if nodes == NODES_OF_TARGETS[name] else None


def measure_inline(sizes: Sizes) -> Iterator[Row]:
    """In process against the bare loop and against SimPy, events per second."""
    others: dict[str, Callable[[Load], Sample]] = {"bare loop": run_bare_loop}
    try:
        import simpy  # noqa: F401
    except ImportError:
        print("SimPy is not installed, so it is left out: pip install simpy", file=sys.stderr)
    else:
        others |= {"SimPy callbacks": run_simpy_callbacks, "SimPy stores": run_simpy_stores}
    for name in LOADS:
        for nodes in sizes.inline_nodes:
            load = load_of(name, nodes, sizes.inline_events)
            fewer = load_of(name, nodes, sizes.inline_events // sizes.stores_slower)
            sides = {
                side: partial(run, fewer if run is run_simpy_stores else load)
                for side, run in {"ours": run_ours, **others}.items()
            }
            rates = {
                side: [sample.rate for sample in samples] for side, samples in alternate(sides, sizes.repeats).items()
            }
            for other in others:
                yield Row(
                    part="inline",
                    load=name,
                    nodes=nodes,
                    against=other,
                    unit="events/s",
                    ours=median(rates["ours"]),
                    other=median(rates[other]),
                    ratio=ratios(rates["ours"], rates[other]),
                    target=INLINE_TARGETS.get((name, nodes, other)),
                )


def measure_kernels(sizes: Sizes) -> Iterator[Row]:
    """The plain and the compiled kernel against the bare loop."""
    judged = sizes.kernels == kernels.SIZES
    yield from kernels.measure_kernels(sizes.kernels, sizes.inline_events, sizes.repeats, judged=judged)


def measure_growth(sizes: Sizes) -> Iterator[Row]:
    """What one more event costs, by number of nodes.

    A long and a short run are timed, and their difference divided by the events between them: what nodes cost
    to start with is not in it. The target: cost(n) / cost(least n) <= log n / log(least n), at every n.
    """
    least = sizes.growth_nodes[0]
    costs: dict[str, dict[int, float]] = {"ours": {}, "bare loop": {}}
    for nodes in sizes.growth_nodes:
        events = max(sizes.growth_events, 3 * nodes)
        short, long = load_of("phold", nodes, events), load_of("phold", nodes, 3 * events)
        sides = {
            (side, length): partial(run, load)
            for length, load in (("short", short), ("long", long))
            for side, run in (("ours", run_ours), ("bare loop", run_bare_loop))
        }
        samples = alternate({" ".join(key): run for key, run in sides.items()}, sizes.repeats)
        per_event = {
            side: [
                cost_per_event_ns(short, long)
                for short, long in zip(samples[f"{side} short"], samples[f"{side} long"], strict=True)
            ]
            for side in costs
        }
        for side, cost in costs.items():
            cost[nodes] = median(per_event[side])
        yield Row(
            part="growth",
            load="phold",
            nodes=nodes,
            against="bare loop",
            unit="ns/event",
            ours=costs["ours"][nodes],
            other=costs["bare loop"][nodes],
            ratio=ratios(per_event["ours"], per_event["bare loop"]),
        )
    for side, cost in costs.items():
        worst = max(growth_against_log(cost).values(), default=0.0)
        yield Row(
            part="growth",
            load="phold",
            nodes=sizes.growth_nodes[-1],
            against=f"log(nodes) from {least} on, {'at worst' if side == 'ours' else 'the bare loop at worst'}",
            unit="ns/event",
            ours=cost[sizes.growth_nodes[-1]],
            other=None,
            ratio=spread([worst]),
            target=_target("growth", GROWTH_TARGET if side == "ours" else None, sizes.growth_nodes[-1]),
        )


def cost_per_event_ns(short: Sample, long: Sample) -> float:
    """What the events that the long run has more cost, each."""
    return (long.seconds - short.seconds) / (long.events - short.events) * 1e9


def growth_against_log(cost: dict[int, float]) -> dict[int, float]:
    """Nodes -> growth of the cost since the least number, over the growth of log(nodes): above 1 is faster."""
    least = min(cost)
    return {nodes: cost[nodes] / cost[least] / (log(nodes) / log(least)) for nodes in cost if nodes > least}


def measure_memory(sizes: Sizes) -> Iterator[Row]:
    """The peak of resident memory of PHOLD, each size in a process of its own."""
    for nodes in sizes.memory_nodes:
        command = [sys.executable, "-m", "simclock.experiments.bench.memory", str(nodes)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UsageError(f"memory: the process that was measured failed: {done.stderr.strip()[-500:]}")
        told = json.loads(done.stdout)
        for what, peak, target in (
            ("peak of the process", told["peak_bytes"], MEMORY_TARGETS.get(nodes)),
            ("peak before the run", told["before_bytes"], None),
        ):
            yield Row(
                part="memory",
                load="phold",
                nodes=nodes,
                against=what,
                unit="MB",
                ours=peak / MEGABYTE,
                other=None,
                ratio=spread([peak / MEGABYTE]),
                target=target,
            )


class Echo:
    """The bare actor."""

    def f(self, x: int) -> int:
        return x


def measure_ray(sizes: Sizes) -> Iterator[Row]:
    """One actor per node against bare calls, and two hosts against one process."""
    from simclock.actors.placements.ray.session import ray_session

    with ray_session():
        yield from _measure_calls(sizes)
        yield from _measure_wan(sizes)
        yield from _measure_packed(sizes)
        yield from _measure_heavy(sizes)
        yield from measure_signed(sizes.signed, sizes.repeats)


def busy_scenario(nodes: int, calls: int) -> Scenario:
    """PHOLD in which every node has something to do in every window: 16 tokens, delays of 9 to 11 ms."""
    windows = max(1, calls // nodes)
    return phold(
        Settings(
            seed=SEED,
            nodes=nodes,
            duration_ns=windows * ms(9),
            network=Network(latency=Uniform(low_ns=ms(9), high_ns=ms(11))),
            parameters={"tokens": 16},
        )
    )


def _measure_calls(sizes: Sizes) -> Iterator[Row]:
    # Ray is imported in actors/ alone; the session has done so.
    ray: Any = sys.modules["ray"]
    bare = [ray.remote(num_cpus=0)(Echo).remote() for _ in range(sizes.actors)]
    ray.get([actor.f.remote(0) for actor in bare])
    scenario = busy_scenario(sizes.actors, sizes.calls)

    def run_bare_calls() -> float:
        rounds = max(1, sizes.calls // sizes.actors)
        started = time.perf_counter()
        for x in range(rounds):
            ray.get([actor.f.remote(x) for actor in bare])
        return rounds * sizes.actors / (time.perf_counter() - started)

    def run_hosts() -> float:
        result = simclock.run(scenario, simclock.Placement(kind="ray", nodes_per_actor=1))
        return result.host_calls / result.wall_s

    rates = alternate({"ours": run_hosts, "bare": run_bare_calls}, sizes.repeats)
    for actor in bare:
        ray.kill(actor)
    yield Row(
        part="ray",
        load="phold, 16 tokens, one actor per node",
        nodes=sizes.actors,
        against="ray.get([a.f.remote(x) for a in actors])",
        unit="calls/s",
        ours=median(rates["ours"]),
        other=median(rates["bare"]),
        ratio=ratios(rates["ours"], rates["bare"]),
        target=_target("calls", CALLS_TARGET, sizes.actors),
    )


def _measure_packed(sizes: Sizes) -> Iterator[Row]:
    load = load_of("phold", sizes.packed_nodes, sizes.packed_events)
    two = simclock.Placement(kind="ray", hosts=2)
    sides = {"two": partial(run_ours, load, two), "one": partial(run_ours, load)}
    samples = alternate(sides, sizes.repeats)
    rates = {side: [sample.rate for sample in those] for side, those in samples.items()}
    yield Row(
        part="ray",
        load="phold, two hosts",
        nodes=sizes.packed_nodes,
        against="inline",
        unit="events/s",
        ours=median(rates["two"]),
        other=median(rates["one"]),
        ratio=ratios(rates["two"], rates["one"]),
        target=_target("packed", PACKED_TARGET, sizes.packed_nodes),
    )


def _measure_wan(sizes: Sizes) -> Iterator[Row]:
    """A consensus protocol over a slow network: hosts have little to do in a window, and what windows cost shows."""
    asked = Settings(seed=SEED, duration_ns=seconds(sizes.wan_seconds))
    scenario = make_scenario(entries()["raft-kv-wan"], asked)
    sides = {place: partial(_wall_s, scenario, place) for place in ("ray", "inline")}
    walls = alternate(sides, sizes.repeats)
    yield Row(
        part="ray",
        load=f"raft-kv-wan, {sizes.wan_seconds} s, one actor per node",
        nodes=scenario.nodes,
        against="inline",
        unit="s",
        ours=median(walls["ray"]),
        other=median(walls["inline"]),
        ratio=ratios(walls["ray"], walls["inline"]),
        target=_target("wan", WAN_TARGET, sizes.wan_seconds),
    )


def _wall_s(scenario: Scenario, place: str) -> float:
    return simclock.run(scenario, place).wall_s


class Heavy(Phold):
    """PHOLD whose handlers work for some 500 us, as with signatures."""

    def on_message(self, source: int, message: Hop) -> None:
        pbkdf2_hmac("sha256", b"simclock", message.hops.to_bytes(8, "little"), HEAVY_ROUNDS)
        super().on_message(source, message)


def _measure_heavy(sizes: Sizes) -> Iterator[Row]:
    nodes = sizes.heavy_nodes
    scenario = Scenario(
        name="heavy",
        seed=SEED,
        nodes=nodes,
        build=lambda node: Heavy(),
        duration_ns=sizes.heavy_events * DELAY_NS_MEAN // nodes,
        network=Network(latency=Uniform(low_ns=DELAY_NS_MIN, high_ns=DELAY_NS_MAX)),
    )
    walls = alternate({place: partial(_wall_s, scenario, place) for place in ("inline", "ray:hosts=2")}, sizes.repeats)
    yield Row(
        part="ray",
        load="phold, 500 us handlers, two hosts",
        nodes=nodes,
        against="inline",
        unit="runs/s",
        ours=1 / median(walls["ray:hosts=2"]),
        other=1 / median(walls["inline"]),
        ratio=ratios(walls["inline"], walls["ray:hosts=2"]),
        target=_target("heavy", HEAVY_TARGET, sizes.heavy_events),
    )


def measure_guard(sizes: Sizes) -> Iterator[Row]:
    """The determinism guard on, against off."""
    load = load_of("phold", min(1_000, sizes.inline_nodes[-1]), sizes.inline_events)
    samples = alternate({"on": partial(run_ours, load), "off": partial(run_ours, load, guard=False)}, sizes.repeats)
    rates = {side: [sample.rate for sample in those] for side, those in samples.items()}
    yield Row(
        part="guard",
        load="phold, guard on",
        nodes=load.nodes,
        against="guard off",
        unit="events/s",
        ours=median(rates["on"]),
        other=median(rates["off"]),
        ratio=ratios(rates["on"], rates["off"]),
    )


def _seed_runner() -> SeedRunner:
    return SeedRunner(entry=entries()["raft-kv"], settings=Settings())


def _run_seeds(seeds: range) -> None:
    """In a plain process."""
    _seed_runner()(seeds)


def measure_sweep(sizes: Sizes) -> Iterator[Row]:
    """Two Ray workers on runs of well over 100 ms, once they have started and imported.

    Against this process alone, and against two plain processes of which each does every other seed: what the machine's
    two cores give at that moment.
    """
    from simclock.actors.placements.ray.session import ray_session

    runner = _seed_runner()
    seeds = range(sizes.sweep_seeds)

    def rate(work: Callable[[], Any]) -> float:
        started = time.perf_counter()
        work()
        return len(seeds) / (time.perf_counter() - started)

    with ray_session(), ProcessPoolExecutor(SWEEP_WORKERS, mp_context=get_context("spawn")) as processes:
        sides: dict[str, Callable[[], Any]] = {
            "two workers": lambda: list(sweep(runner, seeds, jobs=SWEEP_WORKERS)),
            "this process alone": lambda: list(sweep(runner, seeds, jobs=1)),
            "two plain processes": lambda: list(processes.map(_run_seeds, [seeds[::2], seeds[1::2]])),
        }
        list(sweep(runner, range(2 * SWEEP_WORKERS), jobs=SWEEP_WORKERS))
        list(processes.map(_run_seeds, [range(1)] * (2 * SWEEP_WORKERS)))
        rates = alternate({side: partial(rate, work) for side, work in sides.items()}, sizes.repeats)
    ours, *others = sides
    for other in others:
        yield Row(
            part="sweep",
            load=f"raft-kv, {sizes.sweep_seeds} seeds, {ours}",
            nodes=SWEEP_NODES,
            against=other,
            unit="runs/s",
            ours=median(rates[ours]),
            other=median(rates[other]),
            ratio=ratios(rates[ours], rates[other]),
            target=_target("sweep", SWEEP_TARGET, sizes.sweep_seeds) if other == "this process alone" else None,
        )


def measure_explore(sizes: Sizes) -> Iterator[Row]:
    """Exploration, against a bare search."""
    return measure_exploring(sizes.explored, sizes.repeats, judged=sizes.explored[-1] == EXPLORED_OF_TARGETS)


PARTS: dict[str, Callable[[Sizes], Iterator[Row]]] = {
    "inline": measure_inline,
    "kernels": measure_kernels,
    "ray": measure_ray,
    "memory": measure_memory,
    "growth": measure_growth,
    "guard": measure_guard,
    "sweep": measure_sweep,
    "explore": measure_explore,
    "raft": lambda sizes: measure_raft(*sizes.raft, sizes.repeats),
}


def with_repeats(sizes: Sizes, repeats: int) -> Sizes:
    """The same sizes, measured so many times."""
    return replace(sizes, repeats=repeats)
