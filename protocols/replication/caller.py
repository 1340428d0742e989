"""A client of a replicated service: it finds the leader, tries again, and follows those who know better.

Law 1: a time-out is never a failure; nor is `not_leader`, because another copy of the request may have been taken.
Law 2: every try of a call sends the same request, so that `Sessions` apply it once (Ongaro's dissertation, 6.3).
Law 3: where the leader is believed to be is one belief for all calls of a node. A call that fails moves it only if it
       was made where the leader is still believed to be.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.replication.messages import ClientQuery, ClientReply, ClientRequest


class Call:
    """A request that has no answer yet. A client derives from it what else it wants to know of a call."""

    __slots__ = ("redirects", "request", "server")

    def __init__(self, request: ClientRequest | ClientQuery) -> None:
        self.request = request
        self.server = 0
        """Where the last try went: a position in the list of servers."""
        self.redirects = 0
        """How often a server has named another since the last time-out."""


class Caller(Node):
    """A node that calls a replicated service, with one call open or many."""

    def __init__(self, servers: tuple[int, ...], retry_ns: int) -> None:
        self.servers = servers
        self.retry_ns = retry_ns
        """A try that has not been answered by then is made again."""
        self.calls: dict[int, Any] = {}
        """Request id -> what is open: a `Call`, or what the client derives from it."""
        self.leader = 0
        """Where the leader is believed to be: a position in `servers`."""

    def on_start(self) -> None:
        self.leader = self.id % len(self.servers)

    # For the client.

    def _answered(self, call: Any, response: bytes) -> None:
        """A call has been answered, and is open no more."""
        raise NotImplementedError("the client's")

    def _retry_timer(self, request_id: int) -> Any:
        """The name of the timer at which a call is tried again: `on_timer` then calls `_retry`."""
        return "retry", request_id

    # Calls.

    def _call_service(self, call: Call) -> None:
        """Open a call, and try it for the first time."""
        self.calls[call.request.request_id] = call
        self._try(call)

    def _try(self, call: Call) -> None:
        call.server = self.leader
        self.set_timer(self._retry_timer(call.request.request_id), self.retry_ns)
        self.send(self.servers[self.leader], call.request)

    def _retry(self, request_id: int) -> None:
        """Dissertation 6.2: if the leader has crashed, requests time out; clients then try with another server.

        A server that has halted, because its disk is full or corrupt, says nothing either.
        """
        call = self.calls[request_id]
        call.redirects = 0
        self._doubt_leader(call)
        self._try(call)

    def _on_reply(self, source: int, message: ClientReply) -> None:
        """What a server says to a call; nothing where it is open no more."""
        if message.request_id not in self.calls:
            return
        if message.status == "ok":
            self.leader = self.servers.index(source)
            self._answered(self._ended(message.request_id), message.response)
        else:
            self._redirected(source, self.calls[message.request_id], message.leader_hint)

    def _redirected(self, source: int, call: Call, leader_hint: int | None) -> None:
        """Dissertation 6.2: a server that is not leader rejects the request and names the leader it knows.

        Followed at once, but not for ever: two servers may name each other. Then the next try waits for its time.
        """
        if self.servers[call.server] != source:
            return
        if leader_hint is None or leader_hint == source:
            self._doubt_leader(call)
            return
        self.leader = self.servers.index(leader_hint)
        if call.redirects < len(self.servers):
            call.redirects += 1
            self._try(call)

    def _doubt_leader(self, call: Call) -> None:
        """Law 3: the server that this call was sent to does not lead, so the next one may."""
        if call.server == self.leader:
            self.leader = (self.leader + 1) % len(self.servers)

    def _drop_calls(self) -> None:
        """Nobody waits for what is open. A doubt that no other try has borne out goes with its call."""
        for request_id in tuple(self.calls):
            self.leader = self._ended(request_id).server

    def _ended(self, request_id: int) -> Any:
        """A call is open no more; gives it."""
        self.cancel_timer(self._retry_timer(request_id))
        return self.calls.pop(request_id)
