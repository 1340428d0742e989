"""What nodes are over time, as colours of their lines: what the topic says, and what observations show without it.

Without a topic's word the colours come from observations alone: those whose names are roles that everybody knows, or
whose name says that their value is a state, or any that takes few values. A reader of the page chooses among them.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from simclock.experiments.entries.lanes import Lanes, State
from simclock.experiments.viewing.columns import Packed, pack
from simclock.trace import TraceRecord

VALUES_MAX = 12
"""States that a track tells apart; what takes more values than this is no state."""
TRACKS_MAX = 12
TEXT_MAX = 40
NUMBER_MAX = 2**53 - 1
ROLES = ("leader", "candidate", "follower", "primary", "backup", "master", "slave", "coordinator", "participant")
STATES = ("role", "state", "status", "mode", "phase")
KNOWN = Lanes(name="role", number="term", states={name: State(name=name, number=0) for name in ROLES})
"""For a protocol that says nothing but observes its roles by their usual names."""


class Track(NamedTuple):
    """One way of colouring: at each of these rows its node becomes something."""

    name: str
    number: str
    states: list[str]
    """By their number; 0 is none."""
    rows: list[int]
    state: list[int]
    numbers: list[int]
    """Term, token and so on; -1 where there is none."""

    @property
    def packed(self) -> dict[str, Packed]:
        return {"rows": pack(self.rows, rising=True), "state": pack(self.state), "number": pack(self.numbers)}


class _Grown:
    """A track while its trace is read."""

    def __init__(self, name: str, number: str = "") -> None:
        self.name, self.number = name, number
        self.states: dict[str, int] = {"": 0}
        self.columns = (array("q"), array("q"), array("q"))

    def add(self, row: int, state: str, number: int = -1) -> None:
        for column, value in zip(
            self.columns, (row, self.states.setdefault(state, len(self.states)), number), strict=True
        ):
            column.append(value)

    @property
    def track(self) -> Track:
        rows, state, numbers = map(list, self.columns)
        return Track(self.name, self.number, list(self.states), rows, state, numbers)


class Tracks:
    """Those of a trace, read record by record."""

    def __init__(self, lanes: Lanes | None = None) -> None:
        self._declared = None if lanes is None else _Grown(lanes.name, lanes.number)
        self._states: Mapping[str, State] = {} if lanes is None else lanes.states
        self._known = _Grown(KNOWN.name, KNOWN.number)
        self._by_name: dict[str, _Grown | None] = {}

    def add(self, row: int, record: TraceRecord, detail: Any) -> None:
        """Take the next record, with its detail as plain data."""
        if record.what == "observe":
            name, value = str(detail[0]), detail[1]
            if self._declared is not None and name in self._states:
                _put(self._declared, row, self._states[name], value)
            if name in ROLES:
                _put(self._known, row, KNOWN.states[name], value)
            self._value(row, name, value)
        elif record.what == "start" or (
            record.what == "fault" and isinstance(detail, dict) and str(detail.get("type", "")).endswith("crash")
        ):
            for grown in (self._declared, self._known, *self._by_name.values()):
                if grown is not None and grown.columns[0]:
                    grown.add(row, "")

    def _value(self, row: int, name: str, value: Any) -> None:
        if name not in self._by_name:
            self._by_name[name] = _Grown(name)
        grown = self._by_name[name]
        if grown is None:
            return
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(text) > TEXT_MAX or (text not in grown.states and len(grown.states) > VALUES_MAX):
            self._by_name[name] = None
        else:
            grown.add(row, text)

    def __iter__(self) -> Iterator[Track]:
        """The one that is shown first, first."""
        if self._declared is not None and self._declared.columns[0]:
            yield self._declared.track
        elif self._known.columns[0]:
            yield self._known.track
        named = [grown for grown in self._by_name.values() if grown is not None and len(grown.states) > 1]
        named.sort(key=lambda grown: (grown.name not in STATES, len(grown.states) < 3, grown.name))
        for grown in named[:TRACKS_MAX]:
            yield grown.track


def _put(grown: _Grown, row: int, state: State, value: Any) -> None:
    number = -1
    if state.number is not None:
        field = value[state.number] if isinstance(value, list) and len(value) > state.number else value
        if type(field) is int and 0 <= field <= NUMBER_MAX:
            number = field
    grown.add(row, state.name, number)
