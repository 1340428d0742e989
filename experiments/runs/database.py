"""The results database: one SQLite file of sweeps and their results, `.simclock/results.db` unless told otherwise.

Laws: a file that is not ours, is of another schema version, or is locked, is refused in one line and left as it is:
its header is looked at before SQLite opens it. Results are written in transactions, with a rollback journal and not a
write-ahead log: the file then stands alone, works on network file systems, and a disk that fills up in the middle
leaves it as it was after the last transaction. A result is named `SWEEP:SEED`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock.errors import SimclockError, UsageError
from simclock.experiments.runs.code_version import CodeVersion
from simclock.experiments.runs.outcome import VERDICTS, Outcome
from simclock.readable import say

if TYPE_CHECKING:
    import sqlite3  # at run time where a database is opened: most commands open none

DEFAULT_DATABASE = ".simclock/results.db"
APPLICATION = 0x73696D63
"""SQLite's application_id of our files: "simc"."""
SCHEMA_VERSION = 1
LOCK_TIMEOUT_S = 10.0
HEADER_BYTES = 100
MOVE_AWAY = "move the file away and sweep again"
MAGIC = b"SQLite format 3\0"

FINISHED = "finished"
INTERRUPTED = "interrupted"
UNFINISHED = "unfinished"
"""Under way, or ended without being able to say so."""

_SCHEMA = (
    """CREATE TABLE sweeps (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        scenario TEXT NOT NULL,      -- as it was named on the command line
        settings TEXT NOT NULL,      -- a scenario file, its seed 0
        seeds TEXT NOT NULL,         -- as they were asked for
        code TEXT NOT NULL,
        code_hash TEXT NOT NULL,
        started_at TEXT NOT NULL,
        state TEXT NOT NULL)""",
    """CREATE TABLE results (
        sweep INTEGER NOT NULL REFERENCES sweeps (id),
        seed INTEGER NOT NULL,
        digest TEXT NOT NULL,        -- empty where the run failed
        verdict TEXT NOT NULL,
        properties TEXT NOT NULL,    -- a JSON array of names
        detail TEXT NOT NULL,
        events INTEGER NOT NULL,
        virtual_ns INTEGER NOT NULL,
        counters TEXT NOT NULL,      -- a JSON object
        wall_s REAL NOT NULL,
        started_at TEXT NOT NULL,
        PRIMARY KEY (sweep, seed)) WITHOUT ROWID""",
)
_OUTCOME = "seed, digest, verdict, properties, detail, events, virtual_ns, counters, wall_s, started_at"


class ResultsLocked(UsageError):
    """Another process holds the database."""


class ResultsUnwritable(SimclockError):
    """The database cannot be written: the disk is full, or failed."""


class Sweep(NamedTuple):
    """A recorded sweep."""

    id: int
    scenario: str
    settings: str
    seeds: str
    code: CodeVersion
    started_at: str
    state: str
    verdicts: dict[str, int]
    """Verdict -> how many results have it."""


class Result(NamedTuple):
    """A recorded result."""

    sweep: int
    outcome: Outcome

    @property
    def id(self) -> str:
        """What names it on the command line."""
        return f"{self.sweep}:{self.outcome.seed}"


