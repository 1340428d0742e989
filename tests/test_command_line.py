"""The command line: every command, its exit status, and the line that replays a run."""

import csv
import io
import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock import PlacementError
from simclock.experiments.command_line import COMMANDS, main

NODES_PY = '''
from simclock.actors import Message, Node
from simclock import Network, Observer, Constant, Scenario, ms


class Ball(Message):
    bounces: int


class Player(Node):
    def on_start(self):
        if self.id == 0:
            self.send(1, Ball(0))

    def on_message(self, source, message):
        self.observe("bounce", message.bounces)
        if message.bounces == 3 and FAULTY:
            raise KeyError("dropped the ball")
        self.send(source, Ball(message.bounces + 1))


FAULTY = False


class AtMost(Observer):
    def on_observation(self, observation, control):
        if observation.value == 5:
            control.violated("at most four bounces", observation.node, "five bounces")


def game(seed=0, **named):
    return Scenario(
        name="game", nodes=2, seed=seed, build=lambda node: Player(), duration_ns=ms(20),
        network=Network(latency=Constant(delay_ns=ms(1))), **named
    )


plain = game(seed=9)


def from_seed(seed):
    return game(seed)


def from_settings(settings):
    """A game from settings."""
    return game(settings.seed)


def watched():
    return game(observers=(AtMost,))


def failing():
    global FAULTY
    FAULTY = True
    return game()


number = 3
'''


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr or "failed at" in result.stderr
    return result


def row(result: Result, label: str) -> str:
    """The text of that row of a report."""
    (line,) = (line for line in result.stdout.splitlines() if line.startswith(f"  {label} "))
    return line.split(maxsplit=len(label.split()))[-1]


@pytest.fixture
def nodes_py(tmp_path: Path) -> Path:
    path = tmp_path / "players.py"
    path.write_text(NODES_PY, encoding="utf-8")
    return path


def test_help_names_every_command_and_every_command_has_an_example():
    shown = simclock("--help")
    assert shown.exit_code == 0
    for command in COMMANDS:
        assert f"  {command} " in shown.stdout
        own = simclock(command, "--help")
        assert own.exit_code == 0
        assert f"simclock {command}" in own.stdout.partition("Example")[2]


def test_without_a_command_it_prints_help():
    assert "Commands:" in simclock().stdout


def test_list_names_the_catalog():
    assert "phold" in simclock("list").stdout
    assert "phold" in [each["scenario"] for each in json.loads(simclock("list", "--format", "json").stdout)]


def test_list_tells_all_about_one():
    told = simclock("list", "phold").stdout
    assert "default    --tokens 1" in told and "Fujimoto" in told and "simclock run phold" in told
    both = simclock("list", "truetime").stdout
    assert "simclock run truetime" in both and "simclock study truetime" in both
    plain = json.loads(simclock("list", "truetime", "--format", "json").stdout)
    assert [each["name"] for each in plain] == ["truetime", "truetime"]
    wrong = simclock("list", "phodl")
    assert wrong.exit_code == 2 and "phold" in wrong.stderr and len(wrong.stderr.splitlines()) == 1


def test_run_reports():
    result = simclock("run", "phold", "--nodes", 10, "--seed", 3, "--duration", "200ms")
    assert result.exit_code == 0
    assert result.stdout.startswith("phold: seed 3, 10 nodes, 200ms; network uniform 5ms..15ms")
    assert row(result, "went wrong") == "nothing was made to"
    assert row(result, "verdict") == "valid: nothing was judged: a load promises nothing"
    assert row(result, "virtual time") == "200ms"
    assert len(row(result, "digest")) == 32
    assert row(result, "replay") == "simclock run phold --seed 3 --nodes 10 --duration 200ms"


FLAGS = (
    ("phold", "--nodes", "7"),
    ("phold", "--nodes", "7", "--seed", "12", "--set", "tokens=3", "--duration", "0.3s"),
    ("phold", "--nodes", "7", "--latency", "uniform 1ms..5ms", "--loss", "0.2", "--duplication", "0.1"),
    ("everything", "--latency", "log-normal median 4ms, sigma 0.5, floor 1ms", "--order", "fifo"),
    ("{file}", "--seed", "2"),
    ("{file}",),
    ("{python}:plain",),
    ("{python}:from_seed", "--seed", "4"),
)


