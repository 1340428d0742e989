"""A comparison as a table, for reading and for programs, and the line of a run as it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.experiments.comparing.comparison import DIGEST_SHOWN, HEADERS, STARTED, Comparison, Measurement, Row, Spot
from simclock.experiments.telling.tables import table_text
from simclock.readable import in_one_line

MACHINE_HEADERS = ("rounds", "wall min", "wall max", "speed-up min", "speed-up max", "started", "predicted", "note")
"""What csv and json have besides; in a table a spread stands behind its median, and a note where there is one."""


def comparison_text(found: Comparison, form: str) -> str:
    """The table in one of FORMS. Digests and words are whole in csv and json, and their beginning elsewhere.

    Times are seconds in csv and json.
    """
    raw = [(*_plain(row), *_more(row), *map(row.number, found.columns)) for row in found.rows]
    if form in ("csv", "json"):
        return table_text((*HEADERS, *MACHINE_HEADERS, *found.columns), (), form, raw)
    shown = [tuple(map(in_one_line, found.cells(row))) for row in found.rows]
    plain = [
        (*_plain(row), *map(row.beside, found.beside), *map(row.number, found.columns), *_note(row, found))
        for row in found.rows
    ]
    return table_text(found.headers, shown, form, plain)


def _note(row: Row, found: Comparison) -> tuple[str, ...]:
    return (row.word,) if found.words else ()


def _plain(row: Row) -> tuple[Any, ...]:
    return (
        row.name,
        row.nodes,
        row.placement,
        row.events,
        row.messages,
        None if row.virtual_ns is None else row.virtual_ns / 1_000_000_000,
        None if row.wall_s is None else row.wall_s.median,
        row.events_per_s,
        None if row.speed_up is None else row.speed_up.median,
        row.digest or None,
        row.agree,
    )


def _more(row: Row) -> tuple[Any, ...]:
    ends = [part for each in (row.wall_s, row.speed_up) for part in ((None, None) if each is None else each[1:])]
    return (row.rounds, *ends, row.beside(STARTED), row.predicted_s, row.word or None)


class Lines:
    """A line for each run as it is measured: columns as wide as they will have to be."""

    def __init__(self, spots: Sequence[Spot], repeats: int) -> None:
        self._repeats = repeats
        self._names = max(8, *(len(in_one_line(spot.name)) for spot in spots))
        self._places = max(9, *(len(spot.placement) for spot in spots))
        self.head = self._line(("round", "scenario", "nodes", "placement"), ("events/s", "wall time", "digest"))

    def of(self, each: Measurement) -> str:
        """What was measured, or the word why not."""
        first = (f"{each.round}/{self._repeats}", in_one_line(each.name), str(each.nodes), each.placement)
        if each.word:
            return f"{self._line(first, ('', '', ''))}  {in_one_line(each.word)}"
        measured = (f"{each.events_per_s:,.0f}", f"{each.wall_s:.3f} s", each.digest[:DIGEST_SHOWN])
        return self._line(first, measured) + (f"  {each.chosen}" if each.chosen else "")

    def _line(self, first: tuple[str, str, str, str], measured: tuple[str, str, str]) -> str:
        (number, name, nodes, place), (rate, wall, digest) = first, measured
        names = f"{name:<{self._names}}  {nodes:>7}  {place:<{self._places}}"
        return f"{number:<7}{names}  {rate:>11}  {wall:>10}  {digest}".rstrip()
