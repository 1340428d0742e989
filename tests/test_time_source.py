"""A node's time source: the true time is in every interval, whatever the clock and the network do within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import (
    Clocks,
    Control,
    Crash,
    Cut,
    JumpClock,
    Mend,
    Network,
    Observation,
    Restart,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
    us,
)
from simclock.actors import Node, run
from simclock.environment.quartz import PhysicalClock
from simclock.experiments.catalog.true_time.bugs import NeverGrows, TrustsReading
from simclock.protocols.true_time import TimedNode, TimeMaster, TimeSettings, TimeSource, TrueTimeProperties
from simclock.protocols.true_time.properties import CONTAINS_NOW, START

DRIFT_PPB = 2_000_000


def synchronized(source, quartz, sent_ns, there_ns, back_ns, *, error_ns=0):
    """One poll over a link with these delays; `error_ns` is the master's own."""
    asked_ns = quartz.monotonic_ns(sent_ns)
    heard_ns = sent_ns + there_ns + back_ns
    reading_ns = sent_ns + there_ns + error_ns
    return source.synchronize(reading_ns, asked_ns, quartz.monotonic_ns(heard_ns), quartz.wall_ns(heard_ns))


def now(source, quartz, true_ns):
    return source.now(quartz.wall_ns(true_ns), quartz.monotonic_ns(true_ns))


@given(
    drift_ppb=st.integers(-DRIFT_PPB, DRIFT_PPB),
    offset_ns=st.integers(-seconds(100), seconds(100)),
    sent_ns=st.integers(0, seconds(1000)),
    there_ns=st.integers(0, ms(300)),
    back_ns=st.integers(0, ms(300)),
    error_ns=st.integers(-us(1), us(1)),
    later_ns=st.integers(0, seconds(60)),
    jump_ns=st.integers(-ms(3), ms(3)),
)
def test_the_interval_holds_the_true_time(
    *, drift_ppb, offset_ns, sent_ns, there_ns, back_ns, error_ns, later_ns, jump_ns
):
    """However asymmetric the link, however wrong the clock, and wherever within the assumption it drifts and jumps."""
    source = TimeSource(TimeSettings(drift_ppb_max=DRIFT_PPB, master_error_ns=us(1), jump_ns_max=ms(3)))
    quartz = PhysicalClock(offset_ns, drift_ppb)
    assert source.now(0, 0) is None
    assert synchronized(source, quartz, sent_ns, there_ns, back_ns, error_ns=error_ns)
    heard_ns = sent_ns + there_ns + back_ns
    assert heard_ns in now(source, quartz, heard_ns)
    quartz.jump(jump_ns)
    assert heard_ns + later_ns in now(source, quartz, heard_ns + later_ns)


@pytest.mark.parametrize(("there_ns", "back_ns"), [(ms(100), 0), (0, ms(100))])
@pytest.mark.parametrize("drift_ppb", [-100_000_000, 100_000_000])
def test_the_clock_that_timed_the_round_trip_may_be_the_slow_one(drift_ppb, there_ns, back_ns):
    """It shows 90 ms of 100: half of what it shows is 5 ms too early, and the answer may be 55 ms newer than that."""
    source = TimeSource(TimeSettings(drift_ppb_max=100_000_000, master_error_ns=0))
    quartz = PhysicalClock(0, drift_ppb)
    synchronized(source, quartz, 0, there_ns, back_ns)
    assert ms(100) in now(source, quartz, ms(100))
    if drift_ppb < 0:
        assert ms(55) <= now(source, quartz, ms(100)).epsilon_ns < ms(55) + us(1)


@pytest.mark.parametrize(("there_ns", "back_ns"), [(ms(80), 0), (0, ms(80))])
def test_half_of_the_round_trip_is_the_error_of_a_reading_and_no_less_will_do(there_ns, back_ns):
    """Cristian: the worst case is a delay all on one side; then the middle is wrong by half of the round trip."""
    source, quartz = TimeSource(TimeSettings(drift_ppb_max=0, master_error_ns=0)), PhysicalClock(0, 0)
    synchronized(source, quartz, 0, there_ns, back_ns)
    interval = now(source, quartz, ms(80))
    assert ms(40) <= interval.epsilon_ns < ms(40) + us(1)
    assert min(ms(80) - interval.earliest_ns, interval.latest_ns - ms(80)) < us(1)


