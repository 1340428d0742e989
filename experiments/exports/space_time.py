"""A space-time picture as shapes: a line per node, time from left to right, messages as arrows across.

Laws: crashes, pauses and partitions are bands, from the fault to what ends it; losses are stubs that end in a cross,
observations and faults marks with their names. Where messages are too many to be told apart, their deliveries stand as
ticks on the lanes, and names are written only of what is rare. The picture depends on the excerpt alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from simclock.durations import format_duration
from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.execution import (
    DELIVER,
    DROP,
    ENVIRONMENT,
    EVENT,
    FAULT,
    INVOKE,
    NONE,
    OBSERVE,
    RETURN,
    SEND,
    START,
    TIMER,
)
from simclock.experiments.exports.instants import instants_of, is_timed

EVENTS_MAX = 100_000
"""What a picture is made of at most; what is later is left out, and the picture says so."""
ARROWS_MAX = 600
ARROW_NAMES_MAX = 40
NAMES_MAX = 60
"""Names of marks that are written."""
NAME_MAX = 28
TITLE_MAX = 160
NODES_MAX = 60
"""Lanes that are drawn: those of the first nodes."""
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1200.0, 110.0, 90.0, 46.0, 40.0
LANES_HIGH = 640.0
"""How high all lanes may be together before they come closer than LANE_HIGH."""
LANE_HIGH, LANE_LOW = 56.0, 14.0
STUB = 18.0
TICKS = 6

Colour = Literal["lane", "message", "lost", "observed", "fault", "timer", "band", "cut", "text", "faint"]

_ENDED_BY: Mapping[str, tuple[str, ...]] = {
    "crash": ("restart",),
    "torn-crash": ("restart",),
    "pause": ("resume",),
    "slow-node": ("slow-node",),
    "partition": ("heal", "partition", "silence"),
    "silence": ("heal", "partition", "silence"),
}
_MARK_COLOURS: Mapping[int, Colour] = {
    OBSERVE: "observed",
    FAULT: "fault",
    TIMER: "timer",
    START: "timer",
    EVENT: "observed",
    INVOKE: "observed",
    RETURN: "observed",
}


@dataclass(frozen=True)
class Line:
    """From one point to another, with an arrow's head at the end or without."""

    x: float
    y: float
    to_x: float
    to_y: float
    colour: Colour
    head: bool = False
    title: str = ""
    """What a pointer over it is told."""


@dataclass(frozen=True)
class Mark:
    """A point: a disc, a tick across its lane, or a cross."""

    x: float
    y: float
    form: Literal["disc", "tick", "cross"]
    colour: Colour
    title: str = ""


@dataclass(frozen=True)
class Text:
    """Text at a point: it begins, is centred or ends there."""

    x: float
    y: float
    text: str
    colour: Colour = "text"
    anchor: Literal["start", "middle", "end"] = "start"
    small: bool = True


@dataclass(frozen=True)
class Band:
    """An area from one instant to another."""

    x: float
    y: float
    width: float
    height: float
    colour: Colour
    title: str = ""


Shape = Line | Mark | Text | Band


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Shapes from back to front; y goes down."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str


def space_time(excerpt: Excerpt, title: str = "") -> Picture:
    """The picture of an excerpt."""
    drawing = _Drawing(excerpt)
    shapes = (
        *drawing.bands(),
        *drawing.lanes(),
        *drawing.axis(),
        *drawing.messages(),
        *drawing.marks(),
        *drawing.words(title or excerpt.execution.origin),
    )
    return Picture(width=WIDTH, height=drawing.height, shapes=shapes, title=title or excerpt.execution.origin)


