"""When a tombstone may go: after every server has promised that nothing older can come back.

What a tombstone deleted may still be somewhere: at an owner that was cut off, in a hint, with a server that kept the
key under an earlier ring, in a message under way. Drop the tombstone while one of them is left, and nothing stands
above the old value any more: it is *resurrected*, at the next read repair or comparison of trees. Riak's `delete_mode`
names the choice: keep tombstones for good, or remove them, at once or after a delay, when all owners hold them
(https://github.com/basho/riak_kv/issues/1869); that trusts that nobody else has anything older.

    keep      tombstones stay: always safe, and a deleted key costs its clock for good
    agreed    the key's first owner asks *all* servers, and removes the tombstone when all have promised:

    remover   Prepare, to every server: here is a record that holds nothing but tombstones
    other     if it has nothing that the record does not cover, and works on nothing of the key: makes what it has equal
              to the record, keeps a *guard* that does the same with what still arrives, goes to its next *round*, and
              says so: Prepared. Else it says nothing, and is asked again later.
    remover   when all are prepared: Remove, with the round of each
    other     takes no record from before those rounds any more, drops guard and tombstone: Removed
    remover   when all others have: does the same itself
    remover   where the attempt has come to nothing: Release
    other     keeps the tombstone in the guard's place

Law 1: between its promise and its Remove a server sends nothing of the key that is older than the tombstone; what is
       under way from before the promise meets a guard, and after the guard a round that is too low.
Law 2: the remover is the last to drop the tombstone, so one that crashes finds it again and begins anew.
Law 3: a guard that is released leaves its tombstone: others may have dropped theirs, and here nothing is fenced.
       It is handed to the owners like any other record. A Remove that finds no guard drops nothing.
Law 4: what is lost to a round too low is lost as in the network: repair, handoff and anti-entropy send it again.

One server that is down holds removal up: that is the price. Deviation: neither Dynamo nor Riak has rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simclock.protocols.dynamo.messages import (
    Handoff,
    Prepare,
    Prepared,
    Release,
    Remove,
    Removed,
    Repair,
    Sync,
    WriteRequest,
)
from simclock.protocols.dynamo.observed import Fenced, TombstonesRemoved
from simclock.protocols.dynamo.settings import AGREED
from simclock.protocols.dynamo.synchronization import SynchronizingReplica
from simclock.protocols.dynamo.versioning import Record, is_deleted

REMOVAL = "removal"


@dataclass(kw_only=True)
class Attempt:
    """A tombstone that this server would remove."""

    number: int
    record: Record
    rounds: dict[int, int] = field(default_factory=dict)
    """Server -> the round that it promised."""
    removed: set[int] = field(default_factory=set)
    """Who has dropped it."""


class RemovingReplica(SynchronizingReplica):
    """A replica whose tombstones may go.

    Observers see ("removed", (key, name of a delete, ...)) when a tombstone is dropped.
    """

    attempts: dict[str, Attempt]
    """Key -> the attempt under way; volatile."""

    def on_start(self) -> None:
        super().on_start()
        self.attempts = {}
        for _, key in self.storage.guards:
            self.update_tree(key)
        if self.settings.delete_mode == AGREED:
            self.set_timer(REMOVAL, self.random.uniform_ns(1, self.settings.removal_ns))

    def on_timer(self, timer: Any) -> None:
        if timer == REMOVAL:
            self._look_for_tombstones()
            self.set_timer(REMOVAL, self.settings.removal_ns)
        else:
            super().on_timer(timer)

    def on_message(self, source: int, message: Any) -> None:
        if self.is_fenced(source, message):
            self.hear(source)
            self.observe(Fenced(source))
            return
        match message:
            case Prepare(key, versions, number):
                self.hear(source)
                self._on_prepare(source, key, self.versioning.decode(versions), number)
            case Prepared(key, number, round):
                self.hear(source)
                self._on_prepared(source, key, number, round)
            case Remove(key, versions, number, rounds):
                self.hear(source)
                self._remove(source, key, self.versioning.decode(versions), number, rounds)
                self.send(source, Removed(key, number))
            case Removed(key, number):
                self.hear(source)
                self._on_removed(source, key, number)
            case Release(key, number):
                self.hear(source)
                self._release(source, key, number)
                self.storage.sync()
            case _:
                super().on_message(source, message)

    def is_fenced(self, source: int, message: Any) -> bool:
        """Law 1: whether it may hold what a tombstone that is gone had deleted."""
        match message:
            case WriteRequest() | Repair() | Handoff() | Sync():
                return message.round < self.storage.fences.get(source, 0)
        return False

    # Guards: what arrives late is covered by the tombstone.

    def guarded(self, key: str, record: Record) -> Record:
        """The record, with what guards of the key know."""
        for (_, guarded), guard in self.storage.guards.items():
            if guarded == key:
                record = self.versioning.merge(record, guard.record)
        return record

    def lookup(self, key: str) -> Record:
        return self.guarded(key, super().lookup(key))

    def store(self, key: str, record: Record) -> None:
        super().store(key, self.guarded(key, record))

    def store_hint(self, target: int, key: str, record: Record) -> None:
        super().store_hint(target, key, self.guarded(key, record))

    def update_tree(self, key: str) -> None:
        """A tombstone that is about to go is not given to those that have dropped it."""
        record = self.storage.records.get(key)
        guards = self.storage.guards.items()
        if any(guarded == key and guard.record == record for (_, guarded), guard in guards):
            self.tree(self.ring.partition(key)).drop(key)
        else:
            super().update_tree(key)

    # What is asked of every server.

    def may_be_removed(self, record: Record) -> bool:
        """Whether a record is of those that servers drop when all have agreed."""
        return self.settings.delete_mode == AGREED and is_deleted(self.versioning, record)

    def works_on(self, key: str) -> bool:
        """Whether a get or put of the key is open here: it may hold what it heard before."""
        return False

    def _on_prepare(self, source: int, key: str, record: Record, number: int) -> None:
        # Something newer will come to the remover by itself; a guard that is soon released would only be in the way.
        if self.works_on(key) or self.versioning.merge(self.lookup(key), record) != record:
            return
        guard = self.storage.guards.get((source, key))
        if guard is None or guard.number != number:
            for target, hinted in tuple(self.storage.hints):
                if hinted == key:
                    self.store_hint(target, key, record)
            if key in self.storage.records:
                self.store(key, record)
            guard = self.storage.put_guard(source, key, number, record)
            self.update_tree(key)
            self.storage.sync()
        self.send(source, Prepared(key, number, guard.round))

    def _remove(self, source: int, key: str, record: Record, number: int, rounds: tuple[int, ...]) -> None:
        self.storage.raise_fences(rounds)
        # Law 3: without a guard it was released, or done before.
        if source == self.id or self._has_guard(source, key, number):
            self._drop(source, key, record, number)
        self.storage.sync()

    def _drop(self, source: int, key: str, record: Record, number: int) -> None:
        self._forget_guard(source, key, number)
        for target, hinted in tuple(self.storage.hints):
            if hinted == key and self.storage.hints[target, key] == record:
                self.storage.forget_hint(target, key)
                self.returned.pop((target, key), None)
        if self.storage.records.get(key) == record:
            self.storage.forget(key)
            self.withdraw(key)
            self.update_tree(key)
            self.observe(TombstonesRemoved(key, tuple(version.value for version in self.versioning.versions(record))))

    def _release(self, source: int, key: str, number: int) -> None:
        """Law 3."""
        if self._has_guard(source, key, number):
            self.store(key, self.storage.guards[source, key].record)
            self._forget_guard(source, key, number)

    def _has_guard(self, source: int, key: str, number: int) -> bool:
        guard = self.storage.guards.get((source, key))
        return guard is not None and guard.number == number

    def _forget_guard(self, source: int, key: str, number: int) -> None:
        if self._has_guard(source, key, number):
            self.storage.forget_guard(source, key)
            self.update_tree(key)

    # What the remover does.

    def asked(self, key: str) -> tuple[int, ...]:
        """Who has to promise: everyone who may hold anything of the key, members or not."""
        return self.settings.servers

    def _is_first_owner(self, key: str) -> bool:
        return self.ring.owners(key, self.settings.n)[0] == self.id

    def give_up(self, key: str, owners: set[int]) -> None:
        """Law 2: not while it is to be the last that drops the tombstone; the key is offered anew after that."""
        if key in self.attempts:
            self.withdraw(key)
        else:
            super().give_up(key, owners)

    def _look_for_tombstones(self) -> None:
        for key, record in self.storage.records.items():
            attempt = self.attempts.get(key)
            is_new = attempt is None or attempt.record != record
            if is_new and self.may_be_removed(record) and self._is_first_owner(key):
                self.attempts[key] = Attempt(number=self._next_offer(), record=record)
        for key, attempt in tuple(self.attempts.items()):
            if self._is_first_owner(key) and self.storage.records.get(key) == attempt.record:
                self._go_on(key, attempt)
            else:
                self._give_up_attempt(key, attempt.number)
        for (remover, key), guard in tuple(self.storage.guards.items()):
            # Its remover may have crashed, or given up: then it says so.
            if remover != self.id:
                self.send(remover, Prepared(key, guard.number, guard.round))
            elif key not in self.attempts or self.attempts[key].number != guard.number:
                self._release(remover, key, guard.number)
                self.storage.sync()

    def _go_on(self, key: str, attempt: Attempt) -> None:
        versions = self.versioning.encode(attempt.record)
        asked = self.asked(key)
        unprepared = [server for server in asked if server not in attempt.rounds]
        for server in unprepared:
            self.send(server, Prepare(key, versions, attempt.number))
        if unprepared:
            return
        rounds = tuple(attempt.rounds.get(server, 0) for server in self.settings.servers)
        left = [server for server in asked if server not in attempt.removed and server != self.id]
        for server in left:
            self.send(server, Remove(key, versions, attempt.number, rounds))
        if not left:
            # Law 2: the remover is the last.
            self._remove(self.id, key, attempt.record, attempt.number, rounds)
            del self.attempts[key]

    def _on_prepared(self, source: int, key: str, number: int, round: int) -> None:
        attempt = self.attempts.get(key)
        if attempt is None or attempt.number != number:
            self.send(source, Release(key, number))
            return
        attempt.rounds[source] = round

    def _on_removed(self, source: int, key: str, number: int) -> None:
        attempt = self.attempts.get(key)
        if attempt is not None and attempt.number == number:
            attempt.removed.add(source)

    def _give_up_attempt(self, key: str, number: int) -> None:
        """The key has another record, or another first owner: it was written, or the ring has changed."""
        del self.attempts[key]
        self._release(self.id, key, number)
        self.storage.sync()
        for server in self.settings.servers:
            if server != self.id:
                self.send(server, Release(key, number))
