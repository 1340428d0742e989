"""Breadth first by several workers: each looks at a part of every level, and all know what is known.

A worker numbers what it finds by itself. When a level is done, all take what was found in it, part by part, under
numbers that hold for all, and drop what is known already. Law: states, counts, scripts and the order in which states
are found are those of one process, since the order of the steps of a state depends on no number.

On this machine the process that asks is the first of the workers; on a Ray it takes what the actors find. A level that
is small is looked at by who asks alone, and nobody is there before there is one that is not. Symmetric nodes are merged
by one process alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain, compress, count, pairwise, repeat
from time import perf_counter
from typing import Any

from simclock.actors.placements.shipping import dumps, loads
from simclock.actors.placements.standing import Crew, WorkerDied
from simclock.experiments.exploring.parallel.numbers import Numbers
from simclock.experiments.exploring.parallel.peers import NOTED, Beginning, Part, Peer, Shared
from simclock.experiments.exploring.parallel.workers import Workers
from simclock.experiments.exploring.search import Ticked
from simclock.experiments.exploring.states.levels import BreadthFirst
from simclock.experiments.exploring.states.news import Sizes
from simclock.experiments.exploring.states.space import Space

LOOK_S = 0.2
"""Between two looks at the limits, while workers work."""
ALONE = 256
"""States of a level that are looked at by one process."""
MEASURED = 1024
"""States of a level that says how fast workers are."""
BACKLOG = 64
"""Levels after which workers are told of them, where none of these was theirs."""


class ByMany(BreadthFirst):
    """The search that the workers work for."""

    def __init__(self, space: Space, ticked: Ticked, workers: Workers) -> None:
        super().__init__(space, ticked)
        self._workers = workers
        self._crew: Crew | None = None
        self._rates = [1.0] * workers.count
        """How fast each looks. Who looks at what changes nothing of what is found."""
        self._backlog: list[list[bytes]] = []
        """Levels that workers have not been told of."""

    def next_level(self) -> None:
        """Have the level looked at, and take what was found."""
        known, base = len(self.order), self.space.sizes()
        if len(self.level) < ALONE:
            self.look(self.level, self.begins)
            if self._crew is not None:
                self._backlog.append([self._shared(base, known)])
                if len(self._backlog) == BACKLOG:
                    self._tell(self._crew)
        else:
            self._share(known, base)
        self.go_down(known)
        self.ticked(self.told())

    def _share(self, known: int, base: Sizes) -> None:
        crew = self._crew
        if crew is None:
            crew = self._crew = self._workers.begun(self._beginning, self._forked)
        self._tell(crew)
        bounds = parts(len(self.level), self._rates)
        here = self._workers.here
        for worker in range(crew.count):
            crew.ask(worker, dumps((bounds[worker + here], bounds[worker + here + 1])))
        began = perf_counter()
        found: list[bytes] = []
        if here:
            self.look(self.level[: bounds[1]], self.begins)
            found.append(self._shared(base, known))
        seconds = perf_counter() - began
        answers = [self._answer(crew, worker, bounds) for worker in range(crew.count)]
        found += [answer.shared for answer in answers]
        for worker in range(crew.count):
            crew.tell(worker, dumps([[None if each is answers[worker].shared else each for each in found]]))
        began = perf_counter()
        for worker, answer in enumerate(answers):
            self._take(answer, base, self.begins + bounds[worker + here])
        seconds += perf_counter() - began
        if len(self.level) >= MEASURED:
            took = [seconds, *(answer.seconds for answer in answers)][1 - here :]
            looked = (last - first for first, last in pairwise(bounds))
            self._rates = [max(1, states) / took_s for states, took_s in zip(looked, took, strict=True)]

    def _beginning(self, worker: int) -> Beginning:
        news = self.space.since(self.first_sizes)
        return Beginning(self.space.asked, worker + self._workers.here, news, self.order, self.begins)

    def _forked(self, worker: int) -> Callable[[], Peer]:
        return lambda: Peer(self.space, worker + self._workers.here, self.seen, self.level)

    def _tell(self, crew: Crew) -> None:
        """Let workers know of levels that they had no part in."""
        if self._backlog:
            for worker in range(crew.count):
                crew.tell(worker, dumps(self._backlog))
            self._backlog.clear()

    def _shared(self, base: Sizes, known: int) -> bytes:
        """What this process has found since."""
        return dumps(Shared(self.space.since(base), self.order[known:]))

    def _answer(self, crew: Crew, worker: int, bounds: list[int]) -> Part:
        while True:
            while not crew.ready(worker, LOOK_S):
                self.ticked(self.told())
            try:
                answer: Part = loads(crew.hear(worker))
                return answer
            except WorkerDied:
                if not crew.replace(worker, self._beginning(worker)):
                    raise
                crew.ask(worker, dumps((bounds[worker], bounds[worker + 1])))

    def _take(self, part: Part, base: Sizes, begins: int) -> None:
        """Of a part whose first state stands at that place in `order`."""
        findings, seen, order, parents = self.merged.findings, self.seen, self.order, self.parents
        shared: Any = loads(part.shared)
        numbers = Numbers(self.space, base, shared.news)
        findings.transitions += part.transitions
        for name, often in part.pruned.items():
            self.space.pruned[name] = self.space.pruned.get(name, 0) + often
        self.space.fires_unbound |= part.unbound
        self.space.locals.notice(part.noticed)
        states = numbers.all_called(shared.successors)
        is_new = [state not in seen for state in states]
        new = list(compress(states, is_new))
        seen.update(new)
        order += new
        befores = chain.from_iterable(map(repeat, count(begins), part.counts))
        parents.extend(compress(befores, is_new))
        for place, what, state in part.events:
            if what == NOTED:
                self.space.noted.append(numbers.called(state))
                self.note()
            else:
                self.merged.note_end(state, lambda where=begins + place: self.way(where))  # type: ignore[misc]


def parts(count: int, rates: Sequence[float]) -> list[int]:
    """Where each worker's part of so many states begins, and the end."""
    whole = sum(rates)
    return [0, *(int(count * done / whole) for done in accumulate(rates[:-1])), count]
