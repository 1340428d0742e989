"""What a comparison found: its measurements, and the rows that come of them.

Laws: a measurement is one run of a row in one round, or the word why there is none. Whatever is compared is compared
within a round, between runs that were made one after another; over the rounds the median counts, with the least and the
most beside it. Rows come in the order of cases and placements, whatever was measured first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median
from typing import Any, NamedTuple

import msgspec

from simclock.durations import format_duration
from simclock.experiments.comparing.numbers import Number, column_named
from simclock.experiments.entries.studies import cell
from simclock.experiments.telling.exit_status import DIFFERENT, UNKNOWN, VALID, gravest
from simclock.notebook import facts, grid
from simclock.scenario import Scenario

REFERENCE = "inline"
"""The placement that speed-ups are over."""
NOT_YET = "not measured"
HEADERS = (
    "scenario",
    "nodes",
    "placement",
    "events",
    "messages",
    "virtual time",
    "wall time",
    "events/s",
    "speed-up",
    "digest",
    "agree",
)
PREDICTED, STARTED = "predicted", "started"
DIGEST_SHOWN = 12
WORD_MAX = 90


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scenario with one node count."""

    name: str
    """Of the scenario, in this comparison."""
    nodes: int
    scenario: Scenario
    replay: str


class Spot(NamedTuple):
    """What names a row."""

    name: str
    nodes: int
    placement: str

    def __str__(self) -> str:
        return f"{self.name}, {self.nodes} node{'s' * (self.nodes != 1)}, {self.placement}"


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a row, or why there is none."""

    name: str
    nodes: int
    placement: str
    round: int
    """From 1 on."""
    word: str = ""
    """Why the row is not measured: left out, or failed; empty where it is."""
    status: int = VALID
    """The exit status that the word stands for."""
    lasting: bool = False
    """Whether the word holds for good: what a Ray that died left is tried again when the comparison goes on."""
    events: int = 0
    messages: int = 0
    virtual_ns: int = 0
    wall_s: float = 0.0
    started_s: float = 0.0
    """How long workers took to start, before `wall_s`."""
    predicted_s: float = 0.0
    """What `wall_s` was to be by the model of `auto`; 0 where it was not asked."""
    chosen: str = ""
    """Of `auto`, where it ran and why."""
    digest: str = ""
    numbers: dict[str, int | float] = msgspec.field(default_factory=dict)
    """What observers reported and the kernel counted, by name."""

    @property
    def spot(self) -> Spot:
        """The row it belongs to."""
        return Spot(self.name, self.nodes, self.placement)

    @property
    def events_per_s(self) -> float:
        """By wall time."""
        return self.events / self.wall_s if self.wall_s > 0 else 0.0


class Spread(NamedTuple):
    """A measured value over the rounds."""

    median: float
    least: float
    most: float

    def text(self, form: str, unit: str = "") -> str:
        """`0.201 s (0.198 to 0.231)`, each in that form; of values that all look alike, one alone."""
        middle, least, most = (format(value, form) for value in self)
        return f"{middle}{unit}{f' ({least} to {most})' if least != most else ''}"


def spread(values: Iterable[float]) -> Spread | None:
    """None of no values."""
    found = list(values)
    return Spread(median(found), min(found), max(found)) if found else None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A scenario with one node count on one placement, over all rounds."""

    name: str
    nodes: int
    placement: str
    rounds: int
    """How many of them measured it."""
    word: str = ""
    """Why it is not measured, or not in every round; empty where it is."""
    events: int | None = None
    messages: int | None = None
    virtual_ns: int | None = None
    wall_s: Spread | None = None
    """Seconds, without the start of workers."""
    started_s: Spread | None = None
    """How long workers took to start before that."""
    predicted_s: float | None = None
    """What the model of `auto` had predicted in place of `wall_s`; None where it was not asked."""
    speed_up: Spread | None = None
    """Over the same case inline, within a round; None where that was not measured."""
    digest: str = ""
    """Of the first round that measured it."""
    agree: bool | None = None
    """Whether all digests of the case are one, over all placements and rounds; None where this row has none."""
    numbers: Mapping[str, Number] = field(default_factory=dict)
    """Name -> median over the rounds, which are one where the runs are."""

    @property
    def events_per_s(self) -> float | None:
        """By the median of wall time."""
        if self.events is None or self.wall_s is None:
            return None
        return self.events / self.wall_s.median if self.wall_s.median > 0 else 0.0

    @property
    def spot(self) -> Spot:
        """What names it."""
        return Spot(self.name, self.nodes, self.placement)

    def number(self, column: str) -> Number | None:
        """What was measured under that name; None where it was not."""
        name = column_named(column, self.numbers)
        return None if name is None else self.numbers[name]

    def beside(self, name: str) -> float | None:
        """The seconds under PREDICTED or STARTED."""
        return self.predicted_s if name == PREDICTED else None if self.started_s is None else self.started_s.median

    @property
    def cells(self) -> Iterator[str]:
        """What a table shows of it, below HEADERS."""
        yield from (self.name, str(self.nodes), self.placement, cell(self.events), cell(self.messages))
        yield "" if self.virtual_ns is None else format_duration(self.virtual_ns)
        yield "" if self.wall_s is None else self.wall_s.text(".3f", " s")
        yield "" if self.events_per_s is None else f"{self.events_per_s:,.0f}"
        yield "" if self.speed_up is None else self.speed_up.text(".3g")
        yield self.digest[:DIGEST_SHOWN]
        yield "" if self.agree is None else "yes" if self.agree else "NO"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All rows, in the order of scenarios, node counts and placements; a plain value."""

    rows: tuple[Row, ...]
    repeats: int
    """Rounds that were asked for."""
    columns: tuple[str, ...] = ()
    """Own measurements that its table shows."""
    measured: tuple[Measurement, ...] = ()
    """Every run behind it, and every word, in the order in which they came."""

    @property
    def differing(self) -> list[str]:
        """A line per case whose digests differ, with which placement has which."""
        return [line for _, rows in _by_case(self.rows) if (line := self._difference(rows))]

    def _difference(self, rows: Sequence[Row]) -> str:
        of = [each for each in self.measured if each.digest and each.spot[:2] == rows[0].spot[:2]]
        if len({each.digest for each in of}) < 2:
            return ""
        has = [(row.placement, {each.digest[:12] for each in of if each.placement == row.placement}) for row in rows]
        told = ", ".join(f"{where} {' and '.join(sorted(digests))}" for where, digests in has if digests)
        return f"{rows[0].name} with {rows[0].nodes} nodes: digests differ: {told}"

    @property
    def words(self) -> list[tuple[Row, str]]:
        """Every row that is not measured as it was asked for, and why."""
        return [(row, row.word) for row in self.rows if row.word]

    @property
    def status(self) -> int:
        """As an exit status: that digests differ is gravest, then what failed, then what was left out."""
        found = {each.status for each in self.measured}
        if any(row.word == NOT_YET for row in self.rows):
            found.add(UNKNOWN)
        return gravest([*found, *([DIFFERENT] if self.differing else [])])

    @property
    def names(self) -> list[str]:
        """All measurements that could be columns."""
        return sorted({name for row in self.rows for name in row.numbers})

    @property
    def beside(self) -> tuple[str, ...]:
        """What stands beside the wall time where any row has it: what was predicted, and the start of workers."""
        predicted = any(row.predicted_s for row in self.rows)
        started = any(row.started_s and row.started_s.median for row in self.rows)
        return (*[PREDICTED] * predicted, *[STARTED] * started)

    @property
    def headers(self) -> tuple[str, ...]:
        """Of its table: a note is there where a row has one."""
        return (*HEADERS, *self.beside, *self.columns, *(("note",) if self.words else ()))

    def cells(self, row: Row) -> list[str]:
        """What its table shows of a row, below the headers."""
        word = row.word if len(row.word) <= WORD_MAX else f"{row.word[: WORD_MAX - 3]}..."
        beside = ["" if value is None else f"{value:.3f} s" for value in map(row.beside, self.beside)]
        own = [cell(row.number(each)) for each in self.columns]
        return [*row.cells, *beside, *own, *([word] if self.words else [])]

    def _repr_html_(self) -> str:
        """What a notebook shows: whether all digests agree, and the table."""
        agree = [("digests", "one for each scenario and node count")]
        verdict = [("digests differ", line) for line in self.differing] or agree
        rows = [self.cells(row) for row in self.rows]
        return facts(f"comparison, rounds {self.repeats}", verdict) + grid(self.headers, rows)


def comparison_of(
    spots: Sequence[Spot], repeats: int, measured: Sequence[Measurement], columns: Sequence[str] = ()
) -> Comparison:
    """What these measurements say of these rows."""
    rows = tuple(_rows(spots, repeats, measured))
    return Comparison(rows=rows, repeats=repeats, columns=tuple(columns), measured=tuple(measured))


def _by_case(rows: Sequence[Row]) -> Iterator[tuple[Any, list[Row]]]:
    for case, of in groupby(rows, key=lambda row: (row.name, row.nodes)):
        yield case, list(of)


def _rows(spots: Sequence[Spot], repeats: int, measured: Sequence[Measurement]) -> Iterator[Row]:
    of: dict[Spot, dict[int, Measurement]] = {spot: {} for spot in spots}
    words: dict[Spot, str] = {}
    for each in measured:
        if each.word:
            words[each.spot] = each.word
        else:
            of[each.spot][each.round] = each
    for spot in spots:
        digests = {each.digest for other in spots if other[:2] == spot[:2] for each in of[other].values()}
        reference = of.get(spot._replace(placement=REFERENCE), {})
        word, runs = words.get(spot, ""), of[spot]
        if runs and len(runs) < repeats:
            word = f"{len(runs)} of {repeats} rounds{f'; {word}' if word else ''}"
        yield _row(spot, runs, word, reference, len(digests) == 1)


def _row(
    spot: Spot, runs: Mapping[int, Measurement], word: str, reference: Mapping[int, Measurement], agree: bool
) -> Row:
    if not runs:
        return Row(**spot._asdict(), rounds=0, word=word or NOT_YET)
    first = runs[min(runs)]
    both = [number for number in runs if number in reference and runs[number].wall_s > 0]
    return Row(
        **spot._asdict(),
        rounds=len(runs),
        word=word,
        events=first.events,
        messages=first.messages,
        virtual_ns=first.virtual_ns,
        wall_s=spread(each.wall_s for each in runs.values()),
        started_s=spread(each.started_s for each in runs.values()),
        predicted_s=first.predicted_s or None,
        speed_up=spread(reference[number].wall_s / runs[number].wall_s for number in both),
        digest=first.digest,
        agree=agree,
        numbers={
            name: _middle([each.numbers[name] for each in runs.values() if name in each.numbers])
            for name in {name: None for each in runs.values() for name in each.numbers}
        },
    )


def _middle(values: Sequence[Number]) -> Number:
    return values[0] if len(set(values)) == 1 else median(values)
