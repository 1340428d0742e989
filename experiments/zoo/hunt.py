"""Hunting: seeds one after the other until a wrong protocol is named; the right one runs the same seeds.

Law: a seed is the same hunt everywhere, so what is found depends on the start seeds alone, never on how many processes
look or which of them is first.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple

from simclock.actors.placements.workers import map_on_workers
from simclock.experiments.entries.bug import BUG, LIVENESS, Bug
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.reference import Reference
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.shrinking.minimal import failing_trial, shrink_run
from simclock.experiments.shrinking.trials import TrialRunner, Trials, in_process
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.quarry import Quarry, Ran, row_quarry

HUNT_STRIDE = 1_000_003
"""From one hunt's start seed to the next: hunts share no seed."""
SHRINK_RUNS_MAX = 1000
RIGHT_PART = 50
"""The right protocol's seeds go to a process so many at a time."""
HERE_S = 2.0
"""A hunt that is told of no number of processes is spread when it has lasted so long here: workers take half as long to
start, and how long it will last nobody knows."""
BATCH_S = 0.5
"""What a search has seen is given back after so long, and the search goes on."""


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """One search, from one start seed."""

    start: int
    found: int | None
    """The seed at which the property was named, None if it was not."""
    seeds: int
    """How many seeds were tried, the last one included."""
    others: tuple[tuple[str, int], ...]
    """Other properties that were named on the way, and in how many runs."""
    wall_s: float
    ended: bool = True
    """Whether it found something or tried all its seeds."""

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
    """A quarry and its hunts."""

    quarry: Quarry
    hunts: tuple[Hunt, ...]
    right: tuple[str, ...]
    """What was named on the same seeds by the right protocol; there must be nothing."""
    smaller: Smaller | None = None
    """The first run that was found, made smaller; None where that was not asked for or nothing was found."""
    runs: Mapping[int, Ran] = field(default_factory=dict)
    """Seed -> the wrong one's run."""
    rights: Mapping[int, Ran] = field(default_factory=dict)
    """Seed -> the right one's; not of every seed where the hunt was interrupted."""

    @property
    def seeds(self) -> int | None:
        """Seeds until found, the median of all hunts; None where more than half found nothing."""
        counts = sorted(hunt.seeds if hunt.found is not None else 1 << 62 for hunt in self.hunts)
        middle = median(counts) if len(counts) % 2 else counts[len(counts) // 2]
        return None if middle >= 1 << 62 else int(middle)

    @property
    def first(self) -> int | None:
        """The seed at which the first hunt found it that did."""
        return next((hunt.found for hunt in self.hunts if hunt.found is not None), None)

    @property
    def wall_s(self) -> float:
        """Of a hunt, the median."""
        return median(hunt.wall_s for hunt in self.hunts)

    @property
    def calls(self) -> dict[str, int]:
        """Method of what was put in -> how often it ran in all runs."""
        total: Counter[str] = Counter()
        for ran in self.runs.values():
            total.update(ran.calls)
        return dict(total)

    @property
    def called_in(self) -> int:
        """In how many runs any of it ran."""
        return sum(any(ran.calls.values()) for ran in self.runs.values())

    @property
    def differs_in(self) -> int:
        """How many of the runs are not, to the last bit, the right one's of the same seed."""
        return sum(self.runs[seed].outcome.digest != right.outcome.digest for seed, right in self.rights.items())


@dataclass
class _Search:
    """A hunt under way."""

    start: int
    runs: dict[int, Ran] = field(default_factory=dict)
    found: int | None = None
    ended: bool = False

    def hunt(self, quarry: Quarry) -> Hunt:
        others = Counter(name for ran in self.runs.values() for name in ran.names - {quarry.property})
        return Hunt(
            start=self.start,
            found=self.found,
            seeds=len(self.runs),
            others=tuple(sorted(others.items(), key=lambda item: (-item[1], item[0]))),
            wall_s=sum(ran.outcome.wall_s for ran in self.runs.values()),
            ended=self.ended,
        )


class _Task(NamedTuple):
    """A piece of work."""

    kind: str
    """search, shrink or right."""
    quarry: int
    seeds: Sequence[int]
    """Of a search those it may still try."""
    search: int = 0


@dataclass(frozen=True)
class _Worker:
    """Does tasks; it is what travels to workers."""

    quarries: Sequence[Quarry]

    def __call__(self, task: _Task) -> Any:
        quarry = self.quarries[task.quarry]
        if task.kind == "shrink":
            return shrink(quarry, task.seeds[0])
        runs: dict[int, Ran] = {}
        began = time.monotonic()
        for seed in task.seeds:
            runs[seed] = quarry.run(seed, wrong=task.kind == "search")
            if task.kind == "right":
                continue
            if quarry.is_found(runs[seed].names) or time.monotonic() - began > BATCH_S:
                break
        return runs


@dataclass
class _Row:
    """A quarry, and what is known of it."""

    quarry: Quarry
    searches: list[_Search]
    smaller: Smaller | None = None
    missing: int = 0
    """Tasks under way after its searches."""


class Hunting:
    """Hunts quarries, one after the other or several at once; gives each with its hunts as it is done."""

    def __init__(
        self,
        quarries: Sequence[Quarry],
        *,
        first: int,
        hunts: int,
        seeds_max: int,
        shrinks: bool = False,
        ran: Callable[[Mapping[int, Ran], bool], None] = lambda runs, wrong: None,
    ) -> None:
        """`ran` is told of all runs as they come, and whether they are the wrong one's."""
        starts = [first + number * HUNT_STRIDE for number in range(hunts)]
        self._ran = ran
        self._shrinks = shrinks
        self._rows = [_Row(quarry, [_Search(start) for start in starts]) for quarry in quarries]
        self._grounds = [write_settings(quarry.scenario, quarry.right) for quarry in quarries]
        self._rights: dict[str, dict[int, Ran]] = {ground: {} for ground in self._grounds}
        self._done: set[int] = set()
        self._waiting = deque(
            _Task("search", row, range(start, start + seeds_max), search)
            for row in range(len(quarries))
            for search, start in enumerate(starts)
        )

    def __iter__(self) -> Iterator[_Task]:
        return self

    def __next__(self) -> _Task:
        """A task for who is free; there may be more when others are done."""
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()

    def through(self, jobs: int | None = 1, address: str | None = None) -> Iterator[Found]:
        """Hunt all of them; closing it ends what is under way.

        One job and no address: in this process. Neither: what is not found in a moment is hunted by all cores.
        """
        worker = _Worker(tuple(row.quarry for row in self._rows))
        if jobs in (1, None) and address is None:
            began = time.monotonic()
            for task in self:
                yield from self._heard(task, worker(task))
                if jobs is None and time.monotonic() - began > HERE_S:
                    break
            else:
                return
        with closing(map_on_workers(worker, self, jobs=jobs, address=address)) as running:  # type: ignore[type-var]
            for task, answer in running:
                yield from self._heard(task, answer)

    def unfinished(self) -> list[Found]:
        """What there is of those that are not done, where anything is."""
        begun = [number for number, row in enumerate(self._rows) if any(search.runs for search in row.searches)]
        return [self._found(number) for number in begun if number not in self._done]

    def _heard(self, task: _Task, answer: Any) -> Iterator[Found]:
        row = self._rows[task.quarry]
        match task.kind:
            case "search":
                self._ran(answer, True)
                self._searched(task, row, answer)
                if not all(search.ended for search in row.searches):
                    return
                self._after(task.quarry)
            case "shrink":
                row.smaller = answer
                row.missing -= 1
            case "right":
                self._ran(answer, False)
                self._rights[self._grounds[task.quarry]].update(answer)
                row.missing -= 1
        if not row.missing and task.quarry not in self._done:
            self._done.add(task.quarry)
            yield self._found(task.quarry)

    def _searched(self, task: _Task, row: _Row, runs: dict[int, Ran]) -> None:
        search = row.searches[task.search]
        search.runs.update(runs)
        search.found = next((seed for seed, ran in runs.items() if row.quarry.is_found(ran.names)), None)
        left = task.seeds[len(runs) :]
        search.ended = search.found is not None or not left
        if not search.ended:
            self._waiting.appendleft(task._replace(seeds=left))

    def _after(self, number: int) -> None:
        """What is still to be done of a row whose searches have ended: before other rows begin."""
        row = self._rows[number]
        known = self._rights[self._grounds[number]]
        seeds = sorted({seed for search in row.searches for seed in search.runs} - known.keys())
        tasks = [_Task("right", number, seeds[at : at + RIGHT_PART]) for at in range(0, len(seeds), RIGHT_PART)]
        found = next((search.found for search in row.searches if search.found is not None), None)
        if self._shrinks and found is not None and row.quarry.kind != LIVENESS:
            tasks.append(_Task("shrink", number, (found,)))
        row.missing = len(tasks)
        self._waiting.extendleft(reversed(tasks))

    def _found(self, number: int) -> Found:
        row = self._rows[number]
        runs = {seed: ran for search in row.searches for seed, ran in search.runs.items()}
        rights = {seed: ran for seed, ran in self._rights[self._grounds[number]].items() if seed in runs}
        return Found(
            quarry=row.quarry,
            hunts=tuple(search.hunt(row.quarry) for search in row.searches if search.runs),
            right=tuple(f"seed {seed}: {name}" for seed, ran in sorted(rights.items()) for name in sorted(ran.names)),
            smaller=row.smaller,
            runs=runs,
            rights=rights,
        )


def shrink(quarry: Quarry, seed: int) -> Smaller:
    """Make the run of that seed smaller, while the property stays broken. A liveness row shows in a run whose faults
    have all healed, and is not made smaller."""
    reference = Reference(
        text=quarry.id,
        name=quarry.scenario,
        entry=quarry.entry,
        settings=replace(quarry.wrong, seed=seed),
        replay="",
    )
    trial, name = failing_trial(reference, quarry.property)
    trials = Trials(in_process(TrialRunner(entry=reference.entry)), name, SHRINK_RUNS_MAX)
    minimal = shrink_run(reference, trial, trials)
    return Smaller(minimal.before.faults, minimal.after.faults)


# A row of the zoo.


class Ground(NamedTuple):
    """Where a row is hunted, and the right protocol beside it."""

    scenario: str
    liveness_ns: int | None
    nemesis: str | None = None
    parameters: Mapping[str, Any] = MappingProxyType({})

    def settings(self, seed: int, bug: Bug | None) -> Settings:
        """The run of one seed: the same scenario and nemesis, with the bug or without."""
        parameters = self.parameters if bug is None else {BUG: bug.id}
        return Settings(seed=seed, nemesis=self.nemesis, liveness_ns=self.liveness_ns, parameters=parameters)


def ground_of(bug: Bug) -> Ground:
    """Where that row is hunted."""
    return Ground(bug.scenario, bug.liveness_ns, bug.nemesis, bug.parameters)


def named(ground: Ground, seed: int, bug: Bug | None) -> frozenset[str]:
    """The properties that a run breaks, with the bug or without."""
    any_row = bug or next(each for each in BUGS.values() if each.scenario == ground.scenario)
    quarry = row_quarry(replace(any_row, **ground._asdict()))
    return quarry.run(seed, wrong=bug is not None).names


def is_found(bug: Bug, names: frozenset[str]) -> bool:
    """Only the row's own property counts."""
    return row_quarry(bug).is_found(names)


def hunt(bug_id: str, start: int, seeds_max: int) -> Hunt:
    """Try seeds from `start` on."""
    quarry, search = row_quarry(BUGS[bug_id]), _Search(start, ended=True)
    for seed in range(start, start + seeds_max):
        search.runs[seed] = quarry.run(seed, wrong=True)
        if quarry.is_found(search.runs[seed].names):
            search.found = seed
            break
    return search.hunt(quarry)


def right_one(ground: Ground, seeds: Iterable[int]) -> list[tuple[int, str]]:
    """The right protocol on these seeds: what is named, with the seed. It must be nothing."""
    return [(seed, name) for seed in seeds for name in sorted(named(ground, seed, None))]
