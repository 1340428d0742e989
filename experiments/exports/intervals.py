"""A history's operations as intervals, a row each, for a picture; distances are of order, not of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.intervals import columns_of
from simclock.experiments.exports.space_time import Line, Mark, Picture, Shape, Text

ROW, TOP, LEFT, WIDTH = 26.0, 40.0, 20.0, 900.0
BARS = 420.0
"""How wide all bars are together."""
NAME_MAX = 70


def intervals(operations: Sequence[Operation], title: str) -> Picture:
    """The picture of those operations, in their order."""
    height = TOP + ROW * len(operations) + 14
    return Picture(width=WIDTH, height=height, shapes=tuple(_shapes(operations, title)), title=title)


def _shapes(operations: Sequence[Operation], title: str) -> Iterator[Shape]:
    yield Text(LEFT, 22, title, small=False)
    places = columns_of(operations, 1 << 30)
    last = max(places.values(), default=1) or 1
    for row, operation in enumerate(operations):
        y = TOP + ROW * (row + 0.5)
        x = LEFT + BARS * places[operation.call] / last
        is_open = operation.is_open or operation.finish is None
        to_x = LEFT + BARS if is_open else LEFT + BARS * places[operation.finish or 0] / last
        yield Line(x, y, to_x, y, "message", head=is_open, title=str(operation))
        yield Mark(x, y, "tick", "message")
        if not is_open:
            yield Mark(to_x, y, "tick", "message")
        told = str(operation)
        yield Text(LEFT + BARS + 16, y + 4, told if len(told) <= NAME_MAX else f"{told[: NAME_MAX - 3]}...")
