"""`simclock sweep`: outcomes, batches, interrupts, full disks; the same results wherever the seeds ran."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock import UsageError
from simclock.experiments.command_line import main
from simclock.experiments.commands.sweep import FAILURES_TOLD_MAX
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs import sweep as sweep_module
from simclock.experiments.runs.database import ResultsDatabase, ResultsUnwritable, open_results
from simclock.experiments.runs.outcome import FAILED, Outcome, SeedRunner
from simclock.experiments.runs.seeds import parse_seeds, seeds_text
from simclock.experiments.runs.source import find_source
from simclock.experiments.runs.sweep import Batches
from simclock.experiments.telling.exit_status import gravest

ROOT = Path(__file__).parent.parent

PLAYERS = """
from simclock.actors import Message, Node
from simclock import Constant, Network, Observer, Scenario, ms


class Ball(Message):
    luck: int


class Player(Node):
    def on_start(self):
        self.send(1 - self.id, Ball(self.random.randrange(8)))

    def on_message(self, source, message):
        self.observe("luck", message.luck)
        if message.luck == 0:
            raise KeyError("dropped")


class NoSeven(Observer):
    def on_observation(self, observation, control):
        if observation.value == 7:
            control.violated("no seven", observation.node, "a seven")


def game(seed):
    return Scenario(
        name="game", nodes=2, seed=seed, build=lambda node: Player(), duration_ns=ms(5),
        network=Network(latency=Constant(delay_ns=ms(1))), observers=(NoSeven,),
    )
