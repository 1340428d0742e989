"""A client of the lease service: it takes a lock, writes to the store while it holds it, renews, and gives it back.

Law 1: a lease is counted from *before* its request was first sent, on this node's monotonic clock, shortened by the
       drift bound (Gray and Cheriton 1989: the term at the client is shorter by the delay and by what the clocks are
       uncertain of). The answer may have been long on its way, and the wall clock may be set.
Law 2: a holder looks at its lease before it prepares a write, and again before it sends one a second time. Between the
       look and the write's arrival it may stand still for as long as it likes; no look helps against that, the token
       does (Kleppmann 2016).
Law 3: a clock that shows the same time when an answer arrives as when its request was sent stands still: nothing on a
       network takes no time. Such a clock says nothing about a lease; the holder drops it.

A waiter renews its claim as a holder does, and learns from the answer when the lock is its own.

What observers see:

    "asks"   (number of the request, command's name)      "held"    (lock, token, number of the request that said so)
    "looks"  (lock, token): it decides to write           "writes"  (lock, token, number): the write departs
    "lost"   (lock, token): the lease is not its own, or it cannot tell         "released"  (lock, token)
    "stands" (lock, token): its clock stands still
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.leases.settings import HolderWork, LeaseSettings
from simclock.protocols.leases.storage import Write, WriteReply
from simclock.protocols.leases.table import Acquire, Answer, Command, Release, Renew, decode_answer, encode_command
from simclock.protocols.raft import ClientReply, ClientRequest, numbered

RENEWALS_PER_TERM = 3


class _Call:
    """A request to the lease service that has no answer yet."""

    __slots__ = ("command", "number", "request", "sent_ns")

    def __init__(self, command: Command, number: int, request: ClientRequest, sent_ns: int) -> None:
        self.command = command
        self.number = number
        self.request = request
        self.sent_ns = sent_ns
        """When it was first sent, by this node's clock."""


