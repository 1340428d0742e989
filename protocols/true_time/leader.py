"""A shard's leader: locks, prepares, coordinates, waits out the uncertainty, and serves reads (Spanner 4).

Law 1 (Start, 4.1.2): a commit timestamp is not below TT.now().latest at the arrival of the commit message.
Law 2 (Commit Wait, 4.1.2): nobody sees a transaction's data, nor hears of its commit, until TT.after(timestamp).
Law 3 (monotonicity, 4.1.1): a leader's timestamps only grow, across its crashes too.
Law 4 (safe time, 4.1.3): a read at t is answered when no commit at or below t can still come to this shard.

Deviation: a shard is one leader with a disk, not a Paxos group: where the paper logs through Paxos, it syncs. A shard
is away while its leader is down, and nothing is lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from protocols.true_time.locks import LockTable
from protocols.true_time.messages import (
    Ask,
    Commit,
    DecidedRecord,
    Decision,
    FinishedRecord,
    Learned,
    LearnedRecord,
    Outcome,
    Prepared,
    PreparedRecord,
    Read,
    ReadAt,
    ReadAtReply,
    ReadReply,
    Refused,
    Release,
    WaitedRecord,
    Wounded,
)
from protocols.true_time.settings import TransactionSettings
from protocols.true_time.time_source import TimedNode, TimeSource
from protocols.true_time.versions import Versions
from simclock import ms
from simclock.clocks import TrueTime

UNSYNCHRONIZED_NS = ms(50)
"""Who knows no time looks again after so long; a synchronization wakes it earlier."""


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


class Leader(TimedNode):
    """The leader of one shard."""

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

    def on_start(self) -> None:
        self._recover()
        super().on_start()

    def on_timer(self, timer: Any) -> None:
        match timer:
            case ("wait", int(transaction)):
                self._wait_out(transaction)
            case ("vote", int(transaction)):
                self._abort(transaction)
            case ("ask", int(transaction)):
                self._ask(transaction)
            case ("tell", int(transaction)):
                self._tell(transaction)
            case ("idle", int(transaction)):
                self._wound(transaction)
            case "safe":
                self._serve_reads()
            case _:
                super().on_timer(timer)

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Read():
                self._on_read(source, message)
            case ReadAt():
                self.reads_at[source, message.transaction] = message
                self._serve_reads()
            case Release(transaction):
                self._wound(transaction)
            case Commit():
                self._on_commit(source, message)
            case Prepared(transaction, timestamp):
                self._on_prepared(source, transaction, timestamp)
            case Refused(transaction):
                self._abort(transaction)
            case Decision(transaction, timestamp):
                self._on_decision(source, transaction, timestamp)
            case Learned(transaction):
                self._on_learned(source, transaction)
            case Ask(transaction):
                self._on_ask(source, transaction)
            case _:
                super().on_message(source, message)

    def on_synchronized(self) -> None:
        for transaction in list(self.decided):
            self._wait_out(transaction)
        self._serve_reads()

    # Reads within read-write transactions.

    def _on_read(self, client: int, message: Read) -> None:
        transaction = message.transaction
        if transaction in self.wounded or transaction in self.outcomes:
            self.send(client, Wounded(transaction))
        elif transaction not in self.prepared and transaction not in self.coordinated:
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
        if transaction in self.prepared or transaction in self.coordinated or transaction in self.decided:
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

    # Two-phase commit: both sides.

    def _on_commit(self, client: int, message: Commit) -> None:
        transaction = message.transaction
        if transaction in self.outcomes:
            if message.coordinator == self.id:
                self.send(client, Outcome(transaction, self.outcomes[transaction]))
            return
        if transaction in self.prepared:
            self.send(message.coordinator, Prepared(transaction, self.prepared[transaction].timestamp))
            return
        now = self.tt_now()
        if transaction in self.coordinated or transaction in self.decided or now is None:
            return  # it is under way; or the client tries again, and the time is known by then
        if not self._lock(message):
            self._wound(transaction)
            if message.coordinator == self.id:
                self._abort(transaction, client)
            else:
                self.send(message.coordinator, Refused(transaction))
        elif message.coordinator == self.id:
            self.coordinated[transaction] = Coordinated(message, client, now)
            self.set_timer(("vote", transaction), self.settings.vote_timeout_ns)
            self._decide(transaction)
        else:
            self._prepare(message, client, now)

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

    # Two-phase commit: a participant.

    def _prepare(self, message: Commit, client: int, now: TrueTime) -> None:
        """4.2.1: a prepare timestamp larger than any it has assigned before; logged, then told to the coordinator."""
        timestamp = self._prepare_timestamp(now)
        self._assign(timestamp)
        self.observe("prepare", (message.transaction, timestamp))
        record = PreparedRecord(message, client, timestamp)
        self.prepared[message.transaction] = record
        self._log(record)
        self.send(message.coordinator, Prepared(message.transaction, timestamp))
        self.set_timer(("ask", message.transaction), self.settings.ask_ns)

    def _prepare_timestamp(self, now: TrueTime) -> int:
        """As late as costs nothing: what has certainly passed delays no commit, and blocks no read of the past."""
        return max(self.last_timestamp + 1, now.earliest_ns)

    def _ask(self, transaction: int) -> None:
        if transaction in self.prepared:
            self.send(self.prepared[transaction].commit.coordinator, Ask(transaction))
            self.set_timer(("ask", transaction), self.settings.ask_ns)

    def _on_decision(self, coordinator: int, transaction: int, timestamp: int | None) -> None:
        """4.2.1: log the outcome, apply at the same timestamp, then release locks."""
        record = self.prepared.pop(transaction, None)
        if record is not None:
            self._log(LearnedRecord(transaction, timestamp))
            self._apply(record.commit, timestamp)
        elif timestamp is None:
            self._wound(transaction)
        if timestamp is not None:
            self.send(coordinator, Learned(transaction))

    def _apply(self, commit: Commit, timestamp: int | None) -> None:
        transaction = commit.transaction
        self.outcomes[transaction] = timestamp
        self.cancel_timer(("ask", transaction))
        if timestamp is not None:
            self.last_timestamp = max(self.last_timestamp, timestamp)
            self.versions.write(timestamp, commit.writes)
            self.observe("apply", (transaction, timestamp))
        self._release(transaction)
        self._serve_reads()

    # Two-phase commit: the coordinator.

    def _on_prepared(self, participant: int, transaction: int, timestamp: int) -> None:
        if transaction in self.outcomes:
            self.send(participant, Decision(transaction, self.outcomes[transaction]))
        elif transaction not in self.decided:
            self.votes.setdefault(transaction, {})[participant] = timestamp
            self._decide(transaction)

    def _decide(self, transaction: int) -> None:
        """When every participant has prepared: the commit timestamp, logged before anybody hears of it."""
        coordinated = self.coordinated.get(transaction)
        votes = self.votes.get(transaction, {})
        if coordinated is None or any(each not in votes for each in coordinated.commit.participants if each != self.id):
            return
        arrived = coordinated.arrived
        timestamp = self._commit_timestamp(arrived, votes)
        self._assign(timestamp)
        self.observe("assign", (transaction, timestamp, arrived.earliest_ns, arrived.latest_ns))
        self._forget_votes(transaction)
        self.decided[transaction] = Decided(coordinated.commit, coordinated.client, timestamp)
        self._log(DecidedRecord(transaction, timestamp, coordinated.commit, coordinated.client))
        self._wait_out(transaction)

    def _commit_timestamp(self, arrived: TrueTime, votes: dict[int, int]) -> int:
        """4.2.1: not below TT.now().latest at the arrival of the commit message, nor below any prepare timestamp,
        and above all that it has assigned before."""
        return max(arrived.latest_ns, self.last_timestamp + 1, *votes.values())

    def _wait_out(self, transaction: int) -> None:
        """Commit wait (4.1.2): until the timestamp has certainly passed."""
        decided = self.decided.get(transaction)
        if decided is None:
            return
        now = self.tt_now()
        if now is None:
            self.set_timer(("wait", transaction), UNSYNCHRONIZED_NS)
        elif not self._has_passed(now, decided.timestamp):
            self.set_timer(("wait", transaction), now.wait_ns(decided.timestamp))
        else:
            self._commit(decided)

    def _has_passed(self, now: TrueTime, timestamp: int) -> bool:
        return now.after(timestamp)

    def _commit(self, decided: Decided) -> None:
        """The wait is over: apply, release, and tell everybody."""
        transaction = decided.commit.transaction
        del self.decided[transaction]
        self.cancel_timer(("wait", transaction))
        self.observe("commit", (transaction, decided.timestamp))
        self._log(WaitedRecord(transaction))
        self._apply(decided.commit, decided.timestamp)
        self.send(decided.client, Outcome(transaction, decided.timestamp))
        self.untold[transaction] = self._others(decided.commit)
        self._tell(transaction)

    def _others(self, commit: Commit) -> set[int]:
        return {each for each in commit.participants if each != self.id}

    def _tell(self, transaction: int) -> None:
        untold = self.untold.get(transaction)
        if untold is None:
            return
        if not untold:
            del self.untold[transaction]
            self._log(FinishedRecord(transaction))
            return
        for participant in sorted(untold):
            self.send(participant, Decision(transaction, self.outcomes[transaction]))
        self.set_timer(("tell", transaction), self.settings.tell_ns)

    def _on_learned(self, participant: int, transaction: int) -> None:
        untold = self.untold.get(transaction)
        if untold is not None:
            untold.discard(participant)
            if not untold:
                self._tell(transaction)

    def _on_ask(self, participant: int, transaction: int) -> None:
        """Presumed abort: what the coordinator knows nothing of, or has only votes for, it will never commit."""
        if transaction not in self.coordinated and transaction not in self.decided:
            self._abort(transaction)
            self.send(participant, Decision(transaction, self.outcomes[transaction]))

    def _abort(self, transaction: int, client: int | None = None) -> None:
        """Unless it is decided. Logged before anybody hears of it, so that a late commit message changes nothing."""
        if transaction in self.outcomes or transaction in self.decided:
            return
        coordinated = self.coordinated.get(transaction)
        participants: set[int] = set(self.votes.get(transaction, ()))
        self._forget_votes(transaction)
        self.outcomes[transaction] = None
        self._log(DecidedRecord(transaction, None))
        self._release(transaction)
        if coordinated is not None:
            client = coordinated.client
            participants |= self._others(coordinated.commit)
        if client is not None:
            self.send(client, Outcome(transaction, None))
        for participant in sorted(participants):
            self.send(participant, Decision(transaction, None))

    def _forget_votes(self, transaction: int) -> None:
        self.coordinated.pop(transaction, None)
        self.votes.pop(transaction, None)
        self.cancel_timer(("vote", transaction))

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
            self.observe("serve", (transaction, message.timestamp))
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

    def _recover(self) -> None:
        """Read the log: what was promised is locked again, what was decided is waited out, and told again."""
        self.last_timestamp = self.disk.read("last_timestamp", 0)
        for record in self.disk.records("log"):
            match record:
                case PreparedRecord(commit):
                    self.prepared[commit.transaction] = record
                case LearnedRecord(transaction, timestamp):
                    self._redo(self.prepared.pop(transaction).commit, timestamp)
                case DecidedRecord(transaction, int(timestamp), Commit() as commit, int(client)):
                    self.decided[transaction] = Decided(commit, client, timestamp)
                case DecidedRecord(transaction):
                    self.outcomes[transaction] = None
                case WaitedRecord(transaction):
                    decided = self.decided.pop(transaction)
                    self._redo(decided.commit, decided.timestamp)
                    self.untold[transaction] = self._others(decided.commit)
                case FinishedRecord(transaction):
                    del self.untold[transaction]
        for record in self.prepared.values():
            self._lock_again(record.commit)
            self.set_timer(("ask", record.commit.transaction), self.settings.ask_ns)
        for decided in self.decided.values():
            self._lock_again(decided.commit)
            self.set_timer(("wait", decided.commit.transaction), UNSYNCHRONIZED_NS)
        for transaction in self.untold:
            self.set_timer(("tell", transaction), 0)

    def _redo(self, commit: Commit, timestamp: int | None) -> None:
        self.outcomes[commit.transaction] = timestamp
        if timestamp is not None:
            self.last_timestamp = max(self.last_timestamp, timestamp)
            self.versions.write(timestamp, commit.writes)

    def _lock_again(self, commit: Commit) -> None:
        self.ages[commit.transaction] = commit.age
        self.locks.take(commit.transaction, commit.reads, (write.key for write in commit.writes))
