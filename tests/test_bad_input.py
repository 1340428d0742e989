"""Bad input is one clear line and exit status 2, never a traceback."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simclock.errors import UsageError
from simclock.experiments.command_line import main
from simclock.faults import WRITTEN, check_faults
from simclock.kernel.encoding import encode

NOBODY = "127.0.0.1:9"


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    """The one line that a command is refused with."""
    result = simclock(*arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("simclock: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("simclock: ").rstrip("\n")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# The list of issue 2, outcome 11, in its order.


def test_an_unknown_scenario():
    assert refused("run", "phodl") == "unknown scenario 'phodl': did you mean 'phold'?"


def test_an_unknown_flag():
    assert "'--nodes'" in refused("run", "phold", "--nods", 3)


def test_an_unknown_key(tmp_path):
    file = write(tmp_path, "a.toml", 'scenario = "phold"\n[network]\nduplicaton = 0.1\n')
    assert refused("run", file) == f"{file}: network: unknown key 'duplicaton': did you mean 'duplication'?"


def test_negative_time(tmp_path):
    assert refused("run", "phold", "--duration=-3s") == "--duration: -3s is negative: a duration is zero or more"
    file = write(tmp_path, "a.toml", 'scenario = "phold"\nduration = "-3s"\n')
    assert refused("run", file) == f"{file}: duration: -3s is negative: a duration is zero or more"


def test_time_without_a_unit(tmp_path):
    assert '"30ms"' in refused("run", "phold", "--duration", 30)
    file = write(tmp_path, "a.toml", 'scenario = "phold"\nduration = 30\n')
    assert refused("run", file) == f'{file}: duration: 30 has no unit: write it as "30ms" or "30s"'


def test_a_node_out_of_range(tmp_path):
    fault = '[[faults]]\nkind = "crash"\nat = "1ms"\nnode = 5\n'
    file = write(tmp_path, "a.toml", f'scenario = "phold"\nnodes = 5\n{fault}')
    assert refused("run", file) == f"{file}: faults[0] (crash): node 5 is out of range: nodes are 0 to 4"


def test_loss_above_1(tmp_path):
    assert refused("run", "phold", "--loss", 1.5) == "--loss: 1.5 is not a probability: it must be from 0 to 1"
    file = write(tmp_path, "a.toml", 'scenario = "phold"\n[network]\nloss = 1.5\n')
    assert refused("run", file) == f"{file}: network.loss: 1.5 is not a probability: it must be from 0 to 1"


@pytest.mark.ray
def test_a_network_without_smallest_delay_on_ray():
    flags = ("--nodes", 3, "--duration", "5ms", "--latency", "uniform 0s..5ms")
    assert simclock("run", "phold", *flags).exit_code == 0
    assert "no smallest delay" in refused("run", "phold", *flags, "--placement", "ray")


SENDS = """
from typing import Any
from simclock.actors import Message, Node
from simclock import Scenario, ms

class Note(Message):
    {field}

class Sender(Node):
    def on_start(self):
        self.send(1, {value})

