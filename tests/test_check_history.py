"""`simclock check` judges histories in files, and tells what is wrong with a file in one line."""

import json

import pytest
from click.testing import CliRunner

from simclock.experiments.checkers.histories import (
    HistoryError,
    Operation,
    keys_from_values,
    keys_into_values,
    read_history,
    write_history,
)
from simclock.experiments.command_line import main

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


# Values that Python takes for equal

TWINS = [("true", "1"), ("1", "1.0"), ("false", "0"), ("0", "0.0"), ("1.0", "true"), ("[[1]]", "[[true]]")]
# (model, consistency, what was asked and heard; W stands for one value, R for its twin)
TOLD_APART = [
    ("register", "linearizable", "write W W, read null R"),
    ("register", "sequential", "write W W, read null R"),
    ("register", "session", "write W W, read null R"),
    ("cas-register", "linearizable", "write W W, cas [R,5] true, read null 5"),
    ("key-value", "linearizable", "put W W, get null R"),
    ("key-value", "sequential", "put R R, put W W, get null R"),
    ("queue", "linearizable", "enqueue W W, enqueue R R, dequeue null R, dequeue null W"),
    ("queue", "sequential", "enqueue W W, dequeue null R"),
    ("set", "linearizable", "add W W, contains R true"),
    ("set", "linearizable", "add W W, add R R, read null [W]"),
    ("set", "sequential", "add W W, remove R R, contains W false"),
    ("mutex", "linearizable", "acquire W null, release R null"),
]


def file_of(tmp_path, program, as_edn=False, independent=None):
    """A program of process 0, such as `write 1 1, read null 1`: what, argument, result."""
    rows = []
    for function, argument, result in (step.split() for step in program.split(", ")):
        for kind, value in (("invoke", argument), ("ok", result)):
            value = value if independent is None else f"[{independent}, {value}]"
            if as_edn:
                value = value.replace("null", "nil").replace(",", " ")
                rows.append(f"{{:process 0 :type :{kind} :f :{function} :value {value} :time {len(rows)}}}")
            else:
                line = f'"process": 0, "type": "{kind}", "f": "{function}", "value": {value}, "time": {len(rows)}'
                rows.append(f"{{{line}}}")
    file = tmp_path / "history"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


@pytest.mark.parametrize("as_edn", [False, True], ids=["json", "edn"])
@pytest.mark.parametrize(("model", "consistency", "program"), TOLD_APART)
def test_true_and_one_and_one_point_zero_are_three_values(tmp_path, model, consistency, program, as_edn):
    options = ("--model", model, "--consistency", consistency, *(("--history-format", "knossos") if as_edn else ()))
    for one, other in (*TWINS, *((other, one) for one, other in TWINS)):
        told_apart = file_of(tmp_path, program.replace("W", one).replace("R", other), as_edn)
        assert check(told_apart, *options)[0] == 1, (one, other)
    if "R R" not in program:
        assert check(file_of(tmp_path, program.replace("R", "W").replace("W", "1"), as_edn), *options)[0] == 0


@pytest.mark.parametrize("as_edn", [False, True], ids=["json", "edn"])
def test_a_set_holds_all_three(tmp_path, as_edn):
    form = ("--history-format", "knossos") if as_edn else ()
    program = "add 1 1, add true true, add 1.0 1.0, remove 1 1, read null [true,1.0]"
    assert check(file_of(tmp_path, program, as_edn), "--model", "set", *form)[0] == 0
    assert check(file_of(tmp_path, program.replace("[true,1.0]", "[1]"), as_edn), "--model", "set", *form)[0] == 1


def test_keys_are_told_apart_too(tmp_path):
    """A write to key 1 is not seen by a read of key true: two partitions."""
    for form in ((), ("--history-format", "knossos")):
        one = file_of(tmp_path, "write 5 5", bool(form), independent="1").read_text()
        other = file_of(tmp_path, "read null 5", bool(form), independent="true").read_text().replace(" 0,", " 1,")
        file = tmp_path / "both"
        file.write_text(f"{one}\n{other.replace(':process 0', ':process 1')}")
        status, said = check(file, "--model", "register", "--independent", "--order-by", "position", *form)
        assert status == 1 and "2 partitions" in said


def test_a_counter_tells_whole_numbers_from_fractions(tmp_path):
    for program, status in (
        ("add 1 null, read null 1", 0),
        ("add 1 null, read null true", 1),
        ("add 1 null, read null 1.0", 1),
        ("add 1 null, add_and_get 1.0 2.0, read null 2.0", 0),
        ("add 0.5 null, add 0.5 null, read null 1", 1),
        ("add_and_get 2 2.0", 1),
        (f"add {10**400} null, add 0.5 null", 2),
    ):
        assert check(file_of(tmp_path, program), "--model", "counter")[0] == status, program
    assert check(file_of(tmp_path, "read null 1"), "--model", "counter", "--initial", "true")[0] == 2
    assert check(file_of(tmp_path, "read null 1"), "--model", "register", "--initial", "true")[0] == 1


