"""Clocks that drift, wander, jump and stop: what each does, on one host and on several."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
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
    Pause,
    Restart,
    Resume,
    RunResult,
    Scenario,
    SetDrift,
    StartClock,
    StopClock,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Message, Node, run
from simclock.environment.quartz import PARTS, PhysicalClock

SameEverywhere = Callable[[Scenario], RunResult]
HALF = -400_000_000
"""A clock that shows 0.6 s for a true second."""


class Beat(Message):
    pass


class Watch(Node):
    """Sets three timers once, and one that is set again whenever it runs out."""

    def on_start(self) -> None:
        for name in (50, 100, 200):
            self.set_timer(name, ms(name))
        self.set_timer("tick", ms(30))

    def on_timer(self, timer: Any) -> None:
        self.observe("rang", (timer, self.clock.monotonic_ns(), self.clock.wall_ns()))
        if timer == "tick":
            self.set_timer("tick", ms(30))


def scenario(
    *faults: Any, nodes: int = 2, build: Callable[[int], Node] = lambda node: Watch(), **more: Any
) -> Scenario:
    values: dict[str, Any] = {
        "name": "clock faults",
        "duration_ns": seconds(1),
        "network": Network(latency=Constant(delay_ns=ms(4))),
        "observers": (Told,),
        "faults": faults,
        **more,
    }
    return Scenario(nodes=nodes, build=build, **values)


def rang(result: RunResult, node: int = 0) -> dict[Any, tuple[int, int, int]]:
    """Timer -> (true time, monotonic, wall) when it ran out, of those that were set once."""
    return {
        o.value[0]: (o.time_ns, *o.value[1:]) for o in result.reports["Told"] if o.node == node and o.value[0] != "tick"
    }


def ticks(result: RunResult) -> list[int]:
    return [o.time_ns for o in result.reports["Told"] if o.node == 0 and o.value[0] == "tick"]


def test_a_jump_moves_the_wall_clock_alone(same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(
        scenario(JumpClock(at_ns=ms(60), node=0, by_ns=seconds(5)), JumpClock(at_ns=ms(150), node=0, by_ns=-seconds(7)))
    )
    assert rang(result) == {
        50: (ms(50), ms(50), ms(50)),
        100: (ms(100), ms(100), ms(5100)),
        200: (ms(200), ms(200), ms(-1800)),
    }
    assert rang(result, 1)[200] == (ms(200), ms(200), ms(200)), "the other node's clock is its own"


def test_timers_that_are_set_follow_a_change_of_drift(same_everywhere: SameEverywhere) -> None:
    """From 60 ms on the clock shows 0.6 s a second: 40 ms left take 66.67 ms, 140 ms left take 233.33 ms."""
    times = rang(same_everywhere(scenario(SetDrift(at_ns=ms(60), node=0, drift_ppb=HALF))))
    assert times[50][0] == ms(50)
    assert (times[100][0] // 1000, times[200][0] // 1000) == (126_666, 293_333)
    assert all(0 <= monotonic - ms(name) <= 2 for name, (_, monotonic, _) in times.items())


def test_timers_follow_from_change_to_change(same_everywhere: SameEverywhere) -> None:
    changes = [SetDrift(at_ns=ms(at), node=0, drift_ppb=ppb) for at, ppb in ((10, HALF), (45, 10**8), (90, 0))]
    times = rang(same_everywhere(scenario(*changes)))
    for name, (_, monotonic, _) in times.items():
        assert 0 <= monotonic - ms(name) <= 4
    assert len(times) == 3


def test_a_stopped_clock_stands_and_so_do_its_timers(same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(StopClock(at_ns=ms(60), node=0), StartClock(at_ns=ms(500), node="stopped")))
    assert rang(result) == {
        50: (ms(50), ms(50), ms(50)),
        100: (ms(540), ms(100), ms(100)),
        200: (ms(640), ms(200), ms(200)),
    }
    assert ticks(result)[:4] == [ms(30), ms(60), ms(530), ms(560)], "due at the instant of the stop: it still rings"


class Reader(Watch):
    """Reads its clocks when it hears from its neighbour, and sets timers then."""

    def on_timer(self, timer: Any) -> None:
        super().on_timer(timer)
        if timer == "tick":
            self.send(1 - self.id, Beat())

    def on_message(self, source: int, message: Any) -> None:
        self.set_timer("soon", ms(1))
        self.set_timer("now", 0)
        self.observe("read", ("read", self.clock.monotonic_ns(), self.clock.wall_ns()))


def test_a_stopped_clock_reads_the_same_and_sets_no_timer_off(same_everywhere: SameEverywhere) -> None:
    of = scenario(StopClock(at_ns=ms(100), node=0), StartClock(at_ns=ms(400), node=0), build=lambda node: Reader())
    result = same_everywhere(of)
    seen = [o for o in result.reports["Told"] if o.node == 0 and ms(100) < o.time_ns < ms(400)]
    assert {o.value[1:] for o in seen} == {(ms(100), ms(100))}
    assert {o.value[0] for o in seen} == {"read", "now"}, "a timer of no duration is due at once"
    later = [o.time_ns for o in result.reports["Told"] if o.node == 0 and o.value[0] == "soon" and o.time_ns > ms(394)]
    assert later[0] == ms(401), "the last one set goes on"


def test_a_clock_survives_a_crash_and_its_timers_do_not(same_everywhere: SameEverywhere) -> None:
    faults = (StopClock(at_ns=ms(10), node=0), Crash(at_ns=ms(20), node=0), Restart(at_ns=ms(100), node=0))
    stopped = same_everywhere(scenario(*faults))
    assert rang(stopped) == {}
    started = same_everywhere(scenario(*faults, StartClock(at_ns=ms(300), node=0)))
    assert {name: time for name, (time, _, _) in rang(started).items()} == {50: ms(350), 100: ms(400), 200: ms(500)}


def test_a_clock_can_change_while_its_node_is_paused(same_everywhere: SameEverywhere) -> None:
    """50 and 100 ms come due in the pause; the clock stops at 120 ms, and 200 ms rings 80 ms after it starts."""
    faults = (
        Pause(at_ns=ms(40), node=0),
        StopClock(at_ns=ms(120), node=0),
        Resume(at_ns=ms(150), node=0),
        StartClock(at_ns=ms(300), node=0),
    )
    times = {name: time for name, (time, _, _) in rang(same_everywhere(scenario(*faults))).items()}
    assert times == {50: ms(150), 100: ms(150), 200: ms(380)}


def test_stopping_what_stands_changes_nothing(same_everywhere: SameEverywhere) -> None:
    once = (StopClock(at_ns=ms(60), node=0), StartClock(at_ns=ms(500), node=0))
    again = (*once, StopClock(at_ns=ms(70), node=0), StartClock(at_ns=ms(600), node=0))
    assert same_everywhere(scenario(*again)).node_digests == same_everywhere(scenario(*once)).node_digests


# Wandering.

WANDERING = Clocks(drift_ppb_max=50_000, wander_ppb_max=200_000_000, wander_every_ns=ms(20))


def test_a_wandering_clock_changes_its_drift_and_timers_follow(same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(nodes=4, clocks=WANDERING))
    seen = [o for o in result.reports["Told"] if o.node == 0 and o.value[0] == "tick"]
    true = [later.time_ns - earlier.time_ns for earlier, later in pairwise(seen)]
    local = [later.value[1] - earlier.value[1] for earlier, later in pairwise(seen)]
    assert len(set(true)) > 10, "by true time every tick differs"
    assert all(ms(30) <= each <= ms(30) + 2 for each in local), "by its own clock none does"
    assert max(true) - min(true) > ms(1)
    assert len({rang(result, node)[200][0] for node in range(4)}) == 4, "every node wanders by itself"


def test_a_wandering_clock_can_be_set_and_stopped(same_everywhere: SameEverywhere) -> None:
    faults = (SetDrift(at_ns=ms(33), node=0, drift_ppb=10**8), StopClock(at_ns=ms(77), node=0))
    times = rang(same_everywhere(scenario(*faults, StartClock(at_ns=ms(333), node=0), clocks=WANDERING)))
    assert all(0 <= monotonic - ms(name) <= 6 for name, (_, monotonic, _) in times.items())
    assert times[100][0] > ms(333) and len(times) == 3


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 3 * 10**8)), max_size=12), st.integers(0, 5))
def test_when_a_clock_is_read_does_not_change_what_it_shows(asked: list[tuple[int, int]], seed: int) -> None:
    """Readings, waiting times and looks ahead agree with those of a clock that is asked once."""
    clock = WANDERING.clock(seed, 0)
    for true_ns, local_ns in sorted(asked):
        wait_ns = clock.true_duration_ns(true_ns, local_ns)
        assert wait_ns is not None
        fresh = WANDERING.clock(seed, 0)
        assert clock.ahead_ns(true_ns + wait_ns) == fresh.monotonic_ns(true_ns + wait_ns)
        goal_ns = clock.monotonic_ns(true_ns) + local_ns
        assert goal_ns <= fresh.monotonic_ns(true_ns + wait_ns) <= goal_ns + 1
        if wait_ns:
            assert WANDERING.clock(seed, 0).monotonic_ns(true_ns + wait_ns - 1) < goal_ns, "and not a moment later"


changes = st.lists(st.tuples(st.integers(0, 10**10), st.integers(-PARTS // 2 + 1, PARTS // 2)), max_size=8)


@given(changes, st.lists(st.integers(0, 10**10), max_size=8))
def test_the_monotonic_clock_never_goes_back(changed: list[tuple[int, int]], read: list[int]) -> None:
    clock = PhysicalClock(0, 0)
    last_ns = 0
    plan = sorted([(at_ns, 0, ppb) for at_ns, ppb in changed] + [(at_ns, 1, 0) for at_ns in read])
    for at_ns, what, ppb in plan:
        if what == 0:
            clock.set_drift(at_ns, ppb)
            clock.jump(ppb)
        reading_ns = clock.monotonic_ns(at_ns)
        assert reading_ns >= last_ns
        last_ns = reading_ns


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Clocks(wander_ppb_max=-1), r"clocks\.wander: -1 is not a bound"),
        (lambda: Clocks(wander_every_ns=5), r"clocks\.wander_every: 5 is not a time: 10 ms or more"),
        (lambda: scenario(SetDrift(at_ns=0, node=0, drift_ppb=PARTS)), r"faults\[0\] \(set-drift\): drift 10+ ppb"),
        (lambda: scenario(JumpClock(at_ns=0, node=0, by_ns=0.5)), r"faults\[0\] \(jump-clock\): by 0\.5 is not a time"),  # type: ignore[arg-type]
    ],
)
def test_impossible_clocks_are_refused(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wrong()


def test_clocks_that_do_nothing_unusual_cost_nothing() -> None:
    """No fault, no drift: no clock is even made."""
    seen: list[bool] = []

    class Plain(Node):
        def on_start(self) -> None:
            self.set_timer("t", ms(1))

        def on_timer(self, timer: Any) -> None:
            seen.append("sim_clock" in self.__dict__)

    run(scenario(build=lambda node: Plain()))
    assert seen == [False, False]
