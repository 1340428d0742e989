"""`simclock replay`: the recorded digest again, a run that stops, a node's state, the debugger, the trace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock import Constant, Network, Scenario, UsageError, ms
from simclock.actors import Message, Node
from simclock.experiments.command_line import main
from simclock.experiments.traces import stopping
from simclock.experiments.traces.inspection import readable
from simclock.experiments.traces.stopping import Debugger, StopAt, parse_stop, run_until

ROOT = Path(__file__).parent.parent

COUNTER = """
from simclock.actors import Message, Node
from simclock import Clocks, Constant, Crash, Network, Observer, Restart, Scenario, ms


class Count(Message):
    n: int


class Counter(Node):
    step = 1

    def __init__(self, fails):
        self.fails = fails
        self.counts = {}
        self.leader = None

    def on_start(self):
        self.counts = {"kept": self.disk.read("kept", 0)}
        self.set_timer("beat", ms(10))

    def on_timer(self, timer):
        self.disk.write("kept", self.counts["kept"] + self.step)
        self.disk.append("log", (self.id, self.counts["kept"]))
        if self.counts["kept"] % 2:
            self.disk.sync()
        self.counts["kept"] += self.step
        self.broadcast(Count(self.counts["kept"]))
        self.set_timer("beat", ms(10))

    def on_message(self, source, message):
        if message.n == 7 and self.fails:
            raise KeyError("seven")


def counting(seed):
    return Scenario(
        name="counting", nodes=3, seed=seed, build=lambda node: Counter(seed % 5 == 3), duration_ns=ms(100),
        clocks=Clocks(offset_ns_max=ms(5)), network=Network(latency=Constant(delay_ns=ms(3))),
        faults=(Crash(at_ns=ms(45), node=2), Restart(at_ns=ms(95), node=2)), final=lambda node: node.counts,
    )
