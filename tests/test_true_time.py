"""TrueTime: the interval holds the true time, and what follows from that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError, ms, seconds, us
from simclock.clocks import Order, TrueTime, Uncertainty
from simclock.environment.quartz import PARTS, PhysicalClock

intervals = st.tuples(st.integers(-50, 50), st.integers(0, 20)).map(lambda pair: TrueTime(pair[0], sum(pair)))
drifts = st.integers(0, PARTS // 3)


@given(st.data(), drifts, st.integers(0, ms(10)), st.integers(0, seconds(40)), st.integers(0, seconds(1000)))
def test_the_interval_holds_the_true_time(data, drift_ppb_max, base_ns, synchronized_ns, elapsed_ns):
    """The clock was right to `base_ns` when it was synchronized, and has run away within its bound since."""
    drift_ppb = data.draw(st.integers(-drift_ppb_max, drift_ppb_max))
    error_ns = data.draw(st.integers(-base_ns, base_ns))
    quartz = PhysicalClock(0, drift_ppb)
    offset_ns = synchronized_ns + error_ns - quartz.wall_ns(synchronized_ns)
    true_ns = synchronized_ns + elapsed_ns
    wall_ns = offset_ns + quartz.wall_ns(true_ns)
    since_ns = quartz.monotonic_ns(true_ns) - quartz.monotonic_ns(synchronized_ns)
    # A quartz shows whole nanoseconds, rounded down: that is one more nanosecond to be wrong by.
    uncertainty = Uncertainty(base_ns=base_ns + 1, drift_ppb_max=drift_ppb_max)
    assert true_ns in uncertainty.now(wall_ns, since_ns)


def test_epsilon_grows_and_collapses():
    """Spanner: 200 us per second between synchronizations 30 s apart make a saw tooth from 1 to 7 ms."""
    uncertainty = Uncertainty(base_ns=ms(1))
    assert uncertainty.epsilon_ns(0) == ms(1)
    assert ms(7) < uncertainty.epsilon_ns(seconds(30)) < ms(7) + us(2)
    assert uncertainty.now(seconds(60), 0).epsilon_ns == ms(1)


@given(drifts, st.integers(0, seconds(10)), st.integers(0, seconds(10)))
def test_epsilon_never_shrinks_between_synchronizations(drift_ppb_max, a, b):
    uncertainty = Uncertainty(base_ns=5, drift_ppb_max=drift_ppb_max)
    assert uncertainty.epsilon_ns(min(a, b)) <= uncertainty.epsilon_ns(max(a, b))


@given(intervals, st.integers(-60, 80))
def test_after_before_and_neither(now, time_ns):
    """For every instant exactly one holds: it has definitely passed, definitely not arrived, or nobody can tell."""
    assert [now.after(time_ns), now.before(time_ns), time_ns in now].count(True) == 1


@given(intervals, st.integers(-60, 80))
def test_commit_wait_is_as_long_as_it_must_be(now, commit_ns):
    wait_ns = now.wait_ns(commit_ns)
    assert TrueTime(now.earliest_ns + wait_ns, now.latest_ns + wait_ns).after(commit_ns)
    if wait_ns:
        assert not TrueTime(now.earliest_ns + wait_ns - 1, now.latest_ns + wait_ns - 1).after(commit_ns)


@given(intervals, intervals, intervals)
def test_the_order_is_a_partial_order(a, b, c):
    assert a.compare(a) is Order.EQUAL
    assert not (a <= b <= a) or a == b
    assert not (a <= b <= c) or a <= c
    assert a.compare(b) is b.compare(a).reversed
    assert (a.compare(b) is Order.CONCURRENT) == (a != b and a.intersection(b) is not None)


@given(intervals, intervals, st.integers(-60, 80))
def test_the_intersection_holds_what_both_hold(a, b, time_ns):
    both = a.intersection(b)
    assert (both is not None and time_ns in both) == (time_ns in a and time_ns in b)


@given(intervals)
def test_an_interval_is_a_value(a):
    again = TrueTime.decode(a.encode())
    assert again == a and hash(again) == hash(a)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrueTime(2, 1),
        lambda: TrueTime(1.0, 2),
        lambda: Uncertainty(base_ns=-1),
        lambda: Uncertainty(base_ns=1, drift_ppb_max=PARTS),
        lambda: Uncertainty(base_ns=1).epsilon_ns(-1),
    ],
)
def test_what_is_no_interval_is_refused(make):
    with pytest.raises(UsageError):
        make()