def test_epsilon_grows_by_the_assumed_drift_and_collapses_on_a_synchronization():
    """Spanner 3: a saw tooth, by 200 us per second, over 30 seconds: 6 ms more than at its foot."""
    source, quartz = TimeSource(TimeSettings()), PhysicalClock(0, 0)
    synchronized(source, quartz, 0, ms(1), ms(1))
    foot_ns = now(source, quartz, ms(2)).epsilon_ns
    assert ms(1) < foot_ns < ms(1) + us(5)
    assert us(200) <= now(source, quartz, ms(2) + seconds(1)).epsilon_ns - foot_ns <= us(200) + us(1)
    assert ms(6) <= now(source, quartz, ms(2) + seconds(30)).epsilon_ns - foot_ns <= ms(6) + us(2)
    synchronized(source, quartz, seconds(30), ms(1), ms(1))
    assert now(source, quartz, seconds(30) + ms(2)).epsilon_ns == foot_ns


def test_a_reading_that_is_worse_than_what_is_known_is_not_taken():
    source, quartz = TimeSource(TimeSettings()), PhysicalClock(0, 0)
    assert synchronized(source, quartz, 0, ms(1), ms(1))
    before = now(source, quartz, seconds(1))
    assert not synchronized(source, quartz, ms(900), ms(50), ms(50))
    assert now(source, quartz, seconds(1)) == before
    assert synchronized(source, quartz, seconds(1000), ms(50), ms(50)), "after a long time it is better than nothing"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sync_ns": 0},
        {"drift_ppb_max": -1},
        {"drift_ppb_max": 1_000_000_000},
        {"jump_ns_max": -1},
        {"poll_retry_ns": 0},
        {"master_error_ns": 1.5},
    ],
)
def test_what_cannot_be_assumed_is_refused(wrong):
    with pytest.raises(UsageError, match=rf"time\.{next(iter(wrong))}"):
        TimeSettings(**wrong)


# In a run: a master, a far master, and a node that reads its interval all the time.


class Watcher(TimedNode):
    def on_start(self):
        super().on_start()
        self.set_timer("look", ms(1))

    def on_timer(self, timer):
        if timer == "look":
            self.tt_now()
            self.set_timer("look", ms(7))
        else:
            super().on_timer(timer)


def watched(seed=1, *, source=TimeSource, faults=(), true_drift_ppb=DRIFT_PPB, duration_s=6, loss=0.0):
    settings = TimeSettings(sync_ns=seconds(2), drift_ppb_max=DRIFT_PPB, jump_ns_max=ms(1), poll_retry_ns=ms(50))
    clocks = Clocks(offset_ns_max=seconds(5), drift_ppb_max=true_drift_ppb)

    def build(node) -> Node:
        if node < 2:
            return TimeMaster(clocks.clock(seed, node).drift_ppb)
        return Watcher(source(settings), (0, 1))

    return Scenario(
        name="watched",
        seed=seed,
        nodes=4,
        build=build,
        duration_ns=seconds(duration_s),
        clocks=clocks,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), loss=loss),
        faults=faults,
        observers=(TrueTimeProperties,),
        final=lambda node: (node.polls, node.time.uncertainty) if isinstance(node, TimedNode) else None,
    )


def named(scenario):
    result = run(scenario)
    assert result.reports["TrueTimeProperties"]["intervals"] > 100
    return {violation.property for violation in result.violations}


@pytest.mark.parametrize("seed", range(5))
def test_within_the_assumption_no_interval_is_wrong(seed):
    jumps = (
        JumpClock(at_ns=ms(1500), node=2, by_ns=ms(1)),
        JumpClock(at_ns=seconds(4), node=2, by_ns=-ms(1)),
        Crash(at_ns=seconds(3), node=3),
        Restart(at_ns=seconds(3) + ms(2), node=3),
    )
    assert named(watched(seed, faults=jumps, loss=0.1)) == set()


@pytest.mark.parametrize(
    "lie",
    [
        {"true_drift_ppb": 5 * DRIFT_PPB, "duration_s": 10},
        {"faults": (JumpClock(at_ns=seconds(3), node=2, by_ns=ms(30)),)},
        {"source": TrustsReading},
        {"source": NeverGrows, "duration_s": 10},
    ],
    ids=["drifts more", "jumps more", "half the round trip forgotten", "drift forgotten"],
)
def test_a_clock_outside_of_its_interval_is_named(lie):
    assert CONTAINS_NOW in set().union(*(named(watched(seed, **lie)) for seed in range(4)))


