"""`simclock diff`: where two runs part, from results, seeds and trace files; the nearest passing neighbour."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock.durations import format_duration
from simclock.experiments.command_line import main
from simclock.experiments.traces.file import plain_record, read_trace
from simclock.trace import VERSION

FRAIL = '''
from simclock.actors import Message, Node
from simclock import Constant, Crash, Cut, Heal, Network, Note, Observer, Restart, Scenario, ms


class Ping(Message):
    n: int


class Pinger(Node):
    """Counts; a crash makes it begin anew, which its peers notice."""

    def on_start(self):
        self.n = 0
        self.set_timer("go", ms(2) + self.random.randrange(1000))

    def on_timer(self, timer):
        self.n += 1
        self.broadcast(Ping(self.n))
        self.set_timer("go", ms(2))

    def on_message(self, source, message):
        if message.n < 3 and self.n > 8:
            self.observe("anew", source)


class NeverAnew(Observer):
    def on_observation(self, observation, control):
        if observation.name == "anew":
            control.violated("never anew", observation.node, f"node {observation.value} began anew")


FAULTS = (
    Cut(at_ns=ms(5), source=0, target=1), Crash(at_ns=ms(30), node=2), Note(at_ns=ms(31), text="down"),
    Restart(at_ns=ms(35), node=2), Heal(at_ns=ms(38)), Cut(at_ns=ms(39), source=0, target=1),
)


def scenario(seed, faults):
    return Scenario(
        name="frail", nodes=3, seed=seed, build=lambda node: Pinger(), duration_ns=ms(60), faults=faults,
        network=Network(latency=Constant(delay_ns=ms(1))), observers=(NeverAnew,),
    )


def frail(seed):
    return scenario(seed, FAULTS)


def twice(seed):
    return scenario(seed, (*FAULTS, Crash(at_ns=ms(50), node=1), Restart(at_ns=ms(51), node=1)))


def sound(seed):
    return scenario(seed, FAULTS[:3])
'''


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "frail.py").write_text(FRAIL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_the_same_run_has_no_difference():
    result = simclock("diff", "frail.py:frail@3", "frail.py:frail@3")
    assert (result.exit_code, result.stdout) == (0, "the runs are the same, record by record\n")


def test_the_first_record_that_differs_is_shown_with_what_led_to_it():
    result = simclock("diff", "frail.py:frail@3", "frail.py:sound@3")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "the runs part at 35ms, node 2"
    assert len([line for line in lines if line.startswith("    both ")]) == 5
    assert lines[-2].split()[:2] == [">", "frail.py:frail@3"]
    assert "restart node 2" in lines[-2]
    assert lines[-1].split()[:2] == [">", "frail.py:sound@3"]


def test_results_are_compared_by_their_ids():
    simclock("sweep", "phold", "--nodes", 3, "--duration", "30ms", "--seeds", "0:3", "--jobs", 1)
    simclock("sweep", "phold", "--nodes", 3, "--duration", "30ms", "--seeds", "0:3", "--jobs", 1, "--loss", 0.9)
    assert simclock("diff", "1:2", "1:2").exit_code == 0
    result = simclock("diff", "1:2", "2:2")
    assert result.exit_code == 1
    assert "> 2:2 " in result.stdout


def test_a_trace_file_is_compared_with_a_run_and_with_another():
    simclock("run", "frail.py:frail", "--seed", 3, "--trace", "one.jsonl")
    simclock("run", "frail.py:sound", "--seed", 3, "--trace", "other.jsonl")
    assert simclock("diff", "one.jsonl", "frail.py:frail@3").exit_code == 0
    for pair in (("one.jsonl", "other.jsonl"), ("frail.py:frail@3", "other.jsonl")):
        result = simclock("diff", *pair)
        assert result.exit_code == 1
        assert result.stdout.startswith("the runs part at 35ms, node 2\n")


def test_a_trace_that_ends_early_parts_there():
    simclock("run", "frail.py:frail", "--seed", 3, "--trace", "one.jsonl")
    Path("part.jsonl").write_text("".join(Path("one.jsonl").read_text().splitlines(keepends=True)[:9]))
    result = simclock("diff", "one.jsonl", "part.jsonl")
    assert result.exit_code == 1
    assert "(the trace ends here)" in result.stdout


def test_a_send_says_when_it_arrives_in_a_field_of_its_own():
    simclock("run", "frail.py:frail", "--seed", 3, "--trace", "one.jsonl")
    lines = list(map(json.loads, Path("one.jsonl").read_text().splitlines()))
    sends = [line for line in lines if line["what"] == "send"]
    assert {(line["arrives_ns"] - line["time_ns"], line["reason"]) for line in sends} == {(1_000_000, "")}
    assert {line["arrives_ns"] for line in lines if line["what"] != "send"} == {None}
    assert {line["version"] for line in lines} == {VERSION}
    assert {str(record).partition(" (arrives ")[2] for record in read_trace(Path("one.jsonl")) if record.what == "send"}


def as_version_1(line):
    """A record as it was written before records had a version: when a send arrives stood in its reason."""
    record = json.loads(line)
    del record["version"]
    arrives_ns = record.pop("arrives_ns")
    if record["what"] == "send":
        record["reason"] = f"arrives {format_duration(arrives_ns)}"
    return json.dumps(record)


def test_a_trace_of_an_earlier_version_is_compared_with_a_run_and_with_a_trace_of_this_one():
    simclock("run", "frail.py:frail", "--seed", 3, "--trace", "new.jsonl")
    lines = Path("new.jsonl").read_text().splitlines()
    Path("old.jsonl").write_text("".join(f"{as_version_1(line)}\n" for line in lines))
    for pair in (("old.jsonl", "new.jsonl"), ("frail.py:frail@3", "old.jsonl"), ("old.jsonl", "old.jsonl")):
        assert simclock("diff", *pair).exit_code == 0
    sent = next(number for number, line in enumerate(lines) if json.loads(line)["what"] == "send")
    later = json.loads(lines[sent])
    later["arrives_ns"] += 1
    lines[sent] = as_version_1(json.dumps(later))
    Path("old.jsonl").write_text("\n".join(lines))
    assert simclock("diff", "old.jsonl", "new.jsonl").exit_code == 1


def test_a_trace_of_a_later_version_is_refused_in_one_line():
    later = {"version": VERSION + 1, "time": 0, "where": "node 0"}
    Path("later.jsonl").write_text(f"{json.dumps(later)}\n")
    result = simclock("diff", "later.jsonl", "later.jsonl")
    assert result.exit_code == 2
    said = f"later.jsonl:1: a trace of version {VERSION + 1}, written by a later simclock: this one reads 1 to "
    assert f"{said}{VERSION}\n" in result.stderr and result.stderr.count("\n") == 1


def test_every_record_of_a_trace_comes_back():
    from simclock.actors import run
    from simclock.experiments.runs.source import find_source

    simclock("run", "everything", "--seed", 0, "--trace", "all.jsonl")
    records = []
    run(find_source("everything").scenario(), trace=records.append)
    assert list(read_trace(Path("all.jsonl"))) == list(map(plain_record, records))


def test_a_run_that_fails_is_compared_up_to_there():
    Path("frail.py").write_text(FRAIL.replace("self.n += 1", "self.n += 1; assert self.n < 9"), encoding="utf-8")
    result = simclock("diff", "frail.py:frail@3", "frail.py:sound@3")
    assert "node 0 failed at" in result.stderr or "node 1 failed at" in result.stderr
    assert result.exit_code in (0, 1)


# The nearest passing neighbour.


def test_the_nearest_neighbour_lacks_the_latest_fault_that_mattered():
    """Without the crash the run passes too, but it parts from the failing run earlier."""
    result = simclock("diff", "--neighbour", "frail.py:frail@3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:5] == [
        "without 39ms cut node 0 -> node 1: violated: never anew",
        "without 38ms heal: violated: never anew",
        "without 35ms restart node 2: valid",
        "the nearest passing neighbour lacks one fault: 35ms restart node 2",
        "",
    ]
    assert lines[5] == "the runs part at 35ms, the environment"
    assert lines[-2].startswith("  > failing")
    assert lines[-1].startswith("  > passing")


def test_where_every_neighbour_fails_it_says_so():
    result = simclock("diff", "--neighbour", "frail.py:twice@3")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "every neighbour fails too: no single fault is to blame"
    assert result.stdout.count("without ") == 7


def test_a_recorded_result_has_a_neighbour():
    assert simclock("sweep", "frail.py:frail", "--seeds", "3", "--jobs", 1).exit_code == 1
    assert "lacks one fault: 35ms restart" in simclock("diff", "--neighbour", "1:3").stdout


# Bad usage.


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "name two runs"),
        (("phold@1",), "name two runs"),
        (("phold@1", "phold@2", "phold@3"), "name two runs"),
        (("phold", "phold@2"), "'phold' names no run"),
        (("phold@x", "phold@2"), "'phold@x' names no run"),
        (("none.jsonl", "phold@2"), "none.jsonl: cannot be read"),
        (("1:1", "1:2"), "there are no results yet"),
        (("--neighbour", "phold@2"), "no fault is planned"),
        (("--neighbour", "frail.py:sound@2"), "the run is valid"),
        (("--neighbour", "phold@2", "phold@3"), "name one run that fails"),
    ],
)
def test_bad_usage_is_one_line(arguments, text):
    result = simclock("diff", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


RECORD = {
    "time_ns": 0,
    "node": 0,
    "number": 0,
    "what": "start",
    "source": -1,
    "sequence": 0,
    "target": 0,
    "detail": None,
    "reason": "",
}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        json.dumps({**RECORD, "time_ns": "0"}),
        json.dumps({**RECORD, "time_ns": True}),
        json.dumps({**RECORD, "more": 1}),
        json.dumps({**RECORD, "what": "observe", "detail": 3}),
        "[" * 100_000,
        "\xff\xfe",
        json.dumps({**RECORD, "what": "send", "reason": ""}),
        json.dumps({**RECORD, "what": "send", "reason": "arrives soon"}),
        json.dumps({**RECORD, "arrives_ns": None}),
        json.dumps({**RECORD, "version": 2}),
        json.dumps({**RECORD, "version": 2, "arrives_ns": 3}),
        json.dumps({**RECORD, "version": 2, "what": "send", "arrives_ns": "3"}),
        json.dumps({**RECORD, "version": 2, "what": "send", "arrives_ns": 1 << 63}),
        json.dumps({**RECORD, "version": 0, "arrives_ns": None}),
        json.dumps({**RECORD, "version": "2", "arrives_ns": None}),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_line(line):
    Path("bad.jsonl").write_text(f"{json.dumps(RECORD)}\n{line}\n", encoding="latin-1")
    result = simclock("diff", "bad.jsonl", "bad.jsonl")
    assert result.exit_code == 2
    assert "bad.jsonl" in result.stderr
    assert result.stderr.count("\n") == 1
