"""Replication as a follower does it: the log is made equal to the leader's, and no further than was shown."""

from __future__ import annotations

from simclock.protocols.raft.membership import Membership
from simclock.protocols.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
)


class Following(Membership):
    """What a server does that hears a leader: Figure 2, AppendEntries RPC, receiver implementation (5.3)."""

    def _on_append_entries(self, message: AppendEntries) -> None:
        """AppendEntries RPC, receiver implementation."""
        if message.term < self.current_term:
            # Rule 1: reply false if term < currentTerm (5.1). The term in the reply is what counts.
            self._reply_to(message.leader_id, self._refusal(message))
            return
        self._follows(message.leader_id, message.term)
        if not self._has_entry(message.prev_log_index, message.prev_log_term):
            # Rule 2: reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm (5.3).
            self._reply_to(message.leader_id, self._refusal(message))
            return
        self._store(message.prev_log_index, message.entries)
        self._persist()
        self._follow_commit_index(message)
        acknowledged = self._acknowledged_index(message)
        prev = message.prev_log_index
        reply = AppendEntriesReply(self.current_term, True, prev, acknowledged, 0, 0, message.round, self.generation)
        self._reply_to(message.leader_id, reply)

    def _on_install_snapshot(self, message: InstallSnapshot) -> None:
        """InstallSnapshot RPC, receiver implementation (dissertation, Figure 5.3)."""
        if message.term < self.current_term:
            # Rule 1: reply immediately if term < currentTerm.
            index = message.last_included_index
            refusal = InstallSnapshotReply(self.current_term, index, 0, False, message.round, self.generation)
            self._reply_to(message.leader_id, refusal)
            return
        self._follows(message.leader_id, message.term)
        self._reply_to(message.leader_id, self._store_chunk(message))

    def _has_entry(self, index: int, term: int) -> bool:
        """What the snapshot has replaced is committed, and so is in the log of every leader there will be."""
        return index < self.log.snapshot.last_included_index or self.log.term(index) == term

    def _store(self, prev_log_index: int, entries: tuple[Entry, ...]) -> None:
        """Rule 3: if an existing entry conflicts with a new one (same index but different terms), delete the existing
        entry and all that follow it (5.3). Rule 4: append any new entries not already in the log.

        Only a conflict deletes: a request that was overtaken by a later one brings a prefix of what is there.
        """
        index = self.log.first_difference(prev_log_index, entries)
        if index is None:
            return
        if index <= self.log.last_index:
            self._truncate(index - 1)
        self._append(entries[index - prev_log_index - 1 :])

    def _follow_commit_index(self, message: AppendEntries) -> None:
        """Rule 5: if leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry).

        The last new entry is the last one this request has shown to be the leader's; the log may go on with others.
        """
        index = min(message.leader_commit, message.prev_log_index + len(message.entries))
        if index > self.commit_index:
            self._set_commit_index(index)

    def _acknowledged_index(self, message: AppendEntries) -> int:
        """Up to where the request has shown the logs to be equal: no further than what it carried."""
        return message.prev_log_index + len(message.entries)

    def _refusal(self, message: AppendEntries) -> AppendEntriesReply:
        """Raft 5.3: include the term of the conflicting entry and the first index stored for that term."""
        prev = message.prev_log_index
        if prev > self.log.last_index:
            term, index = 0, self.log.last_index + 1
        else:
            term, index = self.log.term(prev) or 0, self.log.first_index_of_term(prev) if prev else 0
        round, generation = message.round, self.generation
        return AppendEntriesReply(self.current_term, False, prev, 0, term, index, round, generation)
