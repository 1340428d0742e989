"""Normal operation (VRR 4.1): the primary puts operations in order, backups put them in their logs.

Law 1: a PREPARE is taken when all before it are in the log; until then it waits.
Law 2: a PREPAREOK is for an operation and all before it. Identities are counted, not messages.
Law 3: an operation is committed when a majority has it in the log of one view, and with it all before it.

What gets lost is sent again with the heartbeats. Deviation: these go out also where a PREPARE has told the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from simclock.protocols.replication import StateMachine
from simclock.protocols.replication.quorum import reached_by
from simclock.protocols.viewstamped_replication.messages import Commit, CommitOk, Entry, Prepare, PrepareOk
from simclock.protocols.viewstamped_replication.settings import VsrSettings
from simclock.protocols.viewstamped_replication.state import HEARTBEAT, Status
from simclock.protocols.viewstamped_replication.transfer import Transfer


class NormalOperation(Transfer):
    """What a server does in a view, as primary and as backup."""

    def __init__(self, settings: VsrSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.prepared: dict[int, int] = {}
        """Primary: backup -> the last operation that it is known to have in the log of this view."""
        self.old_op_number = 0
        """Primary: operations up to here are older than a heartbeat, and are sent again."""
        self.spoken = 0
        """Primary: how often it has sent COMMIT to all."""
        self.early: dict[int, Entry] = {}
        """Backup: operations of this view that wait for those before them."""

    # The primary.

    def propose(self, command: bytes) -> int | None:
        """See `Engine`. The index is the op-number."""
        if not self.leads or self._is_closing():
            return None
        op_number = self.log.op_number + 1
        self._taken(op_number)
        self._prepare((Entry(self.current_term, command),))
        return op_number

    def _is_closing(self) -> bool:
        """VRR 7.1: a RECONFIGURATION is the last request of its epoch, committed or not."""
        return bool(self.log.entries) and self.log.entries[-1].change is not None and not self._is_past_change()

    def _is_past_change(self) -> bool:
        """Whether the last operation is the one that began the epoch."""
        return self.log.op_number == self.log.group.op_number

    def _lead(self) -> None:
        self.early.clear()
        self.prepared = {}
        self.old_op_number = self.log.op_number
        super()._lead()

    def _prepare(self, entries: tuple[Entry, ...]) -> None:
        """4.1, step 3: it advances the op-number, adds the request to the end of the log, and sends PREPARE."""
        first = self.log.op_number + 1
        for entry in entries:
            self._append(entry)
        self._persist()
        self._send_others(Prepare(self.epoch, self.log.view, entries, first, self.commit_number))
        self._count_prepared()

    def _on_prepare_ok(self, source: int, message: PrepareOk) -> None:
        if self._is_ok_counted(message):
            self.prepared[source] = max(message.op_number, self.prepared.get(source, 0))
            self._count_prepared()

    def _is_ok_counted(self, message: PrepareOk) -> bool:
        """It is for one view."""
        return self.leads and message.view == self.log.view

    def _count_prepared(self) -> None:
        """4.1, step 5: it waits for f PREPAREOK messages from different backups; then the operation, and all earlier
        ones, are committed."""
        backups = [member for member in self.log.group.members if member != self.id]
        self._commit_to(reached_by(self._majority(), [self.log.op_number, *map(self._has_prepared, backups)]))

    def _has_prepared(self, backup: int) -> int:
        return self.prepared.get(backup, 0)

    def _on_heartbeat_timeout(self) -> None:
        self.set_timer(HEARTBEAT, self.settings.heartbeat_ns)
        self._send_commit()
        self._send_again()

    def _send_commit(self) -> None:
        """4.1, step 6: COMMIT, so that backups learn without a new request."""
        self.spoken += 1
        asked = self.spoken if self._is_asking() else 0
        self._send_others(Commit(self.epoch, self.log.view, self.commit_number, asked))

    def _is_asking(self) -> bool:
        """Whether queries wait for backups to say that they are in this view (`reading.py`)."""
        return False

    def _send_again(self) -> None:
        """To each backup the first of the older operations that it is not known to have, and what follows."""
        last, self.old_op_number = self.old_op_number, self.log.op_number
        for backup in self.log.group.members:
            after = max(self._has_prepared(backup), self.commit_number)
            if backup == self.id or after >= last:
                continue
            entries = self.log.after(after, min(self.settings.values_per_message_max, last - after)).entries
            self._reply(backup, Prepare(self.epoch, self.log.view, entries, after + 1, self.commit_number))

    # Backups.

    def _hears_primary(self, source: int, view: int) -> bool:
        """Whether it is a backup in the view of a primary that speaks. One that is later it catches up with; so it does
        with its own, where it is still waiting for that to begin (4.2: replicas that learn of a later view)."""
        if self.status not in (Status.NORMAL, Status.VIEW_CHANGE) or view < self.log.view:
            return False
        if view > self.log.view or self.status is Status.VIEW_CHANGE:
            self._ask_for_state(source, view, self.commit_number)
            return False
        self._reset_election_timer()
        return True

    def _on_prepare(self, source: int, message: Prepare) -> None:
        """4.1, step 4. What is here already, in this view, is the same."""
        if not self._hears_primary(source, message.view):
            return
        self._take(message.entries, message.op_number)
        if message.op_number <= self.log.op_number:
            self._acknowledge(source)
        self._commit_to(message.commit_number)

    def _take(self, entries: Sequence[Entry], first: int) -> None:
        """Law 1."""
        self.early.update((op_number, entry) for op_number, entry in enumerate(entries, first))
        while (op_number := self.log.op_number + 1) in self.early:
            self._append(self.early.pop(op_number))
        self.early = {op_number: entry for op_number, entry in self.early.items() if op_number > self.log.op_number}

    def _acknowledge(self, primary: int) -> None:
        self._reply(primary, PrepareOk(self.epoch, self.log.view, self.log.op_number))

    def _on_commit(self, source: int, message: Commit) -> None:
        if not self._hears_primary(source, message.view):
            return
        if message.round:
            self._reply(source, CommitOk(message.epoch, message.view, message.round))
        if message.commit_number > self.log.op_number:
            self._ask_for_state(source, message.view, self.log.op_number)
        self._commit_to(message.commit_number)

    def _follow(self) -> None:
        """It acknowledges what the log has that is not committed yet (4.2, step 5)."""
        self.early.clear()
        super()._follow()
        if self.log.op_number > self.commit_number:
            self._acknowledge(self._primary_of(self.log.view))
