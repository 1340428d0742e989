"""Servers of Viewstamped Replication with one wrong line: within a view, at queries, and between epochs."""

from __future__ import annotations

from collections.abc import Sequence

from simclock.protocols.replication import ClientQuery
from simclock.protocols.replication.quorum import reached_by
from simclock.protocols.viewstamped_replication import (
    Entry,
    Log,
    NewState,
    PrepareOk,
    Status,
    VsrServer,
)


class TakesAnyPrepare(VsrServer):
    """VRR 4.1, step 4 left out: a backup puts what comes at the end of its log, whatever number it has."""

    def _take(self, entries: Sequence[Entry], first: int) -> None:
        super()._take(entries, self.log.op_number + 1)


class CountsMessages(VsrServer):
    """PREPAREOK messages are counted, not backups."""

    def _on_prepare_ok(self, source: int, message: PrepareOk) -> None:
        behind = [one for one in self.log.group.members if one not in (self.id, source)]
        if self._has_prepared(source) >= message.op_number:
            source = min(behind, key=self._has_prepared, default=source)
        super()._on_prepare_ok(source, message)


class CountsStaleOks(VsrServer):
    """A PREPAREOK of an earlier view counts in this one."""

    def _is_ok_counted(self, message: PrepareOk) -> bool:
        return self.leads


class LacksOneOk(VsrServer):
    """An operation is committed with one PREPAREOK less than f."""

    def _count_prepared(self) -> None:
        backups = [member for member in self.log.group.members if member != self.id]
        have = [self.log.op_number, *map(self._has_prepared, backups)]
        self._commit_to(reached_by(max(1, self._majority() - 1), have))


class HearsOldPrimaries(VsrServer):
    """A backup takes a PREPARE, or a COMMIT, of an earlier view for one of its own."""

    def _hears_primary(self, source: int, view: int) -> bool:
        return super()._hears_primary(source, max(view, self.log.view))


class AnswersWhoWaited(VsrServer):
    """A primary whose view is over still answers whoever waited for an op-number, with what comes to stand there."""

    def _step_down(self) -> None:
        waiting = dict(self.waiting)
        super()._step_down()
        self.waiting.update(waiting)


class ReadsAlone(VsrServer):
    """A query is answered at once by who believes that it is primary, without asking anybody."""

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        if self.leads:
            self._answer_query(source, message)
        else:
            super()._on_client_query(source, message)


class ReadsTooEarly(VsrServer):
    """A new primary answers queries before all is committed with which its view began."""

    def _knows_what_was_agreed(self) -> bool:
        return True


class TruncatesFirst(VsrServer):
    """VSR-03, VRR 5.2 as it stands: who learns of a later view cuts its log to its commit-number, and then asks."""

    def _ask_for_state(self, source: int, view: int, op_number: int) -> None:
        if view > self.log.view and self.status is not Status.TRANSITIONING:
            self._keep(self.commit_number)
        super()._ask_for_state(source, view, op_number)


class AnswersUnsynced(VsrServer):
    """What a durable server acknowledges, or brings into a view, has not reached its disk yet."""

    def _sync_disk(self) -> None:
        pass


class IgnoresFullDisk(VsrServer):
    """DISK-03: the error of a write is swallowed, and what was to be written is kept in memory alone."""

    def _on_disk_full(self) -> None:
        pass


class TakesMoreRequests(VsrServer):
    """VRR 7.1 left out: a primary takes requests after a RECONFIGURATION."""

    def _is_closing(self) -> bool:
        return False


class BeginsWithoutState(VsrServer):
    """VRR 7.1 left out: a new replica begins the epoch with whatever it is told first."""

    def _on_epoch_state(self, message: NewState) -> None:
        log = message.log
        if self.id in self.log.group.members and self._connects(log):
            self._adopt(Log(log.first, log.entries, log.checkpoint), message.view, message.commit_number)
            self._commit_to(message.commit_number)
            self._is_up_to_date(message.view)

    def _has_former_epochs(self) -> bool:
        return True
