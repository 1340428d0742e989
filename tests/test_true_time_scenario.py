"""The scenario truetime: externally consistent whatever the seed; without the wait, or with clocks that lie, not."""

import secrets
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import Clocks, JumpClock, UsageError, ms, seconds
from simclock.actors import Placement, run
from simclock.actors.run import inline_run
from simclock.experiments.catalog import entries, studies
from simclock.experiments.catalog.true_time import bugs as rows
from simclock.experiments.catalog.true_time.judge import epsilons_ns, history_of, judgement_of, waits_ns
from simclock.experiments.catalog.true_time.scenario import Cluster, clock_trouble
from simclock.experiments.checkers.external_consistency import EXTERNAL_CONSISTENCY
from simclock.experiments.command_line import main
from simclock.experiments.entries.bug import SAFETY
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import StudySettings
from simclock.experiments.entries.verdict import EXIT_STATUS, UNKNOWN, VALID, VIOLATED
from simclock.experiments.nemesis import coverage
from simclock.experiments.telling.recorded import recorded
from simclock.experiments.zoo.hunt import Ground, hunt, right_one
from simclock.protocols.true_time import Leader, TimeSettings
from simclock.protocols.true_time.properties import COMMIT_WAIT, CONTAINS_NOW


def play(seed, *, name="truetime", **settings):
    entry = entries()[name]
    return entry, run(make_scenario(entry, Settings(seed=seed, **settings)))


def named(seed, **parameters):
    entry, result = play(seed, parameters=parameters)
    verdict = entry.judge(result)
    names = {violation.property for violation in result.violations} | set(verdict.properties)
    assert bool(names) == (verdict.status == VIOLATED)
    return names


def simclock(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ["truetime", "truetime-hunt"])
def test_it_is_valid_whatever_the_seed(name):
    reached, struck = {}, {}
    for seed in (*range(1, 8), secrets.randbits(32)):
        entry, result = play(seed, name=name)
        verdict = entry.judge(result)
        assert verdict.status == VALID and not result.violations, f"seed {seed}: {verdict.lines}"
        if seed > 7:
            continue  # what a fresh seed reaches is luck
        for counts, found in ((reached, entry.sometimes(result)), (struck, coverage(result))):
            for what, count in found.items():
                counts[what] = counts.get(what, 0) + count
    ordered, repeated = (300, 50) if name == "truetime" else (50, 5)  # a hunt's seed may draw a run with few of them
    assert reached["ordered in true time"] > ordered and reached["snapshots repeated"] > repeated
    assert all(reached.values())
    assert struck["jump-clock"] and struck["set-drift"] and struck["crash"]
    assert name != "truetime" or (struck["partition"] and struck["dropped cut"])


@pytest.mark.slow
def test_a_hundred_seeds():
    for seed in range(100):
        assert named(seed) == set(), f"seed {seed}"


def test_without_commit_wait_the_checker_names_it():
    """TT-01: what had ended before another began has the larger timestamp."""
    for seed in range(4):
        assert COMMIT_WAIT in named(seed, commit_wait=False)
    assert EXTERNAL_CONSISTENCY in set().union(*(named(seed, commit_wait=False) for seed in range(4)))


def test_with_a_lying_epsilon_the_checker_names_it():
    found = [named(seed, lie=4) for seed in range(4)]
    assert all(CONTAINS_NOW in each for each in found)
    assert EXTERNAL_CONSISTENCY in set().union(*found)


def test_a_jump_beyond_epsilon_is_named():
    faults = (JumpClock(at_ns=seconds(1), node=3, by_ns=ms(40)),)
    _, result = play(1, faults=faults)
    assert {violation.property for violation in result.violations} >= {CONTAINS_NOW}
    assert not play(1, faults=(replace_by(faults[0], ms(1)),))[1].violations


def replace_by(fault, by_ns):
    return JumpClock(at_ns=fault.at_ns, node=fault.node, by_ns=by_ns)


def test_the_drawn_trouble_stays_within_what_is_assumed():
    """However a clock jumps, its places lie no further apart than the assumption; and it uses what it may."""
    cluster = Cluster(regions=3, clients=2, time=TimeSettings(drift_ppb_max=1000, jump_ns_max=ms(4)))
    widest_ns = 0
    for seed in range(200):
        places = {}
        for fault in sorted(clock_trouble(seed, cluster, seconds(9)), key=lambda each: each.at_ns):
            assert fault.node in cluster.timed
            if isinstance(fault, JumpClock):
                places.setdefault(fault.node, [0]).append(places.get(fault.node, [0])[-1] + fault.by_ns)
            else:
                assert abs(fault.drift_ppb) <= 1000
        widest_ns = max([widest_ns, *(max(each) - min(each) for each in places.values())])
    assert ms(3) < widest_ns <= ms(4)
    assert cluster.clocks.drift_ppb_max == 1000 and replace(cluster, lie=3).clocks.drift_ppb_max == 3000


