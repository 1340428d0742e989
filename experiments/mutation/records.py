"""What is kept of a mutation test: two tables beside the sweeps', in the same file.

Law: a verdict is saved when it is known, so nothing is lost by Ctrl-C; a test goes on where nothing of it has changed:
files, tests, scenarios, seeds, sample and code. The tables are made when they are first needed; an older simclock does
not look at them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.mutation.mutants import Mutant
from simclock.experiments.mutation.testing import KILLS, Verdict, as_record
from simclock.experiments.runs.database import FINISHED, MOVE_AWAY, UNFINISHED, ResultsDatabase

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS mutations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        asked TEXT NOT NULL,         -- a JSON object: what decides the test
        code_hash TEXT NOT NULL,
        started_at TEXT NOT NULL,
        state TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS mutants (
        mutation INTEGER NOT NULL REFERENCES mutations (id),
        number INTEGER NOT NULL,
        verdict TEXT NOT NULL,       -- a JSON object
        PRIMARY KEY (mutation, number)) WITHOUT ROWID""",
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What decides a mutation test, the code apart."""

    files: tuple[str, ...]
    scenarios: tuple[tuple[str, str], ...]
    """(as the user named it, its scenario file)."""
    tests: tuple[str, ...] = ()
    """What pytest is given."""
    seeds: int
    first: int
    mutants: int | None
    """How many at most; None: all there are."""
    seed: int
    """Of the sample."""

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(vars(self), ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Test:
    """A recorded mutation test."""

    id: int
    asked: Asked
    code_hash: str
    state: str


class MutationRecords:
    """The two tables of an open database."""

    def __init__(self, database: ResultsDatabase) -> None:
        self.database = database
        for statement in _SCHEMA:
            database.write(statement)

    def begin(self, asked: Asked, code_hash: str) -> int:
        """Record that a test begins; gives its number."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = (asked.text(), code_hash, now, UNFINISHED)
        return self.database.write(
            "INSERT INTO mutations (asked, code_hash, started_at, state) VALUES (?, ?, ?, ?)", row
        )

    def save(self, test: int, verdict: Verdict) -> None:
        """Record what became of a mutant."""
        row = (test, verdict.number, json.dumps(as_record(verdict), ensure_ascii=False))
        self.database.write("INSERT OR REPLACE INTO mutants (mutation, number, verdict) VALUES (?, ?, ?)", row)

    def end(self, test: int, state: str) -> None:
        """Record how a test ended."""
        self.database.write("UPDATE mutations SET state = ? WHERE id = ?", (state, test))

    def forget(self, test: int) -> None:
        """A test that came to nothing, so that --resume does not go on with it."""
        self.database.write("DELETE FROM mutations WHERE id = ?", (test,))

    def tests(self) -> list[Test]:
        """Every test, oldest first."""
        rows = self.database.read("SELECT id, asked, code_hash, state FROM mutations ORDER BY id")
        return [
            Test(id=number, asked=self._asked(number, asked), code_hash=code_hash, state=state)
            for number, asked, code_hash, state in rows
        ]

    def test(self, number: int) -> Test:
        """The test of that number."""
        found = [test for test in self.tests() if test.id == number]
        if not found:
            raise UsageError(f"--resume: {self.database.path} has no mutation test {number}")
        return found[0]

    def unfinished(self) -> Test:
        """The last test that is not finished."""
        found = [test for test in self.tests() if test.state != FINISHED]
        if not found:
            raise UsageError(f"--resume: no mutation test in {self.database.path} is unfinished")
        return found[-1]

    def verdicts(self, test: int, mutants: Sequence[Mutant]) -> list[Verdict]:
        """What is known of the mutants of a test, in their order."""
        rows = self.database.read("SELECT number, verdict FROM mutants WHERE mutation = ? ORDER BY number", (test,))
        return [self._verdict(test, number, text) for number, text in rows if number < len(mutants)]

    def _asked(self, number: int, text: str) -> Asked:
        try:
            given = json.loads(text)
            scenarios = tuple([(str(name), str(file)) for name, file in given.pop("scenarios")])
            tests = tuple(map(str, given.pop("tests", ())))
            return Asked(files=tuple(given.pop("files")), scenarios=scenarios, tests=tests, **given)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
            raise UsageError(f"{self.database.path}: mutation test {number} is damaged: {MOVE_AWAY}") from None

    def _verdict(self, test: int, number: int, text: str) -> Verdict:
        try:
            verdict = Verdict(**json.loads(text))
        except (TypeError, ValueError, RecursionError):
            verdict = None
        counts: tuple[Any, ...] = (
            () if verdict is None else (verdict.runs, verdict.ran, verdict.differed, verdict.tests)
        )
        if (
            verdict is None
            or verdict.number != number
            or verdict.killed not in ("", *KILLS)
            or not all(type(count) is int for count in counts)
        ):
            raise UsageError(f"{self.database.path}: mutant {test}:{number} is damaged: {MOVE_AWAY}")
        return verdict


def left(mutants: Sequence[Mutant], known: Sequence[Verdict]) -> list[Mutant]:
    """The mutants of which nothing is known yet."""
    done = {verdict.number for verdict in known}
    return [mutant for mutant in mutants if mutant.number not in done]
