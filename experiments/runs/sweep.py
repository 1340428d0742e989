"""A sweep: many seeds of one scenario, each run inline, in this process or spread over workers: processes of this
machine, or those of a Ray that is joined.

Laws: how many work is decided by who asks, or else by the first seeds, which are run here: what is left is spread where
that is quicker with the start of workers. What comes is told as it comes, in batches; whoever needs an order sorts by
seed. A batch holds about BATCH_S of work, so that what it costs to hand it over does not show; the first batches hold
one seed, since nothing is known. A worker gives back what it has done when a batch takes longer, and the rest of its
seeds are given anew. A result that has come is saved within SAVE_S, whatever the next run does, so that nobody loses
more who kills the sweep.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Self

from simclock.actors.placements.cores import cores_here
from simclock.actors.placements.model import GAIN_MIN
from simclock.actors.placements.workers import JOIN_S, PROCESSES_S, is_for_ray, map_on_workers
from simclock.errors import SimclockError
from simclock.experiments.runs.database import ResultsDatabase, ResultsLocked
from simclock.experiments.runs.outcome import Outcome, SeedRunner, outcome_of_death

BATCH_S = 0.25
BATCH_SEEDS_MAX = 1000
PILOT_S = 0.5
"""Seeds are run here for so long before it is decided whether the others are spread."""
SAVE_S = 0.2
"""Finished results wait about so long to be saved."""
WAIT_S_MIN = 0.01


class Batches:
    """Cuts seeds into batches, by how long the runs took that were heard of."""

    def __init__(self, seeds: Sequence[int], done: Collection[int] = ()) -> None:
        self._seeds = (seed for seed in seeds if seed not in done)
        self.left = len(seeds) - len(done)
        """How many have not been given yet."""
        self._runs = 0
        self._wall_s = 0.0
        self._again: deque[Sequence[int]] = deque()
        self.workers = 1

    def __iter__(self) -> Iterator[Sequence[int]]:
        return self

    def __next__(self) -> Sequence[int]:
        if self._again:
            return self._again.popleft()
        size = 1
        if self._runs:
            wanted = int(BATCH_S * self._runs / max(self._wall_s, 1e-9))
            share = -(-self.left // (2 * self.workers))  # towards the end smaller, so that all finish together
            size = max(1, min(wanted, share, BATCH_SEEDS_MAX))
        batch = tuple(islice(self._seeds, size))
        if not batch:
            raise StopIteration
        self.left -= len(batch)
        return batch

    def one(self) -> int:
        """The next seed, in no batch."""
        self.left -= 1
        return next(self._seeds)

    def again(self, seeds: Sequence[int]) -> None:
        """Give these seeds once more, each in a batch of its own."""
        self._again.extend((seed,) for seed in seeds)

    def rest(self, seeds: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Give again what a worker has left of its batch."""
        if outcomes and len(outcomes) < len(seeds):
            self._again.append(seeds[len(outcomes) :])

    def heard(self, outcomes: Sequence[Outcome]) -> None:
        """Learn how long these runs took."""
        self._runs += len(outcomes)
        self._wall_s += sum(outcome.wall_s for outcome in outcomes)


def sweep(
    runner: SeedRunner,
    seeds: Sequence[int],
    *,
    done: Collection[int] = (),
    jobs: int | None = None,
    address: str | None = None,
    on_start: Callable[[int, float], None] = lambda workers, ray_s: None,
    on_choice: Callable[[str], None] = lambda why: None,
) -> Generator[list[Outcome]]:
    """Run every seed but those that are done; gives batches as they finish.

    One job and no address: in this process. Neither: as the first seeds say, and `on_choice` is told why, in one line.
    `on_start` is told how many work at once, and how long a Ray took to be there.
    """
    if len(done) == len(seeds):
        return
    batches = Batches(seeds, done)
    if address is None and jobs in (1, None):
        on_start(1, 0.0)
        choice = _Choice(batches.left, jobs == 1)
        while batches.left and not choice.spreads:
            outcome = runner.outcome(batches.one())
            choice.saw(outcome)
            yield [outcome]
        if jobs is None:
            on_choice(choice.why)
        if not batches.left:
            return

    def started(workers: int, ray_s: float) -> None:
        batches.workers = workers
        on_start(workers, ray_s)

    def died(seeds: Sequence[int], why: str) -> list[Outcome]:
        """One of these seeds kills its worker: which, the next runs show."""
        if len(seeds) == 1:
            return [outcome_of_death(seeds[0], why)]
        batches.again(seeds)
        return []

    runner = replace(runner, batch_s=BATCH_S)
    for batch, outcomes in map_on_workers(runner, batches, jobs=jobs, address=address, on_start=started, on_death=died):
        batches.rest(batch, outcomes)
        batches.heard(outcomes)
        yield outcomes


class _Choice:
    """Whether what is left of a sweep is spread, by how long its first seeds took here."""

    def __init__(self, seeds: int, stays: bool) -> None:
        self.spreads = False
        self._stays = stays
        self._left = self._seeds = seeds
        self._wall_s = 0.0
        self._left_s = 0.0

    def saw(self, outcome: Outcome) -> None:
        """A seed has been run here."""
        self._left -= 1
        self._wall_s += outcome.wall_s
        self._left_s = self._wall_s / (self._seeds - self._left) * self._left
        if self._stays or self._wall_s < PILOT_S:
            return
        cluster = is_for_ray(None)
        start_s = JOIN_S if cluster else PROCESSES_S
        share = 0.0 if cluster else 1 / cores_here()  # how many cores a cluster has, it has not been asked
        self.spreads = self._left_s > GAIN_MIN * (start_s + self._left_s * share)

    @property
    def why(self) -> str:
        """In one line."""
        ran = self._seeds - self._left
        took = f"{ran:,} seed{'s' * (ran != 1)} took {self._wall_s:.1f} s here"
        if self.spreads:
            return f"spread: {took}, so {self._left:,} would take {self._left_s:.1f} s more"
        return f"in this process: {took}, too little for the start of workers to pay"


@dataclass
class Keeper:
    """Saves finished results, a transaction per batch; what could not be saved yet stays in `unsaved`."""

    database: ResultsDatabase
    sweep: int
    unsaved: list[Outcome] = field(default_factory=list)
    _saved: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _problem: SimclockError | None = None
    """Why the thread could not save: it is raised where results are added."""

    def __enter__(self) -> Self:
        """Save in a thread of its own too: a run may last for hours, and nothing be added meanwhile."""
        threading.Thread(target=self._save_in_time, name="keeper", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()  # and no more: what is left is saved by `save`, which waits for the thread

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take finished results; a database that is locked for the moment is asked again with the next ones."""
        with self._lock:
            self.unsaved += outcomes
            if self._problem is not None:
                raise self._problem
            self._save_if_due()

    def save(self) -> None:
        """Save what is unsaved. Saving a result twice is no harm, so an interrupt in between is none."""
        with self._lock:
            self._save()

    def _save(self) -> None:
        if not self.unsaved:
            return
        self.database.save(self.sweep, self.unsaved)
        self.unsaved.clear()
        self._saved = time.monotonic()

    def _save_if_due(self) -> None:
        if time.monotonic() - self._saved >= SAVE_S:
            try:
                self._save()
            except ResultsLocked:
                self._saved = time.monotonic()

    def _save_in_time(self) -> None:
        while not self._over.wait(max(SAVE_S, WAIT_S_MIN)):
            try:
                with self._lock:
                    self._save_if_due()
            except SimclockError as error:
                self._problem = error
                return
