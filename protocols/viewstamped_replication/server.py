"""A server of Viewstamped Replication. What happens to it comes in here.

    state.py          what it knows and keeps; what is durable, committed, executed
    transfer.py       on it, state transfer
    normal.py         on both, primary and backup within a view
    view_changing.py  on these, from one view to the next
    recovering.py     on these, after a crash
    epochs.py         on these, who the replicas are
    reading.py        on all, queries that do not go through the log

What observers see is in `observed.py`.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.replication import ClientQuery, ClientRequest, Reconfigure
from simclock.protocols.viewstamped_replication.log import ServerLog
from simclock.protocols.viewstamped_replication.messages import (
    Commit,
    CommitOk,
    CrashVectorReply,
    CrashVectorRequest,
    DoViewChange,
    EpochStarted,
    GetState,
    Group,
    NewState,
    Prepare,
    PrepareOk,
    Recovery,
    RecoveryResponse,
    StartEpoch,
    StartView,
    StartViewChange,
)
from simclock.protocols.viewstamped_replication.observed import Kept, Started
from simclock.protocols.viewstamped_replication.reading import ROUNDS, Reading
from simclock.protocols.viewstamped_replication.settings import term_of
from simclock.protocols.viewstamped_replication.state import ELECTION, HEARTBEAT, RETRY, Status, told


class VsrServer(Reading):
    """One server of the cluster; it replicates opaque commands to its state machine."""

    def on_start(self) -> None:
        """For the first time it begins in view 0; later with what its disk has kept, or with nothing."""
        settings = self.settings
        first = Group(0, 0, (), settings.servers, 0)
        self.log = ServerLog(first, len(settings.nodes), self.disk if settings.durable else None)
        if self.log.is_corrupt:
            self._on_corrupt_log()
        self._write(self.log.settle)
        lost = self._has_lost()
        log, self.current_term = self.log, term_of(self.epoch, self.log.view)
        index = log.checkpoint.index
        self.observe(Started(self.current_term, log.last_normal_view, index, log.op_number, lost))
        if settings.durable and not log.is_empty:
            operations = tuple((entry.term, told(entry)) for entry in log.entries)
            self.observe(Kept(log.committed, log.group.members, log.crash_vector, index + 1, operations))
        if lost:
            self._recover()
        else:
            self._resume()
        self._persist()

    def _has_lost(self) -> bool:
        """Whether it has run before, and nothing is left of that."""
        return self.incarnation > 0 and self.log.is_empty

    def _on_corrupt_log(self) -> None:
        """What it has promised and acknowledged is not known any more (`log.py`, law 3)."""
        self._write(self.log.erase)

    def _resume(self) -> None:
        """It goes on where it stood."""
        log, group = self.log, self.log.group
        self.spoken = self.incarnation * ROUNDS  # law 3 of `reading.py`
        if log.checkpoint.index:
            self._restore(log.checkpoint)
        if log.is_empty:
            self._keep()
        is_member = self.id in group.members
        if not is_member and self.id not in group.former:
            self._retire()
        elif not is_member or log.committed < group.op_number:
            self.status = Status.TRANSITIONING
            self._on_retry_timeout()
        elif log.view > log.last_normal_view:
            self.status = Status.VIEW_CHANGE
            self._reset_election_timer()
            self._say_leaving()
            self._hand_over()
        elif self._primary_of(log.view) == self.id:
            self._lead()
        else:
            self._follow()
        self._commit_to(log.committed)
        if self.leads:
            self._count_prepared()
            self.on_leading()

    def on_message(self, source: int, message: Any) -> None:
        """What clients and the operator ask, what has to do with crashes and epochs; the rest is of an epoch."""
        match message:
            case ClientRequest():
                self._on_client_request(source, message)
            case ClientQuery():
                self._on_client_query(source, message)
            case Reconfigure():
                self._on_reconfigure(source, message)
            case CrashVectorRequest():
                self._on_crash_vector_request(source, message)
            case CrashVectorReply():
                self._on_crash_vector_reply(source, message)
            case Recovery():
                self._on_recovery(source, message)
            case RecoveryResponse():
                self._on_recovery_response(source, message)
            case StartEpoch():
                self._on_start_epoch(source, message)
            case _ if self._is_of_epoch(source, message):
                self._on_message_of_epoch(source, message)
        self._persist()

    def _on_message_of_epoch(self, source: int, message: Any) -> None:
        """One handler for each message of a group of replicas."""
        match message:
            case Prepare():
                self._on_prepare(source, message)
            case PrepareOk():
                self._on_prepare_ok(source, message)
            case Commit():
                self._on_commit(source, message)
            case CommitOk():
                self._on_commit_ok(source, message)
            case StartViewChange():
                self._on_start_view_change(source, message)
            case DoViewChange():
                self._on_do_view_change(source, message)
            case StartView():
                self._on_start_view(source, message)
            case GetState():
                self._on_get_state(source, message)
            case NewState():
                self._on_new_state(source, message)
            case EpochStarted():
                self._on_epoch_started(source, message)

    def on_timer(self, timer: Any) -> None:
        """The election timeout, the heartbeat, or what is asked again."""
        if timer == ELECTION:
            self._on_election_timeout()
        elif timer == HEARTBEAT:
            self._on_heartbeat_timeout()
        elif timer == RETRY:
            self._on_retry_timeout()
        self._persist()
