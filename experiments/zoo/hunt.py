"""Hunting a row of the zoo: seeds one after the other until the row's own property is named, then made smaller.

Law: a seed is the same hunt everywhere, so what is found depends on the start seeds alone, never on how many processes
look or which of them is first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from simclock import HandlerError
from simclock.actors.run import run
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.reference import Reference
from simclock.experiments.runs.source import find_source
from simclock.experiments.scenario_files.file import named_entry
from simclock.experiments.scenario_files.python_scenarios import scenarios_in
from simclock.experiments.shrinking.minimal import failing_trial, shrink_run
from simclock.experiments.shrinking.trials import TrialRunner, Trials, in_process
from simclock.experiments.zoo.bugs import BUGS

HUNT_STRIDE = 1_000_003
"""From one hunt's start seed to the next: hunts share no seed."""
SHRINK_RUNS_MAX = 1000
RIGHT_PART = 50
"""The right protocol's seeds go to a process so many at a time."""
CRASHED = "a node's own code"
"""What is named where the wrong line makes a node's code fail, at an assertion for instance."""


class Ground(NamedTuple):
    """Where a row is hunted, and the right protocol beside it."""

    scenario: str
    liveness_ns: int | None
    nemesis: str | None = None

    def settings(self, seed: int, bug: Bug | None) -> Settings:
        """The run of one seed: the same scenario and nemesis, with the bug or without."""
        parameters = {} if bug is None else {"bug": bug.id}
        return Settings(seed=seed, nemesis=self.nemesis, liveness_ns=self.liveness_ns, parameters=parameters)

    def entry(self) -> Entry:
        """The scenario of the catalog, or of the user's."""
        return named_entry(self.scenario, Path())[0]


def ground_of(bug: Bug) -> Ground:
    """Where that row is hunted."""
    return Ground(bug.scenario, bug.liveness_ns, bug.nemesis)


def key_of(bug: Bug) -> str:
    """What names the row in another process: its id, after the scenario where that is the user's."""
    return bug.id if BUGS.get(bug.id) is bug else f"{bug.scenario}#{bug.id}"


def row_of(key: str) -> Bug:
    """The row of that key."""
    scenario, own, bug_id = key.rpartition("#")
    return next(bug for bug in own_rows(scenario) if bug.id == bug_id) if own else BUGS[bug_id]


def own_rows(scenario: str) -> list[Bug]:
    """The rows that a user's file has for one of its scenarios, or for each of them."""
    rows = []
    for name in (scenario,) if ":" in scenario else scenarios_in(scenario, Path()):
        source = find_source(name)
        found = source.entry.bugs.values()
        rows += [replace(bug, scenario=source.name, nemesis=bug.nemesis or "swarm") for bug in found]
    return rows


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

    @property
    def tried(self) -> range:
        """The seeds."""
        return range(self.start, self.start + self.seeds)


class Smaller(NamedTuple):
    """How many faults a run had, and how many are left where the same property is still broken."""

    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """A row and its hunts."""

    bug: Bug
    hunts: tuple[Hunt, ...]
    right: tuple[str, ...]
    """What was named on the same seeds without the bug; there must be nothing."""
    smaller: Smaller | None = None
    """The first run that was found, made smaller; None where that was not asked for or nothing was found."""

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


def named(ground: Ground, seed: int, bug: Bug | None) -> frozenset[str]:
    """The properties that a run breaks. The judge is asked only where the row needs it, as it takes its time."""
    entry = ground.entry()
    try:
        result = run(make_scenario(entry, ground.settings(seed, bug)))
    except HandlerError:
        return frozenset((CRASHED,))
    names = {violation.property for violation in result.violations}
    if bug is None or bug.judged:
        names.update(entry.judge(result).properties)
    return frozenset(names)


def is_found(bug: Bug, names: frozenset[str]) -> bool:
    """Only the row's own property counts."""
    return bug.property in names


