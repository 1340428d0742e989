"""`simclock check` judges histories in files, and tells what is wrong with a file in one line."""

import json

import pytest
from click.testing import CliRunner

from experiments.command_line import main
from experiments.histories import (
    HistoryError,
    Operation,
    keys_from_values,
    keys_into_values,
    read_history,
    write_history,
)

JEPSEN = [
    {"index": 0, "time": 10, "process": 0, "type": "invoke", "f": "write", "value": ["x", 1]},
    {"index": 1, "time": 20, "process": 0, "type": "ok", "f": "write", "value": ["x", 1]},
    {"index": 2, "time": 30, "process": "nemesis", "type": "info", "f": "start", "value": None},
    {"index": 3, "time": 40, "process": 1, "type": "invoke", "f": "read", "value": ["x", None]},
    {"index": 4, "time": 50, "process": 1, "type": "ok", "f": "read", "value": ["x", 1]},
    {"index": 5, "time": 60, "process": 1, "type": "invoke", "f": "write", "value": ["y", 2]},
    {"index": 6, "time": 70, "process": 1, "type": "info", "f": "write", "value": ["y", 2]},
]


def check(*arguments):
    done = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def operation(process, function, value, call, key=None):
    of = {"argument": value} if function in ("write", "put") else {"result": value}
    return Operation(process=process, function=function, key=key, call=call, finish=call + 5, **of)


@pytest.fixture
def stale(tmp_path):
    """A read of another process that is late: sequentially consistent and no more."""
    file = tmp_path / "stale.jsonl"
    write_history(file, [operation(0, "put", 1, 0, "k"), operation(1, "get", None, 10, "k")])
    return file


@pytest.mark.parametrize(
    ("consistency", "status", "said"),
    [
        ("linearizable", 1, "ILLEGAL: not linearizable as a key-value store"),
        ("sequential", 0, "OK: sequentially consistent as a key-value store"),
        ("session", 0, "OK: read your writes, monotonic reads, monotonic writes, writes follow reads"),
    ],
)
def test_one_history_three_verdicts(stale, consistency, status, said):
    assert check(stale, "--model", "key-value", "--consistency", consistency)[0] == status
    assert said in check(stale, "--model", "key-value", "--consistency", consistency)[1]


def test_a_session_that_misses_its_write(tmp_path):
    file = tmp_path / "history.jsonl"
    write_history(file, [operation(0, "put", 1, 0, "k"), operation(0, "get", None, 10, "k")])
    status, said = check(file, "--model", "key-value", "--consistency", "session")
    assert (status, said.splitlines()[1].strip()) == (1, "read your writes, key 'k':")
    only = check(file, "--model", "key-value", "--consistency", "session", "--guarantee", "monotonic reads")
    assert only[0] == 0


def test_a_limit_is_unknown(tmp_path):
    file = tmp_path / "history.jsonl"
    pairs = [("x", "y"), ("y", "x")]
    programs = [[operation(p, "write", 1, 0, a), operation(p, "read", None, 10, b)] for p, (a, b) in enumerate(pairs)]
    write_history(file, [each for program in programs for each in program])
    sequential = (file, "--model", "register", "--consistency", "sequential")
    assert check(*sequential)[0] == 1
    assert check(*sequential, "--step-limit", 1)[0] == 3


def test_histories_of_jepsen_with_independent_keys(tmp_path):
    file = tmp_path / "jepsen.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in JEPSEN), encoding="utf-8")
    assert check(file, "--model", "register", "--independent") == (
        0,
        check(file, "--model", "register", "--independent", "--order-by", "position")[1],
    )
    assert check(file, "--model", "register", "--independent", "--consistency", "sequential")[0] == 0


def test_keys_go_into_values_and_back(tmp_path):
    history = [operation(0, "write", 1, 0, "x"), operation(1, "read", 1, 10, "x"), operation(0, "read", None, 20, "y")]
    file = tmp_path / "history.jsonl"
    write_history(file, keys_into_values(history))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"index": 0, "time": 0, "process": 0, "type": "invoke", "f": "write", "value": ["x", 1]}
    assert all(set(line) == {"index", "time", "process", "type", "f", "value"} for line in lines)
    assert keys_from_values(read_history(file)) == tuple(history)
    with pytest.raises(HistoryError, match="no pair"):
        keys_from_values(history)


EDN = """[{:process 0 :type :invoke :f :write :value 3}
 {:process 0 :type :ok :f :write :value 3}
 {:process 1 :type :invoke :f :read :value nil}
 {:process 1 :type :ok :f :read :value 0}]"""


def test_formats_of_others(tmp_path):
    file = tmp_path / "history.edn"
    file.write_text(EDN, encoding="utf-8")
    status, said = check(file, "--model", "cas-register", "--history-format", "knossos", "--initial", "0")
    assert status == 1, said
    assert "process 1 read() -> 0" in said


ADDED = """{"process": 0, "type": "invoke", "f": "add", "value": "x", "time": 1}
{"process": 0, "type": "ok", "f": "add", "value": null, "time": 2}
"""


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (None, (), "cannot be read"),
        ("not json\n", (), "history.jsonl:1: not JSON"),
        ('{"process": 0, "type": "ok", "f": "read", "value": 1, "time": 1}\n', (), "has nothing open"),
        ("", ("--initial", "{"), "--initial: '{' is not JSON"),
        ("", ("--initial", "{}"), "--initial: an object is no value"),
        ("", ("--time-limit", "soon"), "--time-limit: "),
        ("", ("--guarantee", "monotonic reads"), "--guarantee: is of sessions"),
        ("", ("--consistency", "session", "--model", "queue"), "not queue"),
        ("", ("--model", "stack"), "'stack' is not one of"),
        ("", (), "history.jsonl: holds no operation of a client"),
        ('{"process": "nemesis", "type": "info", "f": "kill"}\n', (), "history.jsonl: holds no operation of a client"),
        ("\n" + "[" * 100_000, (), "history.jsonl: a value is nested too deeply"),
        ('\n{"value": ' + "[" * 100_000, (), "history.jsonl:2: a value is nested too deeply"),
        ("", ("--initial", "[" * 100_000), "--initial: "),
        (ADDED, ("--model", "queue", "--initial", "3"), "begins with a list, such as [1, 2], not 3"),
        (ADDED, ("--model", "set", "--initial", "true"), "begins with a list, such as [1, 2], not True"),
        (ADDED, ("--model", "counter", "--initial", '"a"'), "counter: it begins with a number, not 'a'"),
        (ADDED, ("--model", "counter", "--initial", "NaN"), "counter: it begins with a number, not nan"),
        (ADDED, ("--model", "counter", "--initial", "-Infinity"), "counter: it begins with a number, not -inf"),
        (ADDED, ("--model", "counter"), "what is added to a counter is a number"),
    ],
)
def test_bad_usage_is_one_line(tmp_path, text, options, said):
    file = tmp_path / "history.jsonl"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    status, output = check(file, *(() if "--model" in options else ("--model", "register")), *options)
    assert (status, len(output.strip().splitlines())) == (2, 1), output
    assert said in output