class _Drawing:
    def __init__(self, excerpt: Excerpt) -> None:
        self._excerpt = excerpt
        self._execution = execution = excerpt.execution
        self._times = instants_of(excerpt)
        nodes = [node for node in excerpt.nodes if execution.nodes[node] != ENVIRONMENT]
        self._hidden = max(0, len(nodes) - NODES_MAX)
        nodes = nodes[:NODES_MAX]
        count = max(1, len(nodes))
        self._step = max(LANE_LOW, min(LANE_HIGH, LANES_HIGH / count))
        self._y = {node: TOP + self._step * (place + 0.6) for place, node in enumerate(nodes)}
        self._bottom = TOP + self._step * (count + 0.2)
        self.height = self._bottom + BOTTOM
        times = self._times.values()
        self._from, self._to = min(times, default=0), max(times, default=1)
        self._arrows = [arrow for arrow in excerpt.arrows() if all(execution.node[end] in self._y for end in arrow)]
        self._crowded = len(self._arrows) > ARROWS_MAX

    def _x(self, time_ns: int) -> float:
        share = (time_ns - self._from) / max(1, self._to - self._from)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def _at(self, event: int) -> tuple[float, float]:
        return self._x(self._times[event]), self._y.get(self._execution.node[event], TOP)

    def lanes(self) -> Iterator[Shape]:
        for node, y in self._y.items():
            yield Line(LEFT, y, WIDTH - RIGHT, y, "lane")
            name = self._execution.nodes[node]
            yield Text(
                LEFT - 10, y + 4, _short(f"node {name}" if name.isdecimal() else name), anchor="end", small=False
            )

    def axis(self) -> Iterator[Shape]:
        y = self._bottom
        if not is_timed(self._excerpt):
            yield Text(LEFT, y + 18, "by Lamport clocks: an effect stands right of its cause", "faint")
            return
        for tick in range(TICKS + 1):
            time_ns = self._from + (self._to - self._from) * tick // TICKS
            x = self._x(time_ns)
            yield Line(x, TOP, x, y, "faint")
            yield Text(x, y + 16, format_duration(_rounded(time_ns, self._to - self._from)), "faint", anchor="middle")

    def bands(self) -> Iterator[Shape]:
        execution = self._execution
        begun: dict[tuple[int, str], tuple[int, str]] = {}
        for event in self._excerpt.events:
            if execution.kind[event] != FAULT:
                continue
            node, kind, time_ns = execution.node[event], execution.name(event), self._times[event]
            for (of_node, earlier), (since, told) in list(begun.items()):
                if of_node == node and kind in _ENDED_BY[earlier]:
                    del begun[of_node, earlier]
                    yield self._band(node, earlier, since, time_ns, told)
            if kind in _ENDED_BY:
                begun[node, kind] = time_ns, execution.text(event)
        for (node, kind), (since, told) in begun.items():
            yield self._band(node, kind, since, self._to, told)

    def _band(self, node: int, kind: str, since_ns: int, until_ns: int, told: str) -> Band:
        x = self._x(since_ns)
        width = round(max(2.0, self._x(until_ns) - x), 1)
        if node not in self._y:
            return Band(x, TOP, width, round(self._bottom - TOP, 1), "cut", told)
        high = min(16.0, self._step * 0.6)
        return Band(x, round(self._y[node] - high / 2, 1), width, high, "band", f"{kind}: {told}")

    def messages(self) -> Iterator[Shape]:
        execution = self._execution
        if self._crowded:
            yield from self._ticks()
            return
        named = len(self._arrows) <= ARROW_NAMES_MAX
        for send, end in self._arrows:
            (x, y), (to_x, to_y) = self._at(send), self._at(end)
            told = _title(f"{execution.id(send)} {execution.text(send)}")
            if execution.kind[end] == DELIVER:
                yield Line(x, y, to_x, to_y, "message", head=True, title=told)
            else:
                yield from self._lost(send, end, told)
                continue
            if named and to_y != y:
                middle = (x + 0.45 * (to_x - x), y + 0.45 * (to_y - y))
                yield Text(round(middle[0] + 4, 1), round(middle[1], 1), _short(execution.name(send)), "message")
        for send in self._excerpt.open_sends():
            if execution.node[send] in self._y:
                x, y = self._at(send)
                yield Line(x, y, x + STUB / 2, self._towards(send, y, STUB / 2), "faint", title=execution.text(send))

    def _lost(self, send: int, drop: int, told: str) -> Iterator[Shape]:
        execution = self._execution
        x, y = self._at(send)
        to_x, to_y = self._at(drop)
        if execution.node[drop] == execution.node[send] or to_y == y:
            to_x, to_y = x + STUB, self._towards(send, y, STUB)
        why = execution.why_dropped(drop)
        yield Line(x, y, round(to_x, 1), round(to_y, 1), "lost", title=f"{told} ({why})")
        yield Mark(round(to_x, 1), round(to_y, 1), "cross", "lost", f"{told} ({why})")
        if len(self._arrows) <= ARROW_NAMES_MAX:
            yield Text(round(to_x + 6, 1), round(to_y + 4, 1), why, "lost")

    def _towards(self, send: int, y: float, far: float) -> float:
        target = self._execution.target[send]
        other = self._y.get(target, y) if target != NONE else y
        return y + far if other >= y else y - far

    def _ticks(self) -> Iterator[Shape]:
        """Where something arrived, or was lost, once for each pixel of a lane."""
        execution = self._execution
        seen = set()
        for event in self._excerpt.events:
            kind = execution.kind[event]
            if kind not in (DELIVER, DROP) or execution.node[event] not in self._y:
                continue
            x, y = self._at(event)
            colour: Colour = "message" if kind == DELIVER else "lost"
            if (spot := (int(x), y, colour)) not in seen:
                seen.add(spot)
                yield Mark(float(int(x)), y, "tick", colour)

    def marks(self) -> Iterator[Shape]:
        execution = self._execution
        shown = [
            event
            for event in self._excerpt.events
            if execution.kind[event] not in (SEND, DELIVER, DROP)
            and (not self._crowded or execution.kind[event] not in (TIMER, START))
            and (execution.node[event] in self._y or execution.nodes[execution.node[event]] == ENVIRONMENT)
        ]
        written = self._written(shown)
        seen = set()
        for event in shown:
            x, y = self._at(event)
            colour = _MARK_COLOURS[execution.kind[event]]
            drawn = not self._crowded or execution.label[event] in written or execution.kind[event] == FAULT
            if drawn and (spot := (int(x), y, colour)) not in seen:
                seen.add(spot)
                yield Mark(x, y, "disc", colour, _title(f"{execution.where(event)} {execution.text(event)}"))
        ends: dict[float, list[tuple[float, float]]] = {}
        for event in sorted(
            (each for each in shown if execution.label[each] in written),
            key=lambda each: (written[execution.label[each]], -each),  # of two in one place the later is told
        ):
            x, y = self._at(event)
            name = execution.text(event, whole=len(shown) <= NAMES_MAX or execution.kind[event] == OBSERVE)
            name = _short(name.removeprefix("observe ").removeprefix("fault "))
            stretch = (x, x + 5.5 * len(name))
            if all(stretch[1] < start or end < stretch[0] for start, end in ends.get(y, ())):
                yield Text(x + 2, round(y - 7, 1), name, _MARK_COLOURS[execution.kind[event]])
                ends.setdefault(y, []).append(stretch)

    def _written(self, shown: list[int]) -> dict[int, int]:
        """Label -> how often it is there, of those written beside their marks: the rarest, as long as they are few."""
        execution = self._execution
        counts = Counter(
            execution.label[event]
            for event in shown
            if execution.kind[event] not in (TIMER, START) or len(shown) < NAMES_MAX
        )
        written: dict[int, int] = {}
        total = 0
        for label, count in sorted(counts.items(), key=lambda item: (item[1], item[0])):
            total += count
            if total > NAMES_MAX:
                break
            written[label] = count
        return written

    def words(self, title: str) -> Iterator[Shape]:
        yield Text(LEFT, 22, title, small=False)
        told = []
        if self._crowded:
            told.append(f"{len(self._arrows):,} messages, of which the ticks are deliveries")
        if self._hidden:
            told.append(f"cut: {self._hidden:,} more nodes")
        if self._excerpt.left_out:
            told.append(f"cut: {self._excerpt.left_out:,} later events")
        if told:
            yield Text(WIDTH - RIGHT, 22, "; ".join(told), "faint", anchor="end")


def _title(told: str) -> str:
    return told if len(told) <= TITLE_MAX else f"{told[: TITLE_MAX - 3]}..."


def _short(name: str) -> str:
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 3]}..."


def _rounded(time_ns: int, span_ns: int) -> int:
    """To three digits of the span."""
    unit = 1
    while unit * 1000 < span_ns:
        unit *= 10
    return round(time_ns / unit) * unit
