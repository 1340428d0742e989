"""The hourly throttle: every limiter at the edges of its window, the promise over hours, and the rows of the zoo."""

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some

from simclock import Control, Network, Observation, UsageError, ms, seconds
from simclock.actors import run
from simclock.durations import HOUR
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.throttle.bugs import BUGS
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.zoo.hunt import hunt
from simclock.protocols.throttle import (
    REFERENCES,
    FixedWindow,
    Limit,
    RateLimit,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from simclock.protocols.throttle import most_in_any_window as most

SAFE = [TokenBucket, SlidingLog, SlidingCounter]
LIMIT = Limit(count=4, burst=2)


def admitted(limiter, times_ns):
    """The times at which a request is admitted."""
    return [time_ns for time_ns in times_ns if limiter.admit(time_ns) is None]


@pytest.mark.parametrize("limiter", [SlidingLog, SlidingCounter])
def test_the_whole_limit_at_once_and_then_nothing_until_it_is_out_of_the_window(limiter):
    tried = limiter(LIMIT)
    assert admitted(tried, [HOUR - 1] * 9) == [HOUR - 1] * 4
    assert tried.admit(HOUR) is not None and tried.admit(2 * HOUR - 2) is not None


def test_the_edge_of_the_log_is_exact():
    """A window is half open: what is exactly one hour old is out of it, a nanosecond before it is not."""
    tried = SlidingLog(LIMIT)
    admitted(tried, [1000, 1001, 1002, 1003])
    assert tried.admit(1004) == HOUR - 4
    assert tried.admit(HOUR + 999) == 1
    assert tried.admit(HOUR + 1000) is None and tried.admit(HOUR + 1000) == 1


def test_the_edge_of_the_counter_is_that_of_its_part():
    """The minute in which the oldest request came counts in full."""
    tried = SlidingCounter(LIMIT)
    admitted(tried, [seconds(59)] * 4)
    assert tried.admit(HOUR + seconds(59)) == seconds(1)
    assert tried.admit(HOUR + seconds(60) - 1) == 1
    assert tried.admit(HOUR + seconds(60)) is None


def test_the_edge_of_the_bucket_is_the_next_token():
    """Two at once, then the two others of the hour one after the other."""
    tried = TokenBucket(LIMIT)
    assert admitted(tried, [0, 0, 0, 0]) == [0, 0]
    assert tried.admit(0) == HOUR // 2
    assert tried.admit(HOUR // 2 - 1) == 1 and tried.admit(HOUR // 2) is None
    assert admitted(tried, [50 * HOUR] * 9) == [50 * HOUR] * 2, "idle for two days: the burst, and no more"


def test_the_flaw_of_the_fixed_window():
    """Twice the limit within two nanoseconds, at the edge of the hour."""
    times_ns = [HOUR - 1] * 4 + [HOUR] * 4
    assert most(admitted(FixedWindow(LIMIT), times_ns), HOUR) == 2 * LIMIT.count
    for limiter in SAFE:
        assert most(admitted(limiter(LIMIT), times_ns), HOUR) <= LIMIT.count


def test_counting_what_lies_in_a_window():
    assert most([], 10) == 0 and most([1, 2, 3], 10) == 3
    assert most([0, 10], 10) == 1 and most([0, 9], 10) == 2 and most([0, 9, 10, 19, 19], 10) == 3


gaps = some.lists(some.integers(0, 40) | some.sampled_from([59, 60, 61, 119, 120]), min_size=1, max_size=60)
limits = some.builds(
    lambda count, part, window: Limit(count=count, burst=1 + part % (count - 1), window_ns=window),
    some.integers(2, 9),
    some.integers(0, 8),
    some.sampled_from([60, 120, 119, 61]),
)


@pytest.mark.parametrize("limiter", SAFE)
@given(limit=limits, gaps=gaps)
def test_the_promise_holds_whenever_requests_come(limiter, limit, gaps):
    """In any window at most `count`; who waits as told is admitted; what is kept on disk is all there is."""
    tried, now_ns, got = limiter(limit), 0, []
    for gap in gaps:
        now_ns += gap
        copy = limiter(limit, tried.state())
        wait_ns = tried.admit(now_ns)
        assert copy.admit(now_ns) == wait_ns
        if wait_ns is None:
            got.append(now_ns)
        else:
            assert wait_ns >= 1
            later = limiter(limit, tried.state())
            assert later.admit(now_ns + wait_ns) is None
            assert limiter is SlidingCounter or limiter(limit, tried.state()).admit(now_ns + wait_ns - 1) == 1
    assert most(got, limit.window_ns) <= limit.count
    assert got, "the first request is admitted"


# The scenario.


def play(seed=0, name="hourly-throttle", **parameters):
    entry = entries()[name]
    result = run(make_scenario(entry, Settings(seed=seed, parameters=parameters)))
    return entry, result, entry.judge(result)


@pytest.mark.parametrize("limiter", [limiter.name for limiter in SAFE])
def test_three_hours_hold_the_promise(limiter):
    entry, result, verdict = play(limiter=limiter)
    assert verdict.status == VALID and result.virtual_ns > 3 * HOUR
    assert all(entry.sometimes(result).values())
    assert dict(result.reports["RateLimit"]["most"])[2] >= 99, "who takes all it can gets its limit"


def test_the_fixed_window_lets_twice_the_limit_through():
    entry, result, verdict = play(limiter="fixed-window")
    assert verdict.status == VIOLATED and {violation.property for violation in result.violations} == {"Rate Limit"}
    assert dict(result.reports["RateLimit"]["most"])[1] == 200
    told = [line for line in entry.story(result) if line.startswith(("[0:59:59]", "[1:00:01]"))]
    assert len(told) == 2 and all("client 1 sends 100: 100 admitted" in line for line in told)


def test_the_same_seed_everywhere(same_everywhere):
    entry = entries()["throttle-hunt"]
    result = same_everywhere(make_scenario(entry, Settings(seed=4, duration_ns=2 * HOUR)))
    assert result.reports["RateLimit"]["refused"] > 0


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray(ray):
    from simclock.actors import Placement

    scenario = make_scenario(entries()["hourly-throttle"], Settings(seed=1, parameters={"limit": 5, "burst": 2}))
    assert run(scenario, Placement(kind="ray", nodes_per_actor=2)).digest == run(scenario).digest


RARE = pytest.mark.slow
ROWS = [pytest.param(bug.id, marks=[RARE] if bug.id == "THROTTLE-03" else []) for bug in BUGS]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 12)
    assert found.found is not None
    right = play(found.found, name="throttle-hunt")
    assert right[2].status == VALID and right[1].violations == ()


def served(*told, limiter="sliding-log"):
    observer, control = RateLimit(LIMIT, REFERENCES[limiter]), Control(ms(1))
    for time_ns, wait_ns in told:
        observer.on_observation(Observation(time_ns, 0, 0, "served", (7, time_ns, wait_ns)), control)
    return [violation.property for violation in control.violations]


FULL = [(time_ns, None) for time_ns in (1, 2, 3, 4)]


def test_the_checkers_can_fail():
    assert served(*FULL, (HOUR, None)) == ["Rate Limit"]
    assert served(*FULL, (HOUR + 1, None)) == []
    assert served(*FULL, (11, HOUR - 10), (HOUR + 1, 1)) == ["Retry After", "Needless Refusal"]
    assert served(*FULL, (11, HOUR - 10), (HOUR, 1), (HOUR + 1, None)) == []


@pytest.mark.parametrize(
    ("limiter", "admitted", "now_ns", "wait_ns"),
    [
        ("sliding-log", [1, 2, 3, 4], 5, HOUR - 4),
        ("sliding-log", [1, 2, 3, 4, HOUR + 1], HOUR + 1, 1),
        ("sliding-counter", [seconds(59)] * 4, seconds(61), HOUR - seconds(1)),
        ("fixed-window", [seconds(59)] * 4, seconds(60), HOUR - seconds(60)),
        ("token-bucket", [0, 0], 1, HOUR // 2 - 1),
        ("token-bucket", [HOUR, HOUR], HOUR + 1, HOUR // 2 - 1),
    ],
)
def test_a_refusal_is_judged_by_the_limiters_definition(limiter, admitted, now_ns, wait_ns):
    """The wait is exact; a nanosecond more or less, or a refusal with one request less before it, is named."""
    got = [(time_ns, None) for time_ns in admitted]
    assert served(*got, (now_ns, wait_ns), limiter=limiter) == []
    for wrong_ns in (wait_ns - 1, wait_ns + 1):
        assert served(*got, (now_ns, wrong_ns), limiter=limiter) == ["Retry After"]
    assert served(*got[:-1], (now_ns, wait_ns), limiter=limiter)[:1] == ["Needless Refusal"]


@pytest.mark.parametrize("limiter", [*SAFE, FixedWindow])
@given(limit=limits, gaps=gaps)
def test_limiters_do_what_their_references_say(limiter, limit, gaps):
    tried, reference, now_ns = limiter(limit), REFERENCES[limiter.name](limit), 0
    for gap in gaps:
        now_ns += gap
        wait_ns = tried.admit(now_ns)
        assert max(0, reference.earliest_ns(now_ns) - now_ns) == (wait_ns or 0)
        if wait_ns is None:
            reference.admitted(now_ns)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"duration_ns": 1}, "nothing was admitted"),
        ({"network": Network(loss=1.0)}, "nothing was admitted"),
        ({"duration_ns": ms(100)}, "nobody was refused"),
    ],
)
def test_a_run_that_reaches_nothing_is_not_valid(settings, said):
    entry = entries()["hourly-throttle"]
    verdict = entry.judge(run(make_scenario(entry, Settings(**settings))))
    assert verdict.status == UNKNOWN and verdict.lines[0].startswith(said), verdict


def test_only_the_bucket_has_a_burst():
    """The default burst is 20; a log of ten requests has none."""
    assert play(limit=10)[2].status == VALID
    with pytest.raises(UsageError, match="burst: 20 is not a number of requests below the limit, 10"):
        play(limit=10, limiter="token-bucket")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limiter", "leaky"], "limiter: unknown limiter 'leaky': use token-bucket, sliding-log"),
        (["--limit", "1"], "limit: 1 is not a number of requests: 2 or more"),
        (
            ["--limiter", "token-bucket", "--burst", "100"],
            "burst: 100 is not a number of requests below the limit, 100",
        ),
        (["--window", "hour"], "window: "),
    ],
)
def test_bad_settings(arguments, said):
    done = CliRunner().invoke(main, ["run", "hourly-throttle", *arguments])
    assert done.exit_code == 2 and said in done.output and done.output.count("\n") == 1


def test_an_unknown_bug():
    with pytest.raises(UsageError, match="unknown bug"):
        make_scenario(entries()["throttle-hunt"], Settings(parameters={"bug": "THROTTLE-99"}))
    assert len({bug.wrong for bug in BUGS}) == len(BUGS)