# Jepsen's own files


def test_a_nil_read_of_an_independent_key_says_nothing(tmp_path):
    options = ("--model", "register", "--independent", "--history-format", "knossos")
    assert check(file_of(tmp_path, "write 1 1, read null null", True, independent="3"), *options)[0] == 0
    assert check(file_of(tmp_path, "write 1 1, read null 2", True, independent="3"), *options)[0] == 1
    file = tmp_path / "history.log"
    rows = [(0, "invoke", "write", "[3 1]"), (0, "ok", "write", "[3 1]"), (1, "invoke", "cas", "[3 [1 2]]")]
    rows += [(1, "fail", "cas", "[3 [1 2]]"), (2, "invoke", "read", "[3 nil]"), (2, "fail", "read", ":timed-out")]
    file.write_text("".join(f"INFO  jepsen.util - {p}\t:{t}\t:{f}\t{value}\n" for p, t, f, value in rows))
    independent = (file, "--history-format", "jepsen-log", "--independent", "--model", "cas-register")
    assert check(*independent)[0] == 1  # a cas that failed found something else than 1
    file.write_text(file.read_text().replace("[1 2]", "[7 2]"))
    assert check(*independent)[0] == 0


def test_values_that_are_no_pairs_are_named(tmp_path):
    file = tmp_path / "history.jsonl"
    good = '{"process": 0, "type": "%s", "f": "write", "value": ["k", 1]}\n'
    odd = '{"process": 1, "type": "%s", "f": "write", "value": %s}\n'
    rows = [good % "invoke", good % "ok"]
    rows += [odd % (kind, value) for value in ("6", "[1, 2, 3]", '"ab"', "null", "{}") for kind in ("invoke", "ok")]
    file.write_text("".join(rows).replace("{}", "[7]"))
    status, said = check(file, "--model", "register", "--independent", "--order-by", "position")
    assert status == 2 and len(said.splitlines()) == 1
    assert "5 of 6 operations have values that are no pair [key, value]: process 1 write(6) -> 6 [2..3]; " in said
    assert "write((1, 2, 3)) -> (1, 2, 3) [4..5]; " in said and "[6..7]; and 2 more; is the history" in said


def test_the_key_may_be_in_the_answer_alone(tmp_path):
    file = tmp_path / "history.edn"
    rows = [":type :invoke :f :read :value nil", ':type :ok :f :read :value ["k" 4]']
    file.write_text("\n".join(f"{{:process 0 {row}}}" for row in rows))
    options = (file, "--model", "register", "--independent", "--history-format", "knossos")
    assert "process 0 'k': read() -> 4 [0..1]" in check(*options)[1]
    assert check(*options, "--initial", "4")[0] == 0


def test_one_array_is_read_as_lines_are(tmp_path):
    lines, array = tmp_path / "lines.json", tmp_path / "array.json"
    lines.write_text("".join(json.dumps(line) + "\n" for line in JEPSEN), encoding="utf-8")
    for indent in (None, 2):
        array.write_text("\n " + json.dumps(JEPSEN, indent=indent), encoding="utf-8")
        for options in ((), ("--order-by", "position")):
            read = [check(file, "--model", "register", "--independent", *options) for file in (lines, array)]
            assert read[0] == read[1] and read[0][0] == 0
    array.write_text("[1]")
    assert "array.json: event 0: not a JSON object" in check(array, "--model", "register")[1]
    array.write_text('[{"process": 0}')
    assert "array.json: not JSON" in check(array, "--model", "register")[1]


@pytest.mark.parametrize("consistency", ["sequential", "session"])
def test_without_processes_there_are_no_sessions(tmp_path, consistency):
    file = tmp_path / "history.jsonl"
    file.write_text("".join(json.dumps(line | {"process": None}) + "\n" for line in JEPSEN[:2]))
    assert check(file, "--model", "register", "--independent")[0] == 0
    status, said = check(file, "--model", "register", "--independent", "--consistency", consistency)
    assert status == 2 and "events without a process" in said


# Limits


@pytest.mark.parametrize("limit", [("--step-limit", 3), ("--time-limit", "0s")], ids=["steps", "time"])
@pytest.mark.parametrize("consistency", ["linearizable", "sequential", "session"])
def test_every_consistency_keeps_its_limits(tmp_path, consistency, limit):
    file = file_of(tmp_path, ", ".join(f"write {n} {n}, read null {n}" for n in range(50)))
    options = ("--model", "register", "--consistency", consistency)
    assert check(file, *options)[0] == 0
    status, said = check(file, *options, *limit)
    assert status == 3 and said.startswith("UNKNOWN: ")
