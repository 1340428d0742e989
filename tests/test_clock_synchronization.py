"""Cristian, Berkeley and NTP's filter: the arithmetic as tables, and what the nodes do with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import (
    AddDelay,
    Clocks,
    Constant,
    Crash,
    JumpClock,
    Network,
    Observation,
    Restart,
    RunResult,
    Scenario,
    UsageError,
    ms,
    seconds,
    us,
)
from simclock.actors import Node, run
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.clock_synchronization import (
    BerkeleyNode,
    ClockFilter,
    CristianClient,
    FilterSample,
    NtpClient,
    Synchronization,
    TimeServer,
    berkeley,
    cristian,
    ntp,
)
from simclock.protocols.clock_synchronization.messages import Adjustment, ClockPoll, ClockReading, NtpReply
from simclock.protocols.clock_synchronization.observed import Asked, Filtered, read

SameEverywhere = Callable[[Scenario], RunResult]
NAMES = ("asked", "sampled", "filtered", "polled", "heard", "averaged", "adjusted", "prompted")


# Arithmetic.


@pytest.mark.parametrize(
    ("time", "rtt", "minimum", "estimate", "margin"),
    [
        (1000, 20, 0, 1010, 10),  # nothing known of the journey: half of it
        (1000, 20, 4, 1010, 6),
        (1000, 20, 10, 1010, 0),  # both ways took the minimum: exact
        (1000, 21, 4, 1010, 7),  # rounded up
        (1000, 10, 6, 1005, 0),  # a clock that runs slow measured less than is possible
    ],
)
def test_cristian(time: int, rtt: int, minimum: int, estimate: int, margin: int) -> None:
    assert cristian.estimate_ns(time, rtt) == estimate
    assert cristian.margin_ns(rtt, minimum) == margin


delays = st.integers(0, 10**9)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**6), delays, delays, st.integers(0, 10**12))
def test_no_reading_is_more_wrong_than_its_margin(offset: int, minimum: int, there: int, back: int, now: int) -> None:
    """Cristian 1989, reading a remote clock, and RFC 5905's offset, whatever the two journeys took."""
    there, back = minimum + there, minimum + back
    t1 = now
    t2 = t3 = now + there + offset
    t4 = now + there + back
    rtt = t4 - t1
    assert abs(cristian.estimate_ns(t3, rtt) - t4 - offset) <= cristian.margin_ns(rtt, minimum) + 1
    assert abs(ntp.offset_ns(t1, t2, t3, t4) - offset) <= cristian.margin_ns(ntp.delay_ns(t1, t2, t3, t4), minimum) + 1


@pytest.mark.parametrize(
    ("four", "offset", "delay"),
    [
        ((0, 5, 5, 10), 0, 10),
        ((0, 105, 105, 10), 100, 10),  # the server is ahead
        ((1000, 905, 907, 1012), -100, 10),  # and behind, and took 2 to answer
        ((0, 9, 9, 10), 4, 10),  # all of it on the way there: 4 or 5 wrong, of at most 5
        ((0, 5, 5, -90), 50, -90),  # the client's clock was set back by 100 meanwhile
        ((0, 2, 3, 4), 0, 3),
        ((0, 2, 4, 5), 0, 3),
    ],
)
def test_four_timestamps(four: tuple[int, int, int, int], offset: int, delay: int) -> None:
    assert (ntp.offset_ns(*four), ntp.delay_ns(*four)) == (offset, delay)


@pytest.mark.parametrize(
    ("differences", "within", "chosen", "average"),
    [
        ({0: 0, 1: 10, 2: 20}, 100, (0, 1, 2), 10),
        ({0: 0, 1: 10, 2: 5000}, 100, (0, 1), 5),  # one runs away
        ({0: 0, 1: 5000, 2: 5010}, 100, (1, 2), 5005),  # it is the leader
        ({0: 0, 1: 5000}, 100, (0,), 0),  # two that disagree: the leader counts
        ({0: 0, 1: 100, 2: -100}, 100, (0, 2), -50),  # two sets of two: the one that is further behind
        ({0: 0, 1: 100, 2: 101}, 100, (0, 1), 50),  # gamma itself is near enough
        ({0: 0}, 0, (0,), 0),
        ({0: 0, 1: 0, 2: -1}, 100, (0, 1, 2), -1),  # rounded down
    ],
)
def test_berkeley_averages_the_largest_set_that_agrees(
    differences: dict[int, int], within: int, chosen: tuple[int, ...], average: int
) -> None:
    found = berkeley.agreeing(differences, within, 0)
    assert (found, berkeley.average_ns(differences, found)) == (chosen, average)


