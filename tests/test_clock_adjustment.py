"""A node corrects its own clock, by step and by slew: the laws, against a model that counts every nanosecond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners import Told
from simclock import (
    Clocks,
    Constant,
    Crash,
    JumpClock,
    Network,
    Restart,
    RunResult,
    Scenario,
    SetDrift,
    StartClock,
    StopClock,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node, run
from simclock.environment.quartz import PhysicalClock, WanderingClock

SameEverywhere = Callable[[Scenario], RunResult]
WANDERING = Clocks(offset_ns_max=ms(3), drift_ppb_max=50_000, wander_ppb_max=200_000_000, wander_every_ns=ms(10))
NEVER_STEPPED = 400_000


class Counted:
    """The naive model: it goes through the monotonic clock's nanoseconds one by one."""

    def __init__(self, offset_ns: int) -> None:
        self.wall_ns = offset_ns
        self.left_ns = self.rate_ppm = self.due = 0

    def pass_nanosecond(self) -> None:
        self.wall_ns += 1
        self.due += self.rate_ppm
        if self.due >= 1_000_000 and self.left_ns:
            self.due -= 1_000_000
            sign = 1 if self.left_ns > 0 else -1
            self.wall_ns += sign
            self.left_ns -= sign

    def slew(self, by_ns: int, rate_ppm: int) -> None:
        self.left_ns, self.rate_ppm, self.due = by_ns, rate_ppm, 0

    def step(self, by_ns: int) -> None:
        self.slew(0, 0)
        self.wall_ns += by_ns


actions = st.one_of(
    st.tuples(st.just("slew"), st.integers(-300, 300), st.integers(1, 999_999)),
    st.tuples(st.just("step"), st.integers(-300, 300), st.just(0)),
    st.tuples(st.just("jump"), st.integers(-300, 300), st.just(0)),
    st.tuples(st.just("drift"), st.integers(-NEVER_STEPPED, NEVER_STEPPED), st.just(0)),
    st.tuples(st.just("stop"), st.just(0), st.just(0)),
    st.tuples(st.just("start"), st.just(0), st.just(0)),
)
plans = st.lists(st.tuples(st.integers(0, 3000), actions), max_size=10)


@given(plans, st.integers(-500, 500))
def test_the_clock_is_what_counting_gives(plan: list[tuple[int, Any]], offset_ns: int) -> None:
    """Every nanosecond of the monotonic clock: steps, slews, jumps, changes of drift, stops, in any order."""
    clock, counted = PhysicalClock(offset_ns, 0), Counted(offset_ns)
    shown_ns = 0
    todo = sorted(plan, key=lambda item: item[0])
    for true_ns in range(3001):
        for _ in range(clock.monotonic_ns(true_ns) - shown_ns):
            counted.pass_nanosecond()
        assert clock.monotonic_ns(true_ns) >= shown_ns, "the monotonic clock never goes back"
        shown_ns = clock.monotonic_ns(true_ns)
        while todo and todo[0][0] == true_ns:
            what, amount, rate_ppm = todo.pop(0)[1]
            if what == "slew":
                clock.slew(true_ns, amount, rate_ppm)
                counted.slew(amount, rate_ppm)
            elif what == "step":
                clock.step(true_ns, amount)
                counted.step(amount)
            elif what == "jump":
                clock.jump(amount)
                counted.wall_ns += amount
            elif what == "drift":
                clock.set_drift(true_ns, amount * 1000)
            elif what == "stop":
                clock.stop(true_ns)
            else:
                clock.start(true_ns)
            assert clock.monotonic_ns(true_ns) == shown_ns, "no correction moves the monotonic clock"
        assert (clock.wall_ns(true_ns), clock.slew_left_ns(true_ns)) == (counted.wall_ns, counted.left_ns)


moments = st.lists(
    st.tuples(st.integers(0, ms(100)), st.integers(-ms(20), ms(20)), st.integers(1, 999_999)), min_size=1, max_size=8
)


