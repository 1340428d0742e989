"""Raft servers with one wrong line: the log, what is durable, what is committed."""

from __future__ import annotations

from msgspec.structs import replace

from simclock.protocols.raft import AppendEntries, AppendEntriesReply, Entry, Progress, RaftServer, Role


class CommitsOldTerm(RaftServer):
    """RAFT-01: commits whatever a majority has, of whichever term."""

    def _may_commit(self, index: int) -> bool:
        return True


class TruncatesAlways(RaftServer):
    """RAFT-16: deletes everything after prevLogIndex, then appends."""

    def _store(self, prev_log_index: int, entries: tuple[Entry, ...]) -> None:
        self._truncate(prev_log_index)
        self._append(entries)


class CommitsPastVerified(RaftServer):
    """RAFT-17: min(leaderCommit, last log index)."""

    def _follow_commit_index(self, message: AppendEntries) -> None:
        index = min(message.leader_commit, self.log.last_index)
        if index > self.commit_index:
            self._set_commit_index(index)


class CommitsBackwards(RaftServer):
    """RAFT-18: takes the leader's commitIndex without comparing with its own."""

    def _follow_commit_index(self, message: AppendEntries) -> None:
        self._set_commit_index(min(message.leader_commit, message.prev_log_index + len(message.entries)))


class ForgetsMatch(RaftServer):
    """RAFT-19: matchIndex is whatever the last acknowledgement says."""

    def _acknowledged(self, progress: Progress, message: AppendEntriesReply) -> None:
        super()._acknowledged(progress, message)
        progress.match_index = message.match_index


class FallsBelowMatch(RaftServer):
    """RAFT-20: every refusal decrements nextIndex."""

    def _is_refusal_current(self, progress: Progress, message: AppendEntriesReply) -> bool:
        progress.match_index, match_index = 0, progress.match_index
        progress.refused(min(message.prev_log_index, progress.next_index - 1), message.conflict_index)
        progress.match_index = match_index
        return True

    def _refused(self, progress: Progress, message: AppendEntriesReply) -> None:
        pass


class OverstatesAcknowledgement(RaftServer):
    """RAFT-22: a success acknowledges the whole log."""

    def _acknowledged_index(self, message: AppendEntries) -> int:
        return self.log.last_index


class TrustsStaleRefusal(RaftServer):
    """RAFT-23: a refusal of an earlier term resets what the leader knows, and the follower rolls back what it covers.

    Both halves are needed: the leader takes nextIndex from the refusal, below matchIndex, and sends again from there;
    a follower that is sent something from before its commitIndex deletes from there on.
    """

    def _is_reply_counted(self, message: AppendEntriesReply) -> bool:
        if self.role is Role.LEADER and not message.success and message.term < self.current_term:
            for server, progress in self.progress.items():
                if message.conflict_index <= progress.match_index:
                    progress.next_index = max(1, message.conflict_index)
                    self._send_append_entries(server)
        return super()._is_reply_counted(message)

    def _store(self, prev_log_index: int, entries: tuple[Entry, ...]) -> None:
        if prev_log_index < self.commit_index:
            self._truncate(prev_log_index)
        super()._store(prev_log_index, entries)


class AcknowledgesBeforeSync(RaftServer):
    """RAFT-25: nothing is synced before it is acknowledged."""

    def _sync_disk(self) -> None:
        pass


class FollowerAcknowledgesBeforeSync(RaftServer):
    """RAFT-25, the first half: a follower acknowledges before its write is durable."""

    def _sync_disk(self) -> None:
        if self.role is not Role.FOLLOWER:
            super()._sync_disk()


class LeaderCountsBeforeSync(RaftServer):
    """RAFT-25, the second half: a leader counts itself before its own write is durable."""

    def _sync_disk(self) -> None:
        if self.role is not Role.LEADER:
            super()._sync_disk()


class SkipsConsistencyCheck(RaftServer):
    """Rule 2 of AppendEntries left out, as far as the log reaches."""

    def _has_entry(self, index: int, term: int) -> bool:
        return index <= self.log.last_index


class AcceptsOldLeader(RaftServer):
    """Rule 1 of AppendEntries left out: entries of a deposed leader are taken as the current one's."""

    def _on_append_entries(self, message: AppendEntries) -> None:
        if self.role is not Role.LEADER:
            message = replace(message, term=max(message.term, self.current_term))
        super()._on_append_entries(message)


class KeepsConflicts(RaftServer):
    """Rule 3 of AppendEntries left out: conflicting entries stay, only what goes beyond the log is added."""

    def _store(self, prev_log_index: int, entries: tuple[Entry, ...]) -> None:
        new = entries[max(0, self.log.last_index - prev_log_index) :]
        if new:
            self._append(new)


class CountsOldReplies(RaftServer):
    """Acknowledgements of an earlier term count in this one."""

    def _is_reply_counted(self, message: AppendEntriesReply) -> bool:
        return self.role is Role.LEADER


class CommitsMinority(RaftServer):
    """One replica less than a majority is enough to commit."""

    def _majority_index(self) -> int:
        stored = sorted([self.log.durable_index, *(each.match_index for each in self.progress.values())])
        return stored[len(stored) - self.settings.majority + 1]


class NeverSearchesBack(RaftServer):
    """Raft 5.3: "the leader decrements nextIndex and retries" left out: a log that differs is never repaired."""

    def _is_refusal_current(self, progress: Progress, message: AppendEntriesReply) -> bool:
        return False