"""


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def game(tmp_path, monkeypatch):
    """A scenario of which some seeds are valid, some violated, some failed; results go to its folder."""
    (tmp_path / "players.py").write_text(PLAYERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "players.py:game"


def read(name: str = ".simclock/results.db") -> list[Outcome]:
    with open_results(Path(name)) as opened:
        return [result.outcome for result in opened.results()]


def outcome(seed: int, wall_s: float = 0.1) -> Outcome:
    return Outcome(
        seed=seed, digest=f"{seed:032x}", verdict="valid", properties=(), detail="", events=1, virtual_ns=1,
        counters={}, wall_s=wall_s, started_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


# Seeds.


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("3:6", [3, 4, 5]), ("9,1:3,2", [1, 2, 9]), ("0", [0]), ("5, 6", [5, 6])]
)
def test_seeds_are_read_and_written_back(text, seeds):
    assert list(parse_seeds(text)) == seeds
    assert list(parse_seeds(seeds_text(parse_seeds(text)))) == seeds


@pytest.mark.parametrize("text", ["", "x", "1:", ":5", "5:5", "9:3", "-1", "1:2:3", "1e3", "٣", f"0:{1 << 63}", "1,,2"])
def test_what_is_no_seed_is_refused(text):
    with pytest.raises(UsageError, match="--seeds: "):
        parse_seeds(text)


def test_many_seeds_cost_nothing_before_they_run():
    assert len(parse_seeds("0:1000000000000")) == 10**12


# Batches.


def batches(seeds: int, workers: int, wall_s: float) -> list[int]:
    cut = Batches(range(seeds))
    cut.workers = workers
    sizes, taken = [], []
    for batch in cut:
        sizes.append(len(batch))
        taken += batch
        cut.heard([outcome(seed, wall_s) for seed in batch])
    assert taken == list(range(seeds))
    return sizes


def test_batches_grow_to_a_quarter_of_a_second_and_shrink_at_the_end():
    sizes = batches(1000, 2, 0.01)
    assert sizes[0] == 1
    assert sizes[1] == 25
    assert max(sizes) == 25
    assert sizes[-1] == 1


def test_a_long_run_is_a_batch_of_its_own():
    assert set(batches(20, 2, 3.0)) == {1}


def test_batches_of_runs_that_take_no_time_are_bounded():
    assert max(batches(10_000, 2, 0.0)) == sweep_module.BATCH_SEEDS_MAX


def test_a_worker_gives_back_what_it_has_done_in_time_and_the_rest_is_given_anew(game):
    runner = SeedRunner(entry=find_source("phold").entry, settings=Settings(nodes=1, duration_ns=1), batch_s=0)
    done = runner(range(5, 9))
    assert [each.seed for each in done] == [5]
    cut = Batches(range(5, 9))
    cut.rest(range(5, 9), done)
    assert next(cut) == range(6, 9)


def test_seeds_that_are_done_are_given_to_nobody():
    cut = Batches(range(10), {0, 1, 2, 5})
    assert [seed for batch in cut for seed in batch] == [3, 4, 6, 7, 8, 9]


# The command.


def test_every_outcome_is_kept_in_seed_order_and_failures_are_told_with_their_replay(game):
    result = simclock("sweep", game, "--seeds", "0:40", "--jobs", 1)
    assert result.exit_code == 1
    outcomes = read()
    assert [each.seed for each in outcomes] == list(range(40))
    assert {each.verdict for each in outcomes} == {"valid", "violated", FAILED}
    for each in outcomes:
        if each.verdict == "valid":
            assert f"--seed {each.seed}\n" not in result.stderr
        else:
            assert f"seed {each.seed}: {each.verdict}: {each.properties[0]} (result 1:{each.seed})" in result.stderr
            assert f"replay: simclock run players.py:game --seed {each.seed}\n" in result.stderr
    violated = next(each for each in outcomes if each.verdict == "violated")
    assert violated.properties == ("no seven",)
    assert violated.detail.startswith("no seven at 1ms, node ")
    failed = next(each for each in outcomes if each.verdict == FAILED)
    assert (failed.properties, failed.digest) == (("KeyError at players.py:17 in on_message",), "")
    assert failed.counters["messages"] >= 1, "what was counted until then is kept"
    assert failed.events >= failed.counters["messages"] + 1
    assert "KeyError: 'dropped'" in failed.detail
    assert result.stdout.startswith("sweep 1: players.py:game, seeds 0:40\n  runs ")
    assert "simclock replay 1:" in result.stdout


@pytest.mark.slow
def test_after_many_failures_more_are_counted_and_kept_but_not_told(game):
    result = simclock("sweep", game, "--seeds", "0:150", "--jobs", 1)
    failing = sum(not each.passed for each in read())
    assert failing > FAILURES_TOLD_MAX
    assert result.stderr.count("  replay: ") == FAILURES_TOLD_MAX
    assert result.stderr.count("more seeds fail") == 1
    assert f"and {failing - 10} more: simclock results --sweep 1 --failing" in result.stdout


def test_code_that_exits_is_an_outcome(game):
    Path("players.py").write_text(PLAYERS.replace('KeyError("dropped")', "SystemExit(0)"), encoding="utf-8")
    assert simclock("sweep", game, "--seeds", "0:40", "--jobs", 1).exit_code == 1
    assert len(read()) == 40
    assert ("SystemExit at players.py:17 in on_message",) in {each.properties for each in read()}


def test_a_maker_that_raises_is_an_outcome_with_its_own_name(game):
    source = PLAYERS.replace("def game(seed):", "def game(seed):\n    if seed == 6: raise ValueError('not six')")
    Path("players.py").write_text(source, encoding="utf-8")
    assert simclock("sweep", game, "--seeds", "5:8", "--jobs", 1).exit_code == 4
    six = read()[1]
    assert (six.verdict, six.properties) == ("failed", ("ValueError at players.py:27 in game",))
    assert "not six" in six.detail


def test_a_sweep_says_what_took_effect_and_what_was_never_reached(tmp_path):
    place = ("--jobs", 1, "--database", tmp_path / "results.db")
    result = simclock("sweep", "raft-hunt", "--nemesis", "crash", "--seeds", "0:3", *place)
    assert re.search(r"\n  took effect  \d+ crash, \d+ restart, ", result.stdout), result.stdout
    with open_results(tmp_path / "results.db") as opened:
        crashes = sum(each.outcome.counters["fault_crash"] for each in opened.results(sweep=1))
        elections = sum(each.outcome.counters["reached_elections"] for each in opened.results(sweep=1))
    assert f"took effect  {crashes} crash, " in result.stdout
    assert f"reached      {elections} elections, " in result.stdout
    result = simclock("sweep", "raft-hunt", "--nemesis", "none", "--duration", "20ms", "--seeds", "0:3", *place)
    assert "took effect  no fault\n" in result.stdout
    assert "reached      never: elections, leaders, " in result.stdout


def test_what_is_recorded_says_in_which_phase_it_was(tmp_path):
    file = tmp_path / "results.db"
    arguments = ("raft-hunt", "--set", "bug=PAPER-5.2L", "--liveness", "5s", "--seeds", "0", "--database", file)
    assert simclock("sweep", *arguments, "--jobs", 1).exit_code == 1
    (outcome,) = read(str(file))
    assert outcome.detail.startswith("Progress at ") and "s (liveness phase), the whole run: " in outcome.detail


def test_what_is_recorded_is_what_run_finds(game):
    simclock("sweep", game, "--seeds", "0:12", "--jobs", 1)
    for each in read():
        if each.digest:
            report = json.loads(simclock("run", game, "--seed", each.seed, "--format", "json").stdout)
            assert (report["digest"], report["verdict"]["status"]) == (each.digest, each.verdict)


def test_settings_are_in_force_and_kept(game):
    flags = ("--nodes", 4, "--loss", 0.5, "--duration", "50ms", "--set", "tokens=2")
    assert simclock("sweep", "phold", "--seeds", "3:5", "--jobs", 1, *flags).exit_code == 0
    report = json.loads(simclock("run", "phold", "--seed", 4, *flags, "--format", "json").stdout)
    assert read()[1].digest == report["digest"]
    with open_results(Path(".simclock/results.db")) as opened:
        (kept,) = opened.sweeps()
    Path("kept.toml").write_text(kept.settings, encoding="utf-8")
    again = json.loads(simclock("run", "kept.toml", "--seed", 4, "--format", "json").stdout)
    assert again["digest"] == report["digest"]


def test_json_has_every_result(game):
    result = simclock("sweep", game, "--seeds", "5,1:3", "--jobs", 1, "--format", "json", "--database", "x/y.db")
    summary = json.loads(result.stdout)
    assert [each["seed"] for each in summary["results"]] == [1, 2, 5]
    assert sum(summary["verdicts"].values()) == 3
    assert Path("x/y.db").is_file()


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([], 0),
        (["valid"], 0),
        (["valid", "unknown"], 3),
        (["unknown", "violated"], 1),
        (["valid", "failed"], 4),
        (["unknown", "failed"], 4),
        (["failed", "violated"], 1),
    ],
)
def test_the_exit_status_is_of_the_gravest(verdicts, status):
    found = [replace(outcome(seed), verdict=verdict) for seed, verdict in enumerate(verdicts)]
    assert gravest(each.exit_status for each in found) == status


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nothing", "--seeds", "0:3"), "unknown scenario 'nothing'"),
        (("phold", "--seeds", "3:0"), "--seeds: 3:0 holds no seed"),
        (("phold", "--seeds", "0:3", "--nodes", "0"), "nodes: 0 is not a number of nodes"),
        (("phold", "--seeds", "0:3", "--set", "tokens=no"), "--set tokens"),
        (("phold",), "Missing option '--seeds'"),
    ],
)
def test_bad_usage_is_one_line_and_leaves_no_database(game, arguments, text):
    result = simclock("sweep", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path(".simclock").exists()


def test_an_interrupt_keeps_what_is_finished(game, monkeypatch):
    true_runner = sweep_module.SeedRunner.outcome

    def interrupted(runner, seed):
        if seed == 7:
            raise KeyboardInterrupt
        return true_runner(runner, seed)

    monkeypatch.setattr(sweep_module.SeedRunner, "outcome", interrupted)
    result = simclock("sweep", game, "--seeds", "0:40", "--jobs", 1)
    assert result.exit_code == 130
    assert "simclock: interrupted: 7 of 40 results are saved\n" in result.stderr
    assert [each.seed for each in read()] == list(range(7))
    assert "1  players.py:game  0:40     interrupted" in simclock("results").stdout


def test_an_interrupt_while_saving_loses_nothing(game, monkeypatch):
    monkeypatch.setattr(sweep_module, "SAVE_S", 0)
    true_save = ResultsDatabase.save
    calls = []

    def save(database, sweep, outcomes):
        calls.append(len(outcomes))
        true_save(database, sweep, outcomes)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(ResultsDatabase, "save", save)
    assert simclock("sweep", game, "--seeds", "0:40", "--jobs", 1).exit_code == 130
    assert [each.seed for each in read()] == [0, 1, 2]


def test_a_second_interrupt_while_the_last_results_are_saved_loses_nothing(game, monkeypatch, interruptible):
    true_runner, true_save = sweep_module.SeedRunner.outcome, ResultsDatabase.save

    def interrupted(runner, seed):
        if seed == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return true_runner(runner, seed)

    def save(database, sweep, outcomes):
        os.kill(os.getpid(), signal.SIGINT)
        true_save(database, sweep, outcomes)

    monkeypatch.setattr(sweep_module, "SAVE_S", 1000)
    monkeypatch.setattr(sweep_module.SeedRunner, "outcome", interrupted)
    monkeypatch.setattr(ResultsDatabase, "save", save)
    assert simclock("sweep", game, "--seeds", "0:40", "--jobs", 1).exit_code == 130
    assert [each.seed for each in read()] == list(range(7))
    assert "interrupted" in simclock("results").stdout
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


FULL_DISK = """
import resource, sys
from simclock.experiments.runs import sweep
from simclock.experiments.command_line import main
from simclock.experiments.commands.sweep import FAILURES_TOLD_MAX
sweep.SAVE_S = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (28 * 1024, 28 * 1024))
main(["sweep", "phold", "--nodes", "2", "--duration", "20ms", "--seeds", "0:500", "--jobs", "1"])
"""


def test_a_full_disk_loses_no_finished_result(tmp_path):
    """A limit on file sizes stands for the disk: what was saved stays, what could not be is on stdout."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK],  # -B: the limit would cut bytecode files too
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    saved = read(str(tmp_path / ".simclock/results.db"))
    assert len(saved) > 20
    assert [each.seed for each in saved] + [each["seed"] for each in printed] == list(range(len(saved) + len(printed)))
    assert all(each["digest"] for each in printed)
    check = sqlite3.connect(tmp_path / ".simclock/results.db")
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()