@pytest.mark.parametrize("arguments", FLAGS, ids=" ".join)
def test_the_replay_line_runs_the_same_again(arguments, nodes_py, tmp_path):
    file = tmp_path / "with space.toml"
    file.write_text(
        'scenario = "phold"\nnodes = 5\nseed = 8\n[network]\nloss = 0.3\n'
        '[[faults]]\nkind = "crash"\nat = "9ms"\nnode = 1\n',
        encoding="utf-8",
    )
    once = simclock("run", *(argument.format(file=file, python=nodes_py) for argument in arguments))
    assert once.exit_code in (0, 3), once.stderr
    words = shlex.split(row(once, "replay"))
    assert words[0] == "simclock"
    again = simclock(*words[1:])
    assert row(again, "digest") == row(once, "digest")
    assert again.stdout.splitlines()[0] == once.stdout.splitlines()[0]


def test_each_setting_matters():
    """A replay line is only as good as its settings are in force."""
    given = ((), ("--seed", 1), ("--loss", 0.5), ("--duplication", 0.5), ("--latency", "7ms"), ("--set", "tokens=2"))
    digests = {row(simclock("run", "phold", "--nodes", 6, "--duration", "50ms", *flags), "digest") for flags in given}
    assert len(digests) == len(given)


def test_a_parameter_is_a_flag_too():
    short = ("raft-kv", "--duration", "2s")
    flags = simclock("run", *short, "--clients", 2, "--give-up=1s")
    settings = simclock("run", *short, "--set", "clients=2", "--set", "give_up_ns=1s")
    assert flags.exit_code == 0 and row(flags, "digest") == row(settings, "digest")
    assert row(flags, "replay") == "simclock run raft-kv --seed 0 --duration 2s --clients 2 --give-up=1s"
    assert row(flags, "digest") != row(simclock("run", *short), "digest")
    assert "clients = 2" in simclock("show", *short, "--clients", 2).stdout
    assert "--give-up" in simclock("replay", *short, "--give-ups", "1s").stderr
    assert "breaks nothing" in simclock("shrink", *short, "--clients", 2).stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("raft-kv", "--client", "2"), "unknown option or parameter of raft-kv '--client': did you mean '--clients'?"),
        (("--clients", "2", "raft-kv"), "--clients: name the scenario first, then its parameters"),
        (("raft-kv", "--clients"), "--clients: it has no value, such as --clients 3"),
        (("raft-kv", "--clients", "many"), "--clients: 'many' is not a whole number, such as 3"),
        (("raft-kv", "more"), "'more' belongs to no option"),
        (("raft-kv", "--plot", "x.svg"), "--plot: raft-kv has no picture: leave --plot out"),
    ],
)
def test_flags_that_mean_nothing_get_one_line(arguments, told):
    result = simclock("run", *arguments)
    assert result.exit_code == 2 and result.stderr == f"simclock: {told}\n"


def test_what_went_wrong_is_told_with_times_and_what_was_skipped(tmp_path):
    file = tmp_path / "faults.toml"
    file.write_text(
        'scenario = "phold"\nnodes = 3\n'
        '[[faults]]\nkind = "crash"\nat = "100ms"\nnode = 1\n'
        '[[faults]]\nkind = "restart"\nat = "150ms"\nnode = 1\n'
        '[[faults]]\nkind = "crash"\nat = "200ms"\nnode = "leader"\n',
        encoding="utf-8",
    )
    result = simclock("run", file)
    assert row(result, "went wrong") == "100ms crash node 1"
    assert "150ms restart node 1" in result.stdout
    assert row(result, "skipped") == "200ms crash the leader: nobody had observed that name"


def test_json_has_everything():
    result = simclock("run", "everything", "--seed", 5, "--format", "json")
    report = json.loads(result.stdout)
    assert report["seed"] == 5
    assert report["verdict"]["status"] == "valid"
    assert report["faults"][0] == {"at": "100ms", "type": "cut", "at_ns": 100_000_000, "source": 0, "target": 5}
    assert report["replay"] == "simclock run everything --seed 5"
    assert report["digest"] == row(simclock("run", "everything", "--seed", 5), "digest")


