"""Failure detectors: the estimator against tables, the monitor's suspicions, and the study's measures."""

from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import erfc, log10, sqrt
from statistics import fmean, pstdev

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from simclock import (
    AddDelay,
    Constant,
    Crash,
    Network,
    Observation,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetLoss,
    Uniform,
    UsageError,
    minutes,
    ms,
    seconds,
)
from simclock.actors import run
from simclock.experiments.catalog import entries, studies
from simclock.experiments.catalog.failure_detectors.judge import COMPLETENESS, NAMES, measured
from simclock.experiments.catalog.failure_detectors.scenario import NETWORKS
from simclock.experiments.catalog.failure_detectors.study import HEADERS
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import StudySettings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.failure_detectors import Arrivals, FixedTimeout, Heartbeater, Monitor, PhiAccrual
from simclock.protocols.failure_detectors.detectors import NORMAL_QUANTILES, QUANTILE_PARTS


def arrivals_of(*times, size=1000):
    arrivals = Arrivals(size)
    for time_ns in times:
        arrivals.heard(time_ns)
    return arrivals


# The estimator.


@pytest.mark.parametrize(("threshold", "quantile"), NORMAL_QUANTILES.items())
def test_the_quantiles_are_those_of_the_normal_distribution(threshold, quantile):
    """phi(mean + z * deviation) = -log10(P(X > z)) is the threshold, to the table's last digit."""

    def phi(z):
        return -log10(erfc(z / sqrt(2)) / 2)

    assert phi((quantile - 1) / QUANTILE_PARTS) < threshold < phi((quantile + 1) / QUANTILE_PARTS)


@given(st.lists(st.integers(0, seconds(100)), min_size=2, max_size=50), st.integers(1, 20))
def test_mean_and_deviation_are_those_of_the_window(intervals, size):
    arrivals = Arrivals(size)
    now_ns = 0
    arrivals.heard(now_ns)
    for interval_ns in intervals:
        now_ns += interval_ns
        arrivals.heard(now_ns)
    kept = intervals[-size:]
    assert len(arrivals) == len(kept)
    assert arrivals.mean_ns == int(Fraction(sum(kept), len(kept)))
    assert abs(arrivals.deviation_ns - pstdev(kept, mu=fmean(kept))) <= 2 + fmean(kept) * 1e-6


PATIENCE = [
    # intervals [ms], threshold, least deviation [ms], patience [us]
    ([1000, 1000, 1000], 1, 0, 1_000_000),
    ([1000, 1000, 1000], 8, 0, 1_000_000),
    ([1000, 1000, 1000], 8, 10, 1_056_120),
    ([900, 1100], 1, 0, 1_128_160),
    ([900, 1100], 3, 0, 1_309_020),
    ([900, 1100], 12, 0, 1_703_450),
    ([500, 1000, 1500, 1000], 5, 0, 2_507_870),
    ([1000], 1, 0, 640_800),
    ([], 1, 0, 640_800),
]


@pytest.mark.parametrize(("intervals", "threshold", "deviation", "patience_us"), PATIENCE)
def test_patience(intervals, threshold, deviation, patience_us):
    """Mean and z deviations; before there are two intervals the first guess, 500 ms give or take a quarter."""
    times = [sum(intervals[:count]) for count in range(len(intervals) + 1)]
    arrivals = arrivals_of(*map(ms, times))
    detector = PhiAccrual(threshold=threshold, first_ns=ms(500), deviation_ns_min=ms(deviation))
    if len(intervals) < 2:
        patience_us = 500_000 + 125_000 * 12_816 // 10_000
    assert abs(detector.patience_ns(arrivals) - patience_us * 1000) <= 2000


@given(st.lists(st.integers(1, seconds(10)), min_size=2, max_size=20))
def test_a_higher_threshold_is_more_patient(intervals):
    arrivals = arrivals_of(*(sum(intervals[:count]) for count in range(len(intervals) + 1)))
    patience = [PhiAccrual(threshold=each, first_ns=1).patience_ns(arrivals) for each in NORMAL_QUANTILES]
    assert patience == sorted(patience) and patience[0] >= arrivals.mean_ns


