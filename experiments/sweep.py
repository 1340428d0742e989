"""A sweep: many seeds of one scenario, each run inline, over the workers of a Ray or in this process.

Laws: what comes is told as it comes, in batches; whoever needs an order sorts by seed. A batch holds about BATCH_S of
work, so that the millisecond a Ray call costs does not show; the first batches hold one seed, since nothing is known.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from experiments.outcome import Outcome, SeedRunner, outcome_of_death
from experiments.results_database import ResultsDatabase, ResultsLocked

BATCH_S = 0.5
BATCH_SEEDS_MAX = 1000
SAVE_S = 0.5
"""Finished results are saved this often, at least."""


class Batches:
    """Cuts seeds into batches, by how long the runs took that were heard of."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self._seeds = seeds
        self._taken = 0
        self._runs = 0
        self._wall_s = 0.0
        self._again: deque[Sequence[int]] = deque()
        self.workers = 1

    def __iter__(self) -> Iterator[Sequence[int]]:
        return self

    def __next__(self) -> Sequence[int]:
        if self._again:
            return self._again.popleft()
        left = len(self._seeds) - self._taken
        if not left:
            raise StopIteration
        size = 1
        if self._runs:
            wanted = int(BATCH_S * self._runs / max(self._wall_s, 1e-9))
            share = -(-left // (2 * self.workers))  # towards the end smaller, so that all finish together
            size = max(1, min(wanted, share, BATCH_SEEDS_MAX))
        batch = self._seeds[self._taken : self._taken + size]
        self._taken += size
        return batch

    def again(self, seeds: Sequence[int]) -> None:
        """Give these seeds once more, each in a batch of its own."""
        self._again.extend((seed,) for seed in seeds)

    def heard(self, outcomes: Sequence[Outcome]) -> None:
        """Learn how long these runs took."""
        self._runs += len(outcomes)
        self._wall_s += sum(outcome.wall_s for outcome in outcomes)


def sweep(
    runner: SeedRunner,
    seeds: Sequence[int],
    *,
    jobs: int | None = None,
    address: str | None = None,
    on_start: Callable[[int], None] = lambda workers: None,
) -> Generator[list[Outcome]]:
    """Run every seed; gives batches as they finish. One job, or one core, and no address: in this process."""
    if address is None and (jobs == 1 or (jobs is None and _stays_here())):
        on_start(1)
        for seed in seeds:
            yield [runner.outcome(seed)]
        return
    from actors.ray_tasks import map_on_ray

    batches = Batches(seeds)

    def started(workers: int) -> None:
        batches.workers = workers
        on_start(workers)

    def died(seeds: Sequence[int], why: str) -> list[Outcome]:
        """One of these seeds kills its worker: which, the next runs show."""
        if len(seeds) == 1:
            return [outcome_of_death(seeds[0], why)]
        batches.again(seeds)
        return []

    for _, outcomes in map_on_ray(runner, batches, jobs=jobs, address=address, on_start=started, on_death=died):
        batches.heard(outcomes)
        yield outcomes


def _stays_here() -> bool:
    return (os.cpu_count() or 1) == 1 and not os.environ.get("RAY_ADDRESS")


@dataclass
class Keeper:
    """Saves finished results, a transaction per batch; what could not be saved yet stays in `unsaved`."""

    database: ResultsDatabase
    sweep: int
    unsaved: list[Outcome] = field(default_factory=list)
    _saved: float = field(default_factory=time.monotonic)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take finished results; a database that is locked for the moment is asked again with the next ones."""
        self.unsaved += outcomes
        if time.monotonic() - self._saved >= SAVE_S:
            try:
                self.save()
            except ResultsLocked:
                self._saved = time.monotonic()

    def save(self) -> None:
        """Save what is unsaved. Saving a result twice is no harm, so an interrupt in between is none."""
        self.database.save(self.sweep, self.unsaved)
        self.unsaved.clear()
        self._saved = time.monotonic()
