"""Comparisons in the results database: what was asked for, and every run as it was measured.

Their tables stand beside those of sweeps and are made when a comparison is first kept, so that a database of an earlier
version is read, and written, as it is. What is asked for is JSON that says all: each scenario with its settings, as a
sweep keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple, TypeVar

import msgspec

from simclock.actors.run import Placement
from simclock.errors import UsageError
from simclock.experiments.comparing.comparison import Case, Measurement
from simclock.experiments.comparing.rounds import Plan
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.runs.code_version import HASH_BYTES, CodeVersion, code_version
from simclock.experiments.runs.database import MOVE_AWAY, UNFINISHED, ResultsDatabase
from simclock.experiments.runs.reference import recorded_settings

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS comparisons (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        asked TEXT NOT NULL,         -- JSON, see Asked
        code TEXT NOT NULL,
        code_hash TEXT NOT NULL,
        started_at TEXT NOT NULL,
        state TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS comparison_runs (
        comparison INTEGER NOT NULL REFERENCES comparisons (id),
        row INTEGER NOT NULL,        -- scenarios x node counts x placements, from 0 on
        round INTEGER NOT NULL,      -- from 1 on
        measured TEXT NOT NULL,      -- JSON, see Measurement
        PRIMARY KEY (comparison, row, round)) WITHOUT ROWID""",
)
_COLUMNS = "id, asked, code, code_hash, started_at, state"


class AskedScenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario of a comparison."""

    name: str
    """In the comparison."""
    text: str
    """As it was named on the command line."""
    settings: str
    """A scenario file, its seed 0, and without the number of nodes."""
    seed: int
    replays: tuple[str, ...]
    """The command that runs it again, for each node count."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison is of."""

    scenarios: tuple[AskedScenario, ...]
    nodes: tuple[int, ...]
    placements: tuple[str, ...]
    repeats: int
    limit_ns: int | None


class Recorded(NamedTuple):
    """A comparison of the database."""

    id: int
    asked: Asked
    code: CodeVersion
    started_at: str
    state: str


Kept = TypeVar("Kept", Asked, Measurement)


class Records:
    """The comparisons of an open database."""

    def __init__(self, database: ResultsDatabase) -> None:
        self.database = database

    def begin(self, asked: Asked, code: CodeVersion) -> int:
        """Record that a comparison begins; gives its number."""
        for statement in _SCHEMA:
            self.database.write(statement)
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        row = (msgspec.json.encode(asked).decode(), code.text, code.hash, started_at, UNFINISHED)
        return self.database.write(
            "INSERT INTO comparisons (asked, code, code_hash, started_at, state) VALUES (?, ?, ?, ?, ?)", row
        )

    def save(self, comparison: int, row: int, measured: Measurement) -> None:
        """Record a run; of one that failed before, in its place."""
        self.database.write(
            "INSERT OR REPLACE INTO comparison_runs (comparison, row, round, measured) VALUES (?, ?, ?, ?)",
            (comparison, row, measured.round, msgspec.json.encode(measured).decode()),
        )

    def end(self, comparison: int, state: str) -> None:
        """Record how it ended, or that it goes on."""
        self.database.write("UPDATE comparisons SET state = ? WHERE id = ?", (state, comparison))

    def comparisons(self) -> list[Recorded]:
        """All of them, oldest first."""
        if not self.database.read("SELECT name FROM sqlite_master WHERE name = 'comparisons'"):
            return []
        found = []
        for number, text, code, code_hash, *rest in self.database.read(
            f"SELECT {_COLUMNS} FROM comparisons ORDER BY id"
        ):
            asked = self._decoded(text, Asked, f"comparison {number}")
            complete = all(len(each.replays) == len(asked.nodes) for each in asked.scenarios)
            if not complete or not all(type(each) is str for each in (code, code_hash, *rest)):
                raise UsageError(f"{self.database.path}: comparison {number} is damaged: {MOVE_AWAY}")
            found.append(Recorded(number, asked, CodeVersion(code, code_hash), *rest))
        return found

    def comparison(self, number: int) -> Recorded:
        """The one of that number."""
        for each in self.comparisons():
            if each.id == number:
                return each
        raise UsageError(
            f"{self.database.path}: there is no comparison {number}: `simclock results comparisons` lists them"
        )

    def measured(self, comparison: int) -> list[Measurement]:
        """What was measured, round by round."""
        rows = self.database.read(
            "SELECT measured FROM comparison_runs WHERE comparison = ? ORDER BY round, row", (comparison,)
        )
        return [self._decoded(text, Measurement, f"a run of comparison {comparison}") for (text,) in rows]

    def _decoded(self, text: str, kind: type[Kept], what: str) -> Kept:
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.MsgspecError, TypeError, RecursionError):
            raise UsageError(f"{self.database.path}: {what} is damaged: {MOVE_AWAY}") from None


def plan_of(recorded: Recorded, place: str, address: str | None) -> tuple[Plan, list[str]]:
    """What it measures, and the names of its scenarios in scenario files; `place` names it in errors."""
    asked, cases, names = recorded.asked, [], []
    for each in asked.scenarios:
        name, entry, settings = recorded_settings(each.settings, f"{place}, {each.name}", place)
        names.append(name)
        for nodes, replay in zip(asked.nodes, each.replays, strict=True):
            scenario = make_scenario(entry, replace(settings, seed=each.seed, nodes=nodes))
            cases.append(Case(name=each.name, nodes=nodes, scenario=scenario, replay=replay))
    placements = [(text, Placement.parse(text, address)) for text in asked.placements]
    plan = Plan(cases=cases, placements=placements, repeats=asked.repeats, limit_ns=asked.limit_ns)
    return plan, names


def code_of_all(names: Sequence[str]) -> CodeVersion:
    """Of our packages and the modules of all these scenarios."""
    versions = [code_version(name) for name in names]
    whole = blake2b("".join(each.hash for each in versions).encode(), digest_size=HASH_BYTES)
    return CodeVersion(versions[0].text, whole.hexdigest())
