"""Clocks that agree although some lie: the bound holds for every n > 3f, whoever lies how, and is broken at n = 3f."""

import secrets
from dataclasses import replace
from fractions import Fraction

import pytest
from click.testing import CliRunner

from simclock import (
    Clocks,
    Constant,
    Control,
    Crash,
    Cut,
    JumpClock,
    Network,
    Observation,
    Restart,
    SetDrift,
    Uniform,
    UsageError,
    ms,
    seconds,
    stream,
)
from simclock.actors import Placement, run
from simclock.experiments.catalog import bugs, entries
from simclock.experiments.catalog.byzantine_clocks.scenario import judge, scenario_of
from simclock.experiments.catalog.byzantine_clocks.story import agreement_of, plot, skew_by_round, story
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.zoo.hunt import ground_of, hunt, named, right_one
from simclock.protocols.byzantine_clocks import (
    ALGORITHMS,
    CORRECTION_BOUND,
    LIARS,
    SKEW_BOUND,
    VALIDITY,
    Bound,
    ClockAgreement,
)
from simclock.protocols.byzantine_clocks.convergence import (
    egocentric_mean,
    fault_tolerant_average,
    median,
    midpoint,
    plain_median,
)

NAME = "byzantine-clocks"
NODE_BUGS = {bug.id: bug for bug in bugs().values() if bug.scenario == "byzantine-hunt"}


def play(seed, nodes, duration_ns=None, **parameters):
    given = {"network", "clocks", "faults"} & set(parameters)
    settings = {name: parameters.pop(name) for name in given}
    entry = entries()[NAME]
    asked = Settings(seed=seed, nodes=nodes, duration_ns=duration_ns, parameters=parameters, **settings)
    return run(make_scenario(entry, asked))


def fresh():
    return secrets.randbits(32)


def greatest(agreement):
    return max(moment.skew_ns for moment in agreement.moments)


# The convergence functions.


@pytest.mark.parametrize(
    ("function", "differences", "faults", "corrected"),
    [
        (egocentric_mean, (0, 40, 20, 200), 1, 15),  # 200 is above delta and counts as 0: all four share the sum, not 3
        (egocentric_mean, (0, 100, 100, -100), 1, 25),  # delta itself is believed
        (egocentric_mean, (0, 101, 0, 0), 1, 0),
        (fault_tolerant_average, (0, 10, 20, 900, -900), 1, 10),
        (fault_tolerant_average, (0, 3, 6), 0, 3),
        (midpoint, (0, 10, 40, 900, -900), 1, 20),  # not the average, which is 16
        (midpoint, (0, 8), 0, 4),
        (median, (0, 1, 2, 30, 900), 0, 2),  # without faults it is the median
        (median, (0, 1, 2, 30, 900, 40, 50), 2, 21),  # the middle three are 2, 30 and 40
        (plain_median, (0, 1, 2, 30, 900, 40, 50), 2, 30),
        (plain_median, (0, 10, 20, 30), 1, 15),
    ],
)
def test_what_a_node_makes_of_the_differences(function, differences, faults, corrected):
    assert function(differences, faults, 100) == corrected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_liars_cannot_take_a_node_beyond_the_right_clocks(algorithm):
    """Of the trimming functions; CNV is bounded by delta instead."""
    luck = stream(fresh(), "readings")
    for _ in range(300):
        faults = luck.randrange(1, 5)
        nodes = 3 * faults + 1 + luck.randrange(5)
        right = [0, *(luck.randrange(-50, 50) for _ in range(nodes - faults - 1))]
        lies = [luck.choice((-1, 1)) * luck.randrange(1000) for _ in range(faults)]
        corrected = ALGORITHMS[algorithm]([*right, *lies], faults, 100)
        low, high = (-100, 100) if algorithm == "cnv" else (min(right), max(right))
        assert low <= corrected <= high, (right, lies)


# The bound.


