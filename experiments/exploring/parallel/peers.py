"""One of the workers of a breadth first search: it looks at a part of each level, and knows every state.

All workers take what was found in a level in the same order, part by part, so that they agree on numbers and on the
next level without being told.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from simclock.actors.placements.shipping import dumps, loads
from simclock.experiments.exploring.parallel.numbers import Numbers, with_numbers_since
from simclock.experiments.exploring.search import Asked
from simclock.experiments.exploring.states.news import News
from simclock.experiments.exploring.states.space import Space
from simclock.guarding.guard import Guarding, guarding

NOTED = 0
ENDS = 1
Event = tuple[int, int, int]


class Shared(NamedTuple):
    """What all learn of a part of a level."""

    news: News
    successors: list[int]
    """States that the worker did not know, in order."""


class Part(NamedTuple):
    """What a worker has found in its part of a level."""

    shared: bytes
    counts: array[int]
    """For each state of the part, how many successors are told of."""
    events: list[Event]
    """(place in the part, NOTED, successor) where the observers hold something of note, the first time in this part;
    (place in the part, ENDS, state) where nothing more can change."""
    transitions: int
    pruned: dict[str, int]
    unbound: bool
    noticed: tuple[frozenset[int], frozenset[int]]
    seconds: float
    """That it took, with what was taken before."""


Level = Sequence[bytes | None]
"""What was found in a level, part by part; None: by the worker that is told."""


@dataclass(frozen=True)
class Beginning:
    """What makes a worker wherever it is: what was found before the level that is to be looked at."""

    asked: Asked
    number: int
    """Its place among those that look at a level. The first one's numbers are those of all."""
    news: News
    order: list[int]
    begins: int

    def __call__(self) -> Peer:
        """The worker; the guard is in place from now on."""
        guards = guarding(self.asked.scenario.build, self.asked.guard)
        guards.run.__enter__()
        space = Space(self.asked, guards)
        space.adopt(self.news)
        peer = Peer(space, self.number, set(self.order), self.order[self.begins :])
        peer.guards = guards
        return peer


class Peer:
    """A worker."""

    def __init__(self, space: Space, index: int, seen: set[int], level: list[int]) -> None:
        self._space = space
        self._index = index
        self._seen = seen
        """Also what it has found in the level that is looked at, under its own numbers."""
        self._level = level
        self._base = space.sizes()
        self._own = Shared(space.since(self._base), [])
        self._seconds = 0.0
        self.guards: Guarding | None = None
        """What is in place for as long as it lives."""
        if index:
            space.base = self._base

    def told(self, data: bytes) -> None:
        """Take what was found in levels."""
        began = perf_counter()
        levels: list[Level] = loads(data)
        for level in levels:
            self._take(level)
        self._seconds += perf_counter() - began

    def asked(self, data: bytes) -> bytes:
        """Look at a part of the level: (first, behind the last)."""
        began = perf_counter()
        first, last = loads(data)
        events, part = self._look(self._level[first:last])
        shared = dumps(self._own)
        self._seconds, seconds = 0.0, self._seconds + perf_counter() - began
        return dumps(part._replace(shared=shared, events=events, seconds=seconds))

    def _take(self, level: Level) -> None:
        space, seen = self._space, self._seen
        renamed = with_numbers_since(space, self._base, self._own.successors) if self._index else []
        seen.difference_update(renamed)
        if self._index:
            space.forget(self._base)
        self._level = []
        met: set[int] = set()
        for place, part in enumerate(level):
            shared: Shared = self._own if part is None else loads(part)
            numbers = Numbers(space, self._base, shared.news)
            states = numbers.all_called(shared.successors)
            seen.update(map(numbers.called, renamed) if part is None else states)
            new = [state for state in states if state not in met] if place else states
            if place + 1 < len(level):
                met.update(new)
            self._level += new
        self._base = space.sizes()
        self._own = Shared(space.since(self._base), [])
        if self._index:
            space.base = self._base

    def _look(self, states: Sequence[int]) -> tuple[list[Event], Part]:
        space, successors = self._space, list[int]()
        seen, add, expand = self._seen, self._seen.add, self._space.expand
        space.pruned.clear()
        counts = array("L")
        events: list[Event] = []
        noted: set[int] = set()
        transitions = 0
        for place, state in enumerate(states):
            after = expand(state)
            transitions += len(after)
            new = [each for each in after if each not in seen and not add(each)]
            counts.append(len(new))
            successors += new
            if space.noted:
                for each in space.noted:
                    watch = each >> space.watch_shift
                    if watch not in noted:
                        noted.add(watch)
                        events.append((place, NOTED, each))
                space.noted.clear()
            if not new and not space.cut_short and after.count(state) == len(after):
                events.append((place, ENDS, state))
        self._own = Shared(space.since(self._base), successors)
        noticed = space.locals.noticed()
        return events, Part(b"", counts, [], transitions, dict(space.pruned), space.fires_unbound, noticed, 0.0)