scenario = Scenario(name="sends", nodes=2, build=lambda node: Sender(), duration_ns=ms(10))
"""


def test_a_message_type_that_cannot_travel(tmp_path):
    file = write(tmp_path, "mutable.py", SENDS.format(field="words: list[str]", value="Note(['a'])"))
    assert refused("run", f"{file}:scenario").startswith(
        "Note.words: list is mutable and would be shared: use tuple[T, ...]"
    )


@pytest.mark.parametrize("placement", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("words: tuple[str, ...]", "Note(['a'])", "declared tuple[str, ...]"),
        ("words: int", "{'a': 1}", "{'a': 1}"),
        ("words: int", "Note(1 << 70)", "cannot be encoded"),
        ("words: int", "Note(open)", "cannot be encoded"),
    ],
)
def test_a_message_that_cannot_be_encoded(tmp_path, placement, field, value, message):
    file = write(tmp_path, "sends.py", SENDS.format(field=field, value=value))
    assert message in refused("run", f"{file}:scenario", "--placement", placement)


@pytest.mark.ray
@pytest.mark.parametrize("verb", ["run", "sweep", "explore", "compare", "shrink", "hunt", "check-determinism", "demo"])
def test_an_empty_address_is_not_taken_for_none(verb):
    """As of a variable of the shell that is not set."""
    assert "an empty text names no Ray" in refused(verb, *([] if verb == "demo" else ["raft-kv"]), "--address", " ")


def test_a_text_that_is_no_script_is_not_called_one(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert "no scenario: a script, which begins with `scenario`" in refused("run", tmp_path / "notes.txt")


def test_an_address_nobody_answers_at():
    assert NOBODY in refused("run", "phold", "--nodes", 3, "--placement", "ray", "--address", NOBODY)


# The same of what stands beside the list.

PLAINLY_WRONG = (
    (("rnu",), "unknown command 'rnu': did you mean 'run'?"),
    (("zzzzzz",), "unknown command 'zzzzzz': use one of "),
    (("raft-kv", "--seed", 7), "unknown command 'raft-kv': did you mean `simclock run raft-kv`?"),
    (("raftkv",), "unknown command 'raftkv': did you mean `simclock run raft-kv`?"),
    (("a b.toml",), "unknown command 'a b.toml': did you mean `simclock run 'a b.toml'`?"),
    (("mine.py",), "unknown command 'mine.py': did you mean `simclock run mine.py`?"),
    (("mine.py:storm",), "unknown command 'mine.py:storm': did you mean `simclock run mine.py:storm`?"),
    (("raft-kv@7",), "unknown command 'raft-kv@7': did you mean `simclock replay raft-kv@7`?"),
    (("3:17",), "unknown command '3:17': did you mean `simclock replay 3:17`?"),
    (("crdt-bytes",), "unknown command 'crdt-bytes': did you mean `simclock study crdt-bytes`?"),
    (("run",), "Missing argument 'SCENARIO'."),
    (("run", "phold", "--seed", "x"), "'x' is not a valid integer"),
    (("run", "phold", "--nodes", "1e9"), "--nodes': '1e9' is not a valid integer."),
    (("run", "phold", "--nodes", 1 << 63), "--nodes': 9223372036854775808 is far too large"),
    (("run", "phold", "--nodes", 0), "nodes: 0 is not a number of nodes"),
    (("run", "phold", "--set", "tokns=3"), "--set: unknown parameter of phold 'tokns': did you mean 'tokens'?"),
    (("run", "phold", "--set", "tokens=x"), "--set tokens: 'x' is not a whole number"),
    (("run", "phold", "--set", "tokens"), "--set: 'tokens' is not a setting: write it as name=value"),
    (("run", "phold", "--latency", "fast"), "--latency: cannot read 'fast' as a latency"),
    (("run", "phold", "--latency", "uniform 5ms..1ms"), "network.high: 1ms is less than low, 5ms"),
    (("run", "phold", "--loss", "some"), "--loss: 'some' is not a probability"),
    (("run", "phold", "--placement", "moon"), "placement: 'moon' is not a placement"),
    (("run", "phold", "--placement", "ray:x"), "placement: 'ray:x' is not a placement"),
    (("run", "phold", "--hosts", 2), "--hosts: inline has one host in this process: add --placement ray"),
    (("run", "phold", "--placement", "ray", "--hosts", 0), "hosts: 0 must be 1 or more"),
    (("run", "phold", "--trace", "/nowhere/x"), "--trace: cannot write /nowhere/x"),
    (("run", "phold", "--trace", "-", "--format", "json"), "--trace: - prints readable lines"),
    (("run", "nowhere.toml"), "nowhere.toml: cannot be read: No such file"),
    (("run", "nowhere.txt"), "nowhere.txt: there is no such file"),
    (("run", "x" * 300 + ".txt"), ".txt: there is no such file"),
    (("explore", "phold", "--nodes", 3, "--alike", "x"), "--alike: 'x': name two or more of the nodes 0 to 2"),
    (("explore", "phold", "--nodes", 3, "--alike", "0-9"), "--alike: '0-9': name two or more of the nodes 0 to 2"),
    (("run", "key-value", "--processes", 0), "--processes: 0 is too small: 1 or more"),
    (("run", "key-value", "--keys", -1), "--keys: -1 is too small: 1 or more"),
    (("run", "nowhere.py"), "nowhere.py: there is no such file"),
    (("run", "nowhere.py:x"), "nowhere.py: there is no such file"),
    (("run", "nowhere.module:x"), "nowhere.module: there is no such module"),
    (("run", "simclock.experiments.catalog.synthetic.scenario:fold"), "unknown name 'fold': did you mean 'phold'?"),
    (("run", "simclock.experiments.catalog.synthetic.scenario:DELAY_NS_MIN"), "it is int, not a Scenario"),
    (("compare", "phold", "--nodes", "3,x"), "--nodes: '3,x' is not a list of node counts"),
    (("compare", "phold", "--placements", "inline,"), "placement: '' is not a placement"),
    (("lab", "db-166"), "'db-16'"),
    (("run", "zzzzzz"), "unknown scenario 'zzzzzz': use one of "),
    (("run", "zzzzzz"), " (`simclock list` names them all)"),
    (("zoo", "--area", "zap"), "--area: unknown topic 'zap': did you mean 'zab'?"),
    (("zoo", "--area", "vsr", "--rows", "RAFT-01"), "--rows: unknown row 'RAFT-01'"),
    (("zoo", "--area", "zab", "--file", "mine.py"), "leave --area or --file out"),
    (("zoo", "--rows", "raft-01x"), "--rows: unknown row 'raft-01x': did you mean 'RAFT-01'?"),
    (("run", "x" * 300 + ".py:y"), "there is no such file"),
    (("diff", "x" * 300, "x" * 300), "names no run"),
    (("diff", "\udcff", "\udcff@1"), "'\\udcff' names no run"),
    (("diff", "\ud800", "\ud800"), "'\\ud800' is not text: it holds half a character"),
    (("lab", "db-16", "--seed", 1, "--nodes", 1, "--rounds", 1), "nodes: 1 is too few"),
    (
        ("lab", "db-17", "--seed", 1, "--nodes", 3, "--rounds", 9, "--partition", "0,1,2"),
        "--partition: '0,1,2' is not a list of links",
    ),
    (
        ("lab", "db-17", "--seed", 1, "--nodes", 3, "--rounds", 9, "--partition", "0,3"),
        "--partition: node 3 is out of range: nodes are 0 to 2",
    ),
    (("lab", "db-18", "--seed", 1, "--nodes", 0, "--rounds", 9), "nodes: 0 is not a number of servers"),
    (
        ("lab", "db-20", "--seed", 1, "--ops", 9, "--keys", 9, "--scenario", "split"),
        "scenario: 'split' is not a scenario of lab db-20: use default or partition",
    ),
    (("lab", "db-20", "--seed", 1, "--ops", -1, "--keys", 9), "ops: -1 is not a number of operations"),
    (("lab", "db-23", "--seed", 1, "--ops", 9, "--keys", 0), "keys: 0 is not a number of keys"),
)


@pytest.mark.parametrize(("arguments", "message"), PLAINLY_WRONG, ids=[message for _, message in PLAINLY_WRONG])
def test_plainly_wrong(arguments, message):
    assert message in refused(*arguments)


BAD_PYTHON = (
    ("scenario = (", "SyntaxError"),
    ("import nothing_there", "ModuleNotFoundError: No module named 'nothing_there'"),
    ("raise SystemExit('bye')", "SystemExit: bye"),
    ("def scenario(seed):\n    return 1 / seed", "ZeroDivisionError: division by zero"),
    ("def scenario(seed):\n    return seed", "the function made int, not a Scenario"),
    ("def scenario(one, two):\n    return one", "one: say what it is: annotate it as int"),
)


@pytest.mark.parametrize(("text", "message"), BAD_PYTHON, ids=[message for _, message in BAD_PYTHON])
def test_python_that_does_not_work(tmp_path, text, message):
    file = write(tmp_path, "wrong.py", text)
    line = refused("run", f"{file}:scenario")
    assert message in line
    assert "wrong.py" in line


# Random files.

# No zeros in random text: a network that takes no time would let a token hop for ever at one instant.
WORDS = """phold everything leader fifo any uniform constant normal log-normal regions a 1ms 200us 1.5ms 50ppm 0.5 -1ms
7 1h 1e3s x.csv crash note partition"""
texts = st.text(max_size=6).filter(lambda text: "0" not in text) | st.sampled_from(WORDS.split())
scalars = st.one_of(texts, st.integers(-3, 12), st.integers(), st.floats(), st.booleans())
arrays = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


def tables(*keys: str, values: st.SearchStrategy = arrays) -> st.SearchStrategy:
    """Tables near the schema: mostly its keys, sometimes another."""
    return st.dictionaries(st.sampled_from(keys) | st.text(max_size=5), values, max_size=4)


def mostly(right: st.SearchStrategy, wrong: st.SearchStrategy = arrays) -> st.SearchStrategy:
    return st.integers(0, 9).flatmap(lambda number: wrong if number == 0 else right)


times = st.sampled_from(["0s", "300us", "1ms", "1.5ms", "2ms"])
delays = st.sampled_from(["250us", "400us", "1ms"])
places = st.integers(0, 4) | st.sampled_from(["leader", "milestone"])
latencies = st.one_of(
    delays,
    st.fixed_dictionaries({"model": st.just("uniform"), "low": mostly(delays), "high": st.just("2ms")}),
    st.fixed_dictionaries(
        {
            "model": st.just("log-normal"),
            "median": mostly(delays),
            "sigma": mostly(st.just(0.5)),
            "floor": mostly(delays),
        }
    ),
    st.fixed_dictionaries(
        {
            "model": st.just("regions"),
            "placement": mostly(st.lists(st.sampled_from("ab"), min_size=1, max_size=4)),
            "one_way": mostly(
                st.dictionaries(st.sampled_from("ab"), mostly(st.dictionaries(st.sampled_from("ab"), delays)))
            ),
        },
        optional={"jitter": mostly(st.integers(0, 50)), "local": mostly(delays, texts), "file": texts, "source": texts},
    ),
    tables("model", "low", "high", "mean", "sigma", "floor", "one_way", "placement", "file"),
)
plans = st.one_of(
    st.fixed_dictionaries({"kind": st.sampled_from(["crash", "restart"]), "at": mostly(times), "node": mostly(places)}),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["cut", "mend"]),
            "at": mostly(times),
            "source": mostly(places),
            "target": mostly(places),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("partition"),
            "at": mostly(times),
            "groups": mostly(st.lists(mostly(st.lists(mostly(places), max_size=3)), max_size=3)),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("heal"), "at": mostly(times)}),
    tables("kind", "at", "node", "groups", "text"),
)
documents = st.fixed_dictionaries(
    {
        "scenario": mostly(st.sampled_from(["phold", "everything", "raft-kv"])),
        "duration": mostly(st.just("2ms"), st.just(2)),
    },
    optional={
        "seed": mostly(st.integers()),
        "nodes": mostly(st.integers(1, 6), texts | st.integers(max_value=0) | st.integers(min_value=1 << 21)),
        "parameters": tables("tokens", values=mostly(st.integers(1, 3), texts | st.floats() | st.booleans())),
        "network": mostly(
            st.fixed_dictionaries(
                {},
                optional={
                    "latency": mostly(latencies, st.integers()),
                    "loss": mostly(st.floats(0, 1)),
                    "duplication": mostly(st.floats(0, 1)),
                    "order": mostly(st.sampled_from(["any", "fifo"])),
                },
            )
        ),
        "clocks": mostly(
            st.fixed_dictionaries({}, optional={"offset": mostly(times), "drift": mostly(st.just("50ppm"))})
        ),
        "disk": mostly(st.fixed_dictionaries({"sync": mostly(times)})),
        "faults": mostly(st.lists(plans, max_size=4)),
    },
)
files = documents | st.tuples(documents, tables("network", "seeds", "fault")).map(lambda pair: {**pair[0], **pair[1]})


def toml(value: object) -> str:
    """A value as inline TOML; kept apart from the project's own writer, which knows right files only."""
    match value:
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return str(value).lower()
        case _:
            return repr(value)


