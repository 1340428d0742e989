"""The scenarios clock-drift and clock-hunt: what they show, how they fail, that the judge notices, and the study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from simclock import (
    Clocks,
    JumpClock,
    Observation,
    RunResult,
    Scenario,
    SetDrift,
    StartClock,
    StopClock,
    minutes,
    ms,
    seconds,
    us,
)
from simclock.actors import Placement, run
from simclock.experiments.catalog import entries, studies
from simclock.experiments.catalog.clock_synchronization.average import agreeing_set, wrong_average
from simclock.experiments.catalog.clock_synchronization.bugs import BUGS, AveragesOutliers
from simclock.experiments.catalog.clock_synchronization.course import ClockReport, report_of_clocks, samples
from simclock.experiments.catalog.clock_synchronization.filter import Exchange, FilterCourse
from simclock.experiments.catalog.clock_synchronization.properties import (
    AVERAGE,
    ERROR,
    FILTER,
    MARGIN,
    MONOTONE,
    REBUILT,
    SKEW,
    judge,
    properties_of,
)
from simclock.experiments.catalog.clock_synchronization.story import story
from simclock.experiments.catalog.clock_synchronization.study import HEADERS, bound_ns
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import StudySettings
from simclock.experiments.entries.verdict import EXIT_STATUS, UNKNOWN, VALID, VIOLATED
from simclock.experiments.zoo.hunt import ground_of, hunt, named
from simclock.protocols.clock_synchronization import Averaged, BerkeleyNode
from simclock.protocols.clock_synchronization.berkeley import agreeing
from simclock.protocols.clock_synchronization.observed import read

SameEverywhere = Callable[[Scenario], RunResult]
SYNCS = ("none", "cristian", "berkeley", "ntp")
KEYS = "12.5s:j,33s:c,41s:j"


def scenario(name: str = "clock-drift", seed: int = 1, **parameters: Any) -> Scenario:
    more = {key: parameters.pop(key) for key in ("nodes", "duration_ns", "faults") if key in parameters}
    return make_scenario(entries()[name], Settings(seed=seed, parameters=parameters, **more))


def observations_of(result: RunResult, *names: str) -> list[Observation]:
    """With the value as an object of its class."""
    return [o._replace(value=read(o)) for o in report_of_clocks(result).observations if o.name in names]


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


# What it shows.


@pytest.mark.parametrize("sync", SYNCS)
def test_one_digest_everywhere(sync: str, same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(sync=sync, keys=KEYS, duration_ns=seconds(60)))
    assert judge(result).status == VALID
    assert len(result.faults) == 2 and list(story(result))


@pytest.mark.parametrize("sync", SYNCS)
def test_the_line_of_a_run_counts_the_nodes_that_were_asked_for(sync: str) -> None:
    server = "a time server" if sync in ("cristian", "ntp") else "an idle time server"
    assert f"seed 1, 3 nodes and {server}, 120s;" in str(scenario(sync=sync, nodes=3))
    assert f"seed 1, 1 node and {server}, 120s;" in str(scenario(sync=sync, nodes=1))


def test_a_leader_without_others_has_nobody_to_ask() -> None:
    lines = list(story(run(scenario(sync="berkeley", nodes=1, duration_ns=seconds(21)))))
    assert sum("node 0 (leader) has nobody to ask" in line for line in lines) == 1
    assert not [line for line in lines if "asks" in line or "nodes" in line]


def test_hunts_are_one_digest_everywhere(same_everywhere: SameEverywhere) -> None:
    for seed in range(4):
        assert judge(same_everywhere(scenario("clock-hunt", seed))).status == VALID


@pytest.mark.slow
@pytest.mark.ray
def test_on_ray_too(ray: None) -> None:
    made = scenario(sync="berkeley", keys=KEYS, duration_ns=seconds(45))
    result, there = run(made), run(made, Placement(kind="ray", nodes_per_actor=2))
    assert (there.digest, there.reports) == (result.digest, result.reports)
    assert list(story(there)) == list(story(result))


@pytest.mark.parametrize("sync", SYNCS[1:])
def test_synchronized_clocks_are_near_and_others_are_not(sync: str) -> None:
    def late_skew_ns(of: str) -> int:
        result = run(scenario(sync=of, drift="200ppm", duration_ns=minutes(5)))
        return max(sample.skew_ns for sample in samples(result, seconds(1)) if sample.time_ns > minutes(4))

    assert 10 * late_skew_ns(sync) < late_skew_ns("none")


def test_the_story_tells_every_step() -> None:
    lines = list(story(run(scenario(sync="berkeley", nodes=3, duration_ns=seconds(21), outlier_ns=seconds(9)))))
    text = "\n".join(lines)
    assert [line for line in lines if "max skew" in line][4].startswith("[  20.0000s] node 0 ")
    for said in (
        "Berkeley round 1: node 0 (leader) asks nodes 1, 2 what their clocks show",
        "node 1 reported",
        "RTT",
        "adjusted",
        "average of nodes 0, 1, 2: ",
        "adjustments sent: node 0 ",
        "node 2 steps its clock by",
    ):
        assert said in text, said
    times = [float(line[1:10]) for line in lines]
    assert times == sorted(times)


def test_the_command_of_the_issue(tmp_path: Any) -> None:
    picture = tmp_path / "out.svg"
    words = ["--nodes", "3", "--drift", "50ppm", "--sync", "berkeley", "--interval", "20s", "--duration", "45s"]
    done = simclock("run", "clock-drift", *words, "--plot", picture)
    assert done.exit_code == 0, done.output
    assert "Berkeley round 2" in done.stdout and "valid: " in done.stdout
    drawn = picture.read_text(encoding="utf-8")
    assert "max skew" in drawn and "synchronization" in drawn


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--sync berkly", "sync: unknown algorithm 'berkly'"),
        ("--drift 50", "drift: cannot read '50' as a drift"),
        ("--interval 0s", "interval and every: 0 is not a time"),
        ("--delay 0s", "delay: 0 is not the shortest time of a message"),
        ("--nodes 201", "nodes: 201 is not a number of nodes with clocks: 1 to 200"),
        ("--keys 12s", "keys: '12s' is not a key at a time: write it as 12.5s:c"),
        ("--keys 12s:x", "keys: unknown key 'x'"),
        ("--keys soon:j", "keys: cannot read 'soon' as a time"),
        ("--keys 500s:c", "keys: 500s:c never happens, the run ends at 120s"),
        ("--keys 10s:j,30s:j --duration 30s", "keys: 30s:j never happens, the run ends at 30s"),
        ("--latency 5ms --delay 1ms", "delay: of no effect where the network's latency is constant 5ms"),
        ("--latency 5ms --asymmetry 1ms --jitter-percent 7", "jitter-percent, asymmetry: of no effect"),
        ("--drift 500000ppm", "clocks.drift: 500000000 is not a bound: 0 up to 500,000 ppm"),
    ],
)
def test_bad_input_is_one_line(words: str, said: str) -> None:
    done = simclock("run", "clock-drift", *words.split())
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_delays_stay_in_force_where_the_latency_is_not_replaced() -> None:
    lossy = scenario(delay_ns=ms(7), jitter_percent=0).network
    settings = Settings(parameters={"delay_ns": ms(7), "jitter_percent": 0}, network=replace(lossy, loss=0.5))
    assert make_scenario(entries()["clock-drift"], settings).network.latency == lossy.latency


def test_a_file_with_another_latency_may_spell_the_defaults_out(tmp_path: Any) -> None:
    """As `simclock show` writes them."""
    path = tmp_path / "other.toml"
    path.write_text(simclock("show", "clock-drift", "--latency", "5ms").stdout, encoding="utf-8")
    assert "delay_ns" in path.read_text(encoding="utf-8")
    assert simclock("run", path, "--no-story").exit_code == 0


def test_a_key_just_before_the_end_happens() -> None:
    observations = report_of_clocks(run(scenario(keys="29.999999999s:c", duration_ns=seconds(30)))).observations
    assert [each.time_ns for each in observations if each.name == "prompted"] == [seconds(30) - 1]


@pytest.mark.parametrize("words", ["--loss 1", "--margin 0s", "--duration 1ns"])
@pytest.mark.parametrize("sync", SYNCS[1:])
def test_a_run_without_a_reading_is_not_judged_valid(sync: str, words: str) -> None:
    done = simclock("run", "clock-drift", "--no-story", "--sync", sync, *words.split())
    assert done.exit_code == EXIT_STATUS[UNKNOWN]
    assert "unknown: no reading of another clock was used" in done.stdout


@pytest.mark.parametrize("nodes", [1, 2, 40])
def test_it_scales(nodes: int) -> None:
    result = run(scenario(nodes=nodes, duration_ns=seconds(50)))
    assert properties_of(result).reached["averages"] == 2
    assert judge(result).status == (VALID if nodes > 1 else UNKNOWN), "one clock is compared with nothing"


# How synchronization fails: each case with what holds all the same.


def test_latency_greater_than_drift() -> None:
    """The journey is a hundred times what clocks drift in an interval: worse clocks, but never beyond half of it."""
    slow = {"delay_ns": ms(100), "asymmetry_ns": ms(100), "drift": "10ppm", "offset_ns": 0, "jitter_percent": 50}
    for sync in SYNCS[1:]:
        result = run(scenario(sync=sync, **slow))
        course = list(samples(result, seconds(1)))
        # The journeys are uneven alike for all, so Cristian's clients err together: what counts is the true time.
        of_server = max(abs(error_ns) for sample in course for error_ns in sample.errors_ns)
        wrong_ns = max(sample.skew_ns for sample in course) if sync == "berkeley" else of_server
        drifted_ns = 2 * seconds(20) // 100_000
        assert wrong_ns > 10 * drifted_ns, "far more than what an interval of drift would be"
        readings = [o.value for o in observations_of(result, "sampled", "heard")]
        assert all(each.margin_ns == max(0, -(-each.rtt_ns // 2) - ms(100)) for each in readings), "the bound is stated"
        assert judge(result).status == VALID, "and kept"
        assert wrong_ns <= max(each.margin_ns for each in readings) * (1 + (sync == "berkeley")) + drifted_ns


def test_drift_between_synchronizations() -> None:
    """Between two synchronizations a clock runs away at exactly its drift; half the interval, half of the way."""
    ways = []
    for interval_ns in (seconds(20), seconds(40)):
        made = scenario(sync="cristian", drift="200ppm", interval_ns=interval_ns, offset_ns=0, step_over_ns=0)
        drift_ppb = made.clocks.clock(made.seed, 0).drift_ppb
        adjusted = [o for o in observations_of(run(made), "adjusted") if o.node == 0]
        corrected = [o.value.by_ns for o in adjusted]
        for earlier, later in pairwise(adjusted):
            drifted_ns = (later.time_ns - earlier.time_ns) * drift_ppb // 10**9
            assert abs(later.value.by_ns + drifted_ns) <= 2 * ms(1), "but for what the readings were wrong"
        ways.append(abs(sum(corrected)) / len(corrected))
    assert 1.5 < ways[1] / ways[0] < 2.5


def test_a_step_back_would_break_monotonicity() -> None:
    """The same small corrections by step: wall clocks go back. By slew: never."""

    def goes_back(step_over_ns: int) -> bool:
        made = scenario(sync="cristian", offset_ns=ms(50), step_over_ns=step_over_ns)
        course = list(samples(run(made), ms(500)))
        walls = [[sample.time_ns + sample.errors_ns[node] for sample in course] for node in range(3)]
        return any(later < earlier for each in walls for earlier, later in pairwise(each))

    assert goes_back(0)
    assert not goes_back(ms(128))


def test_a_clock_that_stands_is_in_no_model() -> None:
    """It stands while the answer is on its way: the round trip seems short, and the bound that follows is none."""
    faults = (StopClock(at_ns=seconds(20) + ms(20), node=0), StartClock(at_ns=seconds(20) + ms(500), node=0))
    result = run(scenario(sync="cristian", faults=faults, delay_ns=ms(50), drift="0ppm"))
    assert judge(result).properties == (ERROR,), "no protocol could know; the judge does"


# The judge.


def test_clocks_are_built_again_to_the_nanosecond_whatever_happens() -> None:
    """A swarm with every fault of clocks: what the nodes read is what was computed, at each of their corrections."""
    kinds: set[str] = set()
    for seed in range(24):
        settings = Settings(
            seed=seed, nemesis="clock+crash", parameters={"sync": SYNCS[1 + seed % 3], "drift": "300ppm"}
        )
        result = run(make_scenario(entries()["clock-drift"], settings))
        kinds |= {fault.kind for fault in result.faults}
        assert REBUILT not in judge(result).properties, f"seed {seed}"
    assert {"jump-clock", "set-drift", "stop-clock", "start-clock", "crash", "restart"} <= kinds


def tampered(result: RunResult, name: str, change: Callable[[Any], Any], *, last: bool = False) -> RunResult:
    report = report_of_clocks(result)
    places = [place for place, o in enumerate(report.observations) if o.name == name]
    place = places[-1 if last else 0]
    observations = list(report.observations)
    told = change(read(observations[place]))
    observations[place] = observations[place]._replace(value=told.as_observed())
    return result._replace(reports={"ClockRecord": ClockReport(report.setup, tuple(observations))})


@pytest.mark.parametrize(
    ("sync", "name", "change", "property"),
    [
        ("cristian", "sampled", lambda v: structs.replace(v, offset_ns=v.offset_ns + v.margin_ns * 3), ERROR),
        ("cristian", "sampled", lambda v: structs.replace(v, margin_ns=seconds(2)), MARGIN),
        ("berkeley", "heard", lambda v: structs.replace(v, difference_ns=v.difference_ns - ms(5)), ERROR),
        ("ntp", "sampled", lambda v: structs.replace(v, offset_ns=v.offset_ns - ms(5)), ERROR),
        ("cristian", "adjusted", lambda v: structs.replace(v, wall_ns=v.wall_ns + 1), REBUILT),
        ("cristian", "adjusted", lambda v: structs.replace(v, way="step", by_ns=-ms(3)), MONOTONE),
        ("cristian", "adjusted", lambda v: structs.replace(v, by_ns=v.by_ns + ms(3)), SKEW),
        ("berkeley", "adjusted", lambda v: structs.replace(v, by_ns=v.by_ns + ms(3)), SKEW),
        ("ntp", "adjusted", lambda v: structs.replace(v, by_ns=v.by_ns + ms(3)), SKEW),
    ],
)
def test_the_judge_notices(sync: str, name: str, change: Callable[[Any], Any], property: str) -> None:
    result = run(scenario(sync=sync, offset_ns=ms(2), duration_ns=seconds(50)))
    assert judge(result).status == VALID
    verdict = judge(tampered(result, name, change))
    assert verdict.status == VIOLATED and property in verdict.properties


def test_nothing_is_judged_where_no_clock_is_read() -> None:
    verdict = judge(run(scenario(sync="none")))
    assert verdict.status == UNKNOWN and "Skew Within Bound is not judged" in verdict.lines[0]


DRIFTS = ("0ppm", "499750ppm", "499999ppm", "499999999ppb")
"""The ends of what is accepted, and where the allowance once had a pole."""


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("sync", SYNCS)
def test_the_right_algorithms_are_valid_with_every_drift(sync: str, drift: str) -> None:
    for seed in range(6):
        result = run(scenario(sync=sync, drift=drift, seed=seed, asymmetry_ns=ms(seed), duration_ns=seconds(70)))
        expected = UNKNOWN if sync == "none" else VALID
        assert judge(result).status == expected, f"seed {seed}: {judge(result).lines}"


@pytest.mark.parametrize("sync", SYNCS[1:])
def test_wander_counts_around_the_drift_that_was_set(sync: str) -> None:
    drifts = tuple(SetDrift(at_ns=seconds(1), node=node, drift_ppb=499_999_999) for node in range(3))
    clocks = Clocks(drift_ppb_max=0, wander_ppb_max=249_999_999, true_nodes=(3,))
    for seed in range(6):
        settings = Settings(seed=seed, clocks=clocks, faults=drifts, parameters={"sync": sync})
        result = run(make_scenario(entries()["clock-drift"], settings))
        assert judge(result).status == VALID, f"seed {seed}: {judge(result).lines}"


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize(("sync", "name"), [("cristian", "sampled"), ("berkeley", "heard"), ("ntp", "sampled")])
def test_a_wrong_reading_is_noticed_with_every_drift(sync: str, name: str, drift: str) -> None:
    """With a drift of d it may be wrong by 2d of the true round trip besides: less than three measured ones."""
    key = "difference_ns" if name == "heard" else "offset_ns"
    result = run(scenario(sync=sync, drift=drift, offset_ns=ms(2), duration_ns=seconds(50)))

    def worse(value: Any) -> Any:
        return structs.replace(value, **{key: getattr(value, key) + 2 * value.margin_ns + 3 * value.rtt_ns})

    assert ERROR in judge(tampered(result, name, worse)).properties


NODES_HEARD = {0: 0, 1: 30, 2: 10, 3: 900}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"included": (0, 1, 2, 3)}, "averaged nodes 0, 1, 2, 3, of which those that agree are nodes 0, 1, 2"),
        ({"average_ns": 0}, "took 0s for the average of clocks whose average is 13ns"),
        ({"rejected": ()}, "says that no node were left out"),
        ({"silent": ()}, "says that nothing was heard of no node, not of nodes 4"),
        ({"adjustments": ((0, 13), (1, -17), (2, 3))}, "adjusts nodes 3 otherwise"),
        ({"adjustments": ((0, 13), (1, -17), (2, 4), (3, -887))}, "adjusts nodes 2 otherwise"),
        ({"adjustments": ((0, 13), (1, -17), (2, 3), (3, -887), (4, 1))}, "adjusts nodes 4 otherwise"),
    ],
)
def test_an_average_is_computed_again(changed: dict[str, Any], said: str) -> None:
    adjustments = ((0, 13), (1, -17), (2, 3), (3, -887))
    right = Averaged(1, 13, (0, 1, 2), (3,), (4,), adjustments)
    found = list(wrong_average(structs.replace(right, **changed), NODES_HEARD, (1, 2, 3, 4), 0, 100))
    assert len(found) == bool(said) and all(said in each for each in found), found


def test_a_clock_filter_is_worked_out_again() -> None:
    """RFC 5905, section 10, by hand: (delay, when, wants the clock ahead by), and what is then used: (delay, age)."""
    course = FilterCourse()
    told: list[tuple[int, int, int, int, int]] = [
        (50, 100, 7, 50, 0),
        (60, 200, 8, 0, -1),  # the first is better, and has been used
        (50, 300, 9, 50, 0),  # of equals the newest
        *((70 + number, 400 + 100 * number, 10, 0, -1) for number in range(7)),
        (90, 1100, 11, 70, 700),  # the third has left the register
    ]
    for delay, at, ahead, used, age in told:
        course.accepted(Exchange(delay, at, ahead), at)
        assert list(course.wrong(at, used, age)) == [], (delay, at)
    assert list(course.wrong_aim(1100, -5, 15)) == [] == list(course.wrong_aim(1101, 99, 0))
    assert list(course.wrong_aim(1100, -4, 15)) == ["corrects its clock by -4ns, which is 1ns off what the sample told"]
    course.accepted(Exchange(80, 1200, 12), 1200)
    (said,) = course.wrong(1200, 80, 0)
    assert said.startswith("uses a sample with a delay of 80ns, 0s old; of the latest 8 it should be ")
    assert said.endswith(" with a delay of 71ns, 700ns old")
    assert list(FilterCourse().wrong(1, 0, -1)) == ["uses a sample, and has accepted none"]


def test_a_correction_by_another_algorithm_is_not_the_filters() -> None:
    """At 40.002 s both clients of this run hear from the server twice, for either algorithm, in the same nanosecond."""
    result = run(scenario(sync="ntp", jitter_percent=0, drift="0ppm", keys="39.999s:c"))
    told = [(o.time_ns, o.node, o.name) for o in report_of_clocks(result).observations]
    at_once = [(at_ns, node) for at_ns, node, name in told if name == "sampled"]
    assert len(at_once) > len(set(at_once)) and judge(result).status == VALID


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("adjusted",), ", and did not correct its clock by it"),
        (("filtered", "adjusted"), ", and did not filter it"),
    ],
)
def test_a_client_that_does_nothing_with_its_samples_is_noticed(missing: tuple[str, ...], said: str) -> None:
    """Each node's first sample, of two or of one: at the next one, or at the end."""
    for duration_ns in (seconds(50), seconds(30)):
        result = run(scenario(sync="ntp", duration_ns=duration_ns))
        assert judge(result).status == VALID
        report = report_of_clocks(result)
        left = tuple(o for o in report.observations if o.name not in missing)
        found = properties_of(result._replace(reports={"ClockRecord": ClockReport(report.setup, left)})).found
        assert any(name == FILTER and text.endswith(said) for name, text in found), found


