"""Agreement on intervals: Marzullo's algorithm and NTP's, against published tables, brute force and the zoo."""

import json
import secrets

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from simclock import Control, Observation, UsageError
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.byzantine_clocks.sources import (
    MAJORITY,
    MOST_SOURCES,
    NARROWEST,
    SourceAgreement,
    covered_most,
)
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import EXIT_STATUS, UNKNOWN, VALID
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, hunt, named
from simclock.protocols.byzantine_clocks import Agreed, Interval, intersection, majority, marzullo

ends = st.integers(0, 12)
intervals = st.lists(st.tuples(ends, ends).map(lambda pair: Interval(min(pair), max(pair))), min_size=1, max_size=7)


@pytest.mark.external
def test_wikipedias_examples(external_data):
    cases = json.loads((external_data / "marzullo" / "cases.json").read_text(encoding="utf-8"))["wikipedia"]
    assert len(cases) == 3
    for case in cases:
        told = [Interval(*each) for each in case["intervals"]]
        expected = case.get("interval", case.get("interval_plain_marzullo"))
        assert marzullo(told) == (*expected, case["sources_true"]), case["text"]
        if "interval_intersection_algorithm" in case:
            assert intersection(told) == (*case["interval_intersection_algorithm"], case["sources_true"])


@pytest.mark.parametrize(
    ("told", "agreed"),
    [
        ([(11, 13), (10, 12), (8, 12)], (11, 12, 3)),
        ([(8, 12), (11, 13), (14, 15)], (11, 12, 2)),
        ([(5, 5)], (5, 5, 1)),
        ([(0, 4), (4, 9)], (4, 4, 2)),  # they touch, so they overlap
        ([(0, 4), (5, 9)], (0, 4, 1)),  # equally wide: the first
        ([(0, 9), (1, 3), (6, 7)], (6, 7, 2)),  # equally many sources: the narrower
        ([(0, 9), (6, 8), (1, 3)], (1, 3, 2)),  # and the earlier, in whatever order they come
        ([(-5, 5), (-1, -1), (-1, -1)], (-1, -1, 3)),
    ],
)
def test_marzullo(told, agreed):
    assert marzullo([Interval(*each) for each in told]) == agreed


@pytest.mark.parametrize(
    ("told", "agreed"),
    [
        ([(8, 12), (11, 13), (10, 12)], (10, 12, 2)),  # all three share 11 to 12, but two middles lie outside
        ([(8, 12), (11, 13), (14, 15)], None),
        ([(8, 9), (8, 12), (10, 12)], (8, 12, 2)),
        ([(0, 10), (0, 10), (0, 10), (50, 60)], (0, 10, 3)),
        ([(0, 10), (0, 10), (50, 60), (50, 60)], None),  # two and two
    ],
)
def test_ntps_intersection(told, agreed):
    assert intersection([Interval(*each) for each in told]) == agreed


@given(intervals)
def test_marzullo_is_what_counting_finds(told):
    best = covered_most(told)
    narrowest = min(best, key=lambda each: (each.high - each.low, each.low))
    assert marzullo(told) == narrowest


@given(intervals)
def test_the_intersection_leaves_fewer_than_half_out(told):
    agreed = intersection(told)
    if agreed is not None:
        inside = sum(2 * agreed.low <= low + high <= 2 * agreed.high for low, high in told)
        assert inside >= agreed.sources and 2 * agreed.sources > len(told)
    elif 2 * marzullo(told).sources > len(told):
        assert max(high for _, high in told) > min(low for low, _ in told)


@given(intervals, st.integers(-50, 50))
def test_both_move_with_the_intervals(told, by):
    moved = [Interval(low + by, high + by) for low, high in told]
    for function in (marzullo, intersection):
        here, there = function(told), function(moved)
        assert (here is None and there is None) or there == (here.low + by, here.high + by, here.sources)


def test_more_than_half():
    assert majority(Agreed(1, 2, 2), 4) is None and majority(None, 1) is None
    assert majority(Agreed(1, 2, 3), 4) == Agreed(1, 2, 3)


@pytest.mark.parametrize("function", [marzullo, intersection])
def test_what_is_no_interval_is_refused(function):
    with pytest.raises(UsageError, match="at least one interval"):
        function([])
    with pytest.raises(UsageError, match="from 3 to 2 is not an interval"):
        function([Interval(3, 2)])