def test_far_from_any_name_there_is_no_wall_of_names(tmp_path):
    file = write(tmp_path, "a.toml", 'scenario = "phold"\n[[faults]]\nkind = "zzzzzz"\nat = "1ms"\n')
    for arguments in (("run", "zzzzzz"), ("list", "zzzzzz"), ("zoo", "--rows", "zzzzzz"), ("run", file)):
        assert len(refused(*arguments)) < 200


HUGE = "9" * 5000
HEXADECIMAL = "0x" + "f" * 5000
RECORD = (
    '{"time_ns":0,"node":0,"number":0,"what":"start","source":-1,"sequence":0,"target":0,"detail":null,"reason":""}'
)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "phold", "--seed", HUGE),
        ("run", "phold", "--nodes", HUGE),
        ("run", "phold", "--duration", f"{HUGE}s"),
        ("run", "phold", "--duration", f"1.{'0' * 5000}1s"),
        ("run", "phold", "--duration", "9" * 30 + "h"),
        ("run", "phold", "--duration", HUGE),
        ("run", "phold", "--duration", f"-{HUGE}s"),
        ("run", "phold", "--liveness", f"{HUGE}s"),
        ("run", "phold", "--latency", f"uniform 1ms..{HUGE}s"),
        ("run", "phold", "--loss", "1e999"),
        ("run", "phold", "--loss", "nan"),
        ("run", "phold", "--tokens", HUGE),
        ("run", "phold", "--tokens", str(1 << 64)),
        ("run", "raft-kv", "--give-up", f"{HUGE}s"),
        ("run", "clock-drift", "--keys", f"{HUGE}s:j"),
        ("run", "clock-drift", "--speed", "1e999999999", "--watch"),
        ("run", "phold", "--placement", f"windows:{HUGE}x"),
        ("run", "phold", "--hosts", HUGE, "--placement", "windows"),
        ("replay", "phold", "--until", f"{HUGE}#3"),
        ("replay", "phold", "--inspect", HUGE),
        ("compare", "phold", "--nodes", f"3,{HUGE}"),
        ("check-determinism", "phold", "--hash-seeds", HUGE),
        ("lab", "db-17", "--seed", 1, "--nodes", 3, "--rounds", 9, "--partition", f"0,{HUGE}"),
        ("lab", "db-16", "--seed", 1, "--nodes", 3, "--rounds", HUGE),
        ("sweep", "phold", "--seeds", f"0:{HUGE}"),
        ("results", "--sweep", HUGE),
        ("study", "crdt-bytes", "--seed", HUGE),
    ],
    ids=lambda arguments: " ".join(str(each)[:12] for each in arguments),
)
def test_a_number_of_any_size_on_the_command_line(arguments):
    assert len(refused(*arguments)) < 700