@given(st.dictionaries(st.integers(1, 7), st.integers(-300, 300)), st.integers(0, 300))
def test_no_larger_set_agrees(differences: dict[int, int], within: int) -> None:
    differences[0] = 0
    found = berkeley.agreeing(differences, within, 0)
    assert max(differences[n] for n in found) - min(differences[n] for n in found) <= within
    for low in differences.values():
        assert len(found) >= sum(low <= each <= low + within for each in differences.values())


def test_the_clock_filter_takes_the_least_delay_of_eight() -> None:
    """RFC 5905, section 10: and never one that is not newer than the one used last."""
    filtered = ClockFilter()

    def add(delay: int, at: int) -> int | None:
        best = filtered.add(FilterSample(delay, at, 0))
        return None if best is None else best.at_ns

    assert add(50, 1) == 1
    assert add(60, 2) is None, "the first is better, and has been used"
    assert add(20, 3) == 3
    assert [add(30 + number, 4 + number) for number in range(7)] == [None] * 7, "the third is still in the register"
    assert add(90, 11) == 4, "now it is out: the best of what came since"
    assert add(90, 12) == 5
    assert len(filtered.stages) == 8


def test_of_equal_delays_the_newest_counts() -> None:
    filtered = ClockFilter()
    assert [filtered.add(FilterSample(10, at, 0)) for at in (1, 2, 3)] == [FilterSample(10, at, 0) for at in (1, 2, 3)]


# Nodes.


def scenario(build: Callable[[Synchronization], Node], *faults: Any, nodes: int = 2, **more: Any) -> Scenario:
    """Nodes whose clocks are off, and a time server whose clock is true."""
    agreed = Synchronization(
        server=nodes, delay_ns_min=ms(5), interval_ns=seconds(2), margin_ns_max=ms(100), outlier_ns=seconds(3)
    )
    network = more.pop("network", Network(latency=Constant(delay_ns=ms(5))))
    prompts = more.pop("prompts", ())
    return Scenario(
        name="synchronization",
        nodes=nodes + 1,
        build=lambda node: TimeServer(prompts) if node == nodes else build(agreed),
        duration_ns=more.pop("duration_ns", seconds(9)),
        network=network,
        clocks=Clocks(offset_ns_max=seconds(1), true_nodes=(nodes,)),
        observers=(partial(Recorded, NAMES),),
        final=error_ns,
        faults=faults,
        **more,
    )


def error_ns(node: Any) -> int:
    """How far its wall clock will be ahead of true time when nothing is left to slew: no clock here drifts."""
    return node.clock.wall_ns() - node.clock.monotonic_ns() + node.clock.slew_left_ns()


def told(result: RunResult, name: str, node: int | None = None) -> list[Observation]:
    """With the value as an object of its class."""
    found = [o for o in recorded(result) if o.name == name and node in (None, o.node)]
    return [o._replace(value=read(o)) for o in found]


@pytest.mark.parametrize("build", [CristianClient, NtpClient])
def test_an_even_journey_makes_clocks_exact(build: Any, same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(build))
    assert result.final == {0: 0, 1: 0, 2: 0}, "clocks without drift, both journeys alike: no error at all"
    ways = [o.value.way for o in told(result, "adjusted")]
    assert ways == ["step", "step"], "what is right already is not corrected again"


def test_berkeley_agrees_on_the_average_of_all(same_everywhere: SameEverywhere) -> None:
    of = scenario(BerkeleyNode, nodes=4)
    offsets = [of.clocks.clock(of.seed, node).wall_ns(0) for node in range(4)]
    result = same_everywhere(of)
    ends = [result.final[node] for node in range(4)]
    assert len(set(ends)) == 1
    assert ends[0] == offsets[0] + sum(offset - offsets[0] for offset in offsets) // 4
    averaged = told(result, "averaged")[0].value
    assert averaged.included == (0, 1, 2, 3) and averaged.rejected == averaged.silent == ()
    assert dict(averaged.adjustments) == {node: ends[0] - offsets[node] for node in range(4)}, "differences, not times"


def test_berkeley_leaves_a_clock_that_runs_away_out_and_corrects_it(same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(BerkeleyNode, JumpClock(at_ns=ms(100), node=3, by_ns=seconds(60)), nodes=4))
    averaged = told(result, "averaged")[0].value
    assert averaged.rejected == (3,)
    assert len({result.final[node] for node in range(4)}) == 1
    assert abs(result.final[0]) <= seconds(1), "the average is not dragged along"


def test_berkeley_goes_on_without_a_node_that_is_silent(same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(BerkeleyNode, Crash(at_ns=ms(100), node=2), nodes=3, duration_ns=seconds(3)))
    averaged = [o.value for o in told(result, "averaged")]
    assert [(each.included, each.silent) for each in averaged] == [((0, 1), (2,))]