"""


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def recorded(result: Result) -> str:
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("  recorded "))
    return line.split(maxsplit=1)[1]


@pytest.fixture
def counting(tmp_path, monkeypatch):
    """A scenario in a file, and a sweep over 20 seeds of it."""
    (tmp_path / "counter.py").write_text(COUNTER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert simclock("sweep", "counter.py:counting", "--seeds", "0:20", "--jobs", 1).exit_code == 4
    return "counter.py:counting"


def seed_that(verdict: str) -> int:
    rows = json.loads(simclock("results", "--verdict", verdict, "--format", "json").stdout)
    return int(rows[0]["seed"])


# The recorded run again.


def test_a_result_is_the_same_again_from_any_folder(counting, tmp_path, monkeypatch):
    seed = seed_that("valid")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = simclock("replay", f"1:{seed}", "--database", "../.simclock/results.db")
    assert result.exit_code == 0
    assert recorded(result) == f"1:{seed}, the same to the last bit"
    assert f"simclock replay 1:{seed} --database ../.simclock/results.db\n" in result.stdout


def test_a_scenario_and_seed_are_compared_with_the_latest_result(counting):
    seed = seed_that("valid")
    assert recorded(simclock("replay", counting, "--seed", seed)) == f"1:{seed}, the same to the last bit"
    simclock("sweep", counting, "--seeds", seed, "--jobs", 1)
    assert recorded(simclock("replay", counting, "--seed", seed)) == f"2:{seed}, the same to the last bit"
    assert recorded(simclock("replay", f"{counting}@{seed}")) == f"2:{seed}, the same to the last bit"
    assert f"simclock run {counting} --seed {seed}\n" in simclock("replay", f"{counting}@{seed}").stdout
    assert recorded(simclock("replay", counting, "--seed", 99)).startswith("nothing: no sweep has run")
    assert recorded(simclock("replay", counting, "--seed", seed, "--loss", 0.5)).startswith("nothing")


def test_settings_are_those_of_the_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("few.toml").write_text('scenario = "phold"\nnodes = 5\n[network]\nloss = 0.2\n', encoding="utf-8")
    simclock("sweep", "few.toml", "--seeds", "4", "--jobs", 1, "--duration", "50ms")
    Path("few.toml").unlink()
    result = simclock("replay", "1:4")
    assert (result.exit_code, recorded(result)) == (0, "1:4, the same to the last bit")


def test_a_recorded_failure_is_compared_too(counting):
    seed = seed_that("failed")
    result = simclock("replay", f"1:{seed}")
    assert result.exit_code == 4
    assert f"1:{seed}, the same to the last bit\n" in result.stderr
    assert "KeyError: 'seven'" in result.stderr
    assert f"replay: simclock replay 1:{seed}\n" in result.stderr


def test_code_that_has_changed_is_told(counting, monkeypatch):
    seed = seed_that("valid")
    path = Path("counter.py")
    path.write_text(path.read_text() + "# a remark\n")
    assert recorded(simclock("replay", f"1:{seed}")).startswith(
        f"1:{seed}, the same to the last bit; the code has changed since ("
    )


def test_a_digest_that_differs_is_told_with_the_reason(counting, monkeypatch):
    seed = seed_that("valid")
    path = str(Path("counter.py").resolve())
    (module,) = {each for each in sys.modules.values() if getattr(each, "__file__", None) == path}
    monkeypatch.setattr(module.Counter, "step", 2)
    result = simclock("replay", f"1:{seed}")
    assert result.exit_code == 1
    assert recorded(result).startswith(f"1:{seed} DIFFERS: recorded was ")
    assert recorded(result).endswith("and the code has not changed: the scenario is not determined by its seed")


def test_without_a_database_there_is_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = simclock("replay", "phold", "--nodes", 3, "--duration", "20ms")
    assert (result.exit_code, recorded(result)[:7]) == (0, "nothing")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("1:99",), "sweep 1 has no result of seed 99"),
        (("7:1",), "there is no sweep 7"),
        (("1:1", "--nodes", 3), "a recorded result has its own settings"),
        (("1:1", "--until", "30"), "--until: cannot read '30' as a time"),
        (("1:1", "--until", "3#x"), "--until: '3#x' is not an event"),
        (("1:1", "--until", "9#1"), "--until: node 9 is out of range"),
        (("1:1", "--inspect", 3), "--inspect: node 3 is out of range"),
        (("1:1", "--pdb", 0), "--pdb: say from where on"),
        (("1:1", "--until", "1ms", "--pdb", -1), "--pdb: node -1 is out of range"),
        (("nowhere",), "unknown scenario 'nowhere'"),
        (("phold@3", "--seed", 4), "--seed: phold@3 names its seed already"),
        ((f"1:{1 << 64}",), "there is no such result"),
        (("9" * 5000 + ":1",), "there is no such result"),
        (("phold@" + "9" * 5000,), "a seed may be at most 9223372036854775807"),
        ((f"phold@{1 << 63}",), "a seed may be at most 9223372036854775807"),
    ],
)
def test_bad_usage_is_one_line(counting, arguments, text):
    result = simclock("replay", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


# Stopping and looking.


def state(result: Result) -> dict[str, str]:
    rows = [line.split("  ", maxsplit=2) for line in result.stdout.splitlines() if line.startswith("  ")]
    return {label.strip(): text.strip() for _, label, text in rows}


def test_a_node_is_inspected_where_the_run_stops(counting):
    result = simclock("replay", counting, "--seed", 1, "--until", "25ms", "--inspect", 1)
    assert result.exit_code == 0
    assert result.stdout.startswith("stopped: at 25ms\nnode 1 at 25ms\n")
    seen = state(result)
    assert seen["class"] == "Counter, incarnation 0, up"
    assert seen["counts"] == "{'kept': 2}"
    assert seen["leader"] == "None"
    assert seen["its clock"].startswith("monotonic 25ms, wall ")
    assert seen["disk kept"] == "2"
    assert seen["disk log[]"] == "2 records, the last (1, 1)"
    assert seen["its disk"] == "everything synced"
    assert seen["timer"] == "'beat' at 30ms"


def test_up_to_and_including_that_instant(counting):
    def kept(until: str) -> str:
        return state(simclock("replay", counting, "--seed", 1, "--until", until, "--inspect", 0))["counts"]

    assert kept("29.999999ms") == "{'kept': 2}"
    assert kept("30ms") == "{'kept': 3}"


def test_messages_on_their_way_and_a_node_that_is_down(counting):
    result = simclock("replay", counting, "--seed", 1, "--until", "50ms", "--inspect", 0, "--inspect", 2)
    assert "at 53ms from node 1: Count(n=5)" in result.stdout
    down = result.stdout.partition("node 2 at")[2]
    assert "incarnation 0, down, as it was when it crashed" in down
    assert "timer" not in down


def test_a_node_that_ended_itself_is_told_from_one_that_crashed(counting):
    Path("quitting.py").write_text(
        COUNTER.replace('raise KeyError("seven")', 'self.halt("seven")').replace("n == 7", "n == 3"), encoding="utf-8"
    )
    result = simclock("replay", "quitting.py:counting", "--seed", 3, "--until", "50ms", "--inspect", 0, "--inspect", 2)
    assert result.stdout.count("incarnation 0, down, as it was when it halted") == 2
    result = simclock("replay", "quitting.py:counting", "--seed", 3, "--until", "95ms", "--inspect", 2)
    assert "incarnation 1, up" in result.stdout


def test_what_waits_at_a_node_is_told(counting):
    """Node 0 is paused and the link from node 1 to it is clogged: what came due stands there, with the reason."""
    source = COUNTER.replace(
        "faults=(", "faults=(Pause(at_ns=ms(12), node=0), Clog(at_ns=ms(12), source=1, target=0), "
    )
    Path("other.py").write_text(source.replace("import Clocks", "import Clocks, Clog, Pause"), encoding="utf-8")
    result = simclock("replay", "other.py:counting", "--seed", 1, "--until", "40ms", "--inspect", 0)
    assert state(result)["gate"] == "paused"
    waiting = [line.split("waiting", 1)[1].strip() for line in result.stdout.splitlines() if "  waiting " in line]
    assert "timer 'beat', due at 20ms" in waiting
    assert "from node 2, due at 23ms: Count(n=2)" in waiting
    assert "from node 1, due at 23ms: Count(n=2), as the link from node 1 is clogged" in waiting
    assert not any("due at 43ms" in each for each in waiting)


def test_looking_into_a_run_is_guarded_as_the_run_was(counting):
    """Stopped half-way or stepped through, a node's code may ask the real world no more than in the run."""
    source = COUNTER.replace(
        "if message.n == 7 and self.fails:",
        "if message.n == 7:\n            import time; time.time()\n        if False:",
    )
    Path("other.py").write_text(source, encoding="utf-8")
    for where in ("200ms", "0#100000"):
        result = simclock("replay", "other.py:counting", "--seed", 1, "--until", where, "--inspect", 0)
        assert result.exit_code == 4 and "time.time reads the real clock" in result.stderr, result.output