def hunt(bug_id: str, start: int, seeds_max: int) -> Hunt:
    """Try seeds from `start` on."""
    bug = row_of(bug_id)
    ground = ground_of(bug)
    began = time.perf_counter()
    others: dict[str, int] = {}
    found = None
    seed = start - 1
    while found is None and seed + 1 < start + seeds_max:
        seed += 1
        names = named(ground, seed, bug)
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


def right_one(ground: Ground, seeds: Iterable[int]) -> list[tuple[int, str]]:
    """The right protocol on these seeds: what is named, with the seed. It must be nothing."""
    return [(seed, name) for seed in seeds for name in sorted(named(ground, seed, None))]


def shrink(bug_id: str, seed: int) -> Smaller:
    """Make the run of that seed smaller, while the row's property stays broken."""
    bug = row_of(bug_id)
    ground = ground_of(bug)
    reference = Reference(
        text=bug_id,
        name=bug.scenario,
        entry=ground.entry(),
        settings=ground.settings(seed, bug),
        replay="",
    )
    trial, name = failing_trial(reference, bug.property)
    trials = Trials(in_process(TrialRunner(entry=reference.entry)), name, SHRINK_RUNS_MAX)
    minimal = shrink_run(reference, trial, trials)
    return Smaller(minimal.before.faults, minimal.after.faults)


def hunt_rows(
    rows: Sequence[Bug],
    *,
    first: int,
    hunts: int,
    seeds_max: int,
    jobs: int,
    shrinks: bool = False,
    told: Callable[[Bug, Sequence[Hunt]], None] = lambda bug, hunts: None,
) -> list[Found]:
    """Hunt every row and make what was found smaller; then run the right protocol on the very seeds that were hunted.

    `told` is called with each row's hunts, in the order of the rows. A liveness row is not made smaller: it shows in a
    run whose faults have all healed.
    """
    starts = tuple(first + number * HUNT_STRIDE for number in range(hunts))
    searched = []
    with _mapping(jobs) as mapped:
        searches = [(key_of(bug), starts, seeds_max, shrinks and bug.kind != LIVENESS) for bug in rows]
        for bug, (done, smaller) in zip(rows, mapped(_search, searches), strict=True):
            told(bug, done)
            searched.append((bug, done, smaller))
        seeds: dict[Ground, set[int]] = {}
        for bug, done, _ in searched:
            seeds.setdefault(ground_of(bug), set()).update(seed for each in done for seed in each.tried)
        parts = [
            (ground, tried[at : at + RIGHT_PART])
            for ground, tried in ((ground, sorted(all_seeds)) for ground, all_seeds in seeds.items())
            for at in range(0, len(tried), RIGHT_PART)
        ]
        wrong: dict[Ground, list[tuple[int, str]]] = {}
        for (ground, _), named_there in zip(parts, mapped(_right_part, parts), strict=True):
            wrong.setdefault(ground, []).extend(named_there)
    return [
        Found(
            bug=bug,
            hunts=done,
            smaller=smaller,
            right=tuple(
                f"seed {seed}: {name}"
                for seed, name in wrong.get(ground_of(bug), ())
                if any(seed in each.tried for each in done)
            ),
        )
        for bug, done, smaller in searched
    ]


def _search(task: tuple[str, Sequence[int], int, bool]) -> tuple[tuple[Hunt, ...], Smaller | None]:
    """All hunts of a row, and the first run that was found made smaller."""
    bug_id, starts, seeds_max, shrinks = task
    done = tuple(hunt(bug_id, start, seeds_max) for start in starts)
    seed = next((each.found for each in done if each.found is not None), None)
    return done, shrink(bug_id, seed) if shrinks and seed is not None else None


def _right_part(task: tuple[Ground, Sequence[int]]) -> list[tuple[int, str]]:
    return right_one(*task)


@contextmanager
def _mapping(jobs: int) -> Iterator[Any]:
    """A `map` whose answers come in order: in this process, or over several."""
    if jobs == 1:
        yield map
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
