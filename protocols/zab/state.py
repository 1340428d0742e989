"""What a ZAB server knows and keeps: what is durable, committed and applied.

Law 1: durable before sent. A handler syncs what it changed before any message leaves that speaks of it.
Law 2: of a NEWLEADER the history is written before the epoch (f.a must not speak of a history that is not there).
Law 3: a server whose disk fails it stops, and says nothing more: at the first write that is refused, or, where a
       record cannot be read when it starts, at every start. A follower that took its history for shorter than what it
       has acknowledged could help to lose what is committed.
Law 4: transactions are applied in the order of the history, each when it is committed. What is in the history and not
       committed, the state machine has not seen.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from simclock.actors import Message
from simclock.protocols.replication import DurableFront, StateMachine
from simclock.protocols.replication.observed import Applied, CommitIndex, digest_of
from simclock.protocols.zab.journal import Journal
from simclock.protocols.zab.messages import Role, Snapshot, Transaction
from simclock.protocols.zab.observed import (
    EpochAccepted,
    EpochEntered,
    Installed,
    Logged,
    Snapshotted,
    Truncated,
)
from simclock.protocols.zab.settings import ZabSettings

ELECTION = "election"
"""The timer of who follows, and of who leads: what it hears of the others is not enough."""


class Phase(enum.IntEnum):
    """Where a server is in the protocol."""

    ELECTION = 0
    DISCOVERY = 1
    SYNCHRONIZATION = 2
    BROADCAST = 3


class ServerState(DurableFront):
    """The state of one server, and what every rule does with it."""

    settings: ZabSettings

    def __init__(self, settings: ZabSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.journal: Journal
        """Epochs, history and snapshot (read from disk when the server starts)."""
        self.current_term = 0
        """acceptedEpoch: increases monotonically."""
        self.role = Role.LOOKING
        self.phase = Phase.ELECTION
        self.leader_id: int | None = None
        """Whom it follows, or itself once its epoch is established."""
        self.commit_index = 0
        """All transactions up to here are known to be committed."""
        self.last_applied = 0

    @property
    def leads(self) -> bool:
        return self.role is Role.LEADING and self.phase is Phase.BROADCAST

    # What is durable.

    def _accept_epoch(self, epoch: int, leader: int) -> None:
        """f.p := e'. Nothing of an earlier epoch is accepted any more."""
        assert epoch > self.current_term, "an accepted epoch never regresses"
        self.current_term = epoch
        self._write_accepted_epoch(epoch)
        self._tell_when_durable(EpochAccepted(epoch, leader))

    def _write_accepted_epoch(self, epoch: int) -> None:
        self._write(self.journal.accept_epoch, epoch)

    def _enter_epoch(self, epoch: int) -> None:
        """f.a := e'. Law 2: called when the history is written."""
        self._write(self.journal.enter_epoch, epoch)
        self._tell_when_durable(EpochEntered(epoch))

    def _log(self, transactions: Iterable[Transaction]) -> None:
        """Append to the history."""
        for transaction in transactions:
            self._write(self.journal.append, transaction)
            zxid = transaction.zxid
            told = Logged(self.journal.last_index, zxid.epoch, zxid.counter, transaction.command)
            self._tell_when_durable(told)

    def _truncate(self, index: int) -> None:
        """Delete what follows an index."""
        if index < self.journal.last_index:
            self.journal.truncate(index)
            self._tell_when_durable(Truncated(index))

    def _replace_history(self, snapshot: Snapshot, transactions: tuple[Transaction, ...]) -> None:
        """Put another's snapshot, and what follows it, in the place of the history."""
        self._persist()
        self._write(self.journal.replace, snapshot, transactions)
        self._has_replaced_history()

    def _has_replaced_history(self) -> None:
        snapshot = self.journal.snapshot
        self.observe(Installed(snapshot.index, digest_of(snapshot.state)))
        for index, transaction in enumerate(self.journal.transactions, snapshot.index + 1):
            zxid = transaction.zxid
            self.observe(Logged(index, zxid.epoch, zxid.counter, transaction.command))
        if snapshot.index > self.last_applied:
            self._restore()
            self.on_applied()

    def _send_others(self, message: Message) -> None:
        for server in self.settings.servers:
            if server != self.id:
                self._reply(server, message)

    # What is committed.

    def _set_commit_index(self, index: int) -> None:
        self.commit_index = index
        self._persist()
        self.observe(CommitIndex(index))
        self._apply_committed()

    def _apply_committed(self) -> None:
        """Law 4."""
        while self.last_applied < self.commit_index:
            self.last_applied += 1
            transaction = self.journal.transaction(self.last_applied)
            self.observe(Applied(self.last_applied, transaction.zxid.epoch, transaction.command))
            self._apply(self.last_applied, transaction.command)
        self._compact()
        self.on_applied()

    # Snapshots.

    def _compact(self) -> None:
        """Let a snapshot of what was applied take the place of it, if it is time."""
        every = self.settings.snapshot_every
        if every is not None and self.last_applied - self.journal.snapshot.index >= every:
            self._persist()
            state = self.state_machine.snapshot()
            snapshot = Snapshot(self.last_applied, self.journal.zxid_at(self.last_applied), state)
            self._write(self.journal.replace_prefix, snapshot)
            self.observe(Snapshotted(snapshot.index, digest_of(state)))

    def _restore(self) -> None:
        """Begin with the snapshot."""
        snapshot = self.journal.snapshot
        if snapshot.index:
            self.state_machine.restore(snapshot.state)
            self.commit_index = self.last_applied = snapshot.index

    # Timeouts.

    def _reset_election_timer(self) -> None:
        self.set_timer(ELECTION, self._election_timeout_ns())

    def _election_timeout_ns(self) -> int:
        return self.random.uniform_ns(self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max)
