"""Breadth first by several processes: each looks at a part of every level, and all know what is known.

A worker numbers what it finds by itself. When a level is done, the search takes what they have found in their order,
under numbers that hold for all, and drops what is known already; then each worker forgets its own numbers and learns
those. Law: states, counts, scripts and the order in which states are found are those of one process, since the order of
the steps of a state depends on no number.

Symmetric nodes are merged by one process alone.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from threading import active_count
from typing import Any, NamedTuple

from simclock.actors.placements.shipping import dumps, loads, ship
from simclock.errors import PlacementError, SimclockError
from simclock.experiments.exploring.search import Asked, Enough, Findings, Ticked
from simclock.experiments.exploring.states.levels import BreadthFirst
from simclock.experiments.exploring.states.news import News, Sizes
from simclock.experiments.exploring.states.space import LOCAL_BITS, LOCAL_MASK, Space
from simclock.guarding.guard import guarding

LOOK_S = 0.2
"""Between two looks at the limits, while workers work."""
NOTED = 0
ENDS = 1


class Part(NamedTuple):
    """What a worker has found in its part of a level."""

    counts: list[int]
    """For each state, how many successors that it did not know."""
    successors: list[int]
    events: list[tuple[int, int, int]]
    """(NOTED, place in the level, successor) or (ENDS, place in the level, state), in order."""
    transitions: int
    pruned: dict[str, int]
    unbound: bool
    noticed: tuple[frozenset[int], frozenset[int]]
    news: News


def bfs_by_many(asked: Asked, ticked: Ticked) -> Findings:
    """Search level by level, with so many processes."""
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        space = Space(asked, guards)
        crew = Crew(asked, asked.workers)
        try:
            return ByMany(space, ticked, crew).search()
        finally:
            crew.end()


class Crew:
    """The worker processes."""

    def __init__(self, asked: Asked, count: int) -> None:
        alone = "fork" in get_all_start_methods() and active_count() == 1
        context: Any = get_context("fork" if alone else "spawn")  # a fork of several threads may never get a lock
        shipped = ship(asked)
        self.links: list[Connection] = []
        self._processes = []
        for _ in range(count):
            here, there = context.Pipe()
            others = (*self.links, here) if alone else ()
            process = context.Process(target=work, args=(there, shipped, others), daemon=True)
            process.start()
            there.close()
            self.links.append(here)
            self._processes.append(process)

    def end(self) -> None:
        """No worker is left."""
        for link in self.links:
            link.close()
        for process in self._processes:
            process.terminate()
            process.join()


def work(link: Connection, shipped: bytes, others: Sequence[Connection]) -> None:
    """A worker's life: a part of each level. `others` are ends that are not its own; who asks is gone when all are."""
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asked: Asked = loads(shipped)
        guards = guarding(asked.scenario.build, asked.guard)
        with guards.run:
            worker = Worker(Space(asked, guards))
            while True:
                link.send_bytes(dumps(worker.look(*loads(link.recv_bytes()))))
    except EOFError:
        pass
    except (SimclockError, Enough) as error:
        link.send_bytes(dumps(error))


