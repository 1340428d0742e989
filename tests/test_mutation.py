"""Mutation testing: which changes there are, what is counted, how a mutant dies, and that nothing is lost."""

from __future__ import annotations

import ast
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simclock.experiments.command_line import main
from simclock.experiments.mutation.instrument import RAN, TURN, Counters, Hang, Replacement, instrumented
from simclock.experiments.mutation.mutants import Mutant, changes, sample

ROOT = Path(__file__).resolve().parent.parent
RAFT = "protocols/raft/elections.py"

RING = """\
from simclock import Message, Network, Node, Observer, Scenario, Uniform, ms, seconds


class Token(Message):
    hops: int


class Ring(Node):
    def on_start(self):
        self.laps = 0
        if self.id == 0:
            self.send(1, Token(1))

    def on_message(self, source, message):
        left = 3
        while left > 0:
            left -= 1
        if message.hops > 90:
            self.laps = 2
        if message.hops < 6:
            self.send(1 - self.id, Token(message.hops + 1))
        else:
            self.observe("arrived", message.hops)


class Arrives(Observer):
    def __init__(self):
        self.hops = None

    def on_observation(self, observation, control):
        self.hops = observation.value

    def on_finish(self, control):
        if self.hops != 6:
            control.violated("Arrives", 0, f"after {self.hops} hops")


def ring(seed) -> Scenario:
    return Scenario(
        name="ring",
        nodes=2,
        seed=seed,
        build=lambda node: Ring(),
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(Arrives,),
    )
"""


def replaced(source: str) -> list[tuple[str, str]]:
    """(what is replaced, by what)."""
    return [(source[each.start : each.end], each.replacement) for each in changes(source)]


def within(body: str) -> list[tuple[str, str]]:
    return replaced("def f(a, b):\n" + "".join(f"    {line}\n" for line in body.splitlines()))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", [("<", "<="), ("<", ">=")]),
        ("return a is not b", [("is not", "is")]),
        ("return a not  in b", [("not  in", "in")]),
        ("return (a\n    ==  # of <\n    b)", [("==", "!=")]),
        ("return a + b", [("+", "-")]),
        ("a += b", [("a += b", "pass"), ("+=", "-=")]),
        ("return a and b", [("and", "or")]),
        ("return not a", [("not a", "bool(a)")]),
        ("return f(a, b, *b)", [("a, b", "b, a")]),
        ("return f(a, a)", []),
        ("return 1", [("1", "0"), ("1", "2")]),
        ("return 0", [("0", "(-1)"), ("0", "1")]),
        ("return 1_000", [("1_000", "2000"), ("1_000", "500")]),
        ("return True", [("True", "False")]),
        ("return 0.5", [("0.5", "1.5")]),
        ("return max(a)", [("max", "min")]),
        ("return -a", [("-a", "(a)")]),
        ("f(a)", [("f(a)", "pass")]),
        ("a.x = b", [("a.x = b", "pass")]),
        ("a = b", []),
        ("if a:\n    return", [("a", "(not (a))"), ("return", "pass")]),
        ("return [c for c in a if c]", [("c", "(not (c))")]),
        ("'äöü'; return a < b", [("<", "<="), ("<", ">=")]),
    ],
)
def test_a_change_is_one_token(body: str, expected: list[tuple[str, str]]) -> None:
    source = "def f(a, b):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    found = [(source.encode()[each.start : each.end].decode(), each.replacement) for each in changes(source)]
    assert found == expected


@pytest.mark.parametrize(
    "body",
    [
        "assert a < 1, f'{a + 1}'",
        "raise ValueError(a + 1)",
        "if a < 1:\n    raise ValueError",
        "b: int = a",
        "match a:\n    case 1: return b",
        '"""a < 1"""',
        "return f'{a + 1}'",
        "def g(x: Literal[1], *, y: 'a < 1' = b) -> Scenario:\n    return x < y",
        "class O(Observer):\n    def g(self): return 1 < 2\nclass P(O):\n    x = 1",
        "return Scenario(nodes=3)",
    ],
)
def test_what_can_change_no_run_is_left_alone(body: str) -> None:
    assert within(body) == []


def mutants_of(source: str, count: int | None, seed: int = 1) -> list[Mutant]:
    return sample([("a.py", source)], count, seed)[0]