@given(moments, st.integers(0, 5), st.lists(st.integers(0, ms(200)), max_size=30))
def test_a_slewed_wandering_clock_never_goes_back_and_gets_there(
    slews: list[tuple[int, int, int]], seed: int, asked: list[int]
) -> None:
    clock, bare = WANDERING.clock(seed, 0), WANDERING.clock(seed, 0)
    last_ns = clock.wall_ns(0)
    plan = sorted([(at_ns, by_ns, rate) for at_ns, by_ns, rate in slews] + [(at_ns, 0, 0) for at_ns in asked])
    for at_ns, by_ns, rate_ppm in plan:
        assert clock.wall_ns(at_ns) >= last_ns
        if rate_ppm:
            clock.slew(at_ns, by_ns, rate_ppm)
        last_ns = clock.wall_ns(at_ns)
        assert clock.monotonic_ns(at_ns) == bare.monotonic_ns(at_ns)
        assert clock.ahead_ns(at_ns + ms(50)) == bare.ahead_ns(at_ns + ms(50))
    at_ns, by_ns, rate_ppm = max(slews, key=lambda each: each[0])
    if [each[0] for each in slews].count(at_ns) == 1:
        left_ns = clock.slew_left_ns(plan[-1][0])
        end_ns = ms(200) + abs(by_ns) * 1_000_000 // rate_ppm * 2
        begun_ns = clock.wall_ns(plan[-1][0]) - clock.monotonic_ns(plan[-1][0])
        assert clock.wall_ns(end_ns) - clock.monotonic_ns(end_ns) == begun_ns + left_ns, "all of it is corrected"
        assert clock.slew_left_ns(end_ns) == 0