def bound(algorithm="cnv", nodes=4, faults=1, **changed):
    given = {
        "drift_ppb": 50_000,
        "offset_ns": 0,
        "delay_ns_min": ms(1),
        "delay_ns_max": ms(2),
        "interval_ns": seconds(20),
        **changed,
    }
    return Bound(algorithm=algorithm, nodes=nodes, faults=faults, **given)


def closed_form_ns(of):
    """The papers' formulas, with their rho = 2r, and nothing of second order."""
    begin = 2 * of.epsilon_ns + Fraction(2 * of.drift_ppb, 10**9) * of.interval_ns
    factor = {
        "cnv": Fraction(of.nodes, of.nodes - 3 * of.faults),
        "average": Fraction(of.nodes - 2 * of.faults, of.nodes - 3 * of.faults),
        "midpoint": 2,
        "median": 2,
    }
    return factor[of.algorithm] * begin


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("nodes", "faults"), [(1, 0), (4, 1), (5, 1), (7, 2), (13, 4), (31, 10), (31, 3)])
def test_the_bound_is_the_papers_up_to_second_order(algorithm, nodes, faults):
    of = bound(algorithm, nodes, faults)
    assert closed_form_ns(of) <= of.limit_ns <= closed_form_ns(of) * Fraction(1014, 1000)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_bound_of_a_round_tends_to_its_limit(algorithm):
    high, low = bound(algorithm, 7, 2, offset_ns=ms(400)), bound(algorithm, 7, 2)
    assert [low.skew_ns(round) <= low.limit_ns for round in (0, 1, 5, 300)] == [True] * 4
    assert low.limit_ns - low.skew_ns(300) <= 2
    assert high.skew_ns(0) > ms(800) and high.skew_ns(1) < high.skew_ns(0)
    assert high.skew_ns(400) - high.limit_ns <= 2
    if algorithm == "midpoint":
        assert abs(high.skew_ns(1) - high.skew_ns(0) // 2) < ms(4), "each round halves it"


@pytest.mark.parametrize(("nodes", "faults"), [(3, 1), (6, 2), (30, 10), (0, 0)])
def test_there_is_no_bound_without_n_greater_than_3f(nodes, faults):
    with pytest.raises(UsageError, match="n > 3f"):
        bound(nodes=nodes, faults=faults)


def test_more_of_anything_bad_widens_the_bound():
    usual = bound().limit_ns
    for worse in (
        {"drift_ppb": 60_000},
        {"delay_ns_max": ms(3)},
        {"interval_ns": seconds(21)},
    ):
        assert bound(**worse).limit_ns > usual, worse
    assert bound(nodes=7, faults=1).limit_ns < usual < bound(nodes=7, faults=2).limit_ns


# The bound holds.


def check_holds(seed, nodes, faults, algorithm, kind, **settings):
    result = play(seed, nodes, algorithm=algorithm, liar=kind, tolerates=faults, liars=faults, **settings)
    agreement = agreement_of(result)
    what = f"seed {seed}, n {nodes}, f {faults}, {algorithm}, {kind}: {result.violations}"
    assert not result.violations and not agreement.unheard and not agreement.struck, what
    assert agreement.rounds >= 4, what
    return agreement


@pytest.mark.parametrize("kind", LIARS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_skew_stays_within_the_bound(algorithm, kind):
    seed = fresh()
    luck = stream(seed, "sizes")
    for nodes, faults in ((4, 1), (5, 1), (7, 2), (luck.randrange(8, 14), 2), (10, 3)):
        check_holds(seed, nodes, faults, algorithm, kind)
    check_holds(seed, 31, 10, algorithm, kind, duration_ns=seconds(110))


@pytest.mark.slow
@pytest.mark.parametrize("faults", range(11))
def test_the_skew_stays_within_the_bound_for_every_n(faults):
    """Every n > 3f up to 31; algorithm and liars are drawn, and CNV against two-faced ones is always tried."""
    luck = stream(seed := fresh(), "combinations")
    for nodes in range(max(2 + faults, 3 * faults + 1), 32):
        drawn = (luck.choice(tuple(ALGORITHMS)), luck.choice(tuple(LIARS)))
        for algorithm, kind in (("cnv", "two-faced"), drawn):
            check_holds(seed, nodes, faults, algorithm, kind, duration_ns=seconds(130))


def test_it_holds_with_other_clocks_and_networks():
    seed = fresh()
    for settings in (
        {"network": Network(latency=Uniform(low_ns=0, high_ns=ms(150)))},
        {"network": Network(latency=Constant(delay_ns=ms(30)), duplication=0.3)},
        {"network": Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), order="fifo")},
        {"drift": "5000ppm", "interval": "60s"},
        {"offset": "3s", "algorithm": "midpoint"},
        {"interval": "100ms", "drift": "0ppm"},
        {"clocks": Clocks(offset_ns_max=ms(3), drift_ppb_max=30_000, wander_ppb_max=40_000, wander_every_ns=ms(50))},
    ):
        for kind in LIARS:
            algorithm = settings.get("algorithm", "cnv")
            check_holds(seed, 7, 2, kind=kind, **{**settings, "algorithm": algorithm})