def test_a_disk_that_fails_at_the_last_is_told_too(game, monkeypatch):
    def full(database, sweep, outcomes):
        raise ResultsUnwritable("results.db: cannot be written (database or disk is full): is the disk full?")

    monkeypatch.setattr(ResultsDatabase, "save", full)
    result = simclock("sweep", game, "--seeds", "0:4", "--jobs", 1)
    assert result.exit_code == 3
    told = [json.loads(line)["seed"] for line in result.stdout.splitlines()]
    assert told and told == [0, 1, 2, 3][: len(told)], "it ends when the first result cannot be saved"
    assert f"{len(told)} results could not be saved and stand on stdout" in result.stderr


def test_a_lock_that_passes_costs_nothing(game, monkeypatch):
    monkeypatch.setattr(sweep_module, "SAVE_S", 0)
    monkeypatch.setattr("simclock.experiments.runs.database.LOCK_TIMEOUT_S", 0)
    true_runner = sweep_module.SeedRunner.outcome
    locker = sqlite3.connect(".simclock/results.db") if Path(".simclock").exists() else None

    def locking(runner, seed):
        nonlocal locker
        if seed == 3:
            locker = sqlite3.connect(".simclock/results.db", isolation_level=None)
            locker.execute("BEGIN EXCLUSIVE")
        if seed == 6 and locker is not None:
            locker.execute("ROLLBACK")
            locker.close()
        return true_runner(runner, seed)

    monkeypatch.setattr(sweep_module.SeedRunner, "outcome", locking)
    assert simclock("sweep", game, "--seeds", "0:10", "--jobs", 1).exit_code in (0, 1)
    assert [each.seed for each in read()] == list(range(10))


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(b"\xaa" * 40_000)])
def test_a_database_that_goes_bad_meanwhile_loses_no_finished_result(game, monkeypatch, spoil):
    """Somebody deletes or overwrites it: what could not be saved stands on stdout, as on a full disk."""
    true_runner = sweep_module.SeedRunner.outcome

    def spoiling(runner, seed):
        if seed == 5:
            spoil(Path(".simclock/results.db"))
        return true_runner(runner, seed)

    monkeypatch.setattr(sweep_module, "SAVE_S", 1000)
    monkeypatch.setattr(sweep_module.SeedRunner, "outcome", spoiling)
    result = simclock("sweep", game, "--seeds", "0:8", "--jobs", 1)
    assert result.exit_code == 2
    assert [json.loads(line)["seed"] for line in result.stdout.splitlines()] == list(range(8))
    assert "8 results could not be saved and stand on stdout" in result.stderr


