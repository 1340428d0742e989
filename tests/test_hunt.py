"""`simclock hunt`: any class in the place of a scenario's, the right one on the same seeds, and what was kept of it."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from simclock import PlacementError, UsageError
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.replacement import Replacement
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.database import DEFAULT_DATABASE, UNFINISHED, open_results
from simclock.experiments.runs.reference import code_of
from simclock.experiments.scenario_files.file import read_scenario_file, replacement
from simclock.experiments.scenario_files.python_scenarios import python_entry
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Hunting
from simclock.experiments.zoo.quarry import Quarry, row_quarry

LOCK = Path(__file__).parent / "planted" / "lock.py"
MINE = """
from simclock.protocols.leases import StorageNode
from simclock.protocols.raft import RaftServer

class Hasty(StorageNode):
    def _may_write(self, lock, token, number):
        return True

class Same(StorageNode):
    def _may_write(self, lock, token, number):
        return super()._may_write(lock, token, number)

class Unused(StorageNode):
    def never_called(self):
        return 1

class Stranger:
    pass

word = 7
"""


@pytest.fixture(autouse=True)
def folder(tmp_path):
    before = Path.cwd()
    os.chdir(tmp_path)
    (tmp_path / f"mine_{tmp_path.name}.py").write_text(MINE)
    yield tmp_path
    os.chdir(before)


def mine(cls):
    return f"mine_{Path.cwd().name}.py:{cls}"


def hunted(scenario, part, cls, *more):
    return CliRunner().invoke(main, ["hunt", scenario, "--replace", f"{part}={cls}", "--jobs", "1", *more])


def told(result):
    """The JSON of a hunt that was told."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return json.loads(result.stdout)


def test_a_wrong_class_is_found_counted_and_kept():
    result = hunted(
        "leases-hunt", "StorageNode", mine("Hasty"), "--hunts", "2", "--seeds-max", "30", "--format", "json"
    )
    values = told(result)
    assert result.exit_code == 0 and values["right"] == [] and values["right_runs"] == values["runs"]
    assert all(hunt["found"] is not None for hunt in values["hunts"])
    assert values["calls"]["Hasty._may_write"] > 0 and 0 < values["differs_in"] <= values["called_in"]
    again = CliRunner().invoke(main, values["replay"].split()[1:])
    assert again.exit_code == 1, again.output
    pasted = CliRunner().invoke(main, ["run", "--replay", values["code"]])
    assert pasted.exit_code == 1 and "the same run to the last bit" in pasted.stdout, pasted.output
    assert "mine_" in code_of(values["code"])
    wrong, right = values["sweeps"]
    first = values["hunts"][0]["found"]
    replayed = CliRunner().invoke(main, ["replay", f"{wrong}:{first}"])
    assert f"{wrong}:{first}, the same to the last bit" in replayed.stdout and "mine_" in replayed.stdout
    compared = CliRunner().invoke(main, ["results", "compare", str(wrong), str(right)])
    assert f"{values['differs_in']} changed" in compared.stdout


def test_a_class_that_changes_nothing_is_seen_as_such():
    result = hunted("leases-hunt", "storage", mine("Same"), "--hunts", "1", "--seeds-max", "3")
    assert result.exit_code == 1 and "found    in 0 of 1 hunts" in result.stdout
    assert "Same._may_write" in result.stdout and "times, in" in result.stdout
    assert "differs  never: all 3 runs are the right class's" in result.stdout


def test_code_that_never_runs_is_seen_as_such():
    result = hunted("leases-hunt", "StorageNode", mine("Unused"), "--hunts", "1", "--seeds-max", "2")
    assert "ran      never: none of Unused.never_called was called in 2 runs" in result.stdout


@pytest.mark.slow
def test_an_own_scenario_is_hunted_under_a_swarm():
    words = ("--hunts", "1", "--seeds-max", "10", "--shrink", "--format", "json")
    values = told(hunted(f"{LOCK}:lock", "Storage", f"{LOCK}:UnfencedStorage", *words))
    assert values["hunts"][0]["found"] == 3 and "--nemesis swarm" in values["replay"] and "--rhythm" in values["replay"]
    assert values["named"] == {"Mutual Exclusion": 1} and values["faults_left"] < 20