class ResultsDatabase:
    """An open database. Use `open_results`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    # Writing.

    def begin(self, scenario: str, settings: str, seeds: str, code: CodeVersion) -> int:
        """Record that a sweep begins; gives its number."""
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        row = (scenario, settings, seeds, code.text, code.hash, started_at, UNFINISHED)
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO sweeps (scenario, settings, seeds, code, code_hash, started_at, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        assert cursor.lastrowid is not None, "a row was inserted"
        return cursor.lastrowid

    def save(self, sweep: int, outcomes: Sequence[Outcome]) -> None:
        """Record results, all or none of them."""
        if not outcomes:
            return
        rows = [(sweep, *_row(outcome)) for outcome in outcomes]
        with self._transaction():
            self._connection.executemany(
                f"INSERT OR REPLACE INTO results (sweep, {_OUTCOME}) VALUES (?{', ?' * (len(rows[0]) - 1)})", rows
            )

    def resume(self, sweep: int) -> None:
        """Record that a sweep goes on."""
        self.end(sweep, UNFINISHED)

    def end(self, sweep: int, state: str, seeds: str | None = None) -> None:
        """Record how a sweep ended, and which `seeds` it had, where that was not known when it began."""
        values = (state, seeds, sweep)
        with self._transaction():
            self._connection.execute("UPDATE sweeps SET state = ?, seeds = coalesce(?, seeds) WHERE id = ?", values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with told_plainly(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # Reading.

    def sweeps(self, sweep: int | None = None) -> list[Sweep]:
        """Every sweep, or the one of that number, oldest first."""
        where = "" if sweep is None else "WHERE id = :sweep"
        rows = self._read(
            f"SELECT id, scenario, settings, seeds, code, code_hash, started_at, state FROM sweeps {where} ORDER BY id",
            {"sweep": sweep},
        )
        found = []
        for number, scenario, settings, seeds, code, code_hash, started_at, state in rows:
            texts = (scenario, settings, seeds, code, code_hash, started_at, state)
            if type(number) is not int or not all(type(text) is str for text in texts):
                raise UsageError(f"{self.path}: sweep {say(number)} is damaged: {MOVE_AWAY}")
            counts = self._read("SELECT verdict, count(*) FROM results WHERE sweep = ? GROUP BY verdict", (number,))
            verdicts = {**dict.fromkeys(VERDICTS, 0), **dict(counts)}
            version = CodeVersion(code, code_hash)
            found.append(Sweep(number, scenario, settings, seeds, version, started_at, state, verdicts))
        return found

    def sweep(self, number: int) -> Sweep:
        """The sweep of that number."""
        found = self.sweeps(number)
        if not found:
            raise UsageError(f"{self.path}: there is no sweep {number}: `simclock results` lists them")
        return found[0]

    def results(
        self,
        *,
        sweep: int | None = None,
        verdict: str | None = None,
        seed: int | None = None,
        property: str | None = None,
        settings: str | None = None,
    ) -> list[Result]:
        """The results that fit, by sweep and seed. `settings` is the whole text of a sweep's scenario file."""
        given = {"sweep": sweep, "verdict": verdict, "seed": seed}
        conditions = [f"{name} = :{name}" for name, value in given.items() if value is not None]
        if settings is not None:
            conditions.append("sweep IN (SELECT id FROM sweeps WHERE settings = :settings)")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._read(
            f"SELECT sweep, {_OUTCOME} FROM results {where} ORDER BY sweep, seed", {**given, "settings": settings}
        )
        sweeps = {number for (number,) in self._read("SELECT id FROM sweeps", ())}
        found = [Result(row[0], self._outcome(row, sweeps)) for row in rows]
        return [result for result in found if property is None or result.outcome.names(property)]

    def seeds(self, sweep: int) -> frozenset[int]:
        """The seeds of which that sweep has a result."""
        return frozenset(seed for (seed,) in self._read("SELECT seed FROM results WHERE sweep = ?", (sweep,)))

    def result(self, sweep: int, seed: int) -> Result:
        """The result of that sweep and seed."""
        self.sweep(sweep)
        found = self.results(sweep=sweep, seed=seed)
        if not found:
            raise UsageError(f"{self.path}: sweep {sweep} has no result of seed {seed}")
        return found[0]

    # Tables of others, beside these.

    def write(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Carry out one statement of SQL, in a transaction of its own; gives the number of a row that is new."""
        with self._transaction():
            return self._connection.execute(statement, values).lastrowid or 0

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query of SQL gives."""
        return self._read(query, values)

    # Rows as they stand.

    def _read(self, query: str, values: Any) -> list[tuple[Any, ...]]:
        with told_plainly(self.path):
            return list(self._connection.execute(query, values))

    def _outcome(self, row: Sequence[Any], sweeps: Container[int]) -> Outcome:
        sweep, seed, digest, verdict, properties, detail, events, virtual_ns, counters, wall_s, started_at = row
        try:
            names, counted = json.loads(properties), json.loads(counters)
        except (TypeError, ValueError, RecursionError):
            names, counted = None, None
        texts = (digest, verdict, detail, started_at)
        fits = (
            sweep in sweeps
            and isinstance(names, list)
            and all(type(name) is str for name in names)
            and isinstance(counted, dict)
            and all(type(count) in (int, float) and isfinite(count) for count in counted.values())
            and verdict in VERDICTS
            and all(type(text) is str for text in texts)
            and all(type(number) is int for number in (seed, events, virtual_ns))
            and type(wall_s) is float
            and isfinite(wall_s)
        )
        if not fits:
            raise UsageError(f"{self.path}: result {sweep}:{seed} is damaged: {MOVE_AWAY}")
        return Outcome(
            seed=seed,
            digest=digest,
            verdict=verdict,
            properties=tuple(names),
            detail=detail,
            events=events,
            virtual_ns=virtual_ns,
            counters=counted,
            wall_s=wall_s,
            started_at=started_at,
        )


def _row(outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.seed,
        outcome.digest,
        outcome.verdict,
        json.dumps(outcome.properties, ensure_ascii=False),
        outcome.detail,
        outcome.events,
        outcome.virtual_ns,
        json.dumps(dict(outcome.counters)),
        outcome.wall_s,
        outcome.started_at,
    )


@contextmanager
def open_results(path: Path, *, create: bool = False) -> Iterator[ResultsDatabase]:
    """The database at `path`; `create` makes it, and its folder, where there is none."""
    new = _check_header(path)
    if new and not create:
        raise UsageError(
            f"{path}: there are no results yet: `simclock sweep` and `simclock compare` make them, --database names "
            "another file"
        )
    if new:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be made: {error.strerror}: name another with --database") from None
    import sqlite3

    with told_plainly(path):
        # Several threads may use it, one at a time: whoever has them sees to that.
        # rwc makes it; rw becomes read-only by itself where the file is, and may roll back what a crash left half done.
        where = f"{path.resolve().as_uri()}?mode={'rwc' if create else 'rw'}"
        connection = sqlite3.connect(
            where, uri=True, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    try:
        database = ResultsDatabase(path, connection)
        if new:
            _create(database, connection)
        yield database
    finally:
        connection.close()


def _create(database: ResultsDatabase, connection: sqlite3.Connection) -> None:
    with database._transaction():
        if connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,):
            return  # another sweep was quicker
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        for statement in _SCHEMA:
            connection.execute(statement)


def _check_header(path: Path) -> bool:
    """Whether the file is still to be made. Refuses what is not ours, without opening it for more than a look."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if not header:
        return True
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise UsageError(f"{path}: not a results database (nor any SQLite file): name another with --database")
    (version,) = struct.unpack_from(">i", header, 60)
    (application,) = struct.unpack_from(">i", header, 68)
    if application != APPLICATION:
        raise UsageError(f"{path}: a SQLite file of something else, left as it is: name another with --database")
    if version != SCHEMA_VERSION:
        age = "a newer" if version > SCHEMA_VERSION else "an older"
        raise UsageError(
            f"{path}: written by {age} simclock (schema {version}, this one knows {SCHEMA_VERSION}), left as it is: "
            "name another with --database"
        )
    return False


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, one line each."""
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ResultsLocked(f"{path}: locked by another process: wait for it, or name another file") from None
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise ResultsUnwritable(f"{path}: cannot be written ({error}): is the disk full?") from None
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            raise UsageError(f"{path}: cannot be opened for writing ({error})") from None
        raise UsageError(f"{path}: damaged ({error}): {MOVE_AWAY}") from None
    except UnicodeEncodeError:
        raise UsageError(f"{path}: cannot keep a name that is not Unicode: rename the scenario's file") from None
    except UnicodeDecodeError:  # in the schema itself
        raise UsageError(f"{path}: damaged (what it holds cannot be read): {MOVE_AWAY}") from None