# Failed is not violated.


def test_the_summary_tells_failed_from_violated_by_class_and_place(game):
    """What differs between messages, a seed or a value, makes no label of its own."""
    source = PLAYERS.replace('raise KeyError("dropped")', 'raise KeyError(f"{self.random.random()}")')
    assert source != PLAYERS
    Path("players.py").write_text(source, encoding="utf-8")
    result = simclock("sweep", game, "--seeds", "0:40", "--jobs", 1)
    counts = Counter(each.verdict for each in read())
    lines = result.stdout.splitlines()
    assert f"  violated     no seven in {counts['violated']}" in lines
    assert f"  failed       KeyError at players.py:17 in on_message in {counts['failed']}" in lines
    summary = json.loads(simclock("sweep", game, "--seeds", "0:40", "--jobs", 1, "--format", "json").stdout)
    assert summary["violated"] == {"no seven": counts["violated"]}
    assert summary["failed"] == {"KeyError at players.py:17 in on_message": counts["failed"]}
    rows = json.loads(simclock("results", "--sweep", 1, "--property", "KeyError", "--format", "json").stdout)
    assert len(rows) == counts["failed"]
    assert {(row["violated"], row["failed"]) for row in rows} == {("", "KeyError at players.py:17 in on_message")}


@pytest.mark.parametrize(
    ("raised", "label"),
    [
        ("assert False, 'seed: 3'", "AssertionError at players.py:17 in on_message"),
        ("self.send(9, message)", "UsageError at players.py:17 in on_message"),
        ("e = ValueError('x: y'); e.add_note('a note: z'); raise e", "ValueError at players.py:17 in on_message"),
    ],
)
def test_the_label_of_a_failure_has_nothing_of_its_message(game, raised, label):
    Path("players.py").write_text(PLAYERS.replace('raise KeyError("dropped")', raised), encoding="utf-8")
    simclock("sweep", game, "--seeds", "0:40", "--jobs", 1)
    assert {each.properties for each in read() if each.verdict == FAILED} == {(label,)}