def test_a_commit_waits_twice_epsilon():
    """4.2.1: the expected wait is at least 2 epsilon; a smaller uncertainty makes commits faster."""
    waits = []
    for sync_ns in (ms(500), seconds(5)):
        parameters = {"sync_ns": sync_ns, "trouble": False, "jump_ns": 0, "near_percent": 100}
        _, result = play(3, parameters=parameters, duration_ns=seconds(10))
        epsilons, found = epsilons_ns(result), waits_ns(result)
        waits.append(found[len(found) // 2])
        ratio = sum(found) / len(found) / (sum(epsilons) / len(epsilons))
        assert 1.6 < ratio < 2.4, ratio
    assert waits[0] * 2 < waits[1]


@pytest.mark.parametrize("nodes", [1, 2, 5])
def test_it_scales_with_regions(nodes):
    entry, result = play(2, nodes=nodes, duration_ns=seconds(3))
    assert entry.judge(result).status == VALID and judgement_of(result).committed > 20


def test_the_same_everywhere(same_everywhere):
    entry = entries()["truetime"]
    result = same_everywhere(make_scenario(entry, Settings(seed=5, duration_ns=ms(900))))
    assert judgement_of(result).committed > 10


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray(ray):
    scenario = make_scenario(entries()["truetime"], Settings(seed=5, duration_ns=ms(500)))
    expected, result = run(scenario), run(scenario, Placement(kind="ray", hosts=2))
    assert (result.digest, result.reports) == (expected.digest, expected.reports)
    assert judgement_of(result).committed == judgement_of(expected).committed > 0


# What a user sees.


def test_the_story_reads_like_the_paper():
    told = simclock("run", "truetime", "--seed", 1).stdout.splitlines()
    first = told.index(next(line for line in told if line.startswith("[TrueTime] Now: [")))
    words = ("[TrueTime] Now: [", "assigned commit timestamp", "until TT.after(", "committed", "hears of it")
    for line, word in zip(told[first : first + 5], words, strict=True):
        assert word in line
    assert any(line.startswith("[TrueTime]") and "takes the reading of master" in line for line in told)


def test_the_flags_are_those_of_the_issue():
    result = simclock("run", "truetime", "--sync", "2s", "--drift", "200ppm", "--commit-wait", "false", "--no-story")
    assert result.exit_code == 1 and "Commit Wait" in result.stdout
    result = simclock("run", "truetime", "--sync", "2s", "--drift", "200ppm", "--trouble", "false", "--jump", "0")
    assert result.exit_code == 0 and "nothing was made to" in result.stdout and "externally consistent" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--drift", "fast"), "drift: cannot read 'fast' as a drift"),
        (("--drift", "-5ppm"), "time.drift_ppb_max: -5000"),
        (("--sync", "0"), "time.sync_ns: 0"),
        (("--clients", "0"), "clients: 0 is too few"),
        (("--lie", "0"), "lie: 0 is too few"),
        (("--nodes", "9"), "nodes: 9 is not a number of regions"),
        (("--keys", "0"), "workload.keys: 0"),
        (("--near-percent", "101"), "workload.near_percent: 101"),
        (("--commit-wait", "perhaps"), "is not true or false"),
        (("--drift", "400000ppm", "--lie", "2"), "clocks.drift"),
    ],
)
def test_bad_settings_are_one_line(arguments, said):
    result = simclock("run", "truetime", *arguments)
    assert result.exit_code == 2
    assert said in result.output and len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("pause_ns", [0, 1])
def test_a_client_without_the_time_does_not_stand_in_its_way(pause_ns):
    """It begins nothing before it knows the time, and lets time pass until it looks again."""
    settings = Settings(duration_ns=ms(200), parameters={"pause_ns": pause_ns, "trouble": False})
    entry = entries()["truetime"]
    scheduler, _ = inline_run(make_scenario(entry, settings))
    steps = next((step for step in range(5_000) if not scheduler.step()), None)
    assert steps is not None and scheduler.over, "virtual time goes on"
    assert entry.judge(run(make_scenario(entry, settings))).status == VALID


def test_what_is_not_there_was_not_waited_for():
    """Without latency a read is answered at time 0, when nothing has been written; Commit Wait says nothing of it."""
    for seed in range(3):
        result = simclock("run", "truetime", "--seed", seed, "--latency", "0s", "--pause", "0s", "--no-story")
        assert result.exit_code == 0 and "externally consistent" in result.stdout, result.stdout


