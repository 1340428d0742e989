"""What a run costs on so many hosts, as its beginning tells: the model by which `auto` chooses a placement.

A window is one lookahead. In process it costs E c: E events fall into it, each of c seconds of CPU. On H hosts and P
cores it costs

    T(H, P) = 1.1 E c / min(H, P) + s H + hop

seconds: the work is shared out (a tenth is lost: hosts are not equally busy, and mail is encoded), each host is granted
its window and answers (s), and a window goes to and fro over a channel (hop). Of H hosts no more are at work in a
window than events fall into it: the others are not asked, and share nothing. Before the first window Ray has to be
there, and its actors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

UNEVEN = 1.1
"""What sharing out costs of the work itself."""
HOST_S = 75e-6
"""s: a window of one host."""
HOP_S = 100e-6
RAY_S = 8.0
"""A Ray that is started on this machine."""
ACTOR_S = 0.7
"""A worker that starts, in seconds of CPU: as many start side by side as there are cores."""
GAIN_MIN = 1.25
"""What is left must take that many times as long here: a model of a few lines is off by some, and a start lost is sure.
"""
HOSTS_TRIED_MAX = 64


class Load(NamedTuple):
    """A run in process, seen at its beginning."""

    nodes: int
    events: int
    windows: int
    cpu_s: float
    """All of it so far."""
    left_s: float
    """What is left in process, if it goes on at the pace it had last."""

    @property
    def window_s(self) -> float:
        """E c."""
        return self.cpu_s / max(1, self.windows)

    @property
    def events_a_window(self) -> float:
        """E."""
        return self.events / max(1, self.windows)

    @property
    def whole_s(self) -> float:
        """The run from its beginning to its end, in process."""
        return self.cpu_s + self.left_s

    def spread_window_s(self, hosts: int, cores: float) -> float:
        """T(H, P)."""
        at_work = max(1.0, min(hosts, self.events_a_window))
        return UNEVEN * self.window_s / min(at_work, cores) + HOST_S * at_work + HOP_S

    def spread_s(self, hosts: int, cores: float) -> float:
        """The run from its beginning to its end on so many hosts, without the start of Ray."""
        return self.whole_s / self.window_s * self.spread_window_s(hosts, cores) if self.window_s else 0.0


class Choice(NamedTuple):
    """Where a run goes on, and why."""

    hosts: int
    """On Ray; 0: in this process."""
    why: str


def start_s(hosts: int, cores: float, ray_s: float) -> float:
    """How long Ray and the actors take to be there; `ray_s` is the part of Ray itself."""
    return ray_s + ACTOR_S * (hosts + 1) / cores


def may_pay(load: Load) -> bool:
    """Whether with any number of cores it could."""
    best = min(load.spread_s(hosts, hosts) for hosts in _numbers(load.nodes, HOSTS_TRIED_MAX))
    return load.left_s > best * GAIN_MIN


def choose(load: Load, cores: int, ray_s: float) -> Choice:
    """Go on in process, or begin again on the best number of hosts."""
    if cores < 2:
        return Choice(0, "there is one core")
    hosts = min(_numbers(load.nodes, cores), key=lambda each: load.spread_s(each, cores) + start_s(each, cores, ray_s))
    spread_s, first_s = load.spread_s(hosts, cores), start_s(hosts, cores, ray_s)
    work, there = _short(load.window_s), _short(load.spread_window_s(hosts, cores))
    where = f"{hosts} hosts on {cores} cores"
    told = f"a window of {_count(load.events_a_window)} events takes {work} here and {there} on {where}"
    if load.window_s <= load.spread_window_s(hosts, cores):
        return Choice(0, told)
    start = f" and {_short(first_s)} to start" if first_s else ""
    told = f"{told}; {_short(load.left_s)} are left here, the whole takes {_short(spread_s)}{start} there"
    return Choice(hosts if load.left_s > (spread_s + first_s) * GAIN_MIN else 0, told)


def _numbers(nodes: int, cores: int) -> Iterator[int]:
    """Numbers of hosts that may be best: beyond the cores each costs more and gains nothing."""
    yield from range(2, max(2, min(nodes, cores, HOSTS_TRIED_MAX)) + 1)
    if min(nodes, cores) > HOSTS_TRIED_MAX:
        yield min(nodes, cores)


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}"


def _short(seconds: float) -> str:
    """`31 us`, `4.2 ms`, `12 s`: two digits are all that a model has."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            break
    value = seconds * factor
    return f"{value:,.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"