class Worker:
    """One process's view of the states."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.seen: set[int] = set()
        self.sizes = space.base = space.sizes()

    def look(self, news: News, level: list[int], first: int, last: int) -> Part:
        """Look at the states of a level from `first` to before `last`, when all is known of the level before."""
        space = self.space
        space.forget(self.sizes)
        space.adopt(news)
        self.sizes = space.base = space.sizes()
        self.seen.update(level)
        space.pruned.clear()
        seen, found, expand = self.seen, set[int](), space.expand
        add = found.add
        counts: list[int] = []
        successors: list[int] = []
        events: list[tuple[int, int, int]] = []
        transitions = 0
        for place in range(first, last):
            state = level[place]
            after = expand(state)
            transitions += len(after)
            new = [each for each in after if each not in seen and each not in found and not add(each)]
            counts.append(len(new))
            successors += new
            if space.noted:
                events += [(NOTED, place, noted) for noted in space.noted]
                space.noted.clear()
            if not new and not space.cut_short and after.count(state) == len(after):
                events.append((ENDS, place, state))
        told = space.since(self.sizes)
        noticed = space.locals.noticed()
        return Part(counts, successors, events, transitions, dict(space.pruned), space.fires_unbound, noticed, told)


class ByMany(BreadthFirst):
    """The search that the workers work for."""

    def __init__(self, space: Space, ticked: Ticked, crew: Crew) -> None:
        super().__init__(space, ticked)
        self.crew = crew
        self._told = self.first_sizes
        """What workers know."""

    def next_level(self) -> None:
        """Have the level looked at, and take what was found."""
        level, links = self.level, self.crew.links
        news = self.space.since(self._told)
        self._told = self.space.sizes()
        bounds = [len(level) * each // len(links) for each in range(len(links) + 1)]
        for link, first, last in zip(links, bounds, bounds[1:], strict=False):
            link.send_bytes(dumps((news, level, first, last)))
        known = len(self.order)
        for link, first in zip(links, bounds, strict=False):
            self._take(self._answer(link), first)
        self.begins, self.level = known, self.order[known:]
        self.merged.findings.depth += bool(self.level)
        self.ticked(self.told())

    def _answer(self, link: Connection) -> Part:
        while not link.poll(LOOK_S):
            self.ticked(self.told())
        try:
            answer: Any = loads(link.recv_bytes())
        except EOFError:
            raise PlacementError("a worker of the search has died: try fewer --workers") from None
        if isinstance(answer, BaseException):
            raise answer
        part: Part = answer
        return part

    def _take(self, part: Part, first: int) -> None:
        numbers = Numbers(self.space, self._told, part.news)
        findings, seen = self.merged.findings, self.seen
        findings.transitions += part.transitions
        for name, count in part.pruned.items():
            self.space.pruned[name] = self.space.pruned.get(name, 0) + count
        self.space.fires_unbound |= part.unbound
        self.space.locals.notice(part.noticed)
        successors = part.successors if numbers.same else list(map(numbers.translated, part.successors))
        place = 0
        for offset, count in enumerate(part.counts):
            for state in successors[place : place + count]:
                if state not in seen:
                    seen.add(state)
                    self.order.append(state)
                    self.parents.append(self.begins + first + offset)
            place += count
        for what, at, state in part.events:
            if what == NOTED:
                self.space.noted.append(numbers.translated(state))
                self.note()
            else:
                where = self.begins + at
                self.merged.note_end(state, lambda where=where: self.way(where))  # type: ignore[misc]


class Numbers:
    """What a worker's own numbers are called by all; what nobody knew is now known here."""

    def __init__(self, space: Space, sizes: Sizes, news: News) -> None:
        self.space = space
        self.sizes = sizes
        self._mail = [space.inboxes.number(*mail) for mail in news.mail]
        self._places: list[list[int]] = [[] for _ in range(space.nodes)]
        for node, found in enumerate(news.places):
            for name, (before, event) in found:
                recipe = self._place(node, before), event
                self._places[node].append(space.placed(node, name, recipe))
        self._boxes = [
            [space.inboxes.box(node, tuple(map(self._number, contents))) for contents in found]
            for node, found in enumerate(news.boxes)
        ]
        self._watches: list[int] = []
        for watched in news.watches:
            before, *rest = watched.recipe
            made_of: Any = (self._watch(before), *rest)
            self._watches.append(space.watching.placed(watched._replace(recipe=made_of)))
        self.same = self._is_same()

    def _is_same(self) -> bool:
        return (
            self._mail == list(range(self.sizes.mail[0], self.sizes.mail[0] + len(self._mail)))
            and all(
                places == list(range(size, size + len(places)))
                for places, size in zip(self._places, self.sizes.places, strict=True)
            )
            and all(
                boxes == list(range(size, size + len(boxes)))
                for boxes, size in zip(self._boxes, self.sizes.mail[1], strict=True)
            )
            and self._watches == list(range(self.sizes.watches, self.sizes.watches + len(self._watches)))
        )

    def _number(self, number: int) -> int:
        return self._mail[number - self.sizes.mail[0]] if number >= self.sizes.mail[0] else number

    def _place(self, node: int, place: int) -> int:
        return _called(self._places[node], self.sizes.places[node], place)

    def _watch(self, watch: int) -> int:
        return _called(self._watches, self.sizes.watches, watch)

    def translated(self, state: int) -> int:
        """The state as all call it."""
        if self.same:
            return state
        space = self.space
        watch = state >> space.watch_shift
        called = state + ((self._watch(watch) - watch) << space.watch_shift)
        for node, shift in enumerate(space.shifts):
            place, box = state >> shift & LOCAL_MASK, state >> shift + LOCAL_BITS & LOCAL_MASK
            called += (self._place(node, place) - place) << shift
            called += (_called(self._boxes[node], self.sizes.mail[1][node], box) - box) << shift + LOCAL_BITS
        return called


def _called(names: Sequence[int], known: int, number: int) -> int:
    return names[number - known] if number >= known else number