def test_clocks_that_begin_far_apart_come_together():
    agreement = check_holds(1, 7, 2, "midpoint", "two-faced", offset="10s", interval="60s")
    skews = skew_by_round(agreement)
    assert skews[0] > seconds(1) and max(skews[round] for round in range(15, 21)) <= agreement.bound.limit_ns + ms(1)


def test_liars_come_near_the_bound():
    """So the bound is not a loose one, and the checker not one that nothing could fail."""
    agreement = check_holds(1, 13, 4, "cnv", "two-faced", duration_ns=seconds(1200))
    assert greatest(agreement) > agreement.bound.limit_ns * 9 // 10


# It is broken where it is not proved.


@pytest.mark.parametrize("faults", [1, 2, 3, 10])
def test_two_faced_liars_break_cnv_at_n_3f(faults):
    for seed in range(1, 4 if faults < 10 else 2):
        duration_ns = seconds(2000 if faults < 3 else 410)
        agreement = agreement_of(result := play(seed, 3 * faults, duration_ns, liars=faults, liar="two-faced"))
        assert SKEW_BOUND in {violation.property for violation in result.violations}, seed
        half = [moment.skew_ns for moment in agreement.moments if 2 * moment.round <= agreement.rounds]
        assert greatest(agreement) > 5 * agreement.bound.limit_ns, seed
        assert greatest(agreement) > max(half) * 3 // 2, f"seed {seed}: and it goes on"
        assert judge(result).status == VIOLATED
    # One node more, and the same liars are borne.
    check_holds(seed, 3 * faults + 1, faults, "cnv", "two-faced", duration_ns=seconds(130))
    check_holds(fresh(), 3 * faults + 1, faults, "cnv", "two-faced", duration_ns=seconds(130))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_faced_liars_break_every_algorithm_at_n_3f(algorithm):
    result = play(1, 9, seconds(2000), liars=3, liar="two-faced", algorithm=algorithm)
    assert SKEW_BOUND in {violation.property for violation in result.violations}


def test_colluding_liars_break_validity_where_they_are_too_many():
    result = play(1, 6, seconds(800), liars=4, liar="colluding", drift="1ppm")
    assert VALIDITY in {violation.property for violation in result.violations}


@pytest.mark.parametrize("kind", ["two-faced", "offset", "colluding"])
def test_the_plain_median_is_no_convergence_function(kind):
    """Two-faced liars keep two camps apart, though n > 3f; liars that tell all the same cannot."""
    settings = Settings(
        seed=1,
        nodes=13,
        duration_ns=seconds(1200),
        parameters={"algorithm": "median", "liar": kind, "tolerates": 4},
    )
    entry = entries()[NAME]
    plain = replace(entry, make=lambda settings: scenario_of(settings, plain_median))
    broken = {violation.property for violation in run(make_scenario(plain, settings)).violations}
    assert broken == ({SKEW_BOUND} if kind == "two-faced" else set())
    assert run(make_scenario(entry, settings)).violations == ()


# The checker.