def test_a_detector_that_makes_no_sense():
    with pytest.raises(UsageError, match=r"detector.threshold: 13 is out of range: 1 to 12"):
        PhiAccrual(threshold=13, first_ns=1)
    with pytest.raises(UsageError, match=r"detector.timeout: 0 is not a time"):
        FixedTimeout(timeout_ns=0)
    with pytest.raises(UsageError, match=r"detector.first_ns: -1"):
        PhiAccrual(threshold=1, first_ns=-1)


# The monitor.

DETECTORS = (FixedTimeout(timeout_ns=ms(1500)), FixedTimeout(timeout_ns=seconds(3)))


DURATION_NS = seconds(30)


def watch(*faults, latency=None, duration_ns=DURATION_NS, detectors=DETECTORS):
    result = run(
        Scenario(
            name="watch",
            nodes=2,
            build=lambda node: Heartbeater(0, seconds(1)) if node else Monitor(detectors),
            duration_ns=duration_ns,
            network=Network(latency=latency or Constant(delay_ns=ms(10))),
            faults=faults,
            observers=(partial(Recorded, ("suspects", "trusts")),),
        )
    )
    return [(each.time_ns, each.name, each.value[1]) for each in recorded(result)]


def test_a_node_that_is_up_is_trusted():
    assert watch() == []


def test_a_node_that_is_down_is_suspected_by_each_in_its_time():
    told = watch(Crash(at_ns=seconds(10), node=1))
    assert [(name, detector) for _, name, detector in told] == [("suspects", 0), ("suspects", 1)]
    assert told[1][0] - told[0][0] == ms(1500)
    assert seconds(10) + ms(500) <= told[0][0] <= seconds(10) + ms(1510)


def test_a_slow_network_looks_the_same_until_it_is_not():
    """One spell of two seconds more: suspected once, and trusted again."""
    told = watch(AddDelay(at_ns=seconds(10), delay_ns=seconds(1)), AddDelay(at_ns=seconds(20), delay_ns=0))
    assert [(name, detector) for _, name, detector in told] == [("suspects", 0), ("trusts", 0)]


def test_a_restart_is_no_interval():
    """Twenty seconds away are no sample: the patience afterwards is what it was."""
    phi = (PhiAccrual(threshold=8, first_ns=seconds(1), deviation_ns_min=ms(100)),)
    crash = (Crash(at_ns=seconds(30), node=1), Restart(at_ns=seconds(50), node=1), Crash(at_ns=seconds(80), node=1))
    told = watch(*crash, detectors=phi, duration_ns=seconds(90))
    assert [name for _, name, _ in told] == ["suspects", "trusts", "suspects"]
    assert told[2][0] - seconds(80) <= ms(1570)


def test_heartbeats_that_were_overtaken_count_for_nothing():
    """Jitter of three intervals: numbers arrive out of order, and the newest ones alone make intervals."""
    told = watch(latency=Uniform(low_ns=ms(1), high_ns=seconds(3)), duration_ns=minutes(5))
    suspicions = [each for each in told if each[1] == "suspects"]
    assert len(suspicions) > 5 and len(told) - len(suspicions) in (len(suspicions), len(suspicions) - 1)


# The scenario and the study.


@pytest.mark.parametrize("model", NETWORKS)
def test_whoever_crashes_is_suspected(model):
    entry = entries()["failure-detectors"]
    result = run(make_scenario(entry, Settings(seed=4, nodes=4, parameters={"model": model})))
    assert entry.judge(result).status == VALID
    assert all(len(each.detection_ns) == 3 for each in measured(result)) and len(measured(result)) == len(NAMES)


