"""`simclock shrink`: planted bugs to their known size, known bugs to a quarter, and files that replay."""

import errno
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock import Crash, ms, seconds
from simclock.actors import run
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import healed_ns
from simclock.experiments.runs.reference import Reference
from simclock.experiments.runs.source import find_source
from simclock.experiments.scenario_files.file import read_scenario_file
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.shrinking.minimal import Minimal, failing_trial, shrink_run
from simclock.experiments.shrinking.trials import TrialRunner, Trials, in_process

# Whole runs, on a planted bug: node 0 crashes, and starts again while 1 is cut off from it.

TOY = """
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.actors import Message, Node
from simclock import *


class Beat(Message):
    pass


class Beater(Node):
    def on_start(self):
        self.heard = 0
        self.observe("up", self.disk.read("before", False))
        self.disk.write("before", True)
        self.disk.sync()
        self.set_timer("beat", ms(10))

    def on_timer(self, timer):
        self.broadcast(Beat())
        self.observe("beat")
        self.set_timer("beat", ms(10))

    def on_message(self, source, message):
        self.observe("heard", source)
        self.heard += 1
        if self.heard > FAILS_AFTER:
            raise KeyError("too much")


FAILS_AFTER = 10**9


class Watch(Observer):
    def __init__(self):
        self.again = False
        self.heard_ns = 0

    def on_observation(self, observation, control):
        if observation.node == 0 and observation.name == "heard" and observation.value == 1:
            self.heard_ns = observation.time_ns
        if observation.node == 0 and observation.name == "up" and observation.value:
            self.again, self.heard_ns = True, observation.time_ns
            control.violated("never again", 0, "node 0 starts again", stop=False)
        if self.again and observation.node == 0 and observation.name == "beat":
            if observation.time_ns - self.heard_ns > ms(100):
                control.violated("not lonely", 0, "node 0 started again and hears nobody")


class Meddler(Observer):
    done = False

    def on_observation(self, observation, control):
        if observation.name == "beat" and not self.done:
            self.done = True
            control.inject(Crash(at_ns=0, node=0), ms(50))
            control.inject(Restart(at_ns=0, node=0), ms(80))


def noise(seed):
    luck = stream(seed, "noise")
    for _ in range(30):
        at_ns = luck.uniform_ns(0, seconds(4))
        yield Crash(at_ns=at_ns, node=3)
        yield Restart(at_ns=at_ns + ms(5), node=3)


def made(settings, observers, planted):
    extra = int(settings.parameters.get("extra", 3))
    nodes = 3 + extra if settings.nodes is None else settings.nodes
    if nodes < 3:
        raise UsageError("nodes: three at least")
    plan = (*noise(settings.seed), *planted)
    return Scenario(
        name="toy", nodes=nodes, build=lambda node: Beater(), duration_ns=seconds(5),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)), loss=0.001),
        faults=tuple(sorted(plan, key=lambda fault: fault.at_ns)) if settings.faults is None else settings.faults,
        observers=observers,
    )


PLANTED = (
    Crash(at_ns=1_234_567_891, node=0),
    Restart(at_ns=1_345_678_912, node=0),
    Partition(at_ns=1_456_789_123, groups=((0, 2), (1, 3))),
    Cut(at_ns=2_012_345_678, source=2, target=3),
    Heal(at_ns=2_987_654_321),
)


def planted(settings):
    return made(settings, (Watch,), PLANTED)


planted = Entry(
    name="planted", summary="a planted bug", make=planted, judge=judge_invariants, parameters={"extra": 3},
)


def meddled(settings: Settings):
    return made(settings, (Watch, Meddler), PLANTED[2:])


def fine(seed):
    return made(Settings(seed=seed), (Watch,), ())
"""


