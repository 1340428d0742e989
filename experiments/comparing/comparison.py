"""The same scenarios with many node counts on many placements: what each costs, and that all digests agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from simclock.actors.run import Placement, run
from simclock.durations import format_duration
from simclock.experiments.telling.tables import table_text
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario

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


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scenario with one node count."""

    name: str
    nodes: int
    scenario: Scenario
    replay: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A case on one placement, over all repeats."""

    name: str
    nodes: int
    placement: str
    events: int
    messages: int
    virtual_ns: int
    wall_s: float
    """Median."""
    speed_up: float | None
    """Over the same case inline; None where inline was not asked for."""
    digest: str
    agree: bool
    """Whether all digests of the case are one, over all placements and repeats."""

    @property
    def events_per_s(self) -> float:
        return self.events / self.wall_s if self.wall_s > 0 else 0.0


def compare(
    cases: Sequence[Case],
    placements: Sequence[tuple[str, Placement]],
    repeats: int,
    told: Callable[[str], None] = lambda what: None,
) -> list[Row]:
    """Run every case on every placement, `repeats` times, the placements in turn. `told` hears of each run."""
    rows: list[Row] = []
    for case in cases:
        results: dict[str, list[RunResult]] = {label: [] for label, _ in placements}
        for _ in range(repeats):
            for label, placement in placements:
                told(f"{case.name}, {case.nodes} nodes, {label}")
                results[label].append(run(case.scenario, placement, replay=case.replay))
        rows += _rows(case, results)
    return rows


def _rows(case: Case, results: dict[str, list[RunResult]]) -> Iterator[Row]:
    digests = {result.digest for runs in results.values() for result in runs}
    walls = {label: median(result.wall_s for result in runs) for label, runs in results.items()}
    for label, runs in results.items():
        first = runs[0]
        inline_s = walls.get("inline")
        yield Row(
            name=case.name,
            nodes=case.nodes,
            placement=label,
            events=first.events,
            messages=first.counters["messages"],
            virtual_ns=first.virtual_ns,
            wall_s=walls[label],
            speed_up=None if inline_s is None or walls[label] <= 0 else inline_s / walls[label],
            digest=first.digest,
            agree=len(digests) == 1,
        )


def comparison_text(rows: Sequence[Row], form: str) -> str:
    """The table. Digests are whole in csv and json, and their beginning elsewhere."""
    shown = [
        (
            row.name,
            row.nodes,
            row.placement,
            f"{row.events:,}",
            f"{row.messages:,}",
            format_duration(row.virtual_ns),
            f"{row.wall_s:.3f} s",
            f"{row.events_per_s:,.0f}",
            "" if row.speed_up is None else f"{row.speed_up:.3g}",
            row.digest[:12],
            "yes" if row.agree else "NO",
        )
        for row in rows
    ]
    raw = [
        (
            row.name,
            row.nodes,
            row.placement,
            row.events,
            row.messages,
            row.virtual_ns / 1_000_000_000,
            row.wall_s,
            row.events_per_s,
            row.speed_up,
            row.digest,
            row.agree,
        )
        for row in rows
    ]
    return table_text(HEADERS, shown, form, raw)


def disagreements(rows: Sequence[Row]) -> list[str]:
    """One line per case whose digests differ."""
    cases = groupby(rows, key=lambda row: (row.name, row.nodes))
    return [f"{name} with {nodes} nodes: digests differ" for (name, nodes), of in cases if not all(r.agree for r in of)]
