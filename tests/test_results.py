"""The results database: what it keeps, how it is queried and compared, and every file it refuses."""

import csv
import io
import json
import os
import sqlite3
import stat
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock.experiments.command_line import main
from simclock.experiments.runs import database as results_database
from simclock.experiments.runs.code_version import CodeVersion
from simclock.experiments.runs.database import FINISHED, SCHEMA_VERSION, open_results
from simclock.experiments.runs.outcome import Outcome
from simclock.experiments.runs.sweep_report import compare_sweeps, sweep_digest

CODE = CodeVersion("git 0123456789ab", "0" * 16)
SETTINGS = 'scenario = "phold"\nseed = 0\n'


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def outcome(seed: int, **changed: object) -> Outcome:
    made = Outcome(
        seed=seed,
        digest=f"{seed:032x}",
        verdict="valid",
        properties=(),
        detail="",
        events=10,
        virtual_ns=1_500_000_000,
        counters={"messages": 3},
        wall_s=0.25,
        started_at="2026-01-01T00:00:00.000+00:00",
    )
    return replace(made, **changed)


VIOLATED = {"verdict": "violated", "properties": ("ElectionSafety", "linearizability"), "detail": "two leaders: 1, 2"}
FAILED = {"verdict": "failed", "properties": ("KeyError",), "detail": "KeyError: 'ü'", "digest": ""}


