"""The cluster's operator: a node that asks the servers for changes of the membership and for transfers, on a schedule.

One request at a time: it goes to the server that is believed to lead, and again, there or elsewhere, until it is done
or given up. A change that was taken twice changes nothing the second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock.actors import Node
from simclock.protocols.raft.messages import ChangeMembership, OperatorReply, TransferLeadership
from simclock.protocols.raft.observed import Answered, ChangeAsked, TransferAsked

NEXT = "next"
RETRY = "retry"
GIVE_UP = "give up"


@dataclass(frozen=True)
class Change:
    """At a time (after the start, in nanoseconds), nodes come in and nodes go."""

    at_ns: int
    add: tuple[int, ...] = ()
    remove: tuple[int, ...] = ()


@dataclass(frozen=True)
class Transfer:
    """At a time, another node is to lead."""

    at_ns: int
    target: int


Request = Change | Transfer


class Operator(Node):
    """It works through a schedule, in order."""

    def __init__(self, servers: tuple[int, ...], schedule: tuple[Request, ...], retry_ns: int, give_up_ns: int) -> None:
        self.servers = servers
        self.schedule = schedule
        self.retry_ns = retry_ns
        self.give_up_ns = give_up_ns
        self.number = -1
        """Of the request that is open, or was last."""
        self.leader = 0
        """Where the leader is believed to be: a position in `servers`."""
        self.reason = ""
        """Why the last try was refused."""

    def on_start(self) -> None:
        self._wait_for_next()

    def on_timer(self, timer: Any) -> None:
        if timer == NEXT:
            self._begin()
        elif timer == RETRY:
            self.leader = (self.leader + 1) % len(self.servers)
            self._try()
        elif timer == GIVE_UP:
            self._end(False)

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, OperatorReply) or message.request_id != self.number or not self._is_open():
            return
        if message.done:
            self._end(True)
            return
        self.reason = message.reason
        if message.leader_hint in self.servers:
            self.leader = self.servers.index(message.leader_hint)
            if message.leader_hint != source:
                self._try()

    def _is_open(self) -> bool:
        return 0 <= self.number < len(self.schedule)

    def _wait_for_next(self) -> None:
        if self.number + 1 < len(self.schedule):
            due_ns = self.schedule[self.number + 1].at_ns
            self.set_timer(NEXT, max(0, due_ns - self.clock.monotonic_ns()))

    def _begin(self) -> None:
        self.number += 1
        request = self.schedule[self.number]
        if isinstance(request, Change):
            self.observe(ChangeAsked(self.number, request.add, request.remove))
        else:
            self.observe(TransferAsked(self.number, request.target))
        self.reason = "nobody answered"
        self.set_timer(GIVE_UP, self.give_up_ns)
        self._try()

    def _try(self) -> None:
        request, server = self.schedule[self.number], self.servers[self.leader]
        if isinstance(request, Change):
            self.send(server, ChangeMembership(self.number, request.add, request.remove))
        else:
            self.send(server, TransferLeadership(self.number, request.target))
        self.set_timer(RETRY, self.retry_ns)

    def _end(self, done: bool) -> None:
        self.observe(Answered(self.number, done, "" if done else self.reason))
        self.cancel_timer(RETRY)
        self.cancel_timer(GIVE_UP)
        self._wait_for_next()
