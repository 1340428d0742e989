"""The operator of a cluster: a node that asks for changes of the members, on a schedule, one after the other."""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.replication.messages import Change, Reconfigure, Reconfigured
from simclock.protocols.replication.observed import ChangeAsked, ChangeEnded

NEXT = "next"
RETRY = "retry"
GIVE_UP = "give up"


class Operator(Node):
    """It asks who leads until a change is done, or given up; numbers are 1, 2, 3, ..."""

    def __init__(
        self,
        servers: tuple[int, ...],
        schedule: tuple[tuple[int, tuple[int, ...]], ...],
        retry_ns: int,
        give_up_ns: int,
    ) -> None:
        self.servers = servers
        self.schedule = schedule
        """(nanoseconds after the start, members), in order of time."""
        self.retry_ns = retry_ns
        self.give_up_ns = give_up_ns
        self.number = 0
        """Of the change that is open, or was last."""
        self.is_open = False
        self.leader = 0
        """Where the leader is believed to be: a position in `servers`."""

    def on_start(self) -> None:
        self._wait_for_next()

    def on_timer(self, timer: Any) -> None:
        if timer == NEXT:
            self.number, self.is_open = self.number + 1, True
            self.observe(ChangeAsked(self.number, self.schedule[self.number - 1][1]))
            self.set_timer(GIVE_UP, self.give_up_ns)
            self._try()
        elif timer == RETRY:
            self._try()
        elif timer == GIVE_UP:
            self._end(False)

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, Reconfigured) and self.is_open and message.request_id == self.number:
            if message.done:
                self._end(True)
            elif message.leader_hint in self.servers:
                self.leader = self.servers.index(message.leader_hint)

    def _wait_for_next(self) -> None:
        if self.number < len(self.schedule):
            self.set_timer(NEXT, max(0, self.schedule[self.number][0] - self.clock.monotonic_ns()))

    def _try(self) -> None:
        change = Change(self.number, self.schedule[self.number - 1][1])
        self.send(self.servers[self.leader], Reconfigure(self.number, change))
        self.leader = (self.leader + 1) % len(self.servers)
        self.set_timer(RETRY, self.retry_ns)

    def _end(self, done: bool) -> None:
        self.is_open = False
        self.observe(ChangeEnded(self.number, done))
        self.cancel_timer(RETRY)
        self.cancel_timer(GIVE_UP)
        self._wait_for_next()
