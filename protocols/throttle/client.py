"""Clients of a rate limiter, each with a habit of its own.

    Burst    sends `size` requests at once just before the end of each window of its clock, and again just after it
    Greedy   asks as soon as it may: after a refusal it waits exactly as long as it was told
    Modest   asks once in a while, at random

A request that is not answered is sent again with its number; a client has one request open, but for a burst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock import ms, seconds
from simclock.actors import Node
from simclock.protocols.throttle.messages import Answered, Request
from simclock.protocols.throttle.observed import Heard

NUMBERS_MAX = 1 << 24
"""Of one incarnation: the next begins there, so that numbers only grow."""


@dataclass(frozen=True, kw_only=True)
class Burst:
    """At the edge of the window."""

    size: int
    window_ns: int
    before_ns: int = seconds(1)
    """How long before the end of each window the first half comes; the second comes as long after it."""


@dataclass(frozen=True, kw_only=True)
class Greedy:
    """As soon as it may."""


@dataclass(frozen=True, kw_only=True)
class Modest:
    """Once in a while."""

    pause_ns: int


Ask = Burst | Greedy | Modest


class ThrottleClient(Node):
    """One client of the server."""

    def __init__(self, server: int, habit: Ask, retry_ns: int = ms(200)) -> None:
        self.server = server
        self.habit = habit
        self.retry_ns = retry_ns
        self.number = 0
        self.left = 0
        """How many requests of a burst are still to be sent."""
        self.open: int | None = None
        """The request that has no answer yet."""

    def on_start(self) -> None:
        self.number = self.incarnation * NUMBERS_MAX
        self._rest(None)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "ask":
                if isinstance(self.habit, Burst):
                    self.left = self.habit.size
                self._ask()
            case "retry":
                self._send()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Answered(number, wait_ns) if number == self.open:
                self.open = None
                self.cancel_timer("retry")
                self.observe(Heard(number, wait_ns))
                self._rest(wait_ns)

    def _ask(self) -> None:
        self.number += 1
        self.open = self.number
        self._send()

    def _send(self) -> None:
        assert self.open is not None
        self.send(self.server, Request(self.open))
        self.set_timer("retry", self.retry_ns)

    def _rest(self, wait_ns: int | None) -> None:
        """Wait, as the habit is."""
        match self.habit:
            case Burst(window_ns=window_ns, before_ns=before_ns):
                self.left -= 1
                if self.left > 0:
                    self._ask()
                    return
                now_ns = self.clock.monotonic_ns()
                edge_ns = (now_ns + before_ns) // window_ns * window_ns or window_ns
                bursts_ns = (edge_ns - before_ns, edge_ns + before_ns, edge_ns + window_ns - before_ns)
                self.set_timer("ask", min(at_ns for at_ns in bursts_ns if at_ns > now_ns) - now_ns)
            case Greedy():
                self.set_timer("ask", wait_ns or 0)
            case Modest(pause_ns=pause_ns):
                self.set_timer("ask", self.random.exponential_ns(pause_ns))