def test_another_property_does_not_count():
    words = ("--hunts", "1", "--seeds-max", "4", "--property", "Nothing Of The Sort", "--format", "json")
    values = told(hunted(f"{LOCK}:lock", "Storage", f"{LOCK}:UnfencedStorage", *words))
    assert values["seeds_until_found"] is None and values["named"] == {"Mutual Exclusion": 1}


@pytest.mark.parametrize(
    ("part", "cls", "problem"),
    [
        (
            "LeasServer",
            "Hasty",
            "did you mean 'LeaseServer'?; its parts are LeaseServer, LeaseTable, Holder, StorageNode",
        ),
        ("Nobody", "Hasty", "use LeaseServer, LeaseTable, Holder or StorageNode"),
        ("LeaseServer", "Hasty", "Hasty is no subclass of LeaseServer: write class Hasty(LeaseServer)"),
        ("StorageNode", "Stranger", "Stranger is no subclass of StorageNode"),
        ("StorageNode", "Hastty", "unknown name 'Hastty': did you mean 'Hasty'?"),
        ("StorageNode", "word", "it is int, not a class"),
    ],
)
def test_what_cannot_be_put_in_is_refused(part, cls, problem):
    result = hunted("leases-hunt", part, mine(cls))
    assert result.exit_code == 2 and problem in result.stderr and result.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_refused():
    assert "nobody.py: there is no such file" in hunted("leases-hunt", "StorageNode", "nobody.py:Hasty").stderr
    assert "write StorageNode=mine.py:Class" in hunted("leases-hunt", "StorageNode", "nobody.py").stderr
    assert "--replace: say what is put in" in CliRunner().invoke(main, ["hunt", "leases-hunt"]).stderr


def test_a_node_with_another_init_is_refused(folder):
    """Nodes are made by the scenario, and become nodes of the other class then: all but what it takes as a part."""
    entry, _ = python_entry("lock.py:lock", LOCK.parent)
    as_is = make_scenario(entry, Settings())
    lock, storage = type(as_is.build(0)), type(as_is.build(1))

    class Late(lock):
        def __init__(self):
            pass

    with pytest.raises(UsageError, match=r"Lock=mine\.py:Late: it has an __init__"):
        make_scenario(entry, Settings(replaced=(Replacement("Lock", "/x/mine.py:Late", Late),)))

    class Early(storage):
        def __init__(self):
            pass

    for part in ("Storage", "storage"):
        put_in = Replacement(part, "/x/mine.py:Early", Early)
        assert type(make_scenario(entry, Settings(replaced=(put_in,))).build(1)) is Early


def test_a_file_that_imports_the_scenario_has_its_classes(folder):
    (folder / "twins_a.py").write_text(LOCK.read_text())
    (folder / "twins_b.py").write_text("from twins_a import Storage\nclass Late(Storage):\n    pass\n")
    put_in = replacement("Storage", "twins_b.py:Late", folder, "--replace")
    entry, _ = python_entry("twins_a.py:lock", folder)
    assert type(make_scenario(entry, Settings(replaced=(put_in,))).build(1)) is put_in.cls


def test_a_file_puts_a_class_in_and_is_written_again(folder):
    file = folder / "own.toml"
    file.write_text(f'scenario = "leases-hunt"\n\n[replace]\nStorageNode = "{mine("Hasty")}"\n')
    entry, settings = read_scenario_file(file)
    assert [each.cls.__name__ for each in settings.replaced] == ["Hasty"] and entry.name == "leases-hunt"
    written = write_settings("leases-hunt", settings)
    assert f'StorageNode = "{folder}/{mine("Hasty")}"' in written
    assert "it is of Python code" in CliRunner().invoke(main, ["show", str(file)]).stderr
    file.write_text('scenario = "leases-hunt"\n\n[replace]\nStorageNode = 7\n')
    assert "replace.StorageNode: 7 is not text" in CliRunner().invoke(main, ["run", str(file)]).stderr