def add_sweep(path: Path, *outcomes: Outcome, seeds: str = "0:4", code: CodeVersion = CODE) -> int:
    with open_results(path, create=True) as opened:
        number = opened.begin("phold", SETTINGS, seeds, code)
        opened.save(number, outcomes)
        opened.end(number, FINISHED)
    return number


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Two sweeps: seeds 0 to 3, of which 1 is violated and 2 failed; then 1 to 4, of which 2 is violated."""
    monkeypatch.chdir(tmp_path)
    path = Path(".simclock/results.db")
    add_sweep(path, outcome(3), outcome(0), outcome(2, **FAILED), outcome(1, **VIOLATED))
    changed = outcome(3, digest="f" * 32)
    add_sweep(path, outcome(1), outcome(2, **VIOLATED), changed, outcome(4), seeds="1:5", code=CodeVersion("x", "1"))
    return path


# What is kept.


def test_results_come_back_as_they_were_in_seed_order(database):
    with open_results(database) as opened:
        found = opened.results(sweep=1)
        assert [result.outcome for result in found] == [
            outcome(0),
            outcome(1, **VIOLATED),
            outcome(2, **FAILED),
            outcome(3),
        ]
        assert [result.id for result in found] == ["1:0", "1:1", "1:2", "1:3"]
        assert opened.result(2, 4).outcome == outcome(4)
        assert opened.sweep(1).verdicts == {"valid": 2, "violated": 1, "unknown": 0, "failed": 1}


def test_a_result_saved_twice_is_one(database):
    with open_results(database) as opened:
        opened.save(1, [outcome(0)])
        assert len(opened.results(sweep=1)) == 4


def test_a_batch_is_saved_whole_or_not_at_all(database):
    with open_results(database) as opened:
        with pytest.raises(Exception, match="too large"):
            opened.save(1, [outcome(10), outcome(1 << 70)])
        assert len(opened.results(sweep=1)) == 4


# The command.


def test_sweeps_are_listed(database):
    rows = json.loads(simclock("results", "--format", "json").stdout)
    assert [(row["sweep"], row["seeds"], row["valid"], row["violated"], row["failed"]) for row in rows] == [
        (1, "0:4", 2, 1, 1),
        (2, "1:5", 3, 1, 0),
    ]
    assert "git 0123456789ab" in simclock("results").stdout


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (("--sweep", 1), ["1:0", "1:1", "1:2", "1:3"]),
        (("--seed", 2), ["1:2", "2:2"]),
        (("--verdict", "violated"), ["1:1", "2:2"]),
        (("--failing", "--sweep", 1), ["1:1", "1:2"]),
        (("--failing",), ["1:1", "1:2", "2:2"]),
        (("--property", "linearizability"), ["1:1", "2:2"]),
        (("--property", "KeyError"), ["1:2"]),
        (("--sweep", 2, "--verdict", "failed"), []),
    ],
)
def test_results_are_queried(database, flags, ids):
    rows = list(csv.DictReader(io.StringIO(simclock("results", *flags, "--format", "csv").stdout)))
    assert [row["result"] for row in rows] == ids


def test_programs_get_all_that_is_kept(database):
    (row,) = json.loads(simclock("results", "--sweep", 1, "--seed", 3, "--format", "json").stdout)
    assert (row["code"], row["started"]) == ("git 0123456789ab", "2026-01-01T00:00:00.000+00:00")
    assert row["counters"] == {"messages": 3}
    (row,) = csv.DictReader(io.StringIO(simclock("results", "--sweep", 1, "--seed", 3, "--format", "csv").stdout))
    assert json.loads(row["counters"]) == {"messages": 3}
    assert "counters" not in simclock("results", "--sweep", 1).stdout


def test_a_table_for_reading(database):
    text = simclock("results", "--sweep", 1, "--format", "github").stdout
    assert "ElectionSafety, linearizability" in text
    assert "1.5s" in text


def test_compare_shows_what_changed(database):
    result = simclock("results", "compare", 1, 2)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "A: sweep 1, phold, seeds 0:4, git 0123456789ab, finished",
        "B: sweep 2, phold, seeds 1:5, x, finished",
    ]
    assert "the code differs" in lines
    assert "0 seeds are the same, 3 changed, 2 of them in their verdict" in lines
    assert "1 seeds are in A alone: 0" in lines
    assert "1 seeds are in B alone: 4" in lines
    rows = json.loads(simclock("results", "compare", 1, 2, "--format", "json").stdout)
    assert [(row["seed"], row["verdict A"], row["verdict B"]) for row in rows] == [
        (1, "violated: ElectionSafety, linearizability", "valid"),
        (2, "failed: KeyError", "violated: ElectionSafety, linearizability"),
        (3, "valid", "valid"),
    ]


def test_a_sweep_is_the_same_as_itself(database):
    result = simclock("results", "compare", 1, 1)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "4 seeds are the same, 0 changed, 0 of them in their verdict",
    )


def test_the_digest_of_a_sweep_follows_seed_order(database):
    with open_results(database) as opened:
        results = opened.results(sweep=1)
        assert sweep_digest(results) != sweep_digest(opened.results(sweep=2))
        assert compare_sweeps(results, results[:2]).only_before == (2, 3)


# What is refused: one line, exit status 2, and the file as it was.


def refused(path: Path, text: str, *command: object) -> None:
    before = path.read_bytes() if path.is_file() else None
    for arguments in (command,) if command else (("results",), ("sweep", "phold", "--seeds", "0:2", "--jobs", 1)):
        result = simclock(*arguments, "--database", path)
        assert result.exit_code == 2, result.output
        assert text in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
    assert (path.read_bytes() if path.is_file() else None) == before


def test_no_database(tmp_path):
    refused(tmp_path / "none.db", "there are no results yet", "results")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 9, b"SQLite", b"\0" * 4096])
def test_a_file_that_is_no_database(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    refused(path, "not a results database")


def test_a_database_of_something_else(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE sweeps (id)")
    other.commit()
    other.close()
    refused(path, "a SQLite file of something else")


def with_version(database: Path, version: int) -> None:
    content = bytearray(database.read_bytes())
    content[60:64] = struct.pack(">i", version)
    database.write_bytes(content)


def test_a_newer_schema(database):
    with_version(database, SCHEMA_VERSION + 1)
    refused(database, f"written by a newer simclock (schema {SCHEMA_VERSION + 1}, this one knows {SCHEMA_VERSION})")


def test_an_older_schema(database):
    with_version(database, SCHEMA_VERSION - 1)
    refused(database, "written by an older simclock")


def test_a_locked_database(database, monkeypatch):
    monkeypatch.setattr(results_database, "LOCK_TIMEOUT_S", 0)
    locker = sqlite3.connect(database, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    refused(database, "locked by another process")
    refused(database, "locked by another process", "replay", "1:0")
    locker.close()
    assert simclock("results").exit_code == 0


def test_a_damaged_page(database):
    content = bytearray(database.read_bytes())
    content[100:4096] = os.urandom(3996)
    database.write_bytes(content)
    refused(database, "damaged")


def test_a_truncated_file(database):
    database.write_bytes(database.read_bytes()[:5000])
    refused(database, "damaged", "results", "--sweep", 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE results SET properties = 'x' WHERE seed = 0",
        "UPDATE results SET counters = '[]' WHERE seed = 0",
        "UPDATE results SET properties = '[1]' WHERE seed = 0",
        'UPDATE results SET counters = \'{"sent": "many"}\' WHERE seed = 0',
        "UPDATE results SET verdict = 'fine' WHERE seed = 0",
        "UPDATE results SET digest = x'00' WHERE seed = 0",
        "UPDATE results SET virtual_ns = 'soon' WHERE seed = 0",
        "UPDATE results SET virtual_ns = 1.5 WHERE seed = 0",
        "UPDATE results SET wall_s = 9e999 WHERE seed = 0",
        "UPDATE results SET counters = '{\"sent\": 1e999}' WHERE seed = 0",
        f"UPDATE results SET counters = '{{\"sent\": {'9' * 5000}}}' WHERE seed = 0",
        f"UPDATE results SET properties = '{'[' * 100_000}' WHERE seed = 0",
        "UPDATE results SET detail = CAST(x'ff' AS TEXT) WHERE seed = 0",
        "UPDATE sweeps SET settings = CAST(x'ff' AS TEXT)",
        "UPDATE sweeps SET scenario = x'00'",
        "DROP TABLE results",
    ],
)
def test_damaged_values(database, statement):
    connection = sqlite3.connect(database)
    connection.execute(statement)
    connection.commit()
    connection.close()
    refused(database, "damaged", "results", "--sweep", 1)


@pytest.mark.parametrize("column", ["scenario", "settings", "seeds", "code", "code_hash", "started_at", "state"])
def test_a_sweep_with_nothing_where_a_text_should_be(database, column):
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    connection.commit()
    connection.close()
    connection = sqlite3.connect(database)
    connection.execute(f"UPDATE sweeps SET {column} = NULL")
    connection.commit()
    connection.close()
    for arguments in (("results",), ("results", "--sweep", 1), ("results", "compare", 1, 2), ("replay", "1:0")):
        refused(database, "sweep 1 is damaged", *arguments)


def test_names_in_the_schema_that_are_no_text(database):
    database.write_bytes(database.read_bytes().replace(b"TABLE sweeps", b"TABLE \xff\xfe\xfdeps"))
    for arguments in (("results",), ("results", "--sweep", 1), ("replay", "1:0")):
        refused(database, "damaged", *arguments)


def test_results_of_no_sweep(database):
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM sweeps")
    connection.commit()
    connection.close()
    refused(database, "result 1:0 is damaged", "results", "--seed", 0)


@pytest.mark.parametrize(
    "arguments", [("--sweep", 1 << 70), ("--seed", 1 << 70), ("--seed", -1), ("compare", 1, 1 << 70)]
)
def test_a_number_that_no_database_holds(database, arguments):
    refused(database, "is not in the range", "results", *arguments)


@pytest.mark.parametrize("settings", ["scenario = ", 'scenario = "nowhere"\n', "", 'scenario = "phold"\nnodes = "x"'])
def test_damaged_settings(database, settings):
    connection = sqlite3.connect(database)
    connection.execute("UPDATE sweeps SET settings = ?", (settings,))
    connection.commit()
    connection.close()
    refused(database, "results.db, sweep 1:" if "=" in settings else "scenario is missing", "replay", "1:0")


@pytest.mark.parametrize("arguments", [("--sweep", 9), ("compare", 1, 9)])
def test_a_sweep_that_is_not_there(database, arguments):
    result = simclock("results", *arguments)
    assert result.exit_code == 2
    assert "there is no sweep 9" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_may_only_be_read(database):
    database.chmod(stat.S_IRUSR)
    assert simclock("results").exit_code == 0
    refused(database, "cannot be opened for writing", "sweep", "phold", "--seeds", "0:2", "--jobs", 1)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    result = simclock("sweep", "phold", "--seeds", "0:2", "--jobs", 1, "--database", tmp_path / "file" / "results.db")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_what_a_crash_left_half_done_is_rolled_back(database):
    """A rollback journal beside the file, as of a process that was killed in the middle of a transaction."""
    whole = database.read_bytes()
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE results SET detail = printf('%.*c', 100000, 'x')")
    half, journal = database.read_bytes(), Path(f"{database}-journal").read_bytes()
    writer.execute("ROLLBACK")
    writer.close()
    assert half != whole, "the transaction had begun to reach the file"
    database.write_bytes(half)
    Path(f"{database}-journal").write_bytes(journal)
    with open_results(database) as opened:
        assert opened.result(1, 0).outcome == outcome(0)
