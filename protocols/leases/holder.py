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
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.leases.messages import Write, WriteReply
from simclock.protocols.leases.observed import Asks, Held, Looks, Lost, Released, Stands, Writes
from simclock.protocols.leases.settings import HolderWork, LeaseSettings
from simclock.protocols.leases.table import Acquire, Command, Release, Renew, decode_answer, encode_command
from simclock.protocols.replication import Call, Caller, ClientReply, ClientRequest, numbered

RENEWALS_PER_TERM = 3


class _Call(Call):
    """A request to the lease service that has no answer yet."""

    __slots__ = ("command", "number", "sent_ns")

    def __init__(self, command: Command, number: int, request: ClientRequest, sent_ns: int) -> None:
        super().__init__(request)
        self.command = command
        self.number = number
        self.sent_ns = sent_ns
        """When it was first sent, by this node's clock."""


class Holder(Caller):
    """One client with one lock."""

    def __init__(self, servers: tuple[int, ...], storage: int, leases: LeaseSettings, work: HolderWork) -> None:
        super().__init__(servers, work.retry_ns)
        self.storage = storage
        self.leases = leases
        self.work = work

        # Towards the lease service.
        self.session = 0
        """No other client's, nor this one's before a crash."""
        self.requests = 0
        """Numbers of this session used so far; at most the latest is waited for (sessions, law 1)."""

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
        super().on_start()
        self.session = self.incarnation * self.nodes + self.id
        self.set_timer("hold", self.work.first_ns)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "hold":
                self.written = 0
                self._ask(Acquire(self.work.lock, self.session))
            case "renew":
                self._renew()
            case "retry":
                for request_id in self.calls:
                    self._retry(request_id)
            case "look":
                self._look()
            case "write":
                self._write()
            case "rewrite":
                self._rewrite()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case ClientReply():
                self._on_reply(source, message)
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
        call = _Call(command, self.requests, request, self._now_ns())
        self._drop_calls()
        self.observe(Asks(self.requests, type(command).__name__))
        self._call_service(call)

    def _retry_timer(self, request_id: int) -> str:
        return "retry"  # one call is open at a time

    def _renew(self) -> None:
        if not self.calls and self.token:
            self._ask(Renew(self.work.lock, self.token))

    def _answered(self, call: _Call, response: bytes) -> None:
        answer = decode_answer(response)
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
        self.observe(Held(self.work.lock, self.token, call.number))
        if self._stands(call.sent_ns):
            self._doubt()
        elif begins or self.stalled:
            self._look()

    def _doubt(self) -> None:
        self.observe(Stands(self.work.lock, self.token))
        self._lost()

    def _lost(self) -> None:
        """No lease, or none that this node can count: no more writes, and try again later."""
        self.observe(Lost(self.work.lock, self.token))
        self._let_go()

    def _let_go(self) -> None:
        self.token, self.until_ns = 0, None
        self.writing, self.stalled = None, False
        self._drop_calls()
        for timer in ("renew", "look", "write", "rewrite"):
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
        self.observe(Looks(self.work.lock, self.token))
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
        self.observe(Writes(write.lock, write.token, write.number))
        self.set_timer("rewrite", self.work.retry_ns)
        self.send(self.storage, write)

    def _rewrite(self) -> None:
        """No answer: the same again, or, where the lease is over by now, nothing until it is renewed."""
        if self.writing is None:
            return
        if self._holds():
            self.observe(Looks(self.work.lock, self.token))
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
        self.observe(Released(self.work.lock, token))
        self._let_go()
        self._ask(Release(self.work.lock, token))
