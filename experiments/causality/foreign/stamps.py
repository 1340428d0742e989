"""From vector clocks back to the graph, and what is impossible about them.

Laws: the direct causes of an event are the events that its clock counts and its node's previous clock does not, without
those that another of them knows already; so the graph has the fewest edges, and its own clocks are exactly those that
were written. That needs clocks that can be: the own component counts 1, 2, 3, ... without a gap; no component goes back
on a node; what is counted is in the logs; who knows an event knows all that it knew; no two know each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from simclock.experiments.causality.execution import NONE, ExecutionBuilder

PROBLEMS_MAX = 1000
"""What is found beyond these is not looked for."""


class Stamps:
    """The clocks of many events, flat: (node index, count) pairs, zeros left out."""

    def __init__(self) -> None:
        self.events = array("I")
        self._first = array("Q", [0])
        self._nodes, self._counts = array("H"), array("I")
        self._place: dict[int, int] = {}

    def add(self, event: int, clock: Sequence[tuple[int, int]]) -> None:
        """The clock of an event."""
        for node, count in clock:
            if count:
                self._nodes.append(node)
                self._counts.append(count)
        self._first.append(len(self._nodes))
        self.events.append(event)

    def at(self, place: int) -> dict[int, int]:
        """The clock of the event at that place of `events`."""
        start, stop = self._first[place], self._first[place + 1]
        return dict(zip(self._nodes[start:stop], self._counts[start:stop], strict=True))


def rebuilt(builder: ExecutionBuilder, stamps: Stamps) -> list[tuple[str, str]]:
    """Add the edges that the clocks tell; gives what is impossible as (place, text), in the order of the logs."""
    lanes: dict[int, list[int]] = {}
    for place, event in enumerate(stamps.events):
        lanes.setdefault(builder.node_of(event), []).append(place)
    found: list[tuple[int, str]] = []
    for lane in lanes.values():
        lane.sort(key=lambda place: builder.number_of(stamps.events[place]))
        found += _gaps(builder, stamps, lane)
    rebuilding = _Rebuilding(builder, stamps, lanes)
    for node, lane in lanes.items():
        if len(found) < PROBLEMS_MAX:
            found += rebuilding.lane(node, lane)
    found.sort()
    return [(builder.place(event), text) for event, text in found[:PROBLEMS_MAX]]


def _gaps(builder: ExecutionBuilder, stamps: Stamps, lane: Sequence[int]) -> Iterator[tuple[int, str]]:
    """A node's own events are numbered 1, 2, 3, ..."""
    expected = 1
    last = NONE
    for place in lane:
        event = stamps.events[place]
        number, name = builder.number_of(event), builder.node_name(builder.node_of(event))
        if number == expected - 1 and last != NONE:
            twice = f"the clock does not go on: event {number} of {name} is also at {builder.place(last)}"
            yield event, twice
        elif number != expected:
            gap = f"event {expected} is" if number == expected + 1 else f"events {expected} to {number - 1} are"
            yield event, f"a gap: this is event {number} of {name}, and {gap} not in the logs"
        expected = number + 1
        last = event


class _Rebuilding:
    def __init__(self, builder: ExecutionBuilder, stamps: Stamps, lanes: dict[int, list[int]]) -> None:
        self._builder = builder
        self._stamps = stamps
        self._lanes = lanes
        self._contiguous = {
            node: all(builder.number_of(stamps.events[place]) == number for number, place in enumerate(lane, start=1))
            for node, lane in lanes.items()
        }

    def lane(self, node: int, lane: Sequence[int]) -> Iterator[tuple[int, str]]:
        """Go through the events of a node, in order."""
        stamps = self._stamps
        known: dict[int, int] = {}
        for place in lane:
            event, clock = stamps.events[place], stamps.at(place)
            raised = {}
            matched = 0
            for other, count in clock.items():
                before = known.get(other, 0)
                matched += before > 0
                if count > before:
                    if other != node:
                        raised[other] = count
                elif count < before and other != node:
                    yield event, self._goes_back(other, before, count)
            if matched < len(known):
                for other, before in known.items():
                    if other not in clock:
                        yield event, self._goes_back(other, before, 0)
            if raised:
                yield from self._caused(event, node, clock, raised)
            known = clock

    def _goes_back(self, other: int, before: int, now: int) -> str:
        name = self._builder.node_name(other)
        return f"a clock that goes back: it counted {before} events of {name}, and now counts {now}"

    def _caused(
        self, event: int, node: int, clock: dict[int, int], raised: dict[int, int]
    ) -> Iterator[tuple[int, str]]:
        """Edges from the events that are newly known and known by no other of them."""
        builder = self._builder
        left = dict(raised)
        direct: dict[int, tuple[int, dict[int, int]]] = {}
        while left:
            other, count = left.popitem()
            place = self._find(other, count)
            if place is None:
                yield event, self._unknown(other, count)
                continue
            theirs = self._stamps.at(place)
            for each in [each for each, here in left.items() if theirs.get(each, 0) >= here]:
                del left[each]
            for each in [each for each in direct if theirs.get(each, 0) >= raised[each]]:
                del direct[each]
            direct[other] = (self._stamps.events[place], theirs)
        for other, (cause, theirs) in direct.items():
            name = f"{builder.node_name(other)}#{raised[other]}, at {builder.place(cause)}"
            if theirs.get(node, 0) >= clock[node]:
                yield event, f"an effect before its cause: it knows {name}, which knows it already"
                continue
            less = [each for each, count in theirs.items() if clock.get(each, 0) < count]
            if less:
                each = less[0]
                yield (
                    event,
                    f"a clock that forgets: it knows {name}, which counts {theirs[each]} events of "
                    f"{builder.node_name(each)}, and counts {clock.get(each, 0)} itself",
                )
            builder.caused(cause, event)

    def _find(self, node: int, count: int) -> int | None:
        lane = self._lanes.get(node, [])
        if self._contiguous.get(node, False):
            return lane[count - 1] if count <= len(lane) else None
        stamps, builder = self._stamps, self._builder
        return next((place for place in lane if builder.number_of(stamps.events[place]) == count), None)

    def _unknown(self, node: int, count: int) -> str:
        name, lane = self._builder.node_name(node), self._lanes.get(node, [])
        has = f"of whose events the last is {len(lane)}" if lane else "of which there is no event in the logs"
        return f"an effect without its cause: it knows event {count} of {name}, {has}"
