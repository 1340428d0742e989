"""What is known to exist and has not come: how long it has been missing, and who was asked for it.

A broadcast is known to exist when a held message, or the status of another member, counts it. Until it is `request_ns`
overdue it may still be under way; then its sender is asked for it, and after that whoever has delivered it, in turn.

Every broadcast that is missing is looked after by itself, and all that are overdue are asked for at once: what waits
for several lost messages then waits for one exchange, not for one after the other. Who is asked for several gets one
request, which names them as ranges.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from simclock.clocks import VectorClock
from simclock.protocols.causal_broadcast.messages import Range

MISSING_MAX = 256
"""How many broadcasts of one member are looked after at once; those after them when these have come."""


class Gap:
    """A broadcast that has not come."""

    __slots__ = ("asked", "asked_ns", "count", "gone", "member")

    def __init__(self, member: int, count: int, now_ns: int) -> None:
        self.member = member
        self.count = count
        self.asked_ns = now_ns
        """When it was asked for last; at first, when it was found to be missing."""
        self.asked = 0
        """How often it was asked for."""
        self.gone: set[int] = set()
        """Nodes that have delivered it and no longer keep it."""


class Gaps:
    """All broadcasts that are missing; of each member, the first `most`."""

    def __init__(self, request_ns: int, most: int = MISSING_MAX) -> None:
        self._request_ns = request_ns
        self._most = most
        self.open: dict[tuple[int, int], Gap] = {}
        """(member, count) -> the gap, members ascending, and each one's counts."""
        self._first: dict[int, tuple[int, int]] = {}
        """Member -> the first of its broadcasts that is missing, and since when it is the first."""

    def survey(
        self,
        now_ns: int,
        delivered: Mapping[int, int],
        held: Container[tuple[int, int]],
        clocks: Iterable[VectorClock],
    ) -> list[Gap]:
        """Look for gaps, given every clock that tells what exists; gives those that are due to be asked for."""
        highest: dict[Any, int] = {}
        for clock in clocks:
            for member, count in clock.entries:
                if count > highest.get(member, 0):
                    highest[member] = count
        before, self.open = self.open, {}
        firsts, self._first = self._first, {}
        for member in sorted(highest):
            left = self._most
            for count in range(delivered.get(member, 0) + 1, highest[member] + 1):
                name = member, count
                if name in held:
                    continue
                if left == self._most:
                    was = firsts.get(member, (0, 0))
                    self._first[member] = was if was[0] == count else (count, now_ns)
                self.open[name] = before.get(name) or Gap(member, count, now_ns)
                left -= 1
                if not left:
                    break
        return [gap for gap in self.open.values() if now_ns - gap.asked_ns >= self._request_ns]

    def blocked_ns(self, gap: Gap, now_ns: int) -> int:
        """How long this one has been what its member's broadcasts wait for; 0 where one before it is missing too."""
        first, since_ns = self._first[gap.member]
        return now_ns - since_ns if gap.count == first else 0

    def asked(self, gap: Gap, now_ns: int) -> None:
        """Somebody was asked for it."""
        gap.asked += 1
        gap.asked_ns = now_ns

    def gone(self, node: int, kept_no_more: Iterable[Range]) -> None:
        """A node keeps these no more, though it has delivered them."""
        for name in names(kept_no_more):
            gap = self.open.get(name)
            if gap is not None:
                gap.gone.add(node)


def ranges(ascending: Iterable[tuple[int, int]]) -> tuple[Range, ...]:
    """Broadcasts, (member, count), as ranges."""
    found: list[Range] = []
    for member, count in ascending:
        if found and found[-1][0] == member and found[-1][2] == count - 1:
            found[-1] = member, found[-1][1], count
        else:
            found.append((member, count, count))
    return tuple(found)


def names(of: Iterable[Range]) -> Iterator[tuple[int, int]]:
    """The broadcasts, (member, count), that ranges name."""
    for member, first, last in of:
        for count in range(first, last + 1):
            yield member, count
