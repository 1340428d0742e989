"""Numbers for long tuples that change in few places: equal tuples have equal numbers, and others have others.

A tuple is a tree: of every few members one node, of every few nodes one, up to a root. A node's number is that of the
tuple of numbers below it, so after a change only the nodes above it are looked up, and only those are kept.
"""

from __future__ import annotations

from collections.abc import Mapping

WIDTH = 8
"""Members of a node."""


class NumberedTuples:
    """A tuple of whole numbers, all 0 at first, and the numbers of all that it was."""

    def __init__(self, length: int) -> None:
        self._known: dict[tuple[int, ...], int] = {}
        self._levels = [[0] * length]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            nodes = [tuple(below[begin : begin + WIDTH]) for begin in range(0, len(below), WIDTH)]
            self._levels.append([self._number_of(node) for node in nodes])

    def number(self, changes: Mapping[int, int]) -> int:
        """Of the tuple after these changes, place -> member."""
        for place, member in changes.items():
            self._levels[0][place] = member
        places = set(changes)
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            places = {place // WIDTH for place in places}
            for place in places:
                level[place] = self._number_of(tuple(below[place * WIDTH : (place + 1) * WIDTH]))
        return self._levels[-1][0] if self._levels[0] else 0

    def _number_of(self, node: tuple[int, ...]) -> int:
        return self._known.setdefault(node, len(self._known))