def test_at_the_end_without_until(counting):
    result = simclock("replay", counting, "--seed", 1, "--inspect", 2)
    assert result.stdout.startswith("the run has ended, at ")
    assert state(result)["class"] == "Counter, incarnation 1, up"


def test_a_stop_after_the_end_says_so(counting):
    result = simclock("replay", counting, "--seed", 1, "--until", "9s")
    assert result.stdout.startswith("the run ended at ")
    assert "before 9s" in result.stdout


def test_stopping_at_an_event_comes_before_its_handler(counting, tmp_path):
    simclock("replay", counting, "--seed", 1, "--trace", "all.jsonl")
    lines = Path("all.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    beat = [each for each in records if each["node"] == 1 and each["what"] == "timer"][2]
    event = f"1#{beat['number']}"
    result = simclock("replay", counting, "--seed", 1, "--until", event, "--inspect", 1, "--trace", "part.jsonl")
    assert result.stdout.startswith(f"stopped: at node 1's record {beat['number']}\nnode 1 at 30ms")
    assert state(result)["counts"] == "{'kept': 2}"
    assert Path("part.jsonl").read_text().splitlines() == lines[: len(Path("part.jsonl").read_text().splitlines())]
    assert json.loads(Path("part.jsonl").read_text().splitlines()[-1]) == beat


def test_the_trace_is_the_one_of_run(counting):
    simclock("replay", counting, "--seed", 1, "--trace", "one.jsonl")
    simclock("run", counting, "--seed", 1, "--trace", "other.jsonl")
    assert Path("one.jsonl").read_bytes() == Path("other.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("text", "stop"),
    [("30s", StopAt(time_ns=30 * 10**9)), ("0", StopAt(time_ns=0)), ("3#17", StopAt(node=3, number=17))],
)
def test_where_to_stop(text, stop):
    assert parse_stop(text) == stop
    assert str(stop) in (text, "0s", "node 3's record 17")


def test_a_node_is_inspected_where_another_failed(counting):
    result = simclock("replay", f"1:{seed_that('failed')}", "--inspect", 1)
    assert result.exit_code == 4
    assert "\na node failed, at 73ms\nnode 1 at 73ms" in result.stdout
    assert "KeyError: 'seven'" in result.stderr


def test_a_scenario_that_ends_by_itself_is_inspected_at_its_end(counting):
    Path("once.py").write_text(
        COUNTER.replace("duration_ns=ms(100),", "").replace('self.set_timer("beat", ms(10))', "pass"), encoding="utf-8"
    )
    result = simclock("replay", "once.py:counting", "--inspect", 0)
    assert result.exit_code == 0
    assert result.stdout.startswith("the run has ended, at 95ms\nnode 0")


# The debugger.


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        self.caught = 0
        if self.id == 0:
            self.send(1, Ball(0))

    def on_message(self, source, message):
        self.caught += 1
        self.send(source, Ball(message.n + 1))


def game() -> Scenario:
    network = Network(latency=Constant(delay_ns=ms(1)))
    return Scenario(name="game", nodes=2, build=lambda node: Player(), duration_ns=ms(20), network=network)


class Asked(Debugger):
    """One that is asked nothing and notes what it was opened on."""

    calls: list[tuple[str, int, int]] = []  # noqa: RUF012

    def runcall(self, function, *arguments):
        node = function.__self__
        self.calls.append((function.__name__, node.id, arguments[-1].n))
        return function(*arguments)


def test_the_debugger_opens_once_on_the_nodes_next_event_and_changes_nothing():
    from simclock.actors import run

    Asked.calls.clear()
    stopped = run_until(game(), StopAt(time_ns=ms(8)), debug_node=0, debugger=Asked)
    assert Asked.calls == [("on_message", 0, 7)]
    assert stopped.reached
    assert stopped.result is not None
    assert stopped.result.digest == run(game()).digest


def test_the_debugger_opens_at_a_record(monkeypatch):
    Asked.calls.clear()
    run_until(game(), StopAt(node=1, number=3), debug_node=1, debugger=Asked)
    assert Asked.calls == [("on_message", 1, 2)]


def test_the_debugger_is_pythons_own_and_can_be_left(counting):
    """In a process of its own: click's runner keeps the debugger away from its streams."""
    program = "from simclock.experiments.command_line import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "replay", counting, "--seed", "1", "--until", "22ms", "--pdb", "0"],
        input="p message.n + 40\nquit\n",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "on_message()" in done.stdout
    assert "(Pdb) 42" in done.stdout
    assert "the debugger was opened on node 0, from 22ms on; the run was left there" in done.stdout


def test_a_node_that_does_nothing_more_is_told(counting):
    result = simclock("replay", counting, "--seed", 1, "--until", "99ms", "--pdb", 2)
    assert "node 2 handled no message or timer from 99ms on" in result.stdout
    assert stopping.run_until(game(), StopAt(time_ns=ms(50))).reached is False


# Values in one line.


class Opaque:
    def __init__(self) -> None:
        self.inner = {"b": [1, 2], "a": (3,)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({3, 1, 2}, "{1, 2, 3}"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, ... 100 in all]"),
        (Opaque(), "Opaque(inner={'b': [1, 2], 'a': (3)})"),
        (Ball(4), "Ball(n=4)"),
        ("x" * 500, "'" + "x" * 96 + "..."),
        ([[[[1]]]], "[[[...]]]"),
    ],
)
def test_values_are_readable(value, text):
    assert readable(value) == text


def test_a_stop_that_is_no_time_is_refused():
    with pytest.raises(UsageError, match="--until"):
        parse_stop("soon")