def test_the_story_tells_who_is_down_and_who_is_slow():
    entry = entries()["failure-detectors"]
    result = run(make_scenario(entry, Settings(parameters={"model": "slow-spells"})))
    lines = list(entry.story(result))
    assert sum("it is down" in line for line in lines) == 8 == len({line.split("node ")[1][0] for line in lines[6:-1]})
    assert sum("only the network is slow" in line for line in lines) == 6 and "more suspicions" in lines[-1]


def test_completeness_can_fail():
    entry = entries()["failure-detectors"]
    result = run(make_scenario(entry, Settings(seed=4, nodes=4, duration_ns=minutes(2))))
    told = [each for each in recorded(result) if each.value != (2, 3)]
    deaf = result._replace(reports={**result.reports, "Recorded": told})
    verdict = entry.judge(deaf)
    assert verdict.status == VIOLATED and verdict.properties == (COMPLETENESS,)
    assert verdict.lines == (f"{COMPLETENESS}: {NAMES[3]} does not suspect node 2, which has crashed",)


@pytest.mark.parametrize(
    "settings",
    [
        {"duration_ns": seconds(5), "nodes": 3},
        {"duration_ns": 1},
        {"duration_ns": seconds(59)},
        {"parameters": {"heartbeat": "100h"}},
        {"parameters": {"heartbeat": "1ms"}, "duration_ns": ms(200), "nodes": 5},
    ],
)
def test_a_run_too_short_for_a_detector_accuses_nobody(settings):
    entry = entries()["failure-detectors"]
    verdict = entry.judge(run(make_scenario(entry, Settings(**settings))))
    assert verdict.status == UNKNOWN and " old at the end, so none has to be suspected yet" in verdict.lines[0], verdict


def test_only_crashes_that_are_old_enough_are_judged():
    """A detector that is deaf to one node: accused of it from the thirtieth beat on, not before."""
    entry = entries()["failure-detectors"]
    result = run(make_scenario(entry, Settings(seed=4, nodes=4, duration_ns=minutes(2))))
    told = [each for each in recorded(result) if each.value != (2, 3)]
    crashed_ns = {fault.node: fault.at_ns for fault in result.faults}
    # Nobody is heard of after this; then only the ages of the crashes count.
    quiet = [each for each in told if each.name == "suspects" or each.time_ns < min(crashed_ns.values())]
    for end_ns, status in ((0, VIOLATED), (-1, VALID)):
        ended = result._replace(virtual_ns=crashed_ns[2] + seconds(30) + end_ns)
        verdict = entry.judge(ended._replace(reports={**result.reports, "Recorded": quiet}))
        if status == VIOLATED:
            assert verdict.lines == (f"{COMPLETENESS}: {NAMES[3]} does not suspect node 2, which has crashed",)
        else:
            assert verdict.properties == () and verdict.status in (VALID, UNKNOWN)
    beat = next(each for each in told if each.value[0] == 2)
    late = [*told, beat._replace(time_ns=result.virtual_ns - seconds(29), name="trusts", value=(2, 0))]
    verdict = entry.judge(result._replace(reports={**result.reports, "Recorded": late}))
    assert verdict.status == VALID and verdict.lines[1] == "1 crashes are too recent to be judged"


def test_what_is_measured():
    """By hand: node 1 was suspected once by mistake and for good 700 ms after its crash."""
    entry = entries()["failure-detectors"]
    result = run(make_scenario(entry, Settings(seed=1, nodes=2, duration_ns=minutes(2))))
    crash_ns = result.faults[0].at_ns
    kept = recorded(result)[0]
    told = [
        kept._replace(time_ns=seconds(5), name="suspects", value=(1, 0)),
        kept._replace(time_ns=seconds(6), name="trusts", value=(1, 0)),
        kept._replace(time_ns=crash_ns + ms(700), name="suspects", value=(1, 0)),
    ]
    first = measured(result._replace(reports={"Recorded": told}))[0]
    assert (first.mistakes, first.alive_ns, first.detection_ns, first.missed) == (1, crash_ns, (ms(700),), ())


