"""What is known to exist and has not come: how long it has been missing, and who was asked for it.

A broadcast is known to exist when a held message, or the status of another member, counts it. Until it is `request_ns`
overdue it may still be under way; then its sender is asked for it, and after that whoever has delivered it, in turn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from simclock.clocks import VectorClock


class Gap:
    """Broadcasts `first` to `last` of one member have not come."""

    __slots__ = ("asked", "asked_ns", "first", "gone", "last", "member", "since_ns")

    def __init__(self, member: int, first: int, last: int, now_ns: int) -> None:
        self.member = member
        self.first = first
        self.last = last
        self.since_ns = self.asked_ns = now_ns
        self.asked = 0
        """How often it was asked for."""
        self.gone: set[int] = set()
        """Members that have delivered it and no longer keep it."""


class Gaps:
    """The first gap of each member whose broadcasts are missing."""

    def __init__(self, request_ns: int) -> None:
        self._request_ns = request_ns
        self.open: dict[int, Gap] = {}
        self.requests = 0

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
        due = []
        for member in sorted(highest):
            first = delivered.get(member, 0) + 1
            while (member, first) in held:
                first += 1
            if first > highest[member]:
                continue
            last = first
            while last < highest[member] and (member, last + 1) not in held:
                last += 1
            gap = before.get(member)
            if gap is None or gap.first != first:
                gap = Gap(member, first, last, now_ns)
            gap.last = last
            self.open[member] = gap
            if now_ns - gap.asked_ns >= self._request_ns:
                due.append(gap)
        return due

    def asked(self, gap: Gap, now_ns: int) -> None:
        """Somebody was asked for it."""
        gap.asked += 1
        gap.asked_ns = now_ns
        self.requests += 1