@pytest.mark.parametrize("words", [("--loss", "1"), ("--duration", "1ns"), ("--write-percent", "0")])
def test_a_run_without_a_commit_is_not_judged_valid(words):
    result = simclock("run", "truetime", "--no-story", *words)
    assert result.exit_code == EXIT_STATUS[UNKNOWN] and "unknown: nothing was committed" in result.stdout


def test_a_master_cannot_know_a_drift_that_wanders():
    with pytest.raises(UsageError, match=r"clocks\.wander"):
        make_scenario(entries()["truetime"], Settings(clocks=Clocks(wander_ppb_max=10)))


def test_the_picture_draws_teeth_and_waits(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "teeth.svg"
    assert simclock("run", "truetime", "--duration", "2s", "--plot", picture).exit_code == 0
    text = picture.read_text(encoding="utf-8")
    assert "epsilon of leader 3" in text and "commit wait" in text


def test_the_study_shows_what_uncertainty_costs():
    study = studies()["truetime"]
    settings = StudySettings(seed=1, parameters={**study.parameters, "duration_ns": seconds(2)})
    measured = list(study.rows(settings))
    assert all(len(row) == len(study.headers) for row in measured)
    columns = {name: [row[at] for row in measured] for at, name in enumerate(study.headers)}
    assert columns["violations"][0] > 0 and not any(columns["violations"][1:])
    waited = columns["wait median [ms]"][1:]
    assert columns["wait median [ms]"][0] == 0 and waited[-1] > 10 * waited[0]
    assert columns["commits per s"][-1] < columns["commits per s"][1] / 2
    assert any("twice the mean epsilon" in note for note in study.notes(measured))
    with pytest.raises(UsageError, match="too short"):
        list(study.rows(StudySettings(parameters={**study.parameters, "duration_ns": 5})))


# The history.


def test_the_history_is_what_clients_heard():
    _, result = play(1)
    transactions, timestamps, aborted = history_of(result)
    kinds = {(each.kind, each.outcome) for each in transactions if each.ended_ns is not None}
    assert {("write", "ok"), ("write", "aborted"), ("read", "ok"), ("snapshot", "ok")} <= kinds
    heard = {
        each.value[0]: each.value[2] for each in recorded(result) if each.name == "ok" and each.value[1] == "write"
    }
    assert heard and all(set(timestamps[transaction]) == {timestamp} for transaction, timestamp in heard.items())
    assert all(each.writes for each in transactions if each.kind == "write" and each.outcome == "ok")
    refused = {each.id for each in transactions if each.outcome == "aborted"}
    assert refused & set(aborted), "who aborts tells it; a client that was wounded while it read gives up by itself"
    assert not {each.id for each in transactions if each.outcome == "ok"} & set(aborted)


class AbortsAlone(Leader):
    """A participant that has promised, hears nothing, and aborts by itself."""

    def _ask(self, transaction: int) -> None:
        if transaction in self.prepared:
            self._on_decision(self.id, transaction, None)


def test_a_participant_that_aborts_alone_breaks_atomic_commit():
    entry = entries()["truetime-hunt"]
    wrong = entry.make(Settings(seed=4), replace(entry.parts, leader=AbortsAlone))
    verdict = entry.judge(run(wrong))
    assert verdict.properties[0] == "Atomic Commit" and "aborts it" in verdict.lines[0]


# The zoo.

QUICK = {
    "TT-01": 12,
    "PAPER-TT-3": 6,
    "PAPER-TT-3b": 10,
    "PAPER-TT-4.1.2": 4,
    "PAPER-TT-4.1.2b": 6,
    "PAPER-TT-4.1.3": 12,
    "PAPER-TT-4.1.3b": 8,
    "PAPER-TT-4.1.3c": 15,
    "PAPER-TT-4.2.2": 10,
}


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, QUICK[row])
    assert found.found is not None
    assert right_one(Ground("truetime-hunt", None), [found.found]) == []


@pytest.mark.slow
@pytest.mark.parametrize("row", sorted({bug.id for bug in rows.BUGS} - set(QUICK)))
def test_a_rare_row_is_found(row):
    assert hunt(row, 0, 150).found is not None


def test_each_row_has_its_own_class():
    assert len({bug.wrong for bug in rows.BUGS}) == len(rows.BUGS) == 15
    assert all(bug.kind == SAFETY and bug.source and bug.wrong.__doc__ for bug in rows.BUGS)
    with pytest.raises(UsageError, match="unknown bug 'TT-1'"):
        make_scenario(entries()["truetime-hunt"], Settings(parameters={"bug": "TT-1"}))