@pytest.mark.parametrize(
    ("heard", "agree"),
    [
        ({0: 0}, {0}),
        ({0: 0, 1: 100}, {0, 1}),
        ({0: 0, 1: 101}, {0}),  # of two sets of one, the leader's
        ({0: 0, 1: 500, 2: 550}, {1, 2}),  # the leader is outvoted
        ({0: 0, 1: -500, 2: -550, 3: 500, 4: 550}, {1, 2}),  # of two without the leader, the one behind
        ({0: 0, 1: -90, 2: 90}, {0, 1}),
    ],
)
def test_the_largest_set_that_agrees(heard: dict[int, int], agree: set[int]) -> None:
    assert agreeing_set(heard, 0, 100) == agree == set(agreeing(heard, 100, 0))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: structs.replace(v, average_ns=0),
        lambda v: structs.replace(v, included=tuple(node for node, _ in v.adjustments)),
        lambda v: structs.replace(v, adjustments=tuple((node, by_ns + 1) for node, by_ns in v.adjustments)),
    ],
)
def test_the_judge_computes_every_average(change: Callable[[Any], Any]) -> None:
    jump = JumpClock(at_ns=seconds(15), node=1, by_ns=seconds(10))
    result = run(scenario(sync="berkeley", nodes=4, faults=(jump,), duration_ns=seconds(35)))
    assert judge(result).status == VALID and properties_of(result).reached["clocks left out of an average"] == 1
    assert AVERAGE in judge(tampered(result, "averaged", change)).properties