def test_a_sample_follows_from_its_seed_alone_and_grows() -> None:
    source = (ROOT / RAFT).read_text(encoding="utf-8")
    every, there_are = sample([(RAFT, source)], None, 1)
    assert len(every) == there_are == len(changes(source)) > 60
    small, large = ({(each.start, each.replacement) for each in mutants_of(source, count)} for count in (10, 20))
    assert small < large and len(small) == 10
    assert small != {(each.start, each.replacement) for each in mutants_of(source, 10, seed=2)}
    assert [each.number for each in every] == list(range(there_are))
    for each in every:
        ast.parse(each.source(source))
        lines = [line for line in each.diff(source).splitlines()[3:] if line[0] in "+-"]
        assert lines and each.line == source.encode()[: each.start].count(b"\n") + 1


def counted(source: str, changed: str, call: str) -> tuple[int, int, Any]:
    """How often `changed` ran, how many turns loops made, and what the call gave."""
    counters, start = Counters(), source.index(changed)
    tree = instrumented(Replacement(source, (start, start + len(changed))))
    names: dict[str, Any] = {RAN: counters.run_once, TURN: counters.turn}
    exec(compile(tree, "counted", "exec"), names)
    return counters.ran, counters.turns, eval(call, names)


SOURCE = """
def f(n):
    total = 0
    for each in range(n):
        if each > 2 and each < 5:
            total += 10
    pass
    return total
f(8)
"""


@pytest.mark.parametrize(
    ("changed", "ran"),
    [("<", 5), (">", 8), ("+=", 2), ("pass", 1), ("8", 1), ("range(n)", 1), ("each > 2 and each < 5", 8)],
)
def test_it_is_counted_how_often_the_place_runs(changed: str, ran: int) -> None:
    assert counted(SOURCE, changed, "f(8)")[:2] == (ran, 8)
    assert counted(SOURCE, changed, "f(6)")[2] == 20, "and the value is what it was"


def test_a_loop_without_an_end_is_told_by_counting() -> None:
    counters = Counters()
    counters.begin(turns_max=1000)
    tree = instrumented(Replacement("while True:\n    try:\n        pass\n    except Exception:\n        pass\n"))
    with pytest.raises(Hang, match="more than 1,000 turns"):
        exec(compile(tree, "endless", "exec"), {TURN: counters.turn})
    counters.begin(handled_max=2)
    counters.handle()
    counters.handle()
    with pytest.raises(Hang, match="more than 2 messages and timers"):
        counters.handle()


# The command.


