"""Raft servers with one wrong line: what a snapshot replaces, on the disk and between leader and follower."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from simclock import DiskFull
from simclock.environment.disk import Disk
from simclock.experiments.catalog.raft.bugs.logs import CommitsPastVerified
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    Configuration,
    InstallSnapshot,
    InstallSnapshotReply,
    Log,
    Progress,
    RaftServer,
    Snapshot,
)

_TAIL = "tail"
"""On the disk, for RAFT-32: what a conflict has overwritten, and where it began."""


class _OtherLog(RaftServer):
    """A server whose log is of another class."""

    log_class: type[Log] = Log

    def _read_disk(self) -> tuple[Any, Any, Log]:
        generation, vote, _ = super()._read_disk()
        return generation, vote, self.log_class(self.disk, self.settings.configuration)


class _PurgedLate(Log):
    """A snapshot that goes on from nothing here is durable before what it replaces is deleted."""

    __slots__ = ("_disk",)

    def __init__(self, disk: Disk, configuration: Configuration) -> None:
        super().__init__(disk, configuration)
        self._disk = disk

    def replace_prefix(self, snapshot: Snapshot, *, keep: bool) -> None:
        replaced = tuple(self._entries)
        super().replace_prefix(snapshot, keep=keep)
        if replaced and not self._entries:
            for entry in replaced:
                self._places.append(entry)
            self._disk.sync()
            self._places.truncate(0)


class PurgesLate(_OtherLog):
    """RAFT-31: a crash between the two leaves entries that the snapshot has replaced, and they count again."""

    log_class = _PurgedLate


class _ReplayedTail(Log):
    """A log that is rebuilt record by record, without those that the snapshot covers, nor what they overwrote."""

    __slots__ = ("_disk",)

    def __init__(self, disk: Disk, configuration: Configuration) -> None:
        super().__init__(disk, configuration)
        self._disk = disk
        first, tail = disk.read(_TAIL, (0, ()))
        back = tail[self.first_index - first :] if first < self.first_index else ()
        if self.corrupt_index is None and not self._entries and back:
            with suppress(DiskFull):  # they are in memory all the same
                self.append(back)
            disk.sync()
            self.durable_index = self._kept_index = self.last_index

    def truncate(self, last_index: int) -> None:
        self._disk.write(_TAIL, (last_index + 1, tuple(self._entries[last_index + 1 - self.first_index :])))
        super().truncate(last_index)


class ReplaysTail(_OtherLog):
    """RAFT-32: what was truncated comes back at a start, where the entry that took its place is in the snapshot."""

    log_class = _ReplayedTail


class SendsHeartbeatForSnapshot(CommitsPastVerified):
    """What SandTable found in WRaft, two wrong lines that only together do harm: who needs a snapshot is sent an empty
    request instead, and commits what it has as far as the leader has committed.
    """

    def _send_append_entries(self, member: int) -> None:
        progress = self.progress[member]
        if progress.next_index >= self.log.first_index:
            super()._send_append_entries(member)
            return
        prev = progress.next_index - 1
        progress.sent(0)
        self._send_to(member, AppendEntries(self.current_term, self.member, prev, 0, (), self.commit_index, self.round))

    def _go_on(self, member: int, match_index: int, next_index: int) -> None:
        """The next empty request comes with the next heartbeat: at once, each doubled answer would have one more."""
        if self.progress[member].next_index >= self.log.first_index:
            super()._go_on(member, match_index, next_index)


class RefusesOldSnapshots(RaftServer):
    """What SandTable found in WRaft, two wrong lines that only together do harm: a snapshot that brings nothing new is
    refused, and a refusal has the leader begin again, below what it knows to be there.
    """

    def _store_chunk(self, message: InstallSnapshot) -> InstallSnapshotReply:
        if self._is_new(message):
            return super()._store_chunk(message)
        index = message.last_included_index
        return InstallSnapshotReply(self.current_term, index, 0, False, message.round, self.generation)

    def _is_chunk_acknowledged(self, progress: Progress, message: InstallSnapshotReply) -> bool:
        if not message.done and not message.offset and progress.match_index >= message.last_included_index:
            progress.next_index = message.last_included_index
            self._tell_progress(next(each for each, known in self.progress.items() if known is progress))
        return super()._is_chunk_acknowledged(progress, message)


class RefusesCovered(RaftServer):
    """What SandTable found in WRaft, two wrong lines that only together do harm: a request that goes back before the
    snapshot is refused, and every refusal decrements nextIndex.
    """

    def _has_entry(self, index: int, term: int) -> bool:
        return self.log.term(index) == term

    def _is_refusal_current(self, progress: Progress, message: AppendEntriesReply) -> bool:
        progress.next_index = max(1, min(message.prev_log_index, progress.next_index - 1))
        progress.searching, progress.awaited = True, False
        return True

    def _refused(self, progress: Progress, message: AppendEntriesReply) -> None:
        pass
