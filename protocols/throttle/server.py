"""The rate limiter: a node that answers every request with "admitted" or with how long to wait.

Law 1: it reads its monotonic clock. The wall clock jumps, and with it the window: an hour forward would give every
       client its limit again.
Law 2: what was admitted is durable before the answer leaves, or a crash would give it again.
Law 3: a request that comes twice is one request: it gets the same answer, and is counted once.

Deviation: the monotonic clock of this laboratory goes on while its node is down. Where a real one begins at zero after
a restart, times have to be kept relative to a wall clock that is trusted over the restart alone.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.throttle.limiters import Limit, Limiter
from simclock.protocols.throttle.messages import Answered, Request
from simclock.protocols.throttle.observed import Served


class RateLimiter(Node):
    """One limiter for each client that asks."""

    def __init__(self, limiter: type[Limiter], limit: Limit) -> None:
        self.limiter = limiter
        self.limit = limit
        self.clients: dict[int, Limiter] = {}
        """Client -> its limiter; persistent, under the client's name."""
        self.answers: dict[int, Answered] = {}
        """Client -> the answer to its latest request; persistent with the limiter."""

    def on_start(self) -> None:
        for client in self.disk.read("clients", ()):
            state, number, wait_ns = self.disk.read(f"client {client}")
            self.clients[client] = self.limiter(self.limit, state)
            self.answers[client] = Answered(number, wait_ns)

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Request(number):
                self._on_request(source, number)

    def _on_request(self, source: int, number: int) -> None:
        latest = self.answers.get(source)
        if latest is None or latest.number < number:
            latest = self._decide(source, number)
        if latest.number == number:
            self.send(source, latest)

    def _decide(self, source: int, number: int) -> Answered:
        if source not in self.clients:
            self.clients[source] = self.limiter(self.limit)
        limiter = self.clients[source]
        wait_ns = limiter.admit(self._now_ns())
        answer = self.answers[source] = Answered(number, wait_ns)
        self._keep(source, limiter, answer)
        self.observe(Served(source, self.clock.monotonic_ns(), wait_ns))
        return answer

    def _now_ns(self) -> int:
        """Law 1."""
        return self.clock.monotonic_ns()

    def _keep(self, source: int, limiter: Limiter, answer: Answered) -> None:
        """Law 2."""
        self.disk.write(f"client {source}", (limiter.state(), answer.number, answer.wait_ns))
        self.disk.write("clients", tuple(sorted(self.clients)))
        self.disk.sync()