class Holder(Node):
    """One client with one lock."""

    def __init__(self, servers: tuple[int, ...], storage: int, leases: LeaseSettings, work: HolderWork) -> None:
        self.servers = servers
        self.storage = storage
        self.leases = leases
        self.work = work

        # Towards the lease service.
        self.session = 0
        """No other client's, nor this one's before a crash."""
        self.requests = 0
        """Numbers of this session used so far; at most the latest is waited for (Raft sessions, law 1)."""
        self.call: _Call | None = None
        self.leader = 0
        """Where the leader is believed to be: a position in `servers`."""
        self.redirects = 0

        # The claim.
        self.token = 0
        """Of the present claim; 0 without one."""
        self.until_ns: int | None = None
        """Held until then, by this node's clock; None while it does not hold."""

        # Towards the store.
        self.written_token = 0
        self.number = 0
        """Of the latest write with `written_token`."""
        self.writing: tuple[Write, int] | None = None
        """What was sent, when first, and has no answer."""
        self.written = 0
        """Writes done in this hold."""
        self.stalled = False
        """Whether it wants to write and waits for a renewal."""

    def on_start(self) -> None:
        self.session = self.incarnation * self.nodes + self.id
        self.leader = self.id % len(self.servers)
        self.set_timer("hold", self.work.first_ns)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "hold":
                self.written = 0
                self._ask(Acquire(self.work.lock, self.session))
            case "renew":
                self._renew()
            case "retry":
                self._retry()
            case "look":
                self._look()
            case "write":
                self._write()
            case "rewrite":
                self._rewrite()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case ClientReply(request_id, "ok", response) if self.call and self.call.request.request_id == request_id:
                self.leader = self.servers.index(source)
                self._answered(self.call, decode_answer(response))
            case ClientReply(request_id, "not_leader", _, hint) if (
                self.call and self.call.request.request_id == request_id
            ):
                self._redirected(source, hint)
            case WriteReply(_, token, number, accepted) if self.writing is not None:
                write, sent_ns = self.writing
                if (write.token, write.number) == (token, number):
                    self._write_answered(accepted, sent_ns)

    # The clock.

    def _now_ns(self) -> int:
        return self.clock.monotonic_ns()

    def _counted_from_ns(self, call: _Call) -> int:
        """Law 1."""
        return call.sent_ns

    def _lasts_ns(self) -> int:
        """Law 1: shortened by the drift bound."""
        return self.leases.holder_term_ns

    def _stands(self, sent_ns: int) -> bool:
        """Law 3."""
        return self._now_ns() == sent_ns

    def _holds(self) -> bool:
        """Law 2: whether the lease is this node's own, and long enough for a write to arrive."""
        return self.until_ns is not None and self._now_ns() < self.until_ns - self.leases.guard_ns

    # The lease service.

    def _ask(self, command: Command) -> None:
        self.requests += 1
        request_id = self.session << 32 | self.requests
        request = ClientRequest(request_id, numbered(self.session, self.requests, encode_command(command)))
        self.call = _Call(command, self.requests, request, self._now_ns())
        self.redirects = 0
        self.observe("asks", (self.requests, type(command).__name__))
        self._try(self.call)

    def _try(self, call: _Call) -> None:
        self.set_timer("retry", self.work.retry_ns)
        self.send(self.servers[self.leader], call.request)

    def _retry(self) -> None:
        """The leader may have crashed: the next server will know (dissertation 6.2)."""
        if self.call is not None:
            self.redirects = 0
            self.leader = (self.leader + 1) % len(self.servers)
            self._try(self.call)

    def _redirected(self, source: int, hint: int | None) -> None:
        """Go where the server says, at once, but not for ever: two of them may name each other."""
        if self.servers[self.leader] != source or hint is None or hint == source:
            return
        self.leader = self.servers.index(hint)
        if self.redirects < len(self.servers) and self.call is not None:
            self.redirects += 1
            self._try(self.call)

    def _renew(self) -> None:
        if self.call is None and self.token:
            self._ask(Renew(self.work.lock, self.token))

    def _answered(self, call: _Call, answer: Answer) -> None:
        self.call = None
        self.cancel_timer("retry")
        if isinstance(call.command, Release):
            return
        if not answer.token:
            self._lost()
            return
        self.token = answer.token
        self.set_timer("renew", self.leases.term_ns // RENEWALS_PER_TERM)
        if answer.holds:
            self._held(call)

    def _held(self, call: _Call) -> None:
        begins = self.until_ns is None
        self.until_ns = self._counted_from_ns(call) + self._lasts_ns()
        self.observe("held", (self.work.lock, self.token, call.number))
        if self._stands(call.sent_ns):
            self._doubt()
        elif begins or self.stalled:
            self._look()

    def _doubt(self) -> None:
        self.observe("stands", (self.work.lock, self.token))
        self._lost()

    def _lost(self) -> None:
        """No lease, or none that this node can count: no more writes, and try again later."""
        self.observe("lost", (self.work.lock, self.token))
        self._let_go()

    def _let_go(self) -> None:
        self.token, self.until_ns = 0, None
        self.writing, self.stalled, self.call = None, False, None
        for timer in ("renew", "retry", "look", "write", "rewrite"):
            self.cancel_timer(timer)
        self.set_timer("hold", self._rest_ns())

    def _rest_ns(self) -> int:
        return self.random.exponential_ns(self.work.rest_ns)

    # The store.

    def _look(self) -> None:
        """Law 2."""
        self.stalled = not self._holds()
        if self.stalled:
            self._renew()
            return
        self.observe("looks", (self.work.lock, self.token))
        if self.work.prepare_ns:
            self.set_timer("write", self.work.prepare_ns)
        else:
            self._write()

    def _write(self) -> None:
        """What was looked at before: if this node stood still in between, it does not know."""
        if self.written_token != self.token:
            self.written_token, self.number = self.token, 0
        self.number += 1
        write = Write(self.work.lock, self.token, self.number, f"{self.id}.{self.token}.{self.number}")
        self.writing = write, self._now_ns()
        self._send(write)

    def _send(self, write: Write) -> None:
        self.observe("writes", (write.lock, write.token, write.number))
        self.set_timer("rewrite", self.work.retry_ns)
        self.send(self.storage, write)

    def _rewrite(self) -> None:
        """No answer: the same again, or, where the lease is over by now, nothing until it is renewed."""
        if self.writing is None:
            return
        if self._holds():
            self.observe("looks", (self.work.lock, self.token))
            self._send(self.writing[0])
        else:
            self.writing, self.stalled = None, True
            self._renew()

    def _write_answered(self, accepted: bool, sent_ns: int) -> None:
        self.writing = None
        self.cancel_timer("rewrite")
        if not accepted:
            self._lost()
        elif self._stands(sent_ns):
            self._doubt()
        else:
            self.written += 1
            if self.written < self.work.writes:
                self.set_timer("look", self.work.pause_ns) if self.work.pause_ns else self._look()
            else:
                self._release()

    def _release(self) -> None:
        """Nothing of this holder is on its way any more."""
        token = self.token
        self.observe("released", (self.work.lock, token))
        self._let_go()
        self._ask(Release(self.work.lock, token))
