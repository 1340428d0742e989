"""What clients call as data: a plan calls what was drawn, leaving one out moves no other, and shrinking leaves few."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simclock import Crash, Fault, Partition, Restart, UsageError, ms, seconds
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.checkers.histories import Operation
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.reference import Reference
from simclock.experiments.scenario_files.file import read_scenario_file
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.shrinking.minimal import Minimal, failing_trial, shrink_run
from simclock.experiments.shrinking.operations import moved_to, sooner, together
from simclock.experiments.shrinking.trials import TrialRunner, Trials, in_process
from simclock.protocols.key_value import PlannedOperation

NAMES = ("raft-kv", "multi-paxos-kv")
GOLDENS = Path(__file__).with_name("goldens") / "zoo.txt"


def settings_of(name: str, **more: Any) -> Settings:
    """A calm second of a small store: what clients draw then depends on what they were answered."""
    return Settings(**{"seed": 3, "duration_ns": seconds(1), "faults": (), **more})


def history(name: str, settings: Settings) -> list[Operation]:
    return list(history_of(run(make_scenario(entries()[name], settings))))


def planned(name: str, settings: Settings) -> tuple[PlannedOperation, ...]:
    return TrialRunner(entry=entries()[name]).trial(settings).operations


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_calls_and_hears_what_the_draw_did(name: str) -> None:
    drawn = settings_of(name)
    plan = planned(name, drawn)
    assert len(plan) > 50 and {each.function for each in plan} == {"get", "put", "append", "delete", "cas"}
    assert history(name, settings_of(name, operations=plan)) == history(name, drawn)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_moves_no_call_of_another(name: str) -> None:
    plan = planned(name, settings_of(name))
    kept = plan[1::3]
    called = [(each.call, each.process) for each in history(name, settings_of(name, operations=kept))]
    assert called == [(each.at_ns, each.process) for each in kept]


def test_a_plan_runs_alike_everywhere(same_everywhere: Any) -> None:
    plan = planned("raft-kv", settings_of("raft-kv"))[::4]
    settings = settings_of("raft-kv", operations=plan, faults=None)
    called = history_of(same_everywhere(make_scenario(entries()["raft-kv"], settings)))
    assert len(plan) // 2 < len(called) < len(plan), "with a leader cut off, some processes still wait"


def test_a_process_has_one_operation_open() -> None:
    first, second = (
        PlannedOperation(at_ns=at_ns, node=3, process=3, function="put", key="k0", value=value)
        for at_ns, value in ((0, "a"), (1, "b"))
    )
    (only,) = history("raft-kv", settings_of("raft-kv", operations=(first, second)))
    assert only.argument == "a"
    assert history("raft-kv", settings_of("raft-kv", operations=())) == []


CRASHES = (Crash(node=3, at_ns=ms(700)), Restart(node=3, at_ns=ms(750)))
GIVES_UP = (Partition(groups=((0, 1, 2), (3, 4, 5)), at_ns=ms(620)), Partition(groups=(), at_ns=seconds(4)))


@pytest.mark.parametrize("faults", [CRASHES, GIVES_UP])
def test_a_process_goes_on_in_its_session_whatever_became_of_its_last_command(faults: tuple[Fault, ...]) -> None:
    """Each operation of a plan is another command: with the number of an earlier one it would not be applied."""
    plan = tuple(
        PlannedOperation(at_ns=at_ns, node=node, process=node, function=function, key="k0", value=value)
        for at_ns, node, function, value in (
            (ms(600), 3, "put", "a"),
            (ms(630), 3, "append", "b"),
            (seconds(5), 3, "put", "c"),
            (seconds(6), 4, "get", None),
        )
    )
    heard = history("raft-kv", settings_of("raft-kv", operations=plan, faults=faults, duration_ns=seconds(8)))
    assert heard[-2].argument == "c" and heard[-1].result == "c"


def shrunk(name: str, bug: str) -> Minimal:
    (seed,) = [int(row.split()[1]) for row in GOLDENS.read_text(encoding="utf-8").splitlines() if f"{bug} " in row]
    reference = Reference(
        text=name, name=name, entry=entries()[name], settings=Settings(seed=seed, parameters={"bug": bug}), replay=""
    )
    trial, broken = failing_trial(reference, "linearizability")
    return shrink_run(reference, trial, Trials(in_process(TrialRunner(entry=reference.entry)), broken, 2000))


@pytest.mark.slow
def test_a_stale_read_needs_few_operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    minimal = shrunk("raft-hunt", "JEP-01")
    assert minimal.before.operations > 40
    assert 2 <= minimal.after.operations == len(minimal.settings.operations or ()) <= 6
    for place in range(minimal.after.operations):
        operations = minimal.settings.operations
        assert operations is not None
        without = Settings(**{**vars(minimal.settings), "operations": operations[:place] + operations[place + 1 :]})
        trial = TrialRunner(entry=minimal.reference.entry).trial(without)
        assert minimal.broken not in trial.broken, "nothing of it can be left out"
    Path("minimal.toml").write_text(write_settings("raft-hunt", minimal.settings), encoding="utf-8")
    _, settings = read_scenario_file(Path("minimal.toml"))
    assert settings == minimal.settings
    told = CliRunner().invoke(main, ["run", "minimal.toml"])
    code = re.search(r"--replay (sc1-\S+)", told.output)
    assert told.exit_code == 1 and code is not None and minimal.trial.digest in told.output
    assert minimal.trial.digest in CliRunner().invoke(main, ["run", "--replay", code[1]]).output


OWN = """
from functools import partial