def test_python_scenarios(nodes_py):
    assert "game: seed 9," in simclock("run", f"{nodes_py}:plain").stdout
    assert "game: seed 3," in simclock("run", f"{nodes_py}:plain", "--seed", 3).stdout
    assert "game: seed 4," in simclock("run", f"{nodes_py}:from_seed", "--seed", 4).stdout
    assert "game: seed 5, 3 nodes, 7ms" in (
        simclock("run", f"{nodes_py}:from_settings", "--seed", 5, "--nodes", 3, "--duration", "7ms").stdout
    )
    assert (
        "phold: seed 0, 4 nodes"
        in simclock("run", "simclock.experiments.catalog.synthetic.scenario:phold", "--nodes", 4).stdout
    )


def test_a_violation_is_shown_and_exits_1(nodes_py):
    result = simclock("run", f"{nodes_py}:watched")
    assert result.exit_code == 1
    assert row(result, "violation") == "at most four bounces at 6ms, node 0: five bounces"
    assert row(result, "verdict").startswith("violated")
    assert "(stopped: violated: at most four bounces)" in row(result, "virtual time")


def test_a_node_that_fails_is_told_with_the_replay_and_exits_4(nodes_py):
    result = simclock("run", f"{nodes_py}:failing", "--seed", 6)
    assert result.exit_code == 4
    assert "simclock: node 0 failed at 4ms (seed 6) on message Ball(bounces=3) from node 1: KeyError" in result.stderr
    assert f"replay: simclock run {nodes_py}:failing --seed 6" in result.stderr
    assert 'raise KeyError("dropped the ball")' in result.stderr


def test_the_trace_is_a_line_of_json_per_record(nodes_py, tmp_path):
    file = tmp_path / "trace.jsonl"
    result = simclock("run", f"{nodes_py}:plain", "--duration", "3ms", "--trace", file)
    assert result.exit_code == 3, "nothing was judged"
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(record["time_ns"], record["node"], record["number"]) for record in records] == sorted(
        (record["time_ns"], record["node"], record["number"]) for record in records
    )
    kinds = [record["what"] for record in records]
    assert kinds.count("start") == 2
    assert kinds.count("deliver") == kinds.count("observe") == 2
    assert records[1]["detail"] == {"type": "Ball", "bounces": 0}
    assert row(simclock("run", f"{nodes_py}:plain", "--duration", "3ms"), "digest") == row(result, "digest")


def test_a_trace_replaces_an_older_trace_and_nothing_else(nodes_py, tmp_path):
    kept = tmp_path / "measurements.json.gz"
    kept.write_bytes(b"a week's work")
    refused = simclock("run", f"{nodes_py}:game", "--trace", kept)
    assert refused.exit_code == 2 and kept.read_bytes() == b"a week's work"
    assert (
        refused.stderr
        == f"simclock: --trace: {kept} is there and is no trace, so it is not overwritten: name another file\n"
    )
    trace, written = tmp_path / "trace.jsonl", []
    for seed in (1, 2, 1):
        assert simclock("run", "everything", "--seed", seed, "--trace", trace).exit_code == 0
        written.append(trace.read_bytes())
    assert written[0] == written[2] != written[1]


def test_the_trace_can_be_read_on_stdout(nodes_py):
    lines = simclock("run", f"{nodes_py}:plain", "--duration", "3ms", "--trace", "-").stdout.splitlines()
    assert lines[1].split() == ["0s", "node", "0", "send", "->", "1:", "Ball(bounces=0)", "(arrives", "1ms)"]


@pytest.mark.parametrize("flags", [(), ("--nodes", 4, "--loss", 0.25, "--duration", "100ms")])
def test_show_prints_a_file_that_runs_the_same(flags, tmp_path):
    shown = simclock("show", "everything", "--seed", 11, *flags)
    file = tmp_path / "shown.toml"
    file.write_text(shown.stdout, encoding="utf-8")
    assert row(simclock("run", file), "digest") == row(simclock("run", "everything", "--seed", 11, *flags), "digest")