def simclock(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def forget(folder: Path) -> None:
    """Modules of that folder are imported anew."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield
    forget(tmp_path)


def reference(text: str, seed: int) -> Reference:
    source = find_source(text)
    settings = replace(source.settings, seed=seed)
    return Reference(text=text, name=source.name, entry=source.entry, settings=settings, replay="")


def shrunk(text: str, seed: int, name: str | None = None, runs_max: int = 2000) -> Minimal:
    failing = reference(text, seed)
    trial, broken = failing_trial(failing, name)
    return shrink_run(failing, trial, Trials(in_process(TrialRunner(entry=failing.entry)), broken, runs_max))


def test_a_planted_bug_shrinks_to_its_plan(toy):
    minimal = shrunk("toy.py:planted", 5, "not lonely")
    crash, restart, partition = minimal.settings.faults
    assert (crash.kind, restart.kind, partition.kind) == ("crash", "restart", "partition")
    assert partition.groups == ((0,), (1,))
    assert all(fault.at_ns % ms(10) == 0 for fault in minimal.settings.faults)
    assert minimal.before.faults > 12
    assert minimal.after.nodes == 3 and minimal.before.nodes == 6
    assert minimal.after.duration_ns <= ms(300)
    assert minimal.settings.network.loss == 0
    assert minimal.why_ended == ""


def test_each_property_has_its_own_minimum(toy):
    minimal = shrunk("toy.py:planted", 5)
    assert minimal.broken == "never again"
    assert [fault.kind for fault in minimal.settings.faults] == ["crash", "restart"]


def test_injected_faults_become_planned_ones(toy):
    minimal = shrunk("toy.py:meddled", 5, "not lonely")
    assert minimal.settings.adaptive is False
    assert [fault.kind for fault in minimal.settings.faults] == ["crash", "restart", "partition"]


SWIZZLED = """
scenario = "toy.py:planted"

[[faults]]
kind = "crash"
at = "1s"
node = 0

[[faults]]
kind = "restart"
at = "1.1s"
node = 0

[[faults]]
kind = "swizzle-clog"
at = "1s"
lasts = "2s"
"""


def test_of_a_swizzle_the_clogs_stay_that_matter(toy):
    """Of the two clogs of seed 10 the one of node 1 matters, whom node 0 should hear; then it is over."""
    Path("swizzled.toml").write_text(SWIZZLED, encoding="utf-8")
    minimal = shrunk("swizzled.toml", 10, "not lonely")
    assert minimal.before.faults == 4
    kinds = [(fault.kind, fault.node) for fault in minimal.settings.faults]
    assert sorted(kinds) == [("clog-node", 1), ("crash", 0), ("restart", 0)]


def test_the_limit_on_runs_gives_what_was_reached(toy):
    minimal = shrunk("toy.py:planted", 5, "not lonely", runs_max=20)
    assert "limit of 20 runs" in minimal.why_ended
    assert minimal.runs == 20
    assert "not lonely" in minimal.trial.broken


def test_an_interrupt_gives_what_was_reached(toy):
    failing = reference("toy.py:planted", 5)
    trial, broken = failing_trial(failing, None)
    trials = Trials(in_process(TrialRunner(entry=failing.entry)), broken, 2000)

    def interrupt(settings):
        raise KeyboardInterrupt

    minimal = shrink_run(failing, trial, trials, interrupt)
    assert minimal.why_ended.startswith("interrupted")
    assert "never again" in minimal.trial.broken


def test_progress_that_is_missed_is_told_with_its_phase_and_what_heals_is_no_fault():
    source = find_source("raft-hunt")
    settings = Settings(seed=0, parameters={"bug": "PAPER-5.2L"}, liveness_ns=seconds(5))
    failing = Reference(text="it", name=source.name, entry=source.entry, settings=settings, replay="")
    trial, broken = failing_trial(failing, None)
    assert "(liveness phase)" in trial.details[broken]
    minimal = shrink_run(failing, trial, Trials(in_process(TrialRunner(entry=failing.entry)), broken, 3))
    healed = healed_ns(trial.faults)
    assert minimal.before.faults == sum(fault.at_ns < healed for fault in trial.faults) < len(trial.faults)
    assert minimal.after.faults == len(minimal.settings.faults)


def test_failing_code_shrinks_too(toy):
    text = Path("toy.py").read_text(encoding="utf-8").replace("FAILS_AFTER = 10**9", "FAILS_AFTER = 500")
    Path("failing.py").write_text(text, encoding="utf-8")
    minimal = shrunk("failing.py:fine", 5)
    assert minimal.broken.startswith("KeyError at ")
    assert minimal.settings.faults == ()
    assert "too much" in minimal.seen


# The command.


@pytest.mark.parametrize("name", ["toy.py:planted", "toy.py:meddled"])
def test_the_file_replays_to_the_same_violation(toy, name):
    result = simclock("shrink", name, "--seed", 5, "--property", "not lonely", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert "not lonely is still broken by less" in result.stdout
    assert "  replay " in result.stdout and "simclock run minimal.toml\n" in result.stdout
    text = Path("minimal.toml").read_text(encoding="utf-8")
    first, second, *_ = text.splitlines()
    assert first.startswith("# not lonely at ")
    assert second.startswith("# Made smaller from faults ")
    assert second.endswith(f"by simclock shrink {name} --seed 5 --property 'not lonely'")
    assert ("adaptive = false" in text) == (name == "toy.py:meddled")
    again = simclock("run", "minimal.toml")
    assert again.exit_code == 1
    assert first.removeprefix("# ") in again.stdout


def test_a_file_that_is_no_outcome_of_shrinking_is_not_overwritten(toy):
    own = Path("toy.py").read_bytes()
    result = simclock("shrink", "toy.py:planted", "--seed", 5, "--jobs", 1, "--out", "toy.py")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "toy.py is there and is no outcome of shrink, so it is not overwritten" in result.stderr
    assert Path("toy.py").read_bytes() == own
    for _ in range(2):
        assert simclock("shrink", "toy.py:planted", "--seed", 5, "--jobs", 1).exit_code == 0


def test_a_link_stays_a_link(toy):
    Path("real").mkdir()
    Path("linked.toml").symlink_to("real/small.toml")
    for _ in range(2):
        assert simclock("shrink", "toy.py:planted", "--seed", 5, "--jobs", 1, "--out", "linked.toml").exit_code == 0
    assert Path("linked.toml").is_symlink() and Path("real/small.toml").is_file()
    Path("round.toml").symlink_to("round.toml")
    result = simclock("shrink", "toy.py:planted", "--seed", 5, "--jobs", 1, "--out", "round.toml")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("shut", ["folder", "file"])
def test_what_cannot_be_replaced_or_read_is_refused_before_the_runs(toy, monkeypatch, shut):
    Path("shut").mkdir()
    out = Path("shut/small.toml")
    out.write_text("# 1\n# Made smaller from earlier\n", encoding="utf-8")
    true_access, true_read = os.access, Path.read_bytes  # root may do anything, so that the mode alone shows nothing

    def access(path, mode, **named):
        return false_of(path) and true_access(path, mode, **named)

    def false_of(path):
        return not (shut == "folder" and Path(path).name == "shut")

    def read_bytes(path):
        if shut == "file" and path.name == "small.toml":
            raise PermissionError(errno.EACCES, "Permission denied")
        return true_read(path)

    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr("simclock.experiments.commands.shrink.failing_trial", None)  # no run is begun
    result = simclock("shrink", "toy.py:planted", "--seed", 5, "--jobs", 1, "--out", out)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    said = {"folder": "no permission to make a file in shut", "file": "cannot read shut/small.toml, which is there"}
    assert said[shut] in result.stderr


def test_a_full_disk_at_the_end_loses_neither_outcome(toy, monkeypatch):
    """The file that was there stays, and the new one is printed."""
    Path("minimal.toml").write_text("# 1\n# Made smaller from earlier\n", encoding="utf-8")
    true_write = Path.write_text

    def full(path, text, **named):
        if "minimal.toml" not in path.name:
            return true_write(path, text, **named)
        true_write(path, text[:10], **named)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    result = simclock("shrink", "toy.py:planted", "--seed", 5, "--jobs", 1)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and "No space left on device" in result.stderr
    assert "Made smaller from earlier" in Path("minimal.toml").read_text(encoding="utf-8")
    Path("printed.toml").write_text(result.stdout, encoding="utf-8")
    assert simclock("run", "printed.toml").exit_code == 1
    assert sorted(each.name for each in Path().glob("minimal*")) == ["minimal.toml"]


def test_a_recorded_result_and_a_file_elsewhere(toy, tmp_path_factory):
    assert simclock("sweep", "toy.py:planted", "--seeds", "5:7", "--jobs", 1, "--set", "extra=2").exit_code == 1
    out = tmp_path_factory.mktemp("elsewhere") / "small.toml"
    result = simclock("shrink", "1:6", "--out", out, "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert "by simclock shrink 1:6\n" in out.read_text(encoding="utf-8")
    assert simclock("run", out).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("toy.py:fine", "--seed", 5), "toy.py:fine: the run breaks nothing: there is nothing to shrink"),
        (
            ("toy.py:planted", "--seed", 5, "--property", "x"),
            "toy.py:planted: the run does not break 'x', but never again or not lonely",
        ),
        (("toy.py:planted", "--nodes", 0), "nodes: 0 is not a number of nodes"),
        (("toy.py:planted", "--out", "no/such/x.toml"), "--out: there is no folder no/such"),
        (("3:17",), "there are no results yet"),
    ],
)
def test_what_cannot_be_shrunk_is_told_in_one_line(toy, arguments, told):
    result = simclock("shrink", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("minimal.toml").exists()


def test_a_recorded_failure_that_does_not_come_again(toy):
    simclock("sweep", "toy.py:planted", "--seeds", "5", "--jobs", 1)
    Path("toy.py").write_text(TOY.replace("= PLANTED", "= ()").replace("PLANTED)", "())"), encoding="utf-8")
    forget(Path.cwd())  # as in another process
    result = simclock("shrink", "1:5")
    assert result.exit_code == 2
    told = "1:5: the recorded run was violated: never again, not lonely, but the run breaks nothing: there is nothing"
    assert told in result.stderr


def test_a_file_can_say_that_observers_inject_nothing(toy):
    for adaptive in (None, True, False):
        settings = Settings(seed=0, adaptive=adaptive)
        Path("x.toml").write_text(write_settings("toy.py:meddled", settings), encoding="utf-8")
        entry, read = read_scenario_file(Path("x.toml"))
        assert read == settings
        crashed = Crash.kind in {fault.kind for fault in run(make_scenario(entry, read)).faults if fault.at_ns < ms(90)}
        assert crashed == (adaptive is not False)
    Path("x.toml").write_text('scenario = "toy.py:meddled"\nadaptive = "no"\n', encoding="utf-8")
    result = simclock("run", "x.toml")
    assert result.exit_code == 2
    assert result.stderr == "simclock: x.toml: adaptive: 'no' is not true or false: write adaptive = false\n"


@pytest.mark.slow
@pytest.mark.ray
def test_the_outcome_is_the_same_on_ray(toy, ray):
    texts = []
    for jobs in (1, 2):
        arguments = ("--seed", 5, "--property", "not lonely", "--max-runs", 60, "--jobs", jobs)
        result = simclock("shrink", "toy.py:planted", *arguments)
        assert result.exit_code == 0, result.output
        texts.append(Path("minimal.toml").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


# Known bugs: Raft with one wrong line, in the storms of test_raft_properties.

STORMS = """
import sys

sys.path.insert(0, {tests!r})
import test_raft_properties as known


def made(wrong, weather):
    return lambda seed: known.storm(seed, wrong, weather)


forgets_vote = made(known.ForgetsVote, known.SLOW_WITH_CRASHES)
clears_vote = made(known.ClearsVoteInTerm, known.SLOW)
truncates = made(known.TruncatesAlways, known.PLAIN)
"""


@pytest.mark.parametrize(
    ("name", "seed", "broken"),
    [
        ("forgets_vote", 1, "Vote Once"),
        pytest.param("clears_vote", 0, "Vote Once", marks=pytest.mark.slow),
        ("truncates", 0, "Committed On Majority"),
    ],
)
def test_a_known_bug_needs_at_most_a_quarter_of_its_plan(tmp_path, monkeypatch, name, seed, broken):
    monkeypatch.chdir(tmp_path)
    Path("storms.py").write_text(STORMS.format(tests=str(Path(__file__).parent)), encoding="utf-8")
    minimal = shrunk(f"storms.py:{name}", seed, broken, runs_max=400)
    assert minimal.after.faults * 4 <= minimal.before.faults
