"""Where a run stands, in words: one line of printable characters, of which each part says only what is known."""

from __future__ import annotations

import pytest

from simclock import ms, seconds
from simclock.kernel.standing import TEXT_MAX, Standing, readable, rough_duration


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (Standing(seconds(2), seconds(30), 1234), "2s of 30s of virtual time, 1,234 events"),
        (Standing(0, None, 0), "0s of virtual time, 0 events"),
        (Standing(ms(5), None, 7, "node 1, on_timer"), "5ms of virtual time, 7 events; node 1, on_timer"),
    ],
)
def test_a_standing_is_told(standing: Standing, told: str) -> None:
    assert str(standing) == told


def test_of_a_rough_duration_the_first_digits_are_kept() -> None:
    assert rough_duration(1_234_567_891) == rough_duration(1_234_000_000) == "1.234s"
    assert rough_duration(12_345_678_912) == "12.34s"
    assert rough_duration(9_999) == "9.999us"
    assert rough_duration(12) == "12ns"


def test_what_was_handled_is_one_printable_line_and_not_too_long() -> None:
    assert readable(lambda: "  timer\n 'a'\t b ") == "timer 'a' b"
    assert readable(lambda: "bell \x07, null \x00, dash \u2013") == r"bell \x07, null \x00, dash –"
    assert readable(lambda: "x" * TEXT_MAX) == "x" * TEXT_MAX
    assert readable(lambda: "x" * (TEXT_MAX + 1)) == "x" * (TEXT_MAX - 3) + "..."


def test_what_has_no_text_is_said_to_have_none() -> None:
    def fails() -> str:
        raise ValueError

    assert readable(fails) == "something that has no text"