def simclock(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring.py").write_text(RING, encoding="utf-8")
    return tmp_path


def mutate(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "simclock"), "mutate", *arguments, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_how_mutants_of_a_ring_die(folder: Path) -> None:
    found = mutate("ring.py", "--seeds", "2")
    fates = {(each["line"], each["replacement"]): each for each in reversed(found["mutants"])}
    assert found["scenarios"] == ["ring.py:ring"] and found["mutants_there_are"] == len(found["mutants"])

    def fate(text: str, replacement: str) -> dict[str, Any]:
        line = next(number for number, each in enumerate(RING.splitlines(), 1) if text in each)
        return fates[line, replacement]

    assert fate("if message.hops < 6", "<=")["by"] == "Arrives"
    assert fate("left -= 1", "+=")["fate"] == "hang" and "turns of loops" in fate("left -= 1", "+=")["detail"]
    assert fate("self.send(1, Token(1))", "Token(1), 1")["fate"] == "error"
    never = fate("self.laps = 2", "pass")
    assert (never["fate"], never["ran"], never["runs"]) == ("never ran", 0, 2)
    same = fate("left = 3", "4")
    assert (same["fate"], same["ran"], same["differed"]) == ("changed nothing", 12, 0)
    assert "+        while left > 1" in fate("while left > 0", "1")["diff"].replace("(", "").replace(")", "")
    assert sum(found["counts"].values()) == len(found["mutants"])
    assert not [each for each in found["mutants"] if "Observer" in each["diff"] or each["line"] > 25]


@pytest.mark.slow
def test_the_outcome_does_not_depend_on_the_number_of_jobs(folder: Path) -> None:
    found = [mutate("ring.py", "--seeds", "2", "--mutants", "8", "--jobs", jobs) for jobs in ("1", "3")]
    for each in found:
        del each["test"]
    assert found[0] == found[1] and len(found[0]["mutants"]) == 8


@pytest.mark.slow
def test_an_interrupted_test_keeps_what_there_is_and_goes_on(folder: Path, interruptible: None) -> None:
    command = [str(Path(sys.executable).parent / "simclock"), "mutate", "ring.py", "--seeds", "9", "--jobs", "1"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    database = folder / ".simclock" / "results.db"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and kept(database) < 2:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    said, complaint = running.communicate(timeout=60)
    done = kept(database)
    assert running.returncode == 130 and "it goes on with `simclock mutate --resume 1`" in complaint
    assert f"{done} done" in said and done >= 2
    resumed = mutate("--resume")
    assert resumed["test"] == 1 and len(resumed["mutants"]) == resumed["mutants_taken"] > done
    again = mutate("ring.py", "--seeds", "9", "--resume")
    assert again == resumed, "there is nothing left to do, and it is told again"
    (folder / "ring.py").write_text(RING.replace("hops < 6", "hops < 5"), encoding="utf-8")
    refused = simclock("mutate", "--resume", "1")
    assert refused.exit_code == 2 and "was of other code" in refused.stderr


def kept(database: Path) -> int:
    if not database.exists():
        return 0
    with sqlite3.connect(database) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM mutants").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def test_a_score_below_what_was_asked_for_is_status_1(folder: Path) -> None:
    lazy = RING.replace("            left -= 1\n", "            left = 0\n").partition("        if message.hops > 90")[
        0
    ]
    lazy += RING[RING.index("        if message.hops < 6") :].replace("if self.hops != 6", "if False")
    (folder / "lazy.py").write_text(lazy, encoding="utf-8")
    asked = ("mutate", "lazy.py", "--seeds", "1", "--mutants", "1", "--at-least")
    statuses = {least: simclock(*asked, least).exit_code for least in ("0", "100")}
    assert statuses == {"0": 0, "100": 1}


# Judged by tests.

LEDGER = """\
class Ledger:
    def __init__(self):
        self.entries = []
        self.peak = 0

    def add(self, amount):
        if amount <= 0:
            return False
        self.entries.append(amount)
        self.peak = max(self.peak, amount)
        return True

    def total(self):
        left, total = list(self.entries), 0
        while left:
            total += left.pop()
        return total

    def never(self):
        return 7
"""
LEDGER_TESTS = """\
from hypothesis import given, strategies as st
from ledger import Ledger

def drained(ledger):
    while not ledger.add(1):  # a loop that is not the ledger's own
        pass
    return ledger

def test_what_is_added_is_in_the_total():
    ledger = drained(Ledger())
    assert ledger.add(2)
    assert ledger.total() == 3

@given(st.integers(-3, 3))
def test_what_is_not_above_zero_is_refused(amount):
    print("noise")
    assert Ledger().add(amount) == (amount > 0)
"""


@pytest.fixture
def ledger(folder: Path) -> Path:
    (folder / "ledger.py").write_text(LEDGER, encoding="utf-8")
    (folder / "test_ledger.py").write_text(LEDGER_TESTS, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_how_mutants_die_by_tests(ledger: Path) -> None:
    found = mutate("ledger.py", "--tests", "test_ledger.py", "--jobs", "2")

    def fate(text: str, replacement: str) -> dict[str, Any]:
        line = next(number for number, each in enumerate(LEDGER.splitlines(), 1) if text in each)
        return next(each for each in found["mutants"] if (each["line"], each["replacement"]) == (line, replacement))

    total = "test_ledger.py::test_what_is_added_is_in_the_total"
    refused = "test_ledger.py::test_what_is_not_above_zero_is_refused"
    assert (fate("total += left.pop()", "-=")["fate"], fate("total += left.pop()", "-=")["by"]) == ("test", total)
    assert fate("total += left.pop()", "-=")["detail"] == (
        "AssertionError: assert ledger.total() == 3 (test_ledger.py:12)"
    )
    assert fate("amount <= 0", "<")["by"] == refused, "each in a session of its own, and Hypothesis draws in it"
    assert fate("total += left.pop()", "pass")["by"] == f"Hang at {total}", "the ledger's own loop has no end"
    assert fate("amount <= 0", ">")["by"] == f"Hang at {total}", "nor has the test's, which calls the ledger"
    survivor = fate("self.peak = max", "pass")
    assert (survivor["fate"], survivor["by"], survivor["tests"]) == ("survived", "", 2) and survivor["ran"] >= 4
    assert "+        pass" in survivor["diff"]
    assert (fate("return 7", "8")["fate"], fate("return 7", "8")["ran"]) == ("never ran", 0)
    assert found["tests"] == ["test_ledger.py"] and found["scenarios"] == []
    assert not (ledger / ".pytest_cache").exists(), "nothing is left for the next session"
    again = mutate("ledger.py", "--tests", "test_ledger.py", "--jobs", "1")
    assert again["mutants"] == found["mutants"], "and the number of jobs changes nothing"


def test_what_tests_judge_is_told_and_goes_on(ledger: Path) -> None:
    asked = ("mutate", "ledger.py", "--tests", "test_ledger.py", "--mutants", "4", "--seed", "2", "--every")
    said = simclock(*asked, "--at-least", "100")
    assert said.exit_code == 1, "some survive"
    lines = said.stdout.splitlines()
    assert "  tested by  test_ledger.py" in lines and not [line for line in lines if "hunted in" in line]
    assert [line for line in lines if line.startswith("ledger.py:") and "ran " in line and "in 2 tests" in line]
    assert [line for line in lines if ": killed by test_ledger.py::test_what_is_" in line]
    assert simclock("mutate", "--resume", "1", "--every").stdout == said.stdout
    (ledger / "test_ledger.py").write_text(LEDGER_TESTS.replace("-3, 3", "-4, 4"), encoding="utf-8")
    refused = simclock("mutate", "--resume", "1")
    assert refused.exit_code == 2 and "was of other code" in refused.stderr, "the tests are part of it"


def test_what_lies_beside_the_mutated_file_is_part_of_a_test(folder: Path) -> None:
    (folder / "mine.py").write_text("from helper import twice\n\n\ndef four():\n    return twice(2)\n")
    (folder / "helper.py").write_text("def twice(n):\n    return 2 * n\n")
    (folder / "tests").mkdir()
    (folder / "tests/test_mine.py").write_text("import mine\n\n\ndef test_four():\n    assert mine.four() == 4\n")
    (folder / "tests/.#test_mine.py").symlink_to("nowhere")  # an editor's lock, which is no file
    done = simclock("mutate", "mine.py", "--tests", "tests", "--mutants", "1", "--at-least", "0")
    assert done.exit_code == 0, done.output
    assert simclock("mutate", "--resume", "1", "--at-least", "0").stdout == done.stdout
    (folder / "helper.py").write_text("def twice(n):\n    return n * n\n")
    refused = simclock("mutate", "--resume", "1")
    assert refused.exit_code == 2 and "was of other code" in refused.stderr


@pytest.mark.slow
def test_a_file_of_the_package_is_judged_by_its_tests(folder: Path) -> None:
    file, tests = ROOT / "protocols/raft/snapshots.py", ROOT / "tests/test_durations.py"
    refused = simclock("mutate", str(file), "--tests", str(tests), "--mutants", "1")
    assert refused.exit_code == 2 and f"{file}: no test imports it ({tests}): name one that does" in refused.stderr
    durations = mutate(str(ROOT / "simclock/durations.py"), "--tests", str(tests), "--mutants", "3")
    assert durations["counts"]["test"] >= 1


@pytest.mark.slow
def test_what_survives_the_tests_is_hunted_where_the_user_asks_for_both(folder: Path) -> None:
    tests = "from ring import Ring, Token\n\n\ndef test_ring():\n    assert Token(3).hops == 3\n"
    (folder / "test_ring.py").write_text(tests, encoding="utf-8")
    alone = mutate("ring.py", "--tests", "test_ring.py", "--mutants", "8")
    both = mutate("ring.py", "--tests", "test_ring.py", "--mutants", "8", "--seeds", "2")
    assert alone["counts"]["test"] == both["counts"]["test"] == 0 and both["scenarios"] == ["ring.py:ring"]
    assert both["counts"]["property"] + both["counts"]["error"] > 0
    assert {each["tests"] for each in both["mutants"] if not each["killed"]} == {1}


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("test_nothing.py", "--tests test_nothing.py: there is no such file"),
        ("x" * 300, f"--tests {'x' * 300}: there is no such file"),
        ("", "--tests '': there is no such file"),
        ("test_wrong.py", "test_wrong.py::test_wrong fails without a mutant: AssertionError: assert 1 > 2"),
        ("test_broken.py", "test_broken.py cannot be collected without a mutant: ModuleNotFoundError: No module"),
        ("empty.py", "--tests empty.py: no test runs there, so none can kill a mutant"),
        ("test_skipped.py", "--tests test_skipped.py: no test runs there, so none can kill a mutant"),
        ("test_other.py", "ledger.py: no test imports it (test_other.py): name one that does with --tests"),
    ],
)
def test_tests_that_cannot_judge_are_one_line(ledger: Path, tests: str, said: str) -> None:
    files = {
        "test_wrong.py": "import ledger\n\n\ndef test_wrong():\n    assert 1 > 2\n",
        "test_broken.py": "import nowhere\n",
        "empty.py": "import ledger\n",
        "test_skipped.py": "import pytest, ledger\n\n\n@pytest.mark.skip\ndef test_it():\n    pass\n",
        "test_other.py": "def test_it():\n    pass\n",
    }
    for name, text in files.items():
        (ledger / name).write_text(text, encoding="utf-8")
    done = simclock("mutate", "ledger.py", "--tests", tests)
    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr, done.stderr
    resumed = simclock("mutate", "--resume")
    assert resumed.exit_code == 2 and "goes on" not in resumed.stderr, "it has not begun"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument 'FILES'"),
        (("nothing.py",), "nothing.py: cannot be read: No such file or directory"),
        (("ring.txt",), "ring.txt: a Python file is mutated: its name ends in .py"),
        (("broken.py",), "broken.py: it is no Python: "),
        (("empty.py",), "empty.py: it has no scenario: name one with --scenario FILE.py:NAME"),
        (("two.py",), "two.py: it has 2 scenarios: say which, --scenario two.py:ring or --scenario two.py:other"),
        (("ring.py", "--scenario", "rign.py:ring"), "rign.py: there is no such file"),
        (("ring.py", "--scenario", "raft-hunt", "--seeds", "1"), "ring.py: no scenario imports it (raft-hunt)"),
        (("ring.py", "--limit", "-1s"), "--limit"),
        (("--resume",), "no mutation test in .simclock/results.db is unfinished"),
        (("--resume", "7"), "has no mutation test 7"),
        (("ring.py", "--mutants", "0"), "0 is not in the range x>=1"),
        ((str(ROOT / "protocols/raft/properties.py"),), "a workload asks and properties judge: name what they test"),
        ((str(ROOT / "protocols/replication/quorum.py"),), "replication has no hunt of its own: name a scenario"),
        (("wrong.py", "--seeds", "2"), "the right code is right with no seed, so no mutant can be told from it"),
        (("quiet.py",), "quiet.py: there is nothing in it to mutate"),
    ],
)
def test_bad_input_is_one_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "broken.py").write_text("def f(:\n", encoding="utf-8")
    (folder / "empty.py").write_text("x = 1\n", encoding="utf-8")
    (folder / "two.py").write_text(RING + "\nother = ring(1)\n", encoding="utf-8")
    (folder / "wrong.py").write_text(RING.replace("self.hops != 6", "True"), encoding="utf-8")
    quiet = (
        "from simclock import Node, Scenario\n\n\nquiet = Scenario(name='quiet', nodes=1, build=lambda node: Node())\n"
    )
    (folder / "quiet.py").write_text(quiet, encoding="utf-8")
    if "--resume" in arguments:
        simclock("sweep", "ring.py:ring", "--seeds", "0:1", "--jobs", "1")
    done = simclock("mutate", *arguments)
    assert done.exit_code == 2, done.output
    lines = [line for line in done.stderr.splitlines() if "left out, as they" not in line]
    assert len(lines) == 1 and said in lines[0], done.stderr