@pytest.mark.parametrize("number", [HUGE, HEXADECIMAL, str(1 << 64), str(-(1 << 64)), "1e999", "inf", "nan"])
@pytest.mark.parametrize(
    "place",
    [
        "seed = {}",
        "nodes = {}",
        "duration = {}",
        "[parameters]\ntokens = {}",
        "[network]\nloss = {}",
        "[network]\nbytes_per_s = {}",
        "[network]\nlatency = {}",
        "[clocks]\noffset = {}",
        "[disk]\nsync = {}",
        '[[faults]]\nkind = "crash"\nat = "1ms"\nnode = {}',
        '[[faults]]\nkind = "crash"\nat = {}\nnode = 1',
        '[[faults]]\nkind = "set-bandwidth"\nat = "1ms"\nbytes_per_s = {}',
        '[[faults]]\nkind = "set-loss"\nat = "1ms"\nloss = {}',
        '[[faults]]\nkind = "partition"\nat = "1ms"\ngroups = [[{}]]',
        '[[faults]]\nkind = "swizzle-clog"\nat = "1ms"\nlasts = "1ms"\nnodes = [{}]',
    ],
    ids=lambda place: place.replace("\n", " ")[:60],
)
def test_a_number_of_any_size_in_a_file(tmp_path, place, number):
    file = write(tmp_path, "a.toml", f'scenario = "phold"\n{place.format(number)}\n')
    line = refused("run", file)
    assert line.startswith(f"{file}: ") and len(line) < len(str(file)) + 250