def test_compare_prints_a_row_per_case_and_placement(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ("--nodes", "2,5", "--placements", "inline", "--repeats", 2, "--duration", "50ms")
    result = simclock("compare", "phold", "everything", *flags, "--format", "csv")
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(each["scenario"], each["nodes"]) for each in rows] == [
        ("phold", "2"),
        ("phold", "5"),
        ("everything", "2"),
        ("everything", "5"),
    ]
    assert {each["agree"] for each in rows} == {"True"}
    assert {each["speed-up"] for each in rows} == {"1.0"}
    assert "| phold " in simclock("compare", "phold", *flags).stdout


def test_lab_db_16():
    import hashlib

    arguments = ("lab", "db-16", "--seed", 42, "--nodes", 3, "--rounds", 20)
    digest = "0d7e753cdc891e3a481977da372a4d97a6a0e0ab00b74f5a074dbc25791dc797"
    assert simclock(*arguments).stdout == f"{digest}\n"
    assert hashlib.sha256(simclock(*arguments, "--raw").stdout_bytes).hexdigest() == digest


def test_an_interrupt_is_told_in_one_line(monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("simclock.experiments.commands.run.run_scenario", interrupted)
    result = simclock("run", "phold")
    assert (result.exit_code, result.stderr.strip()) == (130, "simclock: interrupted")


@pytest.mark.parametrize(
    ("command", "where"),
    [
        (("run", "phold"), "simclock.experiments.commands.run.run_scenario"),
        (("sweep", "phold", "--seeds", "0:3", "--jobs", 1), "simclock.experiments.commands.sweep.sweep"),
    ],
)
def test_what_ray_itself_says_is_told_when_it_is_asked_for(monkeypatch, tmp_path, command, where):
    def fails(*arguments, **named):
        raise PlacementError("the scheduler's worker died: so", "A block\nof Ray, of many lines\n")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(where, fails)
    line = "simclock: the scheduler's worker died: so"
    result = simclock(*command)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1] == f"{line} (--verbose shows what Ray says)"
    assert "A block" not in result.stderr
    said = simclock(*command, "--verbose").stderr
    assert f"A block\nof Ray, of many lines\n{line}\n" in said


@pytest.mark.ray
def test_run_and_trace_are_the_same_on_ray(nodes_py, tmp_path):
    traces = []
    digests = set()
    for number, flags in enumerate(
        ((), ("--placement", "ray"), ("--placement", "ray:2"), ("--placement", "ray", "--hosts", 2))
    ):
        traces.append(tmp_path / f"{number}.jsonl")
        result = simclock("run", "everything", "--seed", 4, *flags, "--trace", traces[-1])
        assert result.exit_code == 0, result.stderr
        digests.add(row(result, "digest"))
    assert len(digests) == 1
    assert len({trace.read_bytes() for trace in traces}) == 1


@pytest.mark.ray
def test_the_trace_is_the_same_on_ray_where_messages_wait_for_the_disk(tmp_path):
    """A send is recorded when the node sends, not when its disk lets the message go: that may be a later window."""
    file = tmp_path / "slow.toml"
    file.write_text('scenario = "everything"\nseed = 4\n[disk]\nsync = "20ms"\n', encoding="utf-8")
    traces = [tmp_path / "inline.jsonl", tmp_path / "ray.jsonl"]
    simclock("run", file, "--trace", traces[0])
    simclock("run", file, "--placement", "ray:hosts=2", "--trace", traces[1])
    assert traces[0].read_bytes() == traces[1].read_bytes()


@pytest.mark.ray
def test_a_python_file_runs_on_ray(nodes_py):
    inline = simclock("run", f"{nodes_py}:plain")
    ray = simclock("run", f"{nodes_py}:plain", "--placement", "ray")
    assert row(ray, "placement") == "ray, one actor per node"
    assert row(ray, "digest") == row(inline, "digest")


@pytest.mark.ray
def test_compare_over_placements(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ("--nodes", "4", "--placements", "inline,ray,ray:2,ray:hosts=2", "--repeats", 1, "--format", "json")
    rows = json.loads(simclock("compare", "everything", *flags).stdout)
    assert [each["placement"] for each in rows] == ["inline", "ray", "ray:2", "ray:hosts=2"]
    assert all(each["agree"] for each in rows)
    assert len({each["digest"] for each in rows}) == 1