def played(*faults, told=()):
    """A run of two watched nodes with these faults, and what the first detector said."""
    entry = entries()["failure-detectors"]
    result = run(make_scenario(entry, Settings(seed=1, nodes=3, duration_ns=seconds(2), faults=())))
    said = tuple(Observation(at_ns, 0, 0, name, (node, 0)) for at_ns, name, node in told)
    ended = result._replace(virtual_ns=minutes(5), faults=faults, reports={**result.reports, "Recorded": said})
    return entry.judge(ended), measured(ended)[0]


def test_a_node_that_comes_back_is_up():
    """A suspicion of it is then a mistake, and nobody has to suspect it in the end."""
    away = (Crash(at_ns=minutes(1), node=1), Restart(at_ns=minutes(2), node=1))
    told = [
        (seconds(61), "suspects", 1),
        (minutes(2), "trusts", 1),
        (minutes(3), "suspects", 1),
        (minutes(3) + 1, "trusts", 1),
    ]
    verdict, first = played(*away, told=told)
    assert verdict.status == UNKNOWN and verdict.lines[0].startswith("nobody stays down")
    assert (first.mistakes, first.missed, first.detection_ns) == (1, (), ())
    assert first.alive_ns == minutes(4) + minutes(5)


@pytest.mark.parametrize(
    ("faults", "due"),
    [
        ((), True),
        ((Crash(at_ns=minutes(3), node=0), Restart(at_ns=minutes(3) + 1, node=0)), False),  # it knows of nobody
        ((Crash(at_ns=seconds(110), node=0), Restart(at_ns=seconds(111), node=0)), False),  # heard of it for 9 s only
        ((Crash(at_ns=seconds(20), node=0), Restart(at_ns=seconds(21), node=0)), True),
        ((Pause(at_ns=minutes(3), node=0),), False),
        ((Pause(at_ns=minutes(3), node=0), Resume(at_ns=minutes(4), node=0)), True),
        ((Pause(at_ns=minutes(3), node=0), Resume(at_ns=seconds(280), node=0)), False),
        ((Crash(at_ns=seconds(100), node=1), Restart(at_ns=seconds(101), node=1)), False),
    ],
)
def test_completeness_is_due_where_the_monitor_had_its_chance(faults, due):
    """Node 1 crashes for good after two minutes, and nobody suspects it."""
    crash = Crash(at_ns=minutes(2), node=1)
    verdict, first = played(*sorted((*faults, crash), key=lambda fault: fault.at_ns))
    assert first.missed == (1,) and (verdict.status == VIOLATED) == due, verdict


@pytest.mark.parametrize(
    ("at_ns", "faults", "status", "said"),
    [
        (seconds(6), (), VIOLATED, "does not suspect node 1"),
        (seconds(6) - 1, (), UNKNOWN, "1 crashes are not judged, as the monitor had no chance"),
        (seconds(20), (Crash(at_ns=seconds(2), node=2),), VIOLATED, "does not suspect node 1"),
        (seconds(20), (AddDelay(at_ns=seconds(2), delay_ns=ms(5)),), VIOLATED, "does not suspect node 1"),
        (seconds(20), (SetLoss(at_ns=0, loss=1.0, duplication=0.0),), UNKNOWN, "the monitor had no chance"),
        (seconds(20), (Pause(at_ns=0, node=0), Resume(at_ns=1, node=0)), UNKNOWN, "the monitor had no chance"),
        (minutes(5) - seconds(29), (), UNKNOWN, "no crash is 30s old at the end"),
    ],
)
def test_a_crash_soon_after_the_start_is_judged(at_ns, faults, status, said):
    """The monitor has heard of the node by then, six times in a quiet network; too recent is only what is."""
    verdict, first = played(*faults, Crash(at_ns=at_ns, node=1))
    assert first.missed[0] == 1 and verdict.status == status and said in verdict.lines[0], verdict


