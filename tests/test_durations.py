"""Virtual time is whole nanoseconds with readable units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError, format_duration, minutes, ms, parse_duration, seconds, us
from simclock.durations import parse_drift


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("150ms", 150_000_000),
        ("2.5s", 2_500_000_000),
        ("1h30m", 5_400_000_000_000),
        ("0", 0),
        ("3 us", 3_000),
        ("0.1s", 100_000_000),
        ("7ns", 7),
        ("2m 1s", 121_000_000_000),
    ],
)
def test_reads(text: str, time_ns: int) -> None:
    assert parse_duration(text) == time_ns


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("150", '"150ms"'),
        (150, '"150ms"'),
        ("-5ms", "negative"),
        ("5 parsecs", "units: ns"),
        ("", "empty"),
        ("1.5ns", "finer than a nanosecond"),
        (1.5, "not a time"),
        (True, "not a time"),
        ("5ms junk", "cannot read"),
    ],
)
def test_refuses_with_place_and_mend(text: object, mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text, "--duration")  # type: ignore[arg-type]
    assert str(caught.value).startswith("--duration: ")
    assert mend in str(caught.value)


@given(st.integers(0, 10**18))
def test_what_is_written_reads_back(time_ns: int) -> None:
    assert parse_duration(format_duration(time_ns)) == time_ns


def test_units_refuse_floats() -> None:
    assert (us(3), ms(5), seconds(2), minutes(1)) == (3_000, 5_000_000, 2_000_000_000, 60_000_000_000)
    with pytest.raises(UsageError, match="whole number"):
        ms(1.5)  # type: ignore[arg-type]


def test_drift() -> None:
    assert parse_drift("50ppm") == 50_000
    assert parse_drift("-2.5ppm") == -2_500
    with pytest.raises(UsageError, match="50ppm"):
        parse_drift("50")
