"""Hunting a row of the zoo: seeds one after the other until the row's own property is named.

Law: a seed is the same hunt everywhere, so what is found depends on the start seeds alone, never on how many processes
look or which of them is first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from actors.run import run
from experiments.catalog import Settings, entries, make_scenario
from experiments.linearizability import Verdict as Linearity
from experiments.linearizability import check_linearizability, key_value
from experiments.raft_kv import history_of
from experiments.zoo.bugs import BUGS, LINEARIZABILITY, LIVENESS, Bug
from simclock import HandlerError, seconds

SCENARIO = "raft-hunt"
NEMESIS = "swarm"
LIVENESS_NS = seconds(5)
HUNT_STRIDE = 1_000_003
"""From one hunt's start seed to the next: hunts share no seed."""
STEPS_MAX = 1_000_000
"""What the linearizability checker may try in one run; beyond, nothing is named."""
CRASHED = "a node's own code"
"""What is named where the wrong line makes a node's code fail, at an assertion for instance."""


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """One search, from one start seed."""

    start: int
    found: int | None
    """The seed at which the row's property was named, None if it was not."""
    seeds: int
    """How many seeds were tried, the last one included."""
    others: tuple[tuple[str, int], ...]
    """Other properties that were named on the way, and in how many runs."""
    wall_s: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """A row and its hunts."""

    bug: Bug
    hunts: tuple[Hunt, ...]
    right: tuple[str, ...]
    """What was named on the same seeds without the bug; there must be nothing."""

    @property
    def seeds(self) -> int | None:
        """Seeds until found, the median of all hunts; None where more than half found nothing."""
        counts = sorted(hunt.seeds if hunt.found is not None else 1 << 62 for hunt in self.hunts)
        middle = median(counts) if len(counts) % 2 else counts[len(counts) // 2]
        return None if middle >= 1 << 62 else int(middle)

    @property
    def wall_s(self) -> float:
        """Of a hunt, the median."""
        return median(hunt.wall_s for hunt in self.hunts)


def settings_of(bug: Bug | None, seed: int, *, liveness: bool) -> Settings:
    """What a hunt runs: the same scenario and the same nemesis for every row."""
    return Settings(
        seed=seed,
        nemesis=NEMESIS,
        liveness_ns=LIVENESS_NS if liveness else None,
        parameters={} if bug is None else {"bug": bug.id},
    )


def named(settings: Settings, *, history: bool) -> frozenset[str]:
    """The properties that a run breaks; the clients' history is judged only where asked, as it takes its time."""
    try:
        result = run(make_scenario(entries()[SCENARIO], settings))
    except HandlerError:
        return frozenset((CRASHED,))
    names = {violation.property for violation in result.violations}
    if history:
        judged = check_linearizability(history_of(result), key_value(initial=None), step_limit=STEPS_MAX)
        if judged.verdict is Linearity.ILLEGAL:
            names.add(LINEARIZABILITY)
    return frozenset(names)


def is_found(bug: Bug, names: frozenset[str]) -> bool:
    """Only the row's own property counts."""
    return bug.property in names


def hunt(bug_id: str, start: int, seeds_max: int) -> Hunt:
    """Try seeds from `start` on."""
    bug = BUGS[bug_id]
    began = time.perf_counter()
    others: dict[str, int] = {}
    found = None
    seed = start - 1
    while found is None and seed + 1 < start + seeds_max:
        seed += 1
        settings = settings_of(bug, seed, liveness=bug.kind == LIVENESS)
        names = named(settings, history=bug.property == LINEARIZABILITY)
        for name in sorted(names - {bug.property}):
            others[name] = others.get(name, 0) + 1
        if is_found(bug, names):
            found = seed
    return Hunt(
        start=start,
        found=found,
        seeds=seed - start + 1,
        others=tuple(sorted(others.items(), key=lambda item: (-item[1], item[0]))),
        wall_s=time.perf_counter() - began,
    )


def right_one(start: int, count: int, liveness: bool) -> list[str]:
    """The right protocol on these seeds: what is named, with the seed. It must be nothing."""
    wrong = []
    for seed in range(start, start + count):
        names = named(settings_of(None, seed, liveness=liveness), history=True)
        wrong += [f"seed {seed}: {name}" for name in sorted(names)]
    return wrong


@contextmanager
def workers(jobs: int) -> Iterator[Any]:
    """What has `submit(function, *arguments)`, which gives something with a `result()`."""
    if jobs == 1:
        yield _Here()
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Here:
    """A pool of this process alone: work is done when its result is asked for."""

    def submit(self, function: Any, *arguments: Any) -> _Later:
        return _Later(function, arguments)


class _Later:
    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self._function, self._arguments = function, arguments

    def result(self) -> Any:
        return self._function(*self._arguments)


def hunt_rows(rows: Sequence[Bug], *, first: int, hunts: int, seeds_max: int, jobs: int) -> Iterator[Found]:
    """Hunt every row, and run the right protocol on the very seeds that were hunted."""
    starts = [first + number * HUNT_STRIDE for number in range(hunts)]
    judged = {False: _Judged(), True: _Judged()}
    with workers(jobs) as pool:
        under_way = [(bug, [pool.submit(hunt, bug.id, start, seeds_max) for start in starts]) for bug in rows]
        for bug, futures in under_way:
            done = tuple(future.result() for future in futures)
            right = judged[bug.kind == LIVENESS].on(pool, done, liveness=bug.kind == LIVENESS)
            yield Found(bug=bug, hunts=done, right=tuple(right))


class _Judged:
    """What the right protocol did, per start seed: seeds that rows share are run once."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._wrong: dict[int, list[tuple[int, str]]] = {}

    def on(self, pool: Any, hunts: Sequence[Hunt], *, liveness: bool) -> list[str]:
        asked = []
        for each in hunts:
            have = self._counts.get(each.start, 0)
            if each.seeds > have:
                future = pool.submit(right_one, each.start + have, each.seeds - have, liveness)
                asked.append((each, future))
        for each, future in asked:
            self._counts[each.start] = each.seeds
            self._wrong.setdefault(each.start, []).extend((each.seeds, text) for text in future.result())
        return [text for each in hunts for _, text in self._wrong.get(each.start, ())]
