"""A lock manager: the locks of its keys.

Law 1: what an answer promises is durable before it leaves; a manager that comes back goes on with the same locks.
Law 2: a request of an attempt that is over is left alone: it would take a lock that nobody gives back.
Law 3: a wound takes nothing away. The lock is free when the wounded transaction has said so, because until then it may
       still be at work under it.

Messages may be lost, doubled and overtaken: a client asks again, and every answer can be given twice. Wounds need no
timer: whoever waits asks again, and then all wounds are sent again.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.lock_table.lock import DIES, GRANTED, Claim, Lock
from simclock.protocols.lock_table.messages import Acquire, Died, Granted, Release, Released, Wound
from simclock.protocols.lock_table.observed import LockChanged


class LockManager(Node):
    """The locks of some keys."""

    lock_class = Lock

    def __init__(self, policy: str) -> None:
        self.policy = policy

        # Persistent state, each on the disk under its name.
        self.locks: dict[int, Lock] = {}
        """Key -> its lock; what is not here is free."""
        self.ended: dict[int, int] = {}
        """Client -> its latest attempt that is over."""

    def on_start(self) -> None:
        for key in self.disk.read("keys", ()):
            self.locks[key] = self.lock_class(self.policy, *self.disk.read(f"lock {key}"))
        self.ended = dict(self.disk.read("ended", ()))

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Acquire(attempt, timestamp, key, mode):
                if not self._is_over(source, attempt):
                    self._acquire(Claim(source, attempt, timestamp, mode), key)
            case Release(attempt):
                self._release(source, attempt)

    def _is_over(self, client: int, attempt: int) -> bool:
        """Law 2."""
        return attempt <= self.ended.get(client, -1)

    def _acquire(self, claim: Claim, key: int) -> None:
        lock = self.locks.get(key)
        if lock is None:
            lock = self.locks[key] = self.lock_class(self.policy)
        before = lock.state()
        outcome, other = lock.request(claim)
        if lock.state() != before:
            self._keep(key)
            self.disk.sync()
        if outcome == GRANTED:
            self._tell(key, claim)
        elif outcome == DIES:
            assert other is not None
            self.send(claim.client, Died(claim.attempt, key, other))
        self._wound()

    def _release(self, client: int, attempt: int) -> None:
        if attempt > self.ended.get(client, -1):
            granted = [(key, claim) for key in sorted(self.locks) for claim in self._free(key, client)]
            self.ended[client] = attempt
            self.disk.write("ended", tuple(sorted(self.ended.items())))
            self.disk.sync()
            for key, claim in granted:
                self._tell(key, claim)
            self._wound()
        self.send(client, Released(attempt))

    def _free(self, key: int, client: int) -> list[Claim]:
        lock = self.locks[key]
        before = lock.state()
        granted = lock.release(client)
        if lock.state() != before:
            self._keep(key)
        return granted

    def _tell(self, key: int, claim: Claim) -> None:
        self.send(claim.client, Granted(claim.attempt, key, claim.mode))

    def _keep(self, key: int) -> None:
        lock = self.locks[key]
        if not lock.holders and not lock.queue:
            del self.locks[key]
        self.disk.write(f"lock {key}", (tuple(lock.holders.values()), tuple(lock.queue)))
        self.disk.write("keys", tuple(sorted(self.locks)))
        self.observe(LockChanged(key, *lock.state()))

    def _wound(self) -> None:
        """Wound whoever holds a lock that an older transaction waits for."""
        for key in sorted(self.locks):
            for holder, waiting in self.locks[key].wounded():
                self.send(holder.client, Wound(holder.attempt, key, waiting.client))