def test_a_clock_that_jumped_moves_no_other() -> None:
    """The others are corrected as in the run in which it did not jump and said nothing."""
    jump = JumpClock(at_ns=seconds(15), node=1, by_ns=seconds(10))

    def moved_ns(bug: type[BerkeleyNode]) -> int:
        made = scenario(sync="berkeley", nodes=4, faults=(jump,), duration_ns=seconds(35), offset_ns=ms(2))
        wrong = replace(made, build=lambda node: bug(made.build(0).settings) if node < 4 else made.build(node))
        adjusted = [o for o in observations_of(run(wrong), "adjusted") if o.node != 1]
        assert {o.node for o in adjusted} == {0, 2, 3}
        return max(abs(o.value.by_ns) for o in adjusted)

    assert moved_ns(BerkeleyNode) < ms(8)
    assert moved_ns(AveragesOutliers) > seconds(2)


def test_a_jump_excuses_a_clock_until_it_is_set_again() -> None:
    jump = JumpClock(at_ns=seconds(30), node=1, by_ns=seconds(5))
    result = run(scenario(sync="cristian", faults=(jump,)))
    assert judge(result).status == VALID
    assert (
        SKEW in judge(result._replace(faults=())).properties or REBUILT in judge(result._replace(faults=())).properties
    )


