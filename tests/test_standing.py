"""Where a run stands, in words: one line of printable characters, of which each part says only what is known."""

from __future__ import annotations

import pytest

from simclock import Node, Scenario, ms, seconds
from simclock.kernel.scheduler import Scheduler
from simclock.kernel.standing import TEXT_MAX, HostStanding, Standing, readable, rough_duration


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


class NoHosts:
    """Two hosts that are asked for nothing."""

    count = 2
    pipelined = False


def host(number: int, *, busy: bool, doing: bool = True) -> HostStanding:
    return HostStanding(ms(10 * number), 100 + number, f"node {number}" if doing else "", busy)


@pytest.mark.parametrize(
    ("hosts", "doing"),
    [
        ([host(1, busy=True), host(2, busy=False), host(3, busy=True)], "node 1; node 3"),
        ([host(number, busy=True) for number in range(1, 4)], "node 1; node 2; node 3"),
        ([host(number, busy=True) for number in range(1, 6)], "node 1; node 2; node 3 and 2 more hosts"),
        ([host(3, busy=False), host(1, busy=False)], "last node 3"),
        ([host(3, busy=False, doing=False), host(1, busy=False)], "last node 1"),
        ([host(3, busy=False, doing=False)], ""),
        ([], ""),
    ],
)
def test_a_run_stands_where_its_hosts_do(hosts: list[HostStanding], doing: str) -> None:
    """Who is at work is named, three hosts at most; else what was done last, by the host that has come furthest."""
    made = Scenario(name="stands", nodes=2, build=lambda node: Node(), duration_ns=seconds(1))
    standing = Scheduler(made, NoHosts(), (), placement="", replay="").standing(hosts)  # type: ignore[arg-type]
    assert standing == Standing(
        max((each.virtual_ns for each in hosts), default=0), seconds(1), sum(each.events for each in hosts), doing
    )


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
