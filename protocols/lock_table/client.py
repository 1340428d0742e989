"""A client node: it runs one transaction after the other, each with two-phase locking.

Law 1: a transaction that is aborted starts again with its *first* timestamp (Rosenkrantz, Stearns and Lewis).
       New ones are younger, so one day it is the oldest, and the oldest is never aborted for good.
Law 2: nothing is taken after something has been given back (two-phase locking), and nothing is given back before the
       transaction has committed or aborted.
Law 3: a transaction that has committed is not wounded: its locks come back anyhow.
Law 4: an attempt ends when every lock manager it has asked knows that it has.

Deviation: timestamps are read from the client's own monotonic clock, with its id for ties, where the paper numbers
transactions at their sites. No transaction starves as long as clocks advance and their readings stay within a bound.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.lock_table.messages import Acquire, Died, Granted, Release, Released, Wound
from simclock.protocols.lock_table.observed import Aborted, Asked, Attempted, Begun, Committed, Locked
from simclock.protocols.lock_table.workload import Steps, Workload

ATTEMPTS_MAX = 1 << 24
"""Of one incarnation: what is numbered from 0 in the next begins there."""


class TransactionClient(Node):
    """One client; `managers` are the lock managers, key k is at the one of place k modulo their number."""

    def __init__(self, managers: tuple[int, ...], workload: Workload, *, takes_all: bool = False) -> None:
        self.managers = managers
        self.workload = workload
        self.takes_all = takes_all
        """Whether its transactions are the long ones, that take every key."""

        # The transaction.
        self.number = 0
        self.timestamp = (0, 0)
        self.steps: Steps = ()
        self.tries = 0

        # Its present attempt.
        self.attempt = 0
        self.step = 0
        """Which of the steps it is at; all before it are locked."""
        self.waits = False
        """Whether it waits for the lock of that step."""
        self.asked: list[int] = []
        """The lock managers that may know of this attempt."""
        self.releasing: set[int] = set()
        """Those of them that have not yet confirmed that it is over; empty while it goes on."""
        self.active = False
        """Whether it goes on: it has neither committed nor aborted."""
        self.committed = False

    def on_start(self) -> None:
        self.attempt = self.incarnation * ATTEMPTS_MAX
        self.number = self.attempt
        if self.incarnation:
            # What an earlier incarnation held is nobody's now.
            self.observe(Aborted(self.number, self.attempt, "crashed", -1, self.id))
            self.committed = True
            self._release(list(self.managers))
        else:
            self._pause("begin")

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "begin":
                self._begin()
            case "try":
                self._try()
            case "work":
                self.step += 1
                self._next_step()
            case "ask":
                self._ask()
            case "release":
                self._send_release()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Released(attempt):
                self._on_released(source, attempt)
            case _ if message.attempt != self.attempt or not self.active:
                pass  # of an attempt that is over (Law 3)
            case Granted(_, key, mode):
                self._on_granted(key, mode)
            case Died(_, key, other):
                if self.waits and key == self.steps[self.step][0]:
                    self._abort("died", key, other)
            case Wound(_, key, other):
                self._on_wound(key, other)

    # A transaction.

    def _begin(self) -> None:
        if self.number % ATTEMPTS_MAX == self.workload.transactions_max:
            return
        self.number += 1
        self.steps = self.workload.next_steps(self.random.getrandbits, all_keys=self.takes_all)
        self.timestamp = (self.clock.monotonic_ns(), self.id)
        self.tries = 0
        self.observe(Begun(self.number, self.timestamp, self.steps))
        self._try()

    def _try(self) -> None:
        self.attempt += 1
        self.tries += 1
        self.step = 0
        self.asked = []
        self.active, self.committed = True, False
        self.observe(Attempted(self.number, self.attempt, self._timestamp()))
        self._next_step()

    def _timestamp(self) -> tuple[int, int]:
        """Law 1."""
        return self.timestamp

    def _next_step(self) -> None:
        if self.step == len(self.steps):
            self.committed = True
            self.observe(Committed(self.number, self.attempt, self.tries))
            self._release(self.asked)
            return
        self.waits = True
        self.observe(Asked(self.number, self.attempt, *self.steps[self.step]))
        self._ask()

    def _ask(self) -> None:
        key, mode = self.steps[self.step]
        manager = self.managers[key % len(self.managers)]
        if manager not in self.asked:
            self.asked.append(manager)
        self.send(manager, Acquire(self.attempt, self._timestamp(), key, mode))
        self.set_timer("ask", self.workload.retry_ns)

    def _on_granted(self, key: int, mode: str) -> None:
        if not self.waits or (key, mode) != self.steps[self.step]:
            return
        self.waits = False
        self.cancel_timer("ask")
        self.observe(Locked(self.number, self.attempt, key, mode))
        self.set_timer("work", self.random.exponential_ns(self.workload.work_ns))

    def _on_wound(self, key: int, other: int) -> None:
        self._abort("wounded", key, other)

    def _abort(self, reason: str, key: int, other: int) -> None:
        self.observe(Aborted(self.number, self.attempt, reason, key, other))
        self._release(self.asked)

    # The end of an attempt.

    def _release(self, managers: list[int]) -> None:
        self.active = self.waits = False
        self.cancel_timer("ask")
        self.cancel_timer("work")
        self.releasing = set(managers)
        self._send_release()

    def _send_release(self) -> None:
        for manager in sorted(self.releasing):
            self.send(manager, Release(self.attempt))
        self.set_timer("release", self.workload.retry_ns)

    def _on_released(self, source: int, attempt: int) -> None:
        """Law 4."""
        if attempt != self.attempt or source not in self.releasing:
            return
        self.releasing.discard(source)
        if not self.releasing:
            self.cancel_timer("release")
            self._pause("begin" if self.committed else "try")

    def _pause(self, then: str) -> None:
        self.set_timer(then, self.random.exponential_ns(self.workload.pause_ns))
