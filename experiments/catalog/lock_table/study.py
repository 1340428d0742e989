"""How much aborting it costs not to deadlock: policies side by side, from little contention to much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from simclock import UsageError, seconds
from simclock.actors import run
from simclock.experiments.catalog.lock_table.bugs import RestartsYoung
from simclock.experiments.catalog.lock_table.scenario import (
    CLIENTS,
    DEADLOCKS,
    KEPT,
    PARAMETERS,
    STANDS_NS,
    Figures,
    Parts,
    builder,
    figures_of,
    workload_of,
)
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.lock_table import POLICIES, WAIT_DIE, MutualExclusion, NoDeadlock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEYS = (24, 12, 6, 4)
"""The fewer, the more contention: six clients take three of them each, one takes all."""
YOUNG = "wait-die, restarted young"
"""Wait-die with a new timestamp for each try, as the zoo has it."""
DURATION_NS = seconds(10)


def rows(settings: StudySettings) -> Iterator[Row]:
    """One row for each policy and number of keys, over several seeds."""
    runs = settings.parameters["runs"]
    if type(runs) is not int or runs < 1:
        raise UsageError(f"runs: {runs!r} is not a number of runs: 1 or more")
    for policy in (*POLICIES, YOUNG):
        for keys in KEYS:
            yield _row(policy, keys, range(settings.seed, settings.seed + runs))


def _row(policy: str, keys: int, seeds: Sequence[int]) -> Row:
    figures: list[Figures] = []
    deadlocked = 0
    for seed in seeds:
        result = run(_scenario(policy, keys, seed))
        deadlocked += bool(result.violations)
        figures.append(figures_of(result))
    commits = sum(each.commits for each in figures)
    aborts = sum(each.aborts for each in figures)
    latencies_ns = tuple(sorted(latency for each in figures for latency in each.latencies_ns))
    pooled = figures[0]._replace(latencies_ns=latencies_ns)
    timed = [pooled.latency_ns(permille) / 1_000_000 if latencies_ns else None for permille in (500, 990, 1000)]
    rate = commits / len(seeds) / (DURATION_NS // seconds(1))
    tries = max(each.tries_max for each in figures)
    return (policy, keys, deadlocked, rate, aborts / max(1, commits), tries, *timed)


def _scenario(policy: str, keys: int, seed: int) -> Any:
    """The scenario `deadlocks`, without a promise: whoever starves is measured, not judged."""
    young = policy == YOUNG
    parameters: dict[str, Any] = {"policy": WAIT_DIE if young else policy, "keys": keys}
    scenario = make_scenario(DEADLOCKS, Settings(seed=seed, duration_ns=DURATION_NS, parameters=parameters))
    made = {**PARAMETERS, **parameters}
    parts = Parts(client=RestartsYoung) if young else Parts()
    build = builder(made["policy"], made["managers"], scenario.nodes, workload_of(made), parts)
    observers = (MutualExclusion, partial(NoDeadlock, STANDS_NS), partial(Recorded, KEPT))
    return replace(scenario, build=build, observers=observers)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What the table says."""
    stuck = sum(row[2] for row in measured if row[0] == "none")
    others = sum(row[2] for row in measured if row[0] != "none")
    return (
        f"{CLIENTS} clients, 10 s; without a policy {stuck} runs ended in a deadlock, with one {others}.",
        "Wait-die aborts whoever asks and is young, wound-wait whoever holds and is young: fewer, because who asks for",
        "what is held is most often the younger. With a new timestamp for each try the worst one takes far longer.",
    )


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Aborts per commit against the number of keys."""
    for policy, marker in zip((*POLICIES, YOUNG), "xos^", strict=True):
        points = [(row[1], row[4]) for row in measured if row[0] == policy and policy != "none"]
        if points:
            axes.plot([keys for keys, _ in points], [aborts for _, aborts in points], marker=marker, label=policy)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(KEYS), [str(keys) for keys in KEYS])
    axes.invert_xaxis()
    axes.set_xlabel("keys (contention grows to the right)")
    axes.set_ylabel("aborts per commit")
    axes.legend()


DEADLOCKS_STUDY = Study(
    name="deadlocks",
    summary="how many aborts it costs not to deadlock, from little contention to much",
    source="Rosenkrantz, Stearns & Lewis 1978",
    project=11,
    headers=(
        "policy",
        "keys",
        "runs deadlocked",
        "commits per s",
        "aborts per commit",
        "tries max",
        "latency median [ms]",
        "latency p99 [ms]",
        "latency max [ms]",
    ),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters={"runs": 2},
)
