"""What a shard keeps, and how it is read: locks, timestamps, versions, and the safe time (Spanner 4.1).

Law 1 (monotonicity, 4.1.1): timestamps that are assigned only grow, across crashes too.
Law 2 (safe time, 4.1.3): a read at t is answered when no commit at or below t can still come to this shard.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simclock.clocks import TrueTime
from simclock.protocols.true_time.locks import LockTable
from simclock.protocols.true_time.messages import Commit, PreparedRecord, Read, ReadAt, ReadAtReply, ReadReply, Wounded
from simclock.protocols.true_time.observed import Served
from simclock.protocols.true_time.settings import TransactionSettings
from simclock.protocols.true_time.time_source import TimedNode, TimeSource
from simclock.protocols.true_time.versions import Versions


class Coordinated(NamedTuple):
    """A transaction whose coordinator this leader is, undecided."""

    commit: Commit
    client: int
    arrived: TrueTime
    """TT.now() when the commit message arrived."""


class Decided(NamedTuple):
    """A transaction that this leader has decided to commit."""

    commit: Commit
    client: int
    timestamp: int


class Shard(TimedNode):
    """The state of one shard's leader, and its reads; `Leader` adds two-phase commit."""

    def __init__(self, settings: TransactionSettings, time: TimeSource, masters: tuple[int, ...]) -> None:
        super().__init__(time, masters)
        self.settings = settings
        # Volatile: locks of transactions that have only read die with the leader.
        self.locks = LockTable()
        self.ages: dict[int, int] = {}
        """Transaction -> age, of those that hold locks or wait for them; the smaller, the older."""
        self.wounded: set[int] = set()
        """Transactions that may not get locks here again."""
        self.waiting_to_read: dict[int, tuple[int, Read]] = {}
        """Transaction -> (client, what it asked)."""
        self.reads_at: dict[tuple[int, int], ReadAt] = {}
        """(client, transaction) -> a read that waits for the safe time."""
        self.coordinated: dict[int, Coordinated] = {}
        self.votes: dict[int, dict[int, int]] = {}
        """Transaction -> participant -> prepare timestamp; a vote may come before the commit message."""
        # On disk.
        self.last_timestamp = 0
        """Every timestamp assigned here from now on is above it."""
        self.versions = Versions()
        self.prepared: dict[int, PreparedRecord] = {}
        """As a participant: promised, outcome unknown."""
        self.decided: dict[int, Decided] = {}
        """As the coordinator: to be committed when the wait is over."""
        self.untold: dict[int, set[int]] = {}
        """As the coordinator: committed transaction -> participants that have not confirmed."""
        self.outcomes: dict[int, int | None] = {}
        """Transaction -> its timestamp, None if aborted; of a commit only after the wait."""

    # Reads within read-write transactions, and locks.

    def _on_read(self, client: int, message: Read) -> None:
        transaction = message.transaction
        if transaction in self.wounded or transaction in self.outcomes:
            self.send(client, Wounded(transaction))
        elif not self._has_promised(transaction):
            self.ages[transaction] = message.age
            self.set_timer(("idle", transaction), self.settings.idle_ns)
            self.waiting_to_read[transaction] = (client, message)
            self._grant_reads()

    def _grant_reads(self) -> None:
        """Whoever waits for nobody now reads, the oldest first."""
        for transaction in sorted(self.waiting_to_read, key=lambda each: (self.ages[each], each)):
            client, message = self.waiting_to_read[transaction]
            if not self.locks.conflicts(transaction, message.keys, ()):
                del self.waiting_to_read[transaction]
                self.locks.take(transaction, message.keys, ())
                versions = tuple(self.versions.newest(key) for key in message.keys)
                self.send(client, ReadReply(transaction, self.incarnation, versions))

    def _wound(self, transaction: int) -> None:
        """Take the locks of a transaction that has promised nothing yet; it will be refused when it wants to commit."""
        if self._has_promised(transaction):
            return
        self.wounded.add(transaction)
        if transaction in self.waiting_to_read:
            self.send(self.waiting_to_read[transaction][0], Wounded(transaction))
        self._release(transaction)

    def _release(self, transaction: int) -> None:
        self.waiting_to_read.pop(transaction, None)
        self.ages.pop(transaction, None)
        self.cancel_timer(("idle", transaction))
        self.locks.release(transaction)
        self._grant_reads()

    def _lock(self, message: Commit) -> bool:
        """4.2.1: acquire write locks; whether that, and the locks of the reads, are there.

        Wound-wait: a younger transaction in the way is wounded. Deviation: one that is older, or prepared, is not
        waited for: the transaction is refused, and its client tries again with the same age.
        """
        transaction = message.transaction
        if transaction in self.wounded or not self._still_reads(message):
            return False
        writes = [write.key for write in message.writes]
        ours = (message.age, transaction)
        in_the_way = self.locks.conflicts(transaction, message.reads, writes)
        if any(self._has_promised(other) or (self.ages[other], other) < ours for other in in_the_way):
            return False
        for other in in_the_way:
            self._wound(other)
        self.cancel_timer(("idle", transaction))
        self.ages[transaction] = message.age
        self.locks.take(transaction, message.reads, writes)
        return True

    def _still_reads(self, message: Commit) -> bool:
        """Whether the locks of what was read have been held since; those of an earlier incarnation are gone."""
        if not message.reads:
            return True
        return message.incarnation == self.incarnation and self.locks.holds(message.transaction, message.reads)

    def _has_promised(self, transaction: int) -> bool:
        return transaction in self.prepared or transaction in self.coordinated or transaction in self.decided

    # Reads at a timestamp.

    def _serve_reads(self) -> None:
        """4.1.3: answer the reads whose timestamp is safe; for the others a timer is set, or a commit is awaited."""
        now = self.tt_now() if self.reads_at else None
        if now is None:
            return
        early = [each.timestamp - now.latest_ns for each in self.reads_at.values() if each.timestamp > now.latest_ns]
        if early:
            self.set_timer("safe", min(early))
        for (client, transaction), message in list(self.reads_at.items()):
            if message.timestamp > now.latest_ns or not self._is_resolved(message.timestamp):
                continue
            del self.reads_at[client, transaction]
            self._promise(message.timestamp)
            self.observe(Served(transaction, message.timestamp))
            versions = tuple(self.versions.at(key, message.timestamp) for key in message.keys)
            self.send(client, ReadAtReply(transaction, versions))

    def _is_resolved(self, timestamp: int) -> bool:
        """t_safe^TM: below every prepare timestamp whose outcome is open, and every commit that is waited out."""
        open_prepares = (record.timestamp for record in self.prepared.values())
        open_commits = (decided.timestamp for decided in self.decided.values())
        return all(timestamp < each for each in (*open_prepares, *open_commits))

    def _promise(self, timestamp: int) -> None:
        """Nothing will be assigned at or below a timestamp that was read at.

        Deviation: the paper has MinNextTS for that, raised every eight seconds; here each read raises it, and is
        synced. A read in the leader's own future waits, so that one fast clock does not drag the shard along.
        """
        if timestamp > self.last_timestamp:
            self._assign(timestamp)
            self.disk.sync()

    # What is durable.

    def _assign(self, timestamp: int) -> None:
        """Nothing at or below this one will be assigned again; durable with the next sync."""
        self.last_timestamp = timestamp
        self.disk.write("last_timestamp", timestamp)

    def _log(self, record: Any) -> None:
        self.disk.append("log", record)
        self.disk.sync()