def test_an_adjustment_counts_from_the_reading_not_from_its_arrival(same_everywhere: SameEverywhere) -> None:
    """A clock that jumps between its answer and the adjustment comes out right all the same."""
    jump = JumpClock(at_ns=seconds(2) + ms(12), node=1, by_ns=seconds(30))
    result = same_everywhere(scenario(BerkeleyNode, jump, duration_ns=seconds(3)))
    assert result.final[0] == result.final[1]


def test_a_doubled_adjustment_counts_once(same_everywhere: SameEverywhere) -> None:
    network = Network(latency=Constant(delay_ns=ms(5)), duplication=1.0)
    result = same_everywhere(scenario(BerkeleyNode, network=network, duration_ns=seconds(3)))
    assert len(told(result, "adjusted")) == 2 and result.final[0] == result.final[1]


@pytest.mark.parametrize("build", [CristianClient, BerkeleyNode, NtpClient])
def test_a_reading_that_took_too_long_is_refused(build: Any, same_everywhere: SameEverywhere) -> None:
    """The tolerance is 100 ms beyond the shortest journey; a journey of 300 ms might be 295 ms wrong."""
    result = same_everywhere(scenario(build, AddDelay(at_ns=0, delay_ns=ms(295))))
    readings = [o.value for o in (*told(result, "sampled"), *told(result, "heard"))]
    assert all(each.refused == "too long on its way" for each in readings)
    if build is BerkeleyNode:  # its round was over by then
        assert [o.value.silent for o in told(result, "averaged")] == [(1,)] * 4
    else:
        assert len(readings) >= 6
    assert told(result, "adjusted") == []


def test_cristian_asks_again_until_an_answer_is_good(same_everywhere: SameEverywhere) -> None:
    """Cristian 1989: a client may try several times in one synchronization; here three times, 210 ms apart."""
    result = same_everywhere(scenario(CristianClient, AddDelay(at_ns=0, delay_ns=ms(295)), duration_ns=seconds(3)))
    assert [o.time_ns for o in told(result, "asked", 0)] == [seconds(2) + ms(210) * k for k in range(3)]
    healed = AddDelay(at_ns=seconds(2) + ms(205), delay_ns=0)
    result = same_everywhere(
        scenario(CristianClient, AddDelay(at_ns=0, delay_ns=ms(295)), healed, duration_ns=seconds(3))
    )
    assert len(told(result, "asked", 0)) == 2, "the second answer is good"
    assert len(told(result, "adjusted", 0)) == 1


@pytest.mark.parametrize("by_ns", [-seconds(10), seconds(10), -ms(3), ms(3)])
def test_an_exchange_in_which_the_clock_jumped_tells_nothing(by_ns: int, same_everywhere: SameEverywhere) -> None:
    """T4 before T1, or a negative delay; jumps by less than the delay show only in the monotonic clock."""
    jump = JumpClock(at_ns=seconds(4) + ms(3), node=0, by_ns=by_ns)
    result = same_everywhere(scenario(NtpClient, jump))
    assert [o.value.refused for o in told(result, "sampled", 0)] == ["", "the clock was set meanwhile", "", ""]
    assert abs(result.final[0]) < us(3), "the next exchange sets it right, but for what was slewed in it"


def test_an_answer_to_an_earlier_life_counts_for_nothing(same_everywhere: SameEverywhere) -> None:
    """Asked at 2 s, crashed, back, and told to ask at 2.05 s: the first answer arrives at 2.1 s."""
    faults = (
        AddDelay(at_ns=0, delay_ns=ms(45)),
        Crash(at_ns=seconds(2) + ms(1), node=0),
        Restart(at_ns=seconds(2) + ms(2), node=0),
    )
    result = same_everywhere(scenario(CristianClient, *faults, prompts=(seconds(2),), duration_ns=seconds(3)))
    sampled = told(result, "sampled", 0)
    assert [o.time_ns for o in sampled] == [seconds(2) + ms(150)]
    assert sampled[0].value.rtt_ns == ms(100) and result.final[0] == 0


@pytest.mark.parametrize("build", [partial(CristianClient, regular=False), BerkeleyNode, NtpClient])
def test_told_to_everybody_synchronizes_by_cristians_algorithm(build: Any, same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(build, prompts=(ms(500),), duration_ns=seconds(1)))
    assert {o.value for o in told(result, "asked")} == {Asked("cristian", 2)}
    assert result.final[0] == result.final[1] == 0