def test_a_judge_that_fails_loses_no_counter(game, monkeypatch):
    def refuse(entry, result):
        raise ValueError("not judged")

    monkeypatch.setattr("simclock.experiments.runs.outcome.report_of", refuse)
    simclock("sweep", "phold", "--nodes", 2, "--duration", "20ms", "--seeds", 0, "--jobs", 1)
    (failed,) = read()
    assert failed.verdict == FAILED and failed.properties[0].startswith("ValueError at test_sweep.py:")
    assert failed.events > failed.counters["messages"] > 0


# With workers.


@pytest.mark.ray
def test_a_ray_that_does_not_start_is_told_in_a_line(game, monkeypatch):
    import ray

    def too_slow(**named):
        raise Exception("The current node timed out during startup.\nThis could happen because ...")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", too_slow)
    result = simclock("sweep", game, "--seeds", "0:8", "--jobs", 2, "--address", "local")
    assert result.exit_code == 2
    assert result.stderr == "simclock: ray: a local Ray does not start: The current node timed out during startup.\n"


@pytest.fixture(params=["processes", pytest.param("ray", marks=pytest.mark.ray)])
def workers(request, monkeypatch):
    """Processes of this machine, or a Ray that is there; gives what is told of one that was killed."""
    if request.param == "ray":
        request.getfixturevalue("ray")
        return "its process was gone at once, exit status unknown"
    monkeypatch.setattr("simclock.actors.placements.workers.ray_is_up", lambda: False)
    monkeypatch.setattr("simclock.actors.placements.processes.cores_here", lambda: 2)
    return "its process was killed by SIGKILL"


