"""Clocks that are lists: whose events each place counts.

A log whose clocks are lists does not say which node has which place. It shows: the place of a node is one that goes up
by one at each of its events. Where several assignments would do, nodes have places in the order of their names, as
people number them (2 before 10).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

_DIGITS = re.compile(r"(\d+)", re.ASCII)


def natural(name: str) -> list[Any]:
    """A key by which node2 comes before node10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in _DIGITS.split(name) if part]


def named_positions(listed: Sequence[tuple[str, array[int]]], known: Iterable[str]) -> list[str]:
    """The names of the places 0, 1, ...; a place of nobody who is known is named `[2]`."""
    width = max(len(clock) for _, clock in listed)
    own = _own_places(listed)
    names = sorted(own, key=natural)
    everybody = sorted(known, key=natural)
    if len(everybody) == width:
        names = everybody
    if all(name.isascii() and name.isdecimal() and int(name) < width for name in names):
        numbered = {int(name): name for name in names}
        if len(numbered) == len(names):
            return [numbered.get(place, f"[{place}]") for place in range(width)]
    in_order = {name: place for place, name in enumerate(names) if place < width}
    if not all(in_order.get(name) in places for name, places in own.items()):
        in_order = _assigned(own) or in_order
    name_of = {place: name for name, place in in_order.items()}
    return [name_of.get(place, f"[{place}]") for place in range(width)]


def _own_places(listed: Sequence[tuple[str, array[int]]]) -> dict[str, set[int]]:
    """Of each node the places that count 1, 2, 3, ... over its events in the order of the log."""
    found: dict[str, set[int]] = {}
    counts: dict[str, int] = {}
    for name, clock in listed:
        count = counts[name] = counts.get(name, 0) + 1
        going_up = {place for place, value in enumerate(clock) if value == count}
        found[name] = found[name] & going_up if name in found else going_up
    return found


def _assigned(own: dict[str, set[int]]) -> dict[str, int] | None:
    """A place for each of which only one is left, the rest by elimination; None where that does not end."""
    left = {name: set(places) for name, places in own.items()}
    assigned: dict[str, int] = {}
    while left:
        name = next((each for each, places in left.items() if len(places) == 1), None)
        if name is None:
            return None
        (place,) = left.pop(name)
        assigned[name] = place
        for places in left.values():
            places.discard(place)
    return assigned