def test_without_its_master_a_node_asks_the_next_and_its_interval_grows():
    """Cut off from both it knows less and less, and is never wrong."""
    cut = [Cut(at_ns=ms(50), source=2, target=master) for master in (0, 1)]
    alone = run(watched(faults=tuple(cut)))
    first_only = run(watched(faults=tuple(cut[:1])))
    whole = run(watched())
    epsilons = [each.reports["TrueTimeProperties"]["epsilon_ns_max"] for each in (whole, first_only, alone)]
    teeth_ns = ms(9) + ms(1) + DRIFT_PPB * 2 + us(50)  # half of the longest round trip, a jump, two seconds of drift
    assert epsilons[0] < teeth_ns and epsilons[1] < teeth_ns + DRIFT_PPB // 10, "the other master is as near"
    assert epsilons[2] > epsilons[0] + DRIFT_PPB * 2, "six seconds of drift in place of two"
    assert not (alone.violations or first_only.violations or whole.violations)
    mended = run(watched(faults=(*cut, *(Mend(at_ns=seconds(4), source=2, target=master) for master in (0, 1)))))
    polls, uncertainty = mended.final[2]
    assert uncertainty.base_ns < teeth_ns and polls > 20, "asked again and again, and answered in the end"


def test_the_same_everywhere(same_everywhere):
    result = same_everywhere(watched(3, loss=0.1))
    assert result.reports["TrueTimeProperties"]["intervals"] > 100


# The observer, on hand-made streams.


def told(*observations):
    observer, control = TrueTimeProperties(), Control(1)
    for number, (time_ns, node, name, value) in enumerate(observations):
        control.now_ns = time_ns
        observer.on_observation(Observation(time_ns, node, number, name, value), control)
    return [violation.property for violation in control.violations]


def test_the_ends_belong_to_the_interval():
    assert told((100, 1, "now", (100, 120)), (100, 1, "now", (80, 100))) == []
    assert told((100, 1, "now", (101, 120)), (100, 1, "now", (80, 99))) == [CONTAINS_NOW], "named once"


def test_a_timestamp_before_the_begin_is_named():
    begun = (100, 9, "begin", (1, "write", 0))
    assert told(begun, (130, 2, "assign", (1, 100, 0, 0))) == []
    assert told(begun, (130, 2, "assign", (1, 99, 0, 0))) == [START]


@pytest.mark.parametrize(
    ("observations", "wrong"),
    [
        ([(10, 2, "assign", (1, 50, 0, 0)), (20, 2, "prepare", (2, 51)), (30, 2, "assign", (3, 52, 0, 0))], False),
        ([(10, 2, "assign", (1, 50, 0, 0)), (20, 2, "prepare", (2, 50))], True),
        ([(10, 2, "serve", (1, 50)), (20, 2, "prepare", (2, 40))], True),
        ([(10, 2, "apply", (1, 50)), (20, 2, "assign", (2, 50, 0, 0))], True),
        ([(10, 2, "assign", (1, 50, 0, 0)), (20, 3, "assign", (2, 40, 0, 0))], False),
        ([(10, 2, "serve", (1, 50)), (20, 2, "serve", (2, 40)), (30, 2, "prepare", (3, 45))], True),
    ],
)
def test_monotone_timestamps(observations, wrong):
    assert told(*observations) == (["Monotone Timestamps"] if wrong else [])


@pytest.mark.parametrize(
    ("observation", "wrong"),
    [
        ((100, 9, "saw", (1, ((4, 99, 7),))), False),
        ((100, 9, "saw", (1, ((4, 100, 7),))), True),
        ((0, 9, "saw", (1, ((4, 0, 0),))), False),
        ((0, 9, "saw", (1, ((4, 0, 0), (5, 1, 7)))), True),
        ((100, 9, "ok", (1, "write", 99, (), ())), False),
        ((100, 9, "ok", (1, "write", 130, (), ())), True),
        ((100, 9, "ok", (1, "read", 130, (), ())), False),
    ],
)
def test_commit_wait(observation, wrong):
    """A read-only transaction may read at a timestamp that lies ahead; what it sees may not. 0 is no timestamp, but
    says that nothing is there: without latency a read comes back at time 0."""
    assert told(observation) == (["Commit Wait"] if wrong else [])