@pytest.mark.parametrize("number", [HUGE, str(1 << 64), "9" * 4000])
def test_a_number_of_any_size_in_a_trace(tmp_path, number):
    file = write(tmp_path, "a.jsonl", RECORD.replace('"node":0', f'"node":{number}') + "\n")
    line = refused("diff", file, file)
    assert line.startswith(f"{file}:1: ") and len(line) < len(str(file)) + 200


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("lines", '{{"process": {0}, "type": "invoke", "f": "read", "value": {0}}}'),
        ("knossos", "{{:process {0} :type :invoke :f :read :value {0}}}"),
        ("key-value-log", '{{:process 0 :type :invoke :f :get :key "a" :value {0}}}'),
        ("jepsen-log", "INFO  jepsen.util - {0}\t:invoke\t:read\tnil"),
        ("jepsen-log", "INFO  jepsen.util - 1\t:invoke\t:write\t{0}"),
    ],
)
def test_a_number_of_any_size_in_a_history(tmp_path, form, line):
    file = write(tmp_path, "h", line.format(HUGE) + "\n")
    said = refused("check", file, "--model", "register", "--history-format", form)
    assert f"{file}:1: " in said and "set_int_max" not in said and len(said) < len(str(file)) + 250


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "phold"),
        ("show", "phold"),
        ("replay", "phold"),
        ("shrink", "phold"),
        ("demo",),
        ("compare", "phold"),
        ("check-determinism", "phold"),
        ("study", "crdt-bytes"),
        ("lab", "db-16", "--nodes", "3", "--rounds", "3"),
        ("results",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("seed", ["-1", str(1 << 63)])
def test_every_command_has_one_rule_for_seeds(arguments, seed, tmp_path):
    assert f"{seed} is not in the range 0<=x<=9223372036854775807" in refused(*arguments, f"--seed={seed}")
    file = write(tmp_path, "a.toml", f'scenario = "phold"\nseed = {seed}\n')
    assert f"{file}: " in refused("run", file)
    assert "--seeds" in refused("sweep", "phold", "--seeds", seed)


ODD_VALUES = (1 << 63, 1 << 64, -(1 << 64), 10**5000, 1e999, float("nan"), HUGE, None)
PLAIN = {"node": 1, "source": 0, "target": 1, "groups": ((0,), (1,)), "text": "x", "links": False, "nodes": (0, 1)}


def right_value(field: msgspec.structs.FieldInfo) -> object:
    """A right value of a fault's field."""
    if field.name.endswith("_ns"):
        return 10**9
    return PLAIN.get(field.name, 0.5 if field.type is float else 5)


@pytest.mark.parametrize("kind", WRITTEN.values(), ids=list(WRITTEN))
def test_any_value_in_any_fault_made_in_python(kind):
    """Refused with the plan, in a short line, or small enough for a run and for text."""
    fields = msgspec.structs.fields(kind)
    right = {field.name: right_value(field) for field in fields}
    for field in fields:
        for value in ODD_VALUES:
            fault = kind(**{**right, field.name: value})
            try:
                check_faults((fault,), 2)
            except UsageError as error:
                assert len(str(error)) < 250, field.name
            else:
                assert str(fault) and encode(fault), field.name
        if field.name.endswith("_ns"):
            with pytest.raises(UsageError, match=r"ten years|not a time"):
                check_faults((kind(**{**right, field.name: 1 << 64}),), 2)


def never_a_traceback(file: Path) -> None:
    result = simclock("run", file)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "a defect of simclock" not in result.stderr, result.stderr
    assert result.exit_code in (0, 1, 2, 3)
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        assert result.stderr.startswith("simclock: ")
        assert result.stderr.count("\n") == 1


fixture_is_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@fixture_is_shared
@given(files)
def test_random_scenario_files(tmp_path, document):
    lines = [f"{toml(key)} = {toml(value)}" for key, value in document.items()]
    never_a_traceback(write(tmp_path, "random.toml", "\n".join(lines)))


@fixture_is_shared
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_random_bytes(tmp_path, content):
    file = tmp_path / "random.toml"
    file.write_bytes(content)
    never_a_traceback(file)


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000, "seed = " + "9" * 5000, 'scenario = "phold"\nscenario = "phold"', "\ufeff", "a.b.c = 1"],
)
def test_odd_files(tmp_path, text):
    never_a_traceback(write(tmp_path, "odd.toml", text))
