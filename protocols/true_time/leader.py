"""A shard's leader: it prepares, coordinates, and waits out the uncertainty (Spanner 4).

Law 1 (Start, 4.1.2): a commit timestamp is not below TT.now().latest at the arrival of the commit message.
Law 2 (Commit Wait, 4.1.2): nobody sees a transaction's data, nor hears of its commit, until TT.after(timestamp).

Deviation: a shard is one leader with a disk, not a Paxos group: where the paper logs through Paxos, it syncs. A shard
is away while its leader is down, and nothing is lost.
"""

from __future__ import annotations

from typing import Any

from simclock import ms
from simclock.clocks import TrueTime
from simclock.protocols.true_time.messages import (
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
    Refused,
    Release,
    WaitedRecord,
)
from simclock.protocols.true_time.observed import Applied, Assigned, Committed, GivenUp, PreparedAt
from simclock.protocols.true_time.shard import Coordinated, Decided, Shard

UNSYNCHRONIZED_NS = ms(50)
"""Who knows no time looks again after so long; a synchronization wakes it earlier."""


class Leader(Shard):
    """The leader of one shard: participant and coordinator of two-phase commit."""

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
                self.observe(GivenUp(transaction))
                self.send(message.coordinator, Refused(transaction))
        elif message.coordinator == self.id:
            self.coordinated[transaction] = Coordinated(message, client, now)
            self.set_timer(("vote", transaction), self.settings.vote_timeout_ns)
            self._decide(transaction)
        else:
            self._prepare(message, client, now)

    # Two-phase commit: a participant.

    def _prepare(self, message: Commit, client: int, now: TrueTime) -> None:
        """4.2.1: a prepare timestamp larger than any it has assigned before; logged, then told to the coordinator."""
        timestamp = self._prepare_timestamp(now)
        self._assign(timestamp)
        self.observe(PreparedAt(message.transaction, timestamp))
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
            self.observe(Applied(transaction, timestamp))
        else:
            self.observe(GivenUp(transaction))
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
        self.observe(Assigned(transaction, timestamp, arrived.earliest_ns, arrived.latest_ns))
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
        self.observe(Committed(transaction, decided.timestamp))
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
        self.observe(GivenUp(transaction))
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

    # What is durable.

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