def test_workers_find_what_this_process_finds(game, workers):
    """A user's file travels; results are the same and in seed order, whatever finished first."""
    here = simclock("sweep", game, "--seeds", "0:40", "--jobs", 1, "--format", "json")
    there = simclock("sweep", game, "--seeds", "0:40", "--jobs", 2, "--format", "json")
    assert there.exit_code == here.exit_code == 1, there.stderr
    one, other = json.loads(here.stdout), json.loads(there.stdout)
    assert other["workers"] == 2
    assert other["digest"] == one["digest"]
    kept = ("seed", "digest", "verdict", "properties", "detail", "events", "virtual_ns", "counters")
    assert [[each[k] for k in kept] for each in other["results"]] == [[e[k] for k in kept] for e in one["results"]]
    assert simclock("results", "compare", 1, 2).exit_code == 0


def test_an_interrupt_with_workers_keeps_what_has_come(game, workers, monkeypatch):
    true_add = sweep_module.Keeper.add
    calls = []

    def add(keeper, outcomes):
        true_add(keeper, outcomes)
        calls.append(len(outcomes))
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(sweep_module.Keeper, "add", add)
    result = simclock("sweep", game, "--seeds", "0:5000", "--jobs", 2)
    assert result.exit_code == 130
    assert len(read()) == sum(calls)


def test_what_cannot_travel_is_told_in_a_line(game, workers):
    source = PLAYERS.replace("def game", "import threading\nLOCK = threading.Lock()\n\n\ndef game")
    Path("players.py").write_text(source.replace("return Scenario", "with LOCK: return Scenario"), encoding="utf-8")
    result = simclock("sweep", game, "--seeds", "0:40", "--jobs", 2)
    assert result.exit_code == 2
    assert "it cannot travel to a worker" in result.stderr
    assert result.stderr.count("\n") == 1
    assert simclock("sweep", game, "--seeds", "14:17", "--jobs", 1).exit_code == 4, "a node of it fails"


def test_a_seed_that_kills_its_worker_is_told_and_the_others_are_kept(game, workers):
    """Of a batch that dies it is found out which seed did it."""
    source = PLAYERS.replace(
        "def game(seed):", "import os, signal\n\n\ndef game(seed):\n    if seed == 30: os.kill(os.getpid(), 9)"
    )
    assert source != PLAYERS
    Path("players.py").write_text(source, encoding="utf-8")
    result = simclock("sweep", game, "--seeds", "0:40", "--jobs", 2)
    assert result.exit_code == 1
    kept = {each.seed: each for each in read()}
    assert sorted(kept) == list(range(40))
    assert kept[30].verdict == "failed" and kept[30].properties == ("worker died",)
    assert kept[30].detail.startswith(f"its worker died 3 times: {workers}")
    assert [seed for seed, each in kept.items() if each.properties == ("worker died",)] == [30]


@pytest.mark.ray
def test_a_task_that_fails_is_told(ray):
    from simclock import PlacementError
    from simclock.actors.placements.ray_tasks import map_on_ray

    def refuse(item):
        raise ValueError(f"not {item}")

    with pytest.raises(PlacementError, match="not 1"):
        list(map_on_ray(refuse, [1]))
