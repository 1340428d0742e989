"""Hybrid logical clocks: CockroachDB's tables, the paper's laws, and bad wall clocks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.clocks import ForwardJump, ForwardJumps, HybridClock, HybridTime, Order, RemoteTooFarAhead

MINUTE_MS = 60_000
NOW_MS = 1_790_000_000_000
times = st.integers(0, (1 << 64) - 1).map(HybridTime)


@pytest.fixture
def table(external_data):
    return json.loads((external_data / "hlc" / "cockroach_hlc.json").read_text())


@pytest.mark.external
def test_the_papers_semantics(table):
    clock = HybridClock(offset_ms_max=500)
    for step in table["paper_semantics"]["steps"]:
        if step["event"] == "SEND":
            clock = clock.tick(step["wall"])
        else:
            clock = clock.receive(HybridTime.of(*step["input"]), step["wall"])
        assert [clock.latest.physical_ms, clock.latest.logical] == step["expected"], step


@pytest.mark.external
def test_jump_policy(table):
    for case in table["jump_policy (TestHLCPhysicalClockJump; facts)"]:
        clock = HybridClock(offset_ms_max=case["max_offset_ms"], forward_jumps=ForwardJumps.REFUSE).tick(NOW_MS)
        if case["fatal"]:
            with pytest.raises(ForwardJump):
                clock.tick(NOW_MS + case["jump_ms"])
        else:
            assert clock.tick(NOW_MS + case["jump_ms"]).latest > clock.latest


@pytest.mark.external
def test_remote_too_far_ahead(table):
    for case in table["remote_too_far_ahead (facts)"]:
        clock = HybridClock(offset_ms_max=case["max_offset_ms"]).tick(NOW_MS)
        remote = HybridTime.of(NOW_MS + case["remote_minus_local_ms"])
        assert clock.accepts(remote, NOW_MS) is case["accept"]
        if case["accept"]:
            assert clock.receive(remote, NOW_MS).latest > remote
        else:
            with pytest.raises(RemoteTooFarAhead):
                clock.receive(remote, NOW_MS)


# The laws.

steps = st.lists(
    st.tuples(st.integers(0, 40), st.none() | st.tuples(st.integers(0, 60), st.integers(0, (1 << 16) - 1)))
)


@given(steps)
def test_time_never_goes_back_and_is_greater_than_what_was_received(events):
    """Theorem 1, and theorem 2: the physical part is at least the wall clock's."""
    clock = HybridClock(offset_ms_max=10)
    for wall_ms, received in events:
        before = clock
        if received is None:
            clock = clock.tick(wall_ms)
        else:
            remote = HybridTime.of(*received)
            if not clock.accepts(remote, wall_ms):
                continue
            clock = clock.receive(remote, wall_ms)
            assert clock.latest > remote
        assert clock.latest > before.latest
        assert clock.latest.physical_ms >= wall_ms
        assert clock.physical_ms_max >= before.physical_ms_max


@given(steps)
def test_the_paper_in_two_parts_is_the_same_as_one_number(events):
    """Figure 5 word for word: l and c apart."""
    clock = HybridClock(offset_ms_max=100)
    l, c = 0, 0  # noqa: E741 - the paper's names
    for physical, received in events:
        last = l
        if received is None:
            l = max(last, physical)  # noqa: E741
            c = c + 1 if l == last else 0
            clock = clock.tick(physical)
        else:
            l_m, c_m = received
            l = max(last, l_m, physical)  # noqa: E741
            if l == last == l_m:
                c = max(c, c_m) + 1
            elif l == last:
                c = c + 1
            elif l == l_m:
                c = c_m + 1
            else:
                c = 0
            clock = clock.receive(HybridTime.of(l_m, c_m), physical)
        if c >> 16:
            l, c = l + 1, 0  # noqa: E741 - the carry, which the paper leaves open
        assert (clock.latest.physical_ms, clock.latest.logical) == (l, c)


@given(st.lists(st.tuples(st.integers(-5, 20), st.integers(-100, 1000)), max_size=30))
def test_boundedness(events):
    """However far ahead others are, the clock stays within the bound of its own readings."""
    clock, wall_ms = HybridClock(offset_ms_max=50), 1000
    for passed_ms, ahead_ms in events:
        wall_ms += passed_ms
        remote = HybridTime.of(wall_ms + ahead_ms)
        if clock.accepts(remote, wall_ms):
            clock = clock.receive(remote, wall_ms)
        assert clock.latest.physical_ms <= max(clock.physical_ms_max, 0) + 50


