"""The scenarios deadlocks and deadlocks-hunt, the study, and the rows of the zoo."""

import pytest
from click.testing import CliRunner

from simclock import SetLoss, UsageError, seconds
from simclock.actors import run
from simclock.experiments.catalog import entries, studies
from simclock.experiments.catalog.lock_table.bugs import BUGS
from simclock.experiments.catalog.lock_table.scenario import figures_of
from simclock.experiments.catalog.lock_table.study import YOUNG
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import StudySettings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.zoo.hunt import hunt


def play(seed=0, name="deadlocks", **parameters):
    entry = entries()[name]
    result = run(make_scenario(entry, Settings(seed=seed, duration_ns=seconds(8), parameters=parameters)))
    return entry, result, entry.judge(result)


@pytest.mark.parametrize("seed", range(5))
def test_without_a_policy_it_deadlocks_over_several_managers(seed):
    entry, result, verdict = play(seed, policy="none")
    assert verdict.status == VIOLATED and result.violations[0].property == "No Deadlock"
    circle = result.reports["NoDeadlock"]["circle"]
    assert len(circle) >= 2
    told = [line for line in entry.story(result) if "waits for T" in line]
    assert "DEADLOCK" in told[0] and len(told) == len(circle)


def test_some_deadlock_lies_in_no_single_manager():
    spread = [{key % 3 for _, key in play(seed, policy="none")[1].reports["NoDeadlock"]["circle"]} for seed in range(5)]
    assert max(map(len, spread)) > 1


@pytest.mark.parametrize("policy", ["wait-die", "wound-wait"])
@pytest.mark.parametrize("seed", [0, 1, 77])
def test_with_one_it_does_not_and_nobody_starves(policy, seed):
    entry, result, verdict = play(seed, policy=policy)
    assert verdict.status == VALID, verdict.lines
    assert all(entry.sometimes(result).values()), "the run reached everything"
    figures = figures_of(result)
    assert (figures.wounded if policy == "wait-die" else figures.died) == 0 and figures.aborts > 50
    assert figures.tries_max > 1 and figures.commits > 100


def test_the_same_seed_everywhere(same_everywhere):
    entry = entries()["deadlocks"]
    result = same_everywhere(make_scenario(entry, Settings(seed=5, duration_ns=seconds(1))))
    assert figures_of(result).commits > 5


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray(ray):
    from simclock.actors import Placement

    scenario = make_scenario(entries()["deadlocks-hunt"], Settings(seed=2, duration_ns=seconds(1)))
    assert run(scenario, Placement(kind="ray", nodes_per_actor=4)).digest == run(scenario).digest


def test_trouble_is_asked_for_progress_only_after_it():
    entry = entries()["deadlocks"]
    settings = Settings(
        seed=3, duration_ns=seconds(3), nemesis="crash+partition", liveness_ns=seconds(7), parameters={"keys": 4}
    )
    result = run(make_scenario(entry, settings))
    assert entry.judge(result).status == VALID and result.reports["LockProgress"]["committed"] > 50
    lost = Settings(seed=3, duration_ns=seconds(8), faults=(SetLoss(at_ns=seconds(1), loss=1.0),))
    verdict = entry.judge(run(make_scenario(entry, lost)))
    assert verdict.status == VALID and "nothing more is promised" in verdict.lines[1]


@pytest.mark.parametrize("settings", [{"duration_ns": 1}, {"faults": (SetLoss(at_ns=1, loss=1.0),)}, {"nodes": 1}])
def test_a_run_in_which_nobody_waits_is_not_valid(settings):
    entry = entries()["deadlocks"]
    verdict = entry.judge(run(make_scenario(entry, Settings(**settings))))
    assert verdict.status == UNKNOWN and "0 requests had to wait or die" in verdict.lines[0]


QUICK = ("LOCK-02", "LOCK-03", "LOCK-04", "LOCK-05", "LOCK-06", "LOCK-07", "LOCK-08", "LOCK-10", "LOCK-11")


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 8)
    assert found.found is not None


def test_the_right_locks_pass_the_seeds():
    entry = entries()["deadlocks-hunt"]
    reached = 0
    for seed in range(8):
        result = run(make_scenario(entry, Settings(seed=seed, liveness_ns=seconds(7))))
        assert result.violations == (), f"seed {seed}: {result.violations[0]}"
        reached += sum(value > 0 for value in entry.sometimes(result).values())
    assert reached > 20


def test_the_study_shows_what_each_policy_costs(monkeypatch):
    monkeypatch.setattr("simclock.experiments.catalog.lock_table.study.KEYS", (6,))
    monkeypatch.setattr("simclock.experiments.catalog.lock_table.study.DURATION_NS", seconds(4))
    study = studies()["deadlocks"]
    rows = {row[0]: row for row in study.rows(StudySettings(parameters={"runs": 1}))}
    assert rows["none"][2] == 1 and rows["wait-die"][2] == rows["wound-wait"][2] == 0
    assert rows["wait-die"][4] > rows["wound-wait"][4] > 0 == rows["none"][4]
    assert rows[YOUNG][5] > rows["wait-die"][5], "who is restarted young needs more tries"
    assert study.notes(list(rows.values()))
    with pytest.raises(UsageError, match="runs: 0"):
        list(study.rows(StudySettings(parameters={"runs": 0})))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy", "wait"], "policy: unknown policy 'wait': did you mean 'wait-die'?"),
        (["--managers", "0"], "managers: 0 is not a number of lock managers: 1 or more"),
        (["--keys", "2"], "workload.keys_per_transaction: 3 is not a whole number from 1 to 2"),
        (["--work", "soon"], "work: "),
    ],
)
def test_bad_settings(arguments, said):
    done = CliRunner().invoke(main, ["run", "deadlocks", *arguments])
    assert done.exit_code == 2 and said in done.output and done.output.count("\n") == 1


def test_a_hunt_refuses_a_policy_that_does_not_exist():
    with pytest.raises(UsageError, match="policy: 'wait' is not a policy"):
        make_scenario(entries()["deadlocks-hunt"], Settings(parameters={"policy": "wait"}))


@pytest.mark.parametrize(
    ("bug", "policy", "needs"),
    [
        ("LOCK-03", "wound-wait", "wait-die"),
        ("LOCK-05", "wound-wait", "wait-die"),
        ("LOCK-02", "wait-die", "wound-wait"),
        ("LOCK-06", "wait-die", "wound-wait"),
        ("LOCK-08", "none", "wound-wait"),
        ("LOCK-01", "none", "wait-die or wound-wait"),
    ],
)
def test_a_hunt_refuses_a_bug_that_the_policy_does_not_have(bug, policy, needs):
    arguments = ["run", "deadlocks-hunt", "--bug", bug, "--policy", policy, "--duration", "1ms"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2 and done.output.count("\n") == 1
    assert f"policy: {bug} is not in {policy}: use {needs}" in done.output, done.output


def test_a_hunt_takes_a_bug_with_its_policy():
    for bug, policy in (("LOCK-03", "wait-die"), ("LOCK-06", "wound-wait"), ("LOCK-07", "none"), ("LOCK-03", "")):
        settings = Settings(parameters={"bug": bug, "policy": policy})
        assert make_scenario(entries()["deadlocks-hunt"], settings).parameters["policy"] in (policy, "wait-die")


def test_every_row_has_parts_of_its_own():
    assert len({bug.wrong for bug in BUGS}) == len(BUGS)
    with pytest.raises(UsageError, match="unknown bug 'lock1'"):
        make_scenario(entries()["deadlocks-hunt"], Settings(parameters={"bug": "lock1"}))
