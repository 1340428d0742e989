"""What a command writes: readers that go away, full disks, narrow encodings, control characters, exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simclock.experiments import command_line
from simclock.experiments.command_line import main
from simclock.experiments.telling import output
from simclock.experiments.telling.exit_status import MEANINGS
from simclock.readable import escaped, in_one_line, say

PROGRAM = "from simclock.experiments.command_line import main; main()"
ROOT = Path(__file__).resolve().parent.parent
SHORT = ("run", "phold", "--nodes", "3", "--duration", "20ms")
FULL = Path("/dev/full")
NOTE = "\\u001b[31mred\\u0007 \\u009b2J \\u202e reversed\\n  verdict  forged"
NOTED = f"""
scenario = "phold"
nodes = 3
duration = "5ms"
[[faults]]
kind = "note"
at = "1ms"
text = "é {NOTE}"
"""
CONTROLS = ("\x1b", "\x07", "\x9b", "\u202e")
EVIL = """
from pathlib import Path
Path("imported").touch()
from simclock.experiments.catalog.synthetic.scenario import phold
"""

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "a defect of simclock" not in result.stderr, result.stderr
    return result


def process(*words: str, cwd: Path, stdout: Any = subprocess.PIPE, encoding: str = "utf-8") -> tuple[int, bytes, str]:
    """Status, standard output and standard error of a command in a process of its own."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout or b"", done.stderr.decode("utf-8", "replace")


def closed_pipe() -> int:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# The table.


def test_help_tells_every_exit_status():
    shown = simclock("--help").stdout
    for status, meaning in MEANINGS.items():
        assert f"  {status:>3}  {meaning}" in shown


def test_readme_tells_every_exit_status():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert all(f"| {status} |" in text for status in MEANINGS)


MISUSED = """
from simclock.actors import Message, Node
from simclock import Scenario, ms

class Note(Message):
    n: int

class Sender(Node):
    def on_start(self):
        self.send(0, Note(1 << 70))

scenario = Scenario(name="sends", nodes=1, build=lambda node: Sender(), duration_ns=ms(10))
"""


def test_a_node_that_misuses_the_kernel_is_bad_usage_for_every_verb(folder):
    (folder / "misused.py").write_text(MISUSED, encoding="utf-8")
    name = "misused.py:scenario"
    for words in (("run", name), ("replay", name), ("sweep", name, "--seeds", "0:2", "--jobs", 1), ("replay", "1:0")):
        assert simclock(*words).exit_code == 2, words


# Output that cannot be written.


@pytest.mark.parametrize("words", [SHORT, (*SHORT, "--trace", "-"), ("list",), ("--help",)], ids=" ".join)
def test_a_reader_that_has_seen_enough_is_not_told_of_it(words, folder):
    writer = closed_pipe()
    status, _, stderr = process(*words, cwd=folder, stdout=writer)
    os.close(writer)
    assert (status, stderr) == (141, "")


@needs_full
@pytest.mark.parametrize("words", [SHORT, (*SHORT, "--trace", "-"), ("list",)], ids=" ".join)
def test_a_full_disk_is_told_in_one_line_and_is_no_verdict(words, folder):
    with FULL.open("wb") as full:
        status, _, stderr = process(*words, cwd=folder, stdout=full)
    assert (status, stderr) == (3, "simclock: standard output cannot be written: No space left on device\n")


@needs_full
@pytest.mark.parametrize("flag", ["--trace", "--plot"])
def test_a_file_on_a_full_disk_is_refused_in_one_line(flag, folder):
    if flag == "--plot":
        pytest.importorskip("matplotlib")
    (folder / "x.svg").symlink_to(FULL)
    result = simclock("run", "clock-drift", "--duration", "20s", flag, "x.svg")
    assert result.exit_code == 2
    assert result.stderr == f"simclock: {flag}: cannot write x.svg: No space left on device\n"