def test_the_bound_itself_is_near_enough():
    """Clocks may differ by the bound: a timestamp exactly so far ahead is from a clock that is right."""
    clock = HybridClock(offset_ms_max=50).tick(1000)
    assert clock.accepts(HybridTime.of(1050), 1000) and not clock.accepts(HybridTime.of(1051), 1000)
    assert clock.receive(HybridTime.of(1050), 1000).latest == HybridTime.of(1050, 1)
    with pytest.raises(RemoteTooFarAhead):
        clock.receive(HybridTime.of(1051), 1000)


def test_many_small_steps_ahead_do_not_add_up():
    """The bound is judged by the own readings: it does not move with what was let in."""
    clock = HybridClock(offset_ms_max=500).tick(NOW_MS)
    refused = 0
    for step in range(20):
        remote = HybridTime.of(NOW_MS + 400 * (step + 1))
        if clock.accepts(remote, NOW_MS):
            clock = clock.receive(remote, NOW_MS)
        else:
            refused += 1
    assert clock.latest.physical_ms == NOW_MS + 400
    assert refused == 19


# Bad wall clocks.


def test_a_wall_clock_set_back_by_ten_minutes():
    """Timestamps go on ascending, peers are still heard, and the wall clock is followed again when it is right."""
    clock = HybridClock(offset_ms_max=500, forward_jumps=ForwardJumps.REFUSE).tick(NOW_MS, 0)
    set_back_ms = 10 * MINUTE_MS
    for second in range(1, 15 * 60):
        passed_ms = 1000 * second
        wall_ms = NOW_MS + passed_ms - set_back_ms
        peer = HybridTime.of(NOW_MS + passed_ms + 100)
        before, clock = clock.latest, clock.tick(wall_ms, passed_ms)
        assert clock.latest > before
        clock = clock.receive(peer, wall_ms, passed_ms)
        assert clock.latest > peer
    assert NOW_MS + 15 * MINUTE_MS - 1000 <= clock.latest.physical_ms <= NOW_MS + 15 * MINUTE_MS


def test_a_wall_clock_set_back_with_nobody_to_hear():
    clock = HybridClock(offset_ms_max=500).tick(NOW_MS)
    again = clock.tick(NOW_MS - 10 * MINUTE_MS)
    assert again.latest == HybridTime.of(NOW_MS, 1)
    assert again.physical_ms_max == NOW_MS
    assert again.tick(NOW_MS + 1).latest == HybridTime.of(NOW_MS + 1, 0)


def test_a_smaller_reading_does_not_hide_a_jump():
    """cockroachdb/cockroach#119369: back by 700 ms and forth again is no leap forward."""
    clock = HybridClock(offset_ms_max=500, forward_jumps=ForwardJumps.REFUSE).tick(NOW_MS).tick(NOW_MS - 700)
    assert clock.tick(NOW_MS + 10).latest == HybridTime.of(NOW_MS + 10)


def test_a_long_wait_is_no_jump():
    clock = HybridClock(offset_ms_max=500, forward_jumps=ForwardJumps.REFUSE).tick(NOW_MS, 5000)
    assert clock.tick(NOW_MS + MINUTE_MS, 5000 + MINUTE_MS).latest.physical_ms == NOW_MS + MINUTE_MS
    with pytest.raises(ForwardJump):
        clock.tick(NOW_MS + MINUTE_MS, 5000 + 30_000)
    with pytest.raises(ForwardJump):
        clock.receive(HybridTime.of(NOW_MS), NOW_MS + MINUTE_MS, 5000)


def test_a_counter_that_overflows_carries():
    clock = HybridClock(offset_ms_max=500, latest=HybridTime.of(NOW_MS, (1 << 16) - 1))
    assert clock.tick(NOW_MS).latest == HybridTime.of(NOW_MS + 1, 0)
    full = HybridTime.of(NOW_MS + 3, (1 << 16) - 1)
    assert clock.receive(full, NOW_MS).latest == HybridTime.of(NOW_MS + 4, 0)


# Values.


@given(times, times)
def test_a_timestamp_is_64_bits_in_one_order(a, b):
    assert HybridTime.decode(a.encode()) == a == HybridTime.of(a.physical_ms, a.logical)
    assert len(a.encode()) == 8
    assert (a < b) == (a.encode() < b.encode()) == ((a.physical_ms, a.logical) < (b.physical_ms, b.logical))
    assert a.compare(b) is not Order.CONCURRENT


@pytest.mark.parametrize(
    "make",
    [
        lambda: HybridTime(1 << 64),
        lambda: HybridTime(-1),
        lambda: HybridTime.of(1 << 48),
        lambda: HybridTime.of(1, 1 << 16),
        lambda: HybridTime.of(1.5),
        lambda: HybridTime.decode(b"1234567"),
        lambda: HybridClock(offset_ms_max=-1),
    ],
)
def test_what_is_no_timestamp_is_refused(make):
    with pytest.raises(UsageError):
        make()