@pytest.mark.parametrize(("off_ns", "way"), [(ms(128), "slew"), (ms(128) + 1, "step"), (-ms(128), "slew")])
def test_a_correction_above_the_threshold_is_a_step(off_ns: int, way: str) -> None:
    """RFC 5905: 128 ms."""
    start = scenario(CristianClient)
    offset_ns = start.clocks.clock(start.seed, 0).wall_ns(0)
    faults = (JumpClock(at_ns=0, node=0, by_ns=-offset_ns - off_ns),)
    adjusted = told(run(scenario(CristianClient, *faults, duration_ns=seconds(3))), "adjusted", 0)
    assert [(o.value.way, o.value.by_ns) for o in adjusted] == [(way, off_ns)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"interval_ns": 0}, "interval_ns: 0 is not a whole number, one or more"),
        ({"outlier_ns": -1}, "outlier_ns: -1 is not a whole number, zero or more"),
        ({"slew_rate_ppm": 1_000_000}, "slew_rate_ppm: 1000000 is out of range"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Synchronization(server=1, **wrong)


# Messages that come late, twice, or from an earlier life: one side is a node, the other a script.


class Script(Node):
    """Sends each message to its target at its time, by a clock that is true."""

    def __init__(self, *lines: tuple[int, int, Any]) -> None:
        self.lines = lines

    def on_start(self) -> None:
        for number, (at_ns, _, _) in enumerate(self.lines):
            self.set_timer(number, at_ns)

    def on_timer(self, timer: Any) -> None:
        _, target, message = self.lines[timer]
        self.send(target, message)


def against(node: Callable[[Synchronization], Node], script: Script, *faults: Any, **settings: Any) -> RunResult:
    """Node 0 against a script, which is node 1 and, unless `server` says otherwise, the time server."""
    agreed = Synchronization(**{"server": 1, "interval_ns": seconds(2), "margin_ns_max": ms(500), **settings})
    return run(
        Scenario(
            name="script",
            nodes=2,
            build=lambda number: script if number else node(agreed),
            duration_ns=seconds(5),
            network=Network(latency=Constant(delay_ns=ms(5))),
            clocks=Clocks(true_nodes=(1,)),
            observers=(partial(Recorded, NAMES),),
            final=lambda each: error_ns(each) if each.id == 0 else None,
            faults=faults,
        )
    )


def test_a_second_copy_of_a_poll_changes_nothing() -> None:
    """The adjustment counts from the first answer, which the leader has taken: the jump after it is undone."""
    script = Script((ms(100), 0, ClockPoll(1)), (ms(200), 0, ClockPoll(1)), (ms(300), 0, Adjustment(1, ms(7))))
    jump = JumpClock(at_ns=ms(150), node=0, by_ns=seconds(3))
    assert against(BerkeleyNode, script, jump, leader=1).final[0] == ms(7)


def test_an_adjustment_of_another_round_is_ignored() -> None:
    script = Script((ms(100), 0, ClockPoll(1)), (ms(200), 0, ClockPoll(2)), (ms(300), 0, Adjustment(1, ms(7))))
    assert against(BerkeleyNode, script, leader=1).final[0] == 0
    assert against(BerkeleyNode, Script((ms(300), 0, Adjustment(0, ms(7)))), leader=1).final[0] == 0


def test_a_reading_of_an_earlier_round_is_ignored() -> None:
    """It comes a moment after the next poll, so its journey would seem short."""
    script = Script((seconds(4) + ms(10), 0, ClockReading(1, seconds(99))))
    result = against(BerkeleyNode, script, server=9)
    assert told(result, "heard") == []
    assert [o.value.silent for o in told(result, "averaged")] == [(1,)]


def test_a_leader_that_comes_back_is_heard(same_everywhere: SameEverywhere) -> None:
    """Its rounds go on from higher numbers, so nobody takes its polls for copies."""
    faults = (Crash(at_ns=seconds(3), node=0), Restart(at_ns=seconds(4), node=0))
    result = same_everywhere(scenario(BerkeleyNode, *faults, nodes=3))
    assert [o.value.included for o in told(result, "averaged")] == [(0, 1, 2)] * 3


def test_an_answer_to_an_earlier_poll_is_ignored() -> None:
    """RFC 5905, section 8: the origin timestamp must be that of the request under way."""
    late = Script((seconds(4) + ms(1), 0, NtpReply(seconds(2), seconds(50), seconds(50))))
    result = against(NtpClient, late)
    assert told(result, "sampled") == [] and result.final[0] == 0
    right = Script((seconds(4) + ms(5), 0, NtpReply(seconds(4), seconds(50), seconds(50))))
    assert against(NtpClient, right).final[0] == seconds(46) - ms(5)


def test_a_jump_is_undone_though_the_best_sample_is_an_old_one(same_everywhere: SameEverywhere) -> None:
    """Samples are kept against the monotonic clock, which does not jump."""
    faults = (AddDelay(at_ns=seconds(3), delay_ns=ms(20)), JumpClock(at_ns=seconds(5), node=0, by_ns=seconds(7)))
    result = same_everywhere(scenario(NtpClient, *faults))
    assert [o.value for o in told(result, "filtered", 0)][1:] == [Filtered(0, -1)] * 3, "none is better than the first"
    assert result.final[0] == 0