def heard(checker, control, observation):
    control.now_ns = observation.time_ns
    checker.on_observation(observation, control)


def one_correction(by_ns):
    """Two perfect clocks; node 0 corrects its clock at the end of its first round."""
    of = bound("midpoint", 2, 0, drift_ppb=0)
    checker, control = ClockAgreement(of, Clocks(), 0, (0, 1)), Control(0)
    for node in (0, 1):
        heard(checker, control, Observation(0, node, 0, "clock", (0, 0, 0)))
    at_ns = of.interval_ns
    heard(checker, control, Observation(at_ns, 0, 1, "corrected", (1, by_ns, at_ns, by_ns, ((1, by_ns),))))
    return of, [violation.property for violation in control.violations], checker.report()


def test_a_skew_on_the_bound_passes_and_one_nanosecond_more_does_not():
    of, _, _ = one_correction(0)
    limit_ns = min(of.mixed_ns(0), of.envelope_ns(1, of.interval_ns))
    assert one_correction(limit_ns)[1] == one_correction(-limit_ns)[1] == []
    assert one_correction(limit_ns + 1)[1] != [] != one_correction(-limit_ns - 1)[1]
    assert {SKEW_BOUND, VALIDITY} <= set(one_correction(ms(50))[1])
    assert one_correction(ms(50))[2].moments[-1].mixed_ns == ms(50)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_correction_on_the_bound_passes_and_one_nanosecond_more_does_not(sign):
    of, _, _ = one_correction(0)
    limit_ns = of.correction_ns(0)
    assert CORRECTION_BOUND not in one_correction(sign * limit_ns)[1]
    assert CORRECTION_BOUND in one_correction(sign * (limit_ns + 1))[1]


def test_an_answer_that_is_missing_makes_the_verdict_unknown():
    result = play(1, 4, faults=(Cut(at_ns=seconds(50), source=0, target=1),))
    verdict = judge(result)
    assert verdict.status == UNKNOWN and "node 0 had no answer of node 1" in verdict.lines[0]
    liar = play(1, 4, faults=(Cut(at_ns=seconds(50), source=3, target=1),))
    assert judge(liar).status == VALID, "a liar need not answer"


def test_a_node_that_is_struck_counts_as_faulty():
    result = play(2, 7, liars=1, faults=(JumpClock(at_ns=seconds(90), node=0, by_ns=seconds(30)),))
    agreement = agreement_of(result)
    assert agreement.struck == (0,) and judge(result).status == VALID and agreement.rounds >= 19
    two = (Crash(at_ns=seconds(89), node=1), Restart(at_ns=seconds(90), node=1))
    assert agreement_of(play(2, 7, liars=1, faults=two)).struck == (1,)


def test_rounds_that_a_jump_left_behind_are_left_out():
    """In true time the node loses no round, however far the jump; its event count is what it was, within two rounds."""
    calm = play(2, 7, liars=1)
    for years in (1, 60):
        by_ns = years * 365 * 24 * seconds(3600)
        result = play(2, 7, liars=1, faults=(JumpClock(at_ns=seconds(90), node=0, by_ns=by_ns),))
        assert abs(result.events - calm.events) < calm.events // 10
        assert agreement_of(result).struck == (0,) and judge(result).status == VALID


def test_a_bound_is_not_judged_where_faults_make_too_many_faulty():
    drifts = tuple(SetDrift(at_ns=seconds(1), node=node, drift_ppb=-400_000_000) for node in (0, 1))
    assert judge(play(3, 4, liars=1, faults=drifts[:1])).status == UNKNOWN
    assert judge(play(3, 7, liars=0, faults=drifts)).status != VIOLATED, "two of seven are tolerated"


def test_a_run_without_a_round_is_not_judged_valid():
    assert judge(play(1, 4, seconds(3))).status == UNKNOWN


# The zoo.


@pytest.mark.parametrize("row", NODE_BUGS)
def test_the_zoo_finds_it(row):
    found = hunt(row, 0, 200)
    assert found.found is not None, row
    ground = ground_of(NODE_BUGS[row])
    assert NODE_BUGS[row].property in named(ground, found.found, NODE_BUGS[row])
    assert named(ground, found.found, None) == frozenset()