def test_a_slew_takes_the_time_that_its_rate_says() -> None:
    """5 ms at 500 ppm: ten seconds, in a straight line."""
    clock = PhysicalClock(0, 0)
    clock.slew(seconds(1), ms(5), 500)
    ahead = [clock.wall_ns(seconds(at)) - seconds(at) for at in (1, 2, 6, 11, 50)]
    assert ahead == [0, ms(1) // 2, ms(5) // 2, ms(5), ms(5)]


def test_a_new_slew_replaces_what_is_left_and_a_step_forgets_it() -> None:
    clock = PhysicalClock(0, 0)
    clock.slew(0, ms(5), 500)
    clock.slew(seconds(4), -ms(1), 500)
    assert clock.wall_ns(seconds(4)) - seconds(4) == ms(2)
    assert clock.wall_ns(seconds(100)) - seconds(100) == ms(1)
    clock.slew(seconds(100), ms(5), 500)
    clock.step(seconds(102), ms(10))
    assert clock.slew_left_ns(seconds(102)) == 0
    assert clock.wall_ns(seconds(200)) - seconds(200) == ms(1) + ms(1) + ms(10)


def test_a_jump_of_the_environment_leaves_a_slew_under_way() -> None:
    clock = PhysicalClock(0, 0)
    clock.slew(0, ms(5), 500)
    clock.jump(seconds(10))
    assert clock.wall_ns(seconds(100)) == seconds(110) + ms(5)


# In a run.


class Corrects(Node):
    """Reads its clocks every 20 ms; corrects the wall clock at the third reading of its first life."""

    def __init__(self, correct: Callable[[Node], None]) -> None:
        self.correct = correct
        self.rung = 0

    def on_start(self) -> None:
        self.set_timer("tick", ms(20))

    def on_timer(self, timer: Any) -> None:
        self.rung += 1
        if self.rung == 3 and self.incarnation == 0:
            self.correct(self)
        clock = self.clock
        self.observe("read", (clock.monotonic_ns(), clock.wall_ns(), clock.slew_left_ns()))
        self.set_timer("tick", ms(20))


def scenario(correct: Callable[[Node], None], *faults: Any, **more: Any) -> Scenario:
    return Scenario(
        name="adjustment",
        nodes=2,
        build=lambda node: Corrects(correct if node == 0 else lambda node: None),
        duration_ns=seconds(1),
        network=Network(latency=Constant(delay_ns=ms(4))),
        observers=(Told,),
        faults=faults,
        **more,
    )


def readings(result: RunResult, node: int = 0) -> dict[int, tuple[int, int, int]]:
    """True time -> (monotonic, wall less monotonic, left to slew)."""
    return {
        o.time_ns: (o.value[0], o.value[1] - o.value[0], o.value[2])
        for o in result.reports["Told"]
        if o.node == node and o.name == "read"
    }


def test_a_step_moves_the_wall_clock_and_no_timer(same_everywhere: SameEverywhere) -> None:
    read = readings(same_everywhere(scenario(lambda node: node.clock.step(-seconds(3)))))
    assert list(read)[:6] == [ms(20 * n) for n in range(1, 7)]
    assert [wall for _, wall, _ in read.values()][:4] == [0, 0, -seconds(3), -seconds(3)]
    assert all(monotonic == at for at, (monotonic, _, _) in read.items())


def test_a_slew_is_by_the_nodes_own_clock(same_everywhere: SameEverywhere) -> None:
    """The clock shows 0.6 s a second: the slew takes 1/0.6 of the true time, and timers are right all along."""
    slow = SetDrift(at_ns=0, node=0, drift_ppb=-400_000_000)
    result = same_everywhere(scenario(lambda node: node.clock.slew(ms(10), 100_000), slow))
    read = readings(result)
    for monotonic_ns, ahead_ns, left_ns in read.values():
        assert ahead_ns == min(ms(10), max(0, monotonic_ns - readings_start(read)) // 10)
        assert ahead_ns + left_ns in (0, ms(10))
    assert any(left == 0 and ahead for _, ahead, left in read.values()), "it came to its end"
    assert readings(result, 1)[ms(20)] == (ms(20), 0, 0), "the other node's clock is its own"


def readings_start(read: dict[int, tuple[int, int, int]]) -> int:
    return next(monotonic for monotonic, _, left in read.values() if left)


def test_a_slew_waits_while_the_clock_stands(same_everywhere: SameEverywhere) -> None:
    faults = (StopClock(at_ns=ms(100), node=0), StartClock(at_ns=ms(500), node=0))
    read = readings(same_everywhere(scenario(lambda node: node.clock.slew(ms(10), 100_000), *faults)))
    assert read[ms(100)][1:] == (ms(4), ms(6))
    assert read[ms(520)][1:] == (ms(6), ms(4))


def test_a_correction_survives_a_crash_and_a_slew_goes_on(same_everywhere: SameEverywhere) -> None:
    """The clock is the machine's, not the process's."""
    faults = (Crash(at_ns=ms(90), node=0), Restart(at_ns=ms(95), node=0))
    read = readings(same_everywhere(scenario(lambda node: node.clock.slew(ms(10), 100_000), *faults)))
    assert read[ms(115)][1:] == (ms(55) // 10, ms(45) // 10)
    assert read[ms(175)][1:] == (ms(10), 0)
    stepped = readings(same_everywhere(scenario(lambda node: node.clock.step(ms(7)), *faults)))
    assert stepped[ms(115)][1] == ms(7)


def test_jumping_clocks_can_be_slewed(same_everywhere: SameEverywhere) -> None:
    jump = JumpClock(at_ns=ms(90), node=0, by_ns=-seconds(1))
    clocks = replace(WANDERING, offset_ns_max=0)
    read = readings(same_everywhere(scenario(lambda node: node.clock.slew(ms(5), 100_000), jump, clocks=clocks)))
    assert {ahead for _, ahead, left in read.values() if not left} == {0, ms(5) - seconds(1)}


@pytest.mark.parametrize(
    ("correct", "said"),
    [
        (lambda node: node.clock.step(0.5), r"step: by 0\.5 is not a time: whole nanoseconds"),
        (lambda node: node.clock.slew(1 << 61), r"slew: by \d+ is not a time: whole nanoseconds, less than 70 years"),
        (lambda node: node.clock.slew(5, rate_ppm=0), r"slew: rate 0 is out of range: 1 to 999,999 ppm"),
        (lambda node: node.clock.slew(5, rate_ppm=1_000_000), r"slew: rate 1000000 is out of range"),
    ],
)
def test_impossible_corrections_are_refused_with_the_place(correct: Callable[[Node], None], said: str) -> None:
    with pytest.raises(UsageError, match=said + r".*node 0 at 60ms"):
        run(scenario(correct))


def test_clocks_that_are_true_stay_so() -> None:
    clock = replace(WANDERING, true_nodes=(2,)).clock(7, 2)
    assert (clock.wall_ns(0), clock.wall_ns(seconds(100))) == (0, seconds(100))
    assert WANDERING.clock(7, 2).wall_ns(seconds(100)) != seconds(100)
    with pytest.raises(UsageError, match=r"clocks\.true_nodes: \(-1,\) are not nodes"):
        Clocks(true_nodes=(-1,))


@pytest.mark.parametrize("drift_ppb", [0, 400_000_000, -400_000_000])
def test_what_has_run_out_by_a_clock_is_due_at_once_and_never_in_the_past(drift_ppb: int) -> None:
    """As a timer has whose clock was changed, wandering or not; so it is where the clock stands."""
    for clock in (PhysicalClock(0, drift_ppb), WanderingClock(0, drift_ppb, ms(10), lambda: 0)):
        assert [clock.true_duration_ns(ms(25), by_ns) for by_ns in (0, -1, -ms(7))] == [0, 0, 0]
        clock.stop(ms(30))
        assert [clock.true_duration_ns(ms(35), by_ns) for by_ns in (1, 0, -1)] == [None, 0, 0]