def test_too_recent_and_without_a_chance_are_told_apart():
    young, early = Crash(at_ns=minutes(5) - 1, node=2), Crash(at_ns=seconds(1), node=1)
    verdict, _ = played(early, young)
    assert verdict.status == UNKNOWN
    assert verdict.lines[0].startswith("no other crash is 30s old") and verdict.lines[1].startswith("1 crashes are not")


def test_a_monitor_forgets_in_a_crash_whom_it_suspected():
    crash, away = Crash(at_ns=minutes(2), node=1), Crash(at_ns=minutes(4), node=0)
    _, first = played(crash, told=[(seconds(122), "suspects", 1)])
    assert first.detection_ns == (seconds(2),)
    _, first = played(crash, away, told=[(seconds(122), "suspects", 1)])
    assert first.detection_ns == () and first.missed == (1,)


@pytest.mark.parametrize("nemesis", ["crash", "swarm", "clock+pause"])
def test_trouble_makes_no_detector_incomplete(nemesis):
    """Node 1 crashes for good when the trouble is over: whatever it was, everybody suspects it in the end."""
    entry = entries()["failure-detectors"]
    for seed in range(3):
        troubled = make_scenario(entry, Settings(seed=seed, nemesis=nemesis))
        at_ns = max(fault.at_ns for fault in troubled.faults) + seconds(30)
        crash = Crash(at_ns=at_ns, node=1)
        result = run(replace(troubled, faults=(*troubled.faults, crash), duration_ns=at_ns + minutes(2)))
        assert entry.judge(result).status == VALID, f"seed {seed}"
        assert list(entry.story(result))


def test_the_study_shows_the_trade():
    """More patience: fewer mistakes, later detection. A loss-free even network: no mistakes at all."""
    study = studies()["failure-detectors"]
    rows = list(study.rows(StudySettings(seed=2, parameters={**study.parameters, "watched": 4, "lasts": "6m"})))
    assert len(rows) == len(NETWORKS) * len(NAMES) and all(len(row) == len(HEADERS) for row in rows)
    for model in NETWORKS:
        for kind in ("fixed", "phi"):
            mine = [row for row in rows if row[0] == model and row[1].startswith(kind)]
            assert [row[2] for row in mine] == sorted((row[2] for row in mine), reverse=True)
            assert [row[3] for row in mine] == sorted(row[3] for row in mine)
            assert all(row[5] == 4 for row in mine)
    assert all(row[2] == 0 for row in rows if row[0] == "even")
    (normal,) = (row for row in rows if row[:2] == ("normal", "phi 1"))
    assert 290 < normal[2] < 470, "where intervals are normal, phi 1 is wrong in one of ten: 360 an hour"
    assert max(row[2] for row in rows if row[0] == "heavy-tail") > 50
    assert len(study.notes(rows)) == len(NETWORKS)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("watched=0", "watched: 0 is not a number of nodes: 1 or more"),
        ("lasts=0", "duration: 0 is not a duration"),
        ("heartbeat=0", "heartbeat: 0 is too short: 1 ms or more"),
        ("heartbeat=often", "heartbeat: cannot read 'often' as a time"),
    ],
)
def test_a_study_that_makes_no_sense(setting, message):
    result = CliRunner().invoke(main, ["study", "failure-detectors", "--set", setting])
    assert result.exit_code == 2 and message in result.output, result.output


def test_a_study_too_short_for_a_detection_has_empty_cells():
    study = studies()["failure-detectors"]
    rows = list(study.rows(StudySettings(parameters={**study.parameters, "watched": 1, "lasts": "1s"})))
    assert {row[3] for row in rows} == {None} and study.notes(rows)


def test_the_study_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from simclock.experiments.telling.pictures import write_picture

    study = studies()["failure-detectors"]
    rows = list(study.rows(StudySettings(parameters={**study.parameters, "watched": 2, "lasts": "2m"})))
    write_picture(tmp_path / "study.svg", lambda axes: study.plot(rows, axes))
    assert "heavy-tail, phi" in (tmp_path / "study.svg").read_text()