def test_what_the_seed_draws_holds_the_bound():
    first = fresh()
    assert right_one(ground_of(NODE_BUGS["PAPER-CNV"]), range(first, first + 15)) == []


# The scenario.


def test_the_same_on_every_placement(same_everywhere):
    entry = entries()[NAME]
    for kind in LIARS:
        settings = Settings(seed=5, nodes=5, duration_ns=seconds(70), parameters={"liar": kind})
        assert entry.judge(same_everywhere(make_scenario(entry, settings))).status == VALID


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray(ray):
    scenario = make_scenario(entries()[NAME], Settings(seed=6, duration_ns=seconds(50)))
    on_ray = run(scenario, Placement(kind="ray", nodes_per_actor=2))
    here = run(scenario)
    assert on_ray.digest == here.digest and agreement_of(on_ray) == agreement_of(here)


def test_the_story_tells_readings_lies_and_skew():
    lines = list(story(play(1, 4, seconds(70))))
    assert lines[0].startswith("[Round 1]") and "liar 3: +" in lines[1] and "corrects itself by" in lines[1]
    assert sum(line.startswith("  node") for line in lines) == 9, "three rounds of three correct nodes"
    assert lines[-1].startswith("[Skew] round 3:") and "<=" in lines[-1]
    dropped = list(story(play(1, 4, seconds(200), liar="random")))
    assert any("(dropped)" in line for line in dropped)


def test_the_picture_has_skew_and_bound():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.add_subplot()
    plot(play(1, 4, seconds(70)), axes)
    assert [line.get_label() for line in axes.lines] == ["correct clocks, greatest difference", "proved bound"]


def test_it_is_shown_as_a_file_that_runs_the_same(tmp_path):
    shown = CliRunner().invoke(main, ["show", NAME, "--liars", "2", "--nodes", "7"])
    (tmp_path / "lies.toml").write_text(shown.stdout, encoding="utf-8")
    again = CliRunner().invoke(main, ["run", str(tmp_path / "lies.toml"), "--no-story"])
    here = run(make_scenario(entries()[NAME], Settings(nodes=7, parameters={"liars": 2})))
    assert here.digest in again.stdout, shown.output + again.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nodes", "3", "--set", "tolerates=1"], "tolerates: 1 faults of 3 nodes: at most 0 (n > 3f)"),
        (["--nodes", "1"], "nodes: 1 clock has nothing to agree with"),
        (["--liars", "3"], "liars: 3 of 4 nodes leave no two correct clocks"),
        (["--liars", "some"], "liars: 'some' is not a number of nodes"),
        (["--liar", "twofaced"], "liar: unknown kind of liar 'twofaced'"),
        (["--algorithm", "cvn"], "algorithm: unknown algorithm 'cvn'"),
        (["--interval", "5ms"], "interval: 5ms is too short"),
        (["--interval", "20"], "interval: cannot read"),
        (["--drift", "300000ppm"], "drift: with 300,000 ppm clocks part faster in a round than cnv"),
        (["--drift", "-5ppm"], "clocks.drift: -5000 is not a bound"),
        (["--drift", "300000.5ppm"], "drift: with 300,000.5 ppm clocks"),
        (["--offset", "10000h"], "offset: clocks that begin 36000000s off need"),
        (["--offset", "10s", "--interval", "1s"], "and the interval is 1s: give a smaller offset or a longer interval"),
        (["--offset", "10000h", "--interval", "5ms"], "interval: 5ms is too short"),
        (["--drift", "fast"], "drift: cannot read"),
        (["--loss", "0.1"], "network: the bound is proved where every message arrives"),
        (["--latency", "log-normal median 10ms, sigma 0.5, floor 1ms"], "has no greatest delay"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words, said):
    result = CliRunner().invoke(main, ["run", NAME, *words])
    assert result.exit_code == 2 and said in result.stderr and "Traceback" not in result.stderr, result.stderr