def test_ctrl_c_keeps_what_there_is(monkeypatch):
    asked = []
    usual = Quarry.run

    def interrupted(self, seed, *, wrong):
        asked.append(seed)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return usual(self, seed, wrong=wrong)

    monkeypatch.setattr(Quarry, "run", interrupted)
    monkeypatch.setattr("simclock.experiments.zoo.hunt.BATCH_S", 0)
    result = hunted("leases-hunt", "StorageNode", mine("Same"), "--hunts", "2", "--seeds-max", "9")
    assert result.exit_code == 130 and "from seed 0: not found, interrupted, 2 tried" in result.stdout
    assert "passes 0 of 2" in result.stdout
    kept = CliRunner().invoke(main, ["results", "--format", "json"]).stdout
    assert [(each["seeds"], each["state"]) for each in json.loads(kept)] == [("0:2", "interrupted")]


def test_what_has_run_is_kept_where_the_hunt_fails(monkeypatch):
    usual = Quarry.run

    def failing(self, seed, *, wrong):
        if not wrong:
            raise PlacementError("a worker is gone")
        return usual(self, seed, wrong=wrong)

    monkeypatch.setattr(Quarry, "run", failing)
    result = hunted("leases-hunt", "StorageNode", mine("Same"), "--hunts", "1", "--seeds-max", "2")
    assert result.exit_code == 3 and result.stderr == "simclock: a worker is gone\n"
    with open_results(Path(DEFAULT_DATABASE)) as opened:
        kept = [(sweep.seeds, sweep.state, sorted(opened.seeds(sweep.id))) for sweep in opened.sweeps()]
    assert kept == [("0:2", UNFINISHED, [0, 1])]


def test_a_hunt_tells_its_runs_as_they_come(monkeypatch):
    monkeypatch.setattr("simclock.experiments.zoo.hunt.BATCH_S", 0)
    told_of = []
    hunting = Hunting(
        [row_quarry(BUGS["RAFT-18"])],
        first=0,
        hunts=1,
        seeds_max=5,
        ran=lambda runs, wrong: told_of.append((sorted(runs), wrong)),
    )
    list(hunting.through())
    assert told_of == [([0], True), ([0], False)]


def test_the_zoo_keeps_the_rows_that_are_done(monkeypatch):
    usual = Quarry.run

    def interrupted(self, seed, *, wrong):
        if self.id == "RAFT-18":
            raise KeyboardInterrupt
        return usual(self, seed, wrong=wrong)

    monkeypatch.setattr(Quarry, "run", interrupted)
    result = CliRunner().invoke(main, ["zoo", "--rows", "RAFT-16,RAFT-18", "--hunts", "1", "--no-shrink"])
    assert result.exit_code == 130 and "RAFT-16" in result.stdout and "RAFT-18" not in result.stdout
    assert result.stderr.startswith("RAFT-16 truncate-on-stale-ae: 2; first at seed 1; right protocol passes")


def test_the_right_runs_of_a_ground_are_shared_by_its_rows():
    rows = [row_quarry(BUGS[row]) for row in ("PAPER-5.2", "RAFT-18")]
    hunting = Hunting(rows, first=0, hunts=1, seeds_max=5)
    done = list(hunting.through())
    assert [(row.quarry.id, row.seeds, row.right) for row in done] == [("PAPER-5.2", 1, ()), ("RAFT-18", 1, ())]
    assert done[0].rights[0] is done[1].rights[0]


@pytest.mark.slow
@pytest.mark.ray
def test_a_class_of_ones_own_is_hunted_by_workers(ray):
    words = ["hunt", "leases-hunt", "--replace", f"StorageNode={mine('Hasty')}", "--hunts", "2", "--format", "json"]
    one, two = (told(CliRunner().invoke(main, [*words, "--jobs", jobs])) for jobs in ("1", "2"))
    assert one["hunts"] == two["hunts"] and one["calls"] == two["calls"] and one["differs_in"] == two["differs_in"]