# The zoo.


@pytest.mark.parametrize("row", BUGS, ids=lambda bug: bug.id)
def test_a_row_is_found_by_its_own_property(row: Any) -> None:
    found = hunt(row.id, 0, 60)
    assert found.found is not None, f"not found: {found}"
    assert named(ground_of(row), found.found, None) == frozenset()


def test_the_right_protocols_pass_and_do_something() -> None:
    reached: dict[str, int] = {}
    for seed in range(60):
        result = run(scenario("clock-hunt", seed))
        assert judge(result).status == VALID, f"seed {seed}"
        for name, count in properties_of(result).reached.items():
            reached[name] = reached.get(name, 0) + count
    assert reached["readings used"] > 500 and reached["readings refused"] > 30 and reached["steps"] > 50
    assert reached["clocks held against their bound"] > 1000 and reached["clocks left out of an average"] > 5


# The study.


def test_no_measured_skew_exceeds_its_bound() -> None:
    """And the bound is not idle: some row comes to a third of it, and without a synchronization it is passed."""
    study = studies()["clock-sync"]
    parameters = {**study.parameters, "runs": 1, "duration_ns": minutes(8)}
    measured = list(study.rows(StudySettings(seed=5, parameters=parameters)))
    assert {len(row) for row in measured} == {len(HEADERS)} and len(measured) == 55
    unsynchronized, *others = measured
    for row in others:
        assert row[4] <= row[5] <= row[6], row
    assert max(row[5] / row[6] for row in others) > 1 / 3
    assert unsynchronized[5] > min(row[6] for row in others)
    assert study.notes(measured)[0].startswith("54 of 54 rows keep their bound")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("runs=0", "runs: 0 is not a number of runs"),
        ("nodes=1", "nodes: 1 have no skew between them"),
        (
            "drift=251ppm",
            "drift: 251ppm is more than the bound allows for: clocks part",
        ),
        ("drift=fast", "drift: cannot read 'fast' as a drift"),
    ],
)
def test_a_study_that_cannot_be_is_refused(setting: str, said: str) -> None:
    done = simclock("study", "clock-sync", "--set", setting)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1 and said in done.stderr