from simclock import Message, Network, Scenario, Uniform, ms, seconds
from simclock.experiments.checkers.linearizability import register
from simclock.experiments.checkers.linearizable import Linearizable
from simclock.protocols.key_value import Planned, PlannedOperation


class Say(Message):
    value: int


class Both(Planned):
    def __init__(self):
        self.value, self.copied, self.open, self.count = 0, 0, None, 0

    def on_start(self):
        if self.planned is not None:
            self.wait_for_planned()
        elif self.id:
            self.set_timer("next", self.random.exponential_ns(ms(20)))

    def on_timer(self, timer):
        match timer:
            case ("copy", int(value)):
                self.copied = value
            case ("planned", int(place)):
                self.on_planned(place)
            case "next":
                self.count += 1
                write = self.id == 1
                value = self.count if write else None
                function = "write" if write else "read"
                self.call_planned(
                    PlannedOperation(at_ns=0, node=self.id, process=self.id, function=function, value=value)
                )
                self.set_timer("next", self.random.exponential_ns(ms(20)))

    def call_planned(self, operation):
        if self.open is None:
            self.open = operation
            self.observe("invoke", (operation.process, operation.function, None, operation.value))
            self.send(0, Say(operation.value or 0))

    def on_message(self, source, message):
        if self.id == 0:
            if message.value:
                self.value = message.value
                self.set_timer(("copy", message.value), ms(40))
            self.send(source, Say(message.value or self.copied))
        elif self.open is not None:
            self.observe("ok", (self.open.process, self.open.function, None, message.value))
            self.open = None


def copied(seed: int) -> Scenario:
    return Scenario(
        name="copied",
        seed=seed,
        nodes=4,
        build=lambda node: Both(),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(3))),
        observers=(partial(Linearizable, register(0)),),
    )
"""


def test_a_client_of_ones_own_can_be_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN, encoding="utf-8")
    told = CliRunner().invoke(main, ["shrink", "own.py", "--jobs", "1"])
    assert told.exit_code == 0, told.output
    assert re.search(r"operations +\d\d+ -> 2\n", told.output), told.output
    called = r"called +\S+ client 1, process 1: write\(\d+\)\n +\S+ client \d, process \d: read\(\)"
    assert re.search(called, told.output), told.output
    assert CliRunner().invoke(main, ["run", "minimal.toml"]).exit_code == 1


def test_operations_go_with_their_clients_and_their_times() -> None:
    more, fewer = (make_scenario(entries()["raft-kv"], Settings(nodes=nodes)) for nodes in (5, 3))
    less = make_scenario(entries()["raft-kv"], Settings(nodes=3, parameters={"clients": 1}))
    plan = tuple(
        PlannedOperation(at_ns=ms(node), node=node, process=node, function="get", key=f"k{node % 2}")
        for node in (5, 6, 7)
    )
    moved = moved_to(plan, more, fewer)
    assert moved is not None and [each.node for each in moved] == [3, 4, 5]
    assert [each.process for each in moved] == [5, 6, 7], "the sessions stay what they were"
    assert [each.node for each in moved_to(plan, more, less) or ()] == [3]
    assert [each.at_ns for each in sooner(plan, ms(6), ms(2)) or ()] == [ms(4), ms(5), ms(5)]
    assert together(plan, "key") == [(0, 2), (1,)]


HEAD = 'scenario = "raft-kv"\n[[operations]]\nat = "1ms"\nnode = 3\nprocess = 3\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'scenario = "raft-kv"\noperations = [3]\n',
            "operations[0]: 3 is not an operation: write [[operations]]",
        ),
        (HEAD, 'operations[0].function is missing: write function = "get"'),
        (f'{HEAD}function = "get"\nkey = "k0"\nvalu = "a"\n', "unknown key 'valu': did you mean 'value'?"),
        (f'{HEAD}function = "get"\n', "operations[0].key: None is not text, which a get needs"),
        (f'{HEAD}function = "put"\nkey = "k0"\n', "operations[0].value: None is not text, which a put needs"),
        (f'{HEAD}function = "pop"\nkey = "k0"\n', "operations[0].function: 'pop' is no operation: use get, put"),
        (
            HEAD.replace("node = 3", "node = 1") + 'function = "get"\n',
            "node 1 is a RaftServer, and takes none",
        ),
        (HEAD.replace("node = 3", "node = 9") + 'function = "get"\n', "9 is out of range: nodes are 0 to 5"),
        (HEAD.replace('"1ms"', '"1"') + 'function = "get"\n', "operations[0].at: "),
    ],
)
def test_bad_operations_are_one_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["run", str(file)])
    assert result.exit_code == 2 and told in result.stderr and result.stderr.count("\n") == 1


def test_a_plan_of_a_node_that_draws_is_refused() -> None:
    with pytest.raises(UsageError, match="takes none from a plan"):
        make_scenario(
            entries()["phold"],
            Settings(operations=(PlannedOperation(at_ns=0, node=0, process=0, function="get", key="k"),)),
        )