# The scenario, its judge, and the zoo.


def judged(told, chosen, sources=None):
    checker, control = SourceAgreement(len(told) if sources is None else sources, "marzullo"), Control(0)
    checker.on_observation(Observation(0, 9, 1, "agreed", (1, tuple(told), chosen)), control)
    return [violation.property for violation in control.violations]


@pytest.mark.parametrize(
    ("told", "chosen", "broken"),
    [
        ([(0, 4), (4, 9), (3, 5)], (4, 4, 3), []),
        ([(0, 4), (4, 9), (3, 5)], (3, 4, 2), [MOST_SOURCES]),
        ([(0, 4), (4, 9), (3, 5)], (4, 4, 2), [MOST_SOURCES]),  # it miscounts
        ([(0, 4), (4, 9), (3, 5)], None, [MOST_SOURCES]),
        ([(0, 9), (1, 3), (6, 7)], (1, 3, 2), [NARROWEST]),
        ([(0, 9), (1, 3), (6, 7)], (6, 7, 2), []),
        ([(0, 4), (5, 9)], (0, 4, 1), [MAJORITY]),
        ([(0, 4), (5, 9)], None, []),
    ],
)
def test_the_judge_counts(told, chosen, broken):
    assert judged(told, chosen) == broken


def test_silent_sources_count_for_the_majority():
    assert judged([(0, 4), (1, 5)], (1, 4, 2), sources=3) == []
    assert judged([(0, 4), (1, 5)], (1, 4, 2), sources=4) == [MAJORITY]


@pytest.mark.parametrize("select", ["marzullo", "intersection"])
def test_the_right_client_passes(select):
    entry = entries()["clock-sources"]
    reached = dict.fromkeys(("agreed", "nobody has a majority", "ends that touch", "ties"), 0)
    for seed in (*range(60), *(secrets.randbits(32) for _ in range(10))):
        result = run(make_scenario(entry, Settings(seed=seed, parameters={"select": select})))
        assert entry.judge(result).status == VALID, f"seed {seed}: {result.violations}"
        if seed < 60:  # what a fresh seed reaches is luck
            for name, count in entry.sometimes(result).items():
                reached[name] += count
    assert all(reached.values()), reached


@pytest.mark.parametrize("row", [bug.id for bug in BUGS.values() if bug.scenario == "clock-sources"])
def test_the_zoo_finds_it(row):
    found = hunt(row, 0, 300)
    assert found.found is not None, row
    ground = ground_of(BUGS[row])
    assert named(ground, found.found, BUGS[row]) == {BUGS[row].property}
    assert named(ground, found.found, None) == frozenset()


def test_the_same_on_every_placement(same_everywhere):
    entry = entries()["clock-sources"]
    for seed in (1, 2):
        assert entry.judge(same_everywhere(make_scenario(entry, Settings(seed=seed)))).status == VALID


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--select", "marzulo"], "select: unknown selection 'marzulo'"),
        (["--set", "bug=CLK-02"], "bug: unknown bug 'CLK-02'"),
        (["--select", "intersection", "--bug", "SYNC-03"], "select: SYNC-03 is not in intersection: use marzullo"),
        (["--select", "intersection", "--bug", "SYNC-03b"], "select: SYNC-03b is not in intersection: use marzullo"),
        (["--nodes", "1"], "nodes: 1 is not enough: a client and a source"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words, said):
    result = CliRunner().invoke(main, ["run", "clock-sources", *words])
    assert result.exit_code == 2 and said in result.stderr, result.stderr


def test_a_bug_of_the_client_goes_with_either_selection():
    made = make_scenario(entries()["clock-sources"], Settings(parameters={"select": "intersection", "bug": "SYNC-04"}))
    assert isinstance(made.build(made.nodes - 1), BUGS["SYNC-04"].wrong)


@pytest.mark.parametrize("words", [["--loss", "1"], ["--duration", "1ns"]])
def test_a_client_that_heard_nobody_is_not_judged_valid(words):
    result = CliRunner().invoke(main, ["run", "clock-sources", *words])
    assert result.exit_code == EXIT_STATUS[UNKNOWN], result.output
    assert "unknown: the client heard no source in time" in result.stdout
