"""What the own numbers of one worker are called by all; what nobody knew becomes known here.

A state that holds a number of the worker's own is found by a sum: above each number of a state there is a bit that is
0, and it becomes 1 where the number plus the distance of the first own number from the highest of all overflows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from simclock.experiments.exploring.states.moves import LOCAL_BITS, NUMBER_BITS
from simclock.experiments.exploring.states.news import News, Sizes
from simclock.experiments.exploring.states.space import Space

WATCH_BITS = 40
"""Of the number of what observers hold, which has no end of its own."""


class _Field(NamedTuple):
    """A place in a state whose own numbers are called something else."""

    shift: int
    mask: int
    first: int
    names: list[int]


class Numbers:
    """The numbers of a worker that knew, at first, what has numbers below `sizes`, and found `news`."""

    def __init__(self, space: Space, sizes: Sizes, news: News) -> None:
        self._mail = [space.inboxes.number(*mail) for mail in news.mail]
        self._places: list[list[int]] = [[] for _ in range(space.nodes)]
        for node, found in enumerate(news.places):
            for name, (before, event) in found:
                recipe = _called(self._places[node], sizes.places[node], before), event
                self._places[node].append(space.placed(node, name, recipe))
        boxes = [
            [
                space.inboxes.box(node, tuple(_called(self._mail, sizes.mail[0], each) for each in contents))
                for contents in found
            ]
            for node, found in enumerate(news.boxes)
        ]
        watches: list[int] = []
        for watched in news.watches:
            before, *rest = watched.recipe
            made_of: Any = (_called(watches, sizes.watches, before), *rest)
            watches.append(space.watching.placed(watched._replace(recipe=made_of)))
        self._fields: list[_Field] = []
        self._bias = self._guards = 0
        for node, shift in enumerate(space.shifts):
            self._field(shift, NUMBER_BITS, sizes.places[node], self._places[node])
            self._field(shift + LOCAL_BITS, NUMBER_BITS, sizes.mail[1][node], boxes[node])
        self._field(space.watch_shift, WATCH_BITS, sizes.watches, watches)

    def _field(self, shift: int, bits: int, first: int, names: list[int]) -> None:
        if names == list(range(first, first + len(names))):
            return
        self._fields.append(_Field(shift, (1 << bits) - 1, first, names))
        self._bias += (1 << bits) - first << shift
        self._guards |= 1 << shift + bits

    def all_called(self, states: list[int]) -> list[int]:
        """The states as all call them."""
        if not self._fields:
            return states
        bias, guards, called = self._bias, self._guards, self.called
        return [called(state) if state + bias & guards else state for state in states]

    def called(self, state: int) -> int:
        """A state as all call it."""
        then = state
        for shift, mask, first, names in self._fields:
            number = state >> shift & mask
            if number >= first:
                then += names[number - first] - number << shift
        return then


def _called(names: Sequence[int], known: int, number: int) -> int:
    return names[number - known] if number >= known else number


def with_numbers_since(space: Space, sizes: Sizes, states: Sequence[int]) -> list[int]:
    """Those of the states that hold a number that is new since then."""
    now = space.sizes()
    fields = [(space.watch_shift, WATCH_BITS, sizes.watches)]
    for node, shift in enumerate(space.shifts):
        fields.append((shift, NUMBER_BITS, sizes.places[node]))
        fields.append((shift + LOCAL_BITS, NUMBER_BITS, sizes.mail[1][node]))
    if now == sizes:
        return []
    bias = sum((1 << bits) - first << shift for shift, bits, first in fields)
    guards = sum(1 << shift + bits for shift, bits, _ in fields)
    return [state for state in states if state + bias & guards]