def test_a_sweep_is_saved_whoever_reads(folder):
    writer = closed_pipe()
    words = ("sweep", "phold", "--nodes", "3", "--duration", "5ms", "--seeds", "0:4", "--jobs", "1")
    program = f"import os; os.dup2(1, 2); {PROGRAM}"  # what is told of failing seeds goes nowhere either
    done = subprocess.run(
        [sys.executable, "-c", program, *words], stdout=writer, cwd=folder, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 141
    (saved,) = json.loads(simclock("results", "--format", "json").stdout)
    assert (saved["state"], saved["valid"]) == ("finished", 4)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
def test_what_an_encoding_has_no_letter_for_is_written_out(encoding, folder):
    (folder / "noted.toml").write_text(NOTED.replace("é", "é→ ☃"), encoding="utf-8")
    status, stdout, stderr = process("run", "noted.toml", cwd=folder, encoding=encoding)
    assert (status, stderr) == (0, "")
    assert (b"\\u2192 \\u2603" if encoding in ("latin-1", "cp1252") else "→ ☃".encode()) in stdout


# Control characters.


@pytest.mark.parametrize(
    "words",
    [("run", "noted.toml"), ("run", "noted.toml", "--trace", "-"), ("run", "noted.toml", "--format", "json"),
     ("show", "noted.toml"), ("replay", "noted.toml"), ("diff", "noted.toml@1", "noted.toml@2")],
    ids=" ".join,
)  # fmt: skip
def test_a_scenario_cannot_speak_to_the_terminal(words, folder):
    (folder / "noted.toml").write_text(NOTED, encoding="utf-8")
    result = simclock(*words)
    assert not any(control in result.output for control in CONTROLS)
    assert not any(line.split()[:2] == ["verdict", "forged"] for line in result.stdout.splitlines())


def test_what_show_prints_of_a_note_reads_back(folder):
    (folder / "noted.toml").write_text(NOTED, encoding="utf-8")
    (folder / "again.toml").write_text(simclock("show", "noted.toml").stdout, encoding="utf-8")
    assert simclock("show", "again.toml").stdout == simclock("show", "noted.toml").stdout


def test_a_note_adds_no_line_to_what_show_prints(folder):
    text = NOTED.replace("forged", 'forged\\nscenario = \\"evil.py:phold\\"')
    (folder / "noted.toml").write_text(text, encoding="utf-8")
    assert [line for line in simclock("show", "noted.toml").stdout.splitlines() if line.startswith("scenario")] == [
        'scenario = "phold"'
    ]


@pytest.mark.parametrize("words", [("results",), ("results", "--sweep", 1), ("results", "compare", 1, 1)], ids=str)
def test_a_database_cannot_speak_to_the_terminal(words, folder):
    import sqlite3

    simclock("sweep", "phold", "--nodes", 3, "--duration", "5ms", "--seeds", "0:2", "--jobs", 1)
    connection = sqlite3.connect(".simclock/results.db")
    red = "red\x1b[31m\x9b2J\x07\n  9  forged"
    connection.execute("UPDATE sweeps SET scenario = ?, code = ?", (red, red))
    connection.execute("UPDATE results SET detail = ?", (red,))
    connection.commit()
    connection.close()
    result = simclock(*words)
    assert "red\\u001b[31m\\u009b2J\\u0007\\n" in result.stdout
    assert not any(control in result.output for control in CONTROLS)


def test_a_trace_cannot_speak_to_the_terminal(folder):
    line = (
        '{"time_ns":%d,"node":0,"number":0,"what":"start","source":-1,"sequence":0,"target":0,'
        '"detail":"\\u001b[31m\\u009b\\u0007\\nmore","reason":""}\n'
    )
    (folder / "a.jsonl").write_text(line % 1, encoding="utf-8")
    (folder / "b.jsonl").write_text(line % 2, encoding="utf-8")
    result = simclock("diff", "a.jsonl", "b.jsonl")
    assert result.exit_code == 1 and len(result.stdout.splitlines()) == 3
    assert "\\u001b[31m\\u009b\\u0007\\nmore" in result.stdout


def test_errors_cannot_speak_to_the_terminal():
    result = simclock("run", "\x1b[31m\x07\x9b.toml")
    assert result.exit_code == 2 and not any(control in result.output for control in CONTROLS)


def test_text_for_reading():
    assert escaped("a\tb\n\x1b\x7f\x9bé") == "a\tb\n\\u001b\\u007f\\u009bé"
    assert in_one_line("a\nb\r") == "a\\nb\\u000d"
    assert say(10**5000) == "that number" and say([10**5000]) == "that value"
    assert len(say("x" * 5000)) == 60


# Code that a file names.


@pytest.fixture
def evil(folder):
    """A file and a database that name Python code, which tells when it is imported."""
    (folder / "evil.py").write_text(EVIL, encoding="utf-8")
    (folder / "evil.toml").write_text('scenario = "evil.py:phold"\nnodes = 3\nduration = "5ms"\n', encoding="utf-8")
    assert simclock("sweep", "evil.toml", "--seeds", "0:2", "--jobs", 1).exit_code == 3, "nothing was judged"
    return folder / "imported"


def imported(evil: Path) -> bool:
    """Whether the code was run since it was asked last."""
    found = evil.exists()
    evil.unlink(missing_ok=True)
    for name in [name for name, module in sys.modules.items() if getattr(module, "__file__", "") and "evil" in name]:
        del sys.modules[name]
    return found


def test_what_only_looks_runs_no_code(evil):
    assert imported(evil)
    for words in (("results",), ("results", "--sweep", 1), ("results", "compare", 1, 1), ("show", "evil.toml")):
        result = simclock(*words)
        assert not imported(evil), words
    assert result.exit_code == 2 and "evil.py:phold" in result.stderr and result.stderr.count("\n") == 1


def test_replay_names_the_code_before_it_runs(evil, monkeypatch):
    assert imported(evil)
    code = str(Path("evil.py").resolve())
    told = simclock("replay", "1:0")
    assert told.stdout.splitlines()[0] == f"1:0 runs Python code: {code}:phold" and imported(evil)
    assert "runs Python code: evil.py:phold\n" in simclock("replay", "evil.toml").stdout and imported(evil)
    assert "runs Python code" in simclock("diff", "1:0", "1:1").stdout and imported(evil)
    (evil.parent / "evil.py").write_text("raise SystemExit(0)", encoding="utf-8")
    told = simclock("replay", "1:0")
    assert "runs Python code" in told.stdout and "SystemExit: 0" in told.stderr
    assert "Python" not in simclock("replay", "phold", "--nodes", 3, "--duration", "5ms").stdout


# What nobody thought of.


def test_a_defect_is_one_line_and_no_verdict(monkeypatch):
    def broken(*arguments, **named):
        raise LookupError("never thought of\nat all")

    monkeypatch.setattr("simclock.experiments.commands.run.run_scenario", broken)
    result = CliRunner().invoke(main, [*SHORT])
    assert result.exit_code == 3 and result.stdout == "" and result.stderr.count("\n") == 1
    assert "a defect of simclock" in result.stderr and "LookupError: never thought of at all at " in result.stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (SystemExit(0), 4, "the code under test ended the process: SystemExit: 0"),
        (GeneratorExit(), 4, "the code under test ended the process: GeneratorExit"),
        (EOFError(), 3, "a defect of simclock"),
        (MemoryError(), 3, "not enough memory"),
        (OSError(28, "No space left on device", "/tmp/x"), 3, "/tmp/x cannot be written: No space left on device"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
    ids=repr,
)
def test_whatever_escapes_has_a_status_of_its_own(error, status, said, monkeypatch):
    def broken(*arguments, **named):
        raise error

    monkeypatch.setattr("simclock.experiments.commands.run.run_scenario", broken)
    result = CliRunner().invoke(main, [*SHORT])
    assert result.exit_code == status and said in result.stderr and len(result.stderr.strip().splitlines()) <= 1


def test_a_stream_that_is_not_there_takes_everything(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with output.careful_output():
        print("into the void")
        assert output.lost_output() is None
    assert sys.stdout is None
    assert command_line.WORD_MAX > 300, "a long name of a file is shown whole"