@pytest.mark.parametrize(("latency_ms", "asymmetry_ms"), [(4, 0), (4, 2), (4, 4), (2, 8)])
def test_the_bound_is_the_worst_that_two_readings_come_to(latency_ms: int, asymmetry_ms: int) -> None:
    """Without drift: every pair of journeys, of two clocks that ask one server, and of one and the server's own."""
    ways = [range(least, 2 * least + 1) for least in (latency_ms + asymmetry_ms, latency_ms)]
    errors_us = [500 * (up - down) for up, down in product(*ways)]
    worst_us = max(max(errors_us) - min(errors_us), *map(abs, errors_us))
    assert bound_ns("cristian", ms(latency_ms), ms(asymmetry_ms), seconds(20), 0) == us(worst_us) + 1000


def test_the_bound_is_what_the_page_says() -> None:
    """1 to 2 ms a way: w = 1 ms; 50 ppm over 20 s and four journeys of 4 ms: 1.0008 ms."""
    assert bound_ns("cristian", ms(1), 0, seconds(20), 50_000) == 2 * (ms(1) // 2 + 1_000_800) + 1000
    assert bound_ns("ntp", ms(1), 0, seconds(20), 50_000) == 2 * (ms(1) // 2 + 8_000_800) + 2000 + 1000
    assert bound_ns("berkeley", ms(1), 0, seconds(20), 50_000) == 2 * (ms(1) // 2 + 1_000_800) + 4000 + 1000
    assert bound_ns("cristian", ms(1), ms(3), seconds(20), 0) == us(3500) + 1000, "1 to 2 ms down, 4 to 8 ms up"
    assert bound_ns("cristian", ms(4), ms(2), seconds(20), 0) == ms(5) + 1000, "4 to 8 ms down, 6 to 12 ms up"
    assert bound_ns("none", ms(1), 0, seconds(20), 50_000) is None
