"""Replication as a leader does it: entries go out, acknowledgements come back, what a majority has is committed.

Law 3: identities are counted, not messages: acknowledgements are a value for each follower.
"""

from __future__ import annotations

from simclock.protocols.raft.messages import NO_OP, AppendEntries, AppendEntriesReply, Entry
from simclock.protocols.raft.observed import Progressed
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.state import Role, ServerState
from simclock.protocols.replication import reached_by

BATCH = "batch"
"""The timer at which the commands gathered so far go out."""


class Leading(ServerState):
    """What a leader does (5.3, 5.4.2)."""

    def propose(self, command: bytes) -> int | None:
        """Raft 5.3: if command received from client, append entry to local log; gives its index.

        None, and nothing is done, if this server is not leader.
        """
        if self.role is not Role.LEADER:
            return None
        assert command != NO_OP, "the empty command is the leader's own"
        self._append((Entry(self.current_term, command),))
        index = self.log.last_index
        self._taken(index)
        if self.settings.batch_ns == 0:
            self._replicate()
        elif not self.gathering:
            self.gathering = True
            self.set_timer(BATCH, self.settings.batch_ns)
        return index

    def _replicate(self) -> None:
        """Make new entries durable here and send them to the others."""
        self._persist()
        for server, progress in self.progress.items():
            # Raft 5.3: if last log index >= nextIndex for a follower: send AppendEntries with log entries starting at
            # nextIndex.
            if self.log.durable_index >= progress.next_index and not progress.awaited:
                self._send_append_entries(server)
        self._advance_commit_index()

    def _broadcast_append_entries(self) -> None:
        """Raft 5.2: heartbeats, during idle periods, to prevent election timeouts.

        They carry entries, if a follower lacks some: so a request that was lost is sent again (5.3: "retries
        indefinitely").
        """
        for server in self.progress:
            self._send_append_entries(server)

    def _heartbeat_ns(self) -> int:
        return self.settings.heartbeat_ns

    def _send_append_entries(self, server: int) -> None:
        progress = self.progress[server]
        prev_log_index = progress.next_index - 1
        prev_log_term = self.log.term(prev_log_index)
        assert prev_log_term is not None, "nextIndex is at most one beyond the log"
        # Law 1: entries that wait for the end of a batch are not durable yet, and stay here.
        count = min(self.settings.entries_per_message_max, self.log.durable_index - prev_log_index)
        entries = self.log.entries_from(progress.next_index, count)
        progress.sent(len(entries))
        self.send(
            server,
            AppendEntries(self.current_term, self.id, prev_log_index, prev_log_term, entries, self.commit_index),
        )

    # Acknowledgements.

    def _on_append_entries_reply(self, source: int, message: AppendEntriesReply) -> None:
        if not self._is_reply_counted(message):
            return
        progress = self.progress[source]
        if message.success:
            match_index, next_index = progress.match_index, progress.next_index
            self._acknowledged(progress, message)
            if (progress.match_index, progress.next_index) != (match_index, next_index):
                self._tell_progress(source)
            if progress.match_index > match_index:
                self._advance_commit_index()
            if self.log.durable_index >= progress.next_index:
                self._send_append_entries(source)
        elif self._is_refusal_current(progress, message):
            # Raft 5.3: if AppendEntries fails because of log inconsistency: decrement nextIndex and retry.
            self._refused(progress, message)
            self._tell_progress(source)
            self._send_append_entries(source)

    def _is_reply_counted(self, message: AppendEntriesReply) -> bool:
        """What is known of the followers is of this term: a reply to an earlier leadership says nothing about it."""
        return self.role is Role.LEADER and message.term == self.current_term

    def _acknowledged(self, progress: Progress, message: AppendEntriesReply) -> None:
        progress.succeeded(message.match_index)

    def _is_refusal_current(self, progress: Progress, message: AppendEntriesReply) -> bool:
        return progress.is_refusal_current(message.prev_log_index)

    def _refused(self, progress: Progress, message: AppendEntriesReply) -> None:
        progress.refused(message.prev_log_index, message.conflict_index)

    def _tell_progress(self, server: int) -> None:
        known = self.progress[server]
        self.observe(Progressed(server, known.match_index, known.next_index))

    # Commitment.

    def _advance_commit_index(self) -> None:
        """Raft 5.3, 5.4.2: if there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
        log[N].term == currentTerm: set commitIndex = N.
        """
        index = self._majority_index()
        if index > self.commit_index and self._may_commit(index):
            self._set_commit_index(index)

    def _majority_index(self) -> int:
        """The highest index that a majority has stored; this server counts with what is durable."""
        stored = [self.log.durable_index, *(each.match_index for each in self.progress.values())]
        return reached_by(self.settings.majority, stored)

    def _may_commit(self, index: int) -> bool:
        """Raft 5.4.2: only entries from the leader's current term are committed by counting replicas (Figure 8).

        Terms never decrease along the log, so if the last of them is older, all are.
        """
        return self.log.term(index) == self.current_term
