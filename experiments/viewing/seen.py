"""A run as a page shows it: its columns, bands, colours, clients and verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from simclock.experiments.checkers.linearizability import Model, Verdict
from simclock.experiments.checkers.linearizable import Linearizable
from simclock.experiments.entries.lanes import Lanes
from simclock.experiments.traces.plain_values import plain
from simclock.experiments.viewing.bands import Band, Bands
from simclock.experiments.viewing.clients import Clients, bars, judge
from simclock.experiments.viewing.rows import Rows
from simclock.experiments.viewing.tracks import Track, Tracks
from simclock.observers import Violation
from simclock.scenario import Scenario
from simclock.trace import TraceRecord


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a run that is shown."""

    from_ns: int = 0
    to_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A run, ready for a page."""

    name: str
    rows: Rows
    names: Sequence[str] = ()
    """Of nodes, where they are more than numbers."""
    bands: Sequence[Band] = ()
    tracks: Sequence[Track] = ()
    bars: Sequence[dict[str, Any]] = ()
    history: str = ""
    """What the checker says of the clients' history."""
    violations: Sequence[Violation] = ()
    report: Sequence[tuple[str, str]] = ()
    """(label, text) rows about the whole run."""
    log: bool = False
    """Whether it is a log of another system, in which a node's events need not follow from what it was called for."""
    ticks: bool = False
    """Whether its times are ticks of a Lamport clock, a second each."""
    command: str = ""
    """What runs it again, up to an event that is put behind it; empty: nothing does."""


@dataclass(kw_only=True)
class Collector:
    """Takes the records of one run, in order."""

    lanes: Lanes | None = None
    window: Window = Window()
    state_of: Callable[[TraceRecord], str] = lambda record: ""
    """The state of the node before what the record tells, as JSON; empty: not known."""
    began_of: Callable[[TraceRecord], int | None] = lambda record: None
    """The node's running number as it began to handle what the record tells; None: not known."""
    rows: Rows = field(default_factory=Rows)
    _bands: Bands = field(default_factory=Bands)
    _clients: Clients = field(default_factory=Clients)

    def __post_init__(self) -> None:
        self._tracks = Tracks(self.lanes)

    def take(self, record: TraceRecord) -> None:
        """The next record."""
        after = self.window.to_ns is not None and record.time_ns > self.window.to_ns
        if record.time_ns < self.window.from_ns or after:
            if record.what in ("observe", "fault", "start") and not after:
                self._bands.add(record, plain(record.detail))
            return
        detail = self.rows.add(record, self.state_of(record), self.began_of(record))
        if record.what in ("observe", "fault", "start"):
            self._bands.add(record, detail)
            self._tracks.add(len(self.rows) - 1, record, detail)
            self._clients.add(record, detail)

    def seen(self, name: str, model: Model | None, **more: Any) -> Seen:
        """What has been taken. The clients' history is judged by the model, if there is one."""
        operations = self._clients.operations()
        judged = judge(operations, model) if operations and model is not None else None
        return Seen(
            name=name,
            rows=self.rows,
            bands=tuple(self._bands),
            tracks=tuple(self._tracks),
            bars=bars(self._clients, operations, judged),
            history="" if judged is None or judged.verdict is Verdict.OK else judged.explain(),
            **more,
        )


def model_observed(scenario: Scenario) -> Model | None:
    """The model by which an observer of the scenario judges its clients' history; None where none does."""
    for made in scenario.observers:
        if isinstance(made, partial) and made.func is Linearizable and made.args:
            model: Model = made.args[0]
            return model
    return None
