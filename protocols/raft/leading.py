"""Replication as a leader does it: entries go out, acknowledgements come back, what a quorum has is committed.

Law 3: identities are counted, not messages: acknowledgements are a value for each member.
"""

from __future__ import annotations

from simclock.protocols.raft.configuration import member_of
from simclock.protocols.raft.messages import NO_OP, AppendEntries, AppendEntriesReply, Entry, InstallSnapshotReply
from simclock.protocols.raft.observed import Progressed
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.snapshots import Snapshots
from simclock.protocols.raft.state import Role

BATCH = "batch"
"""The timer at which the commands gathered so far go out."""


class Leading(Snapshots):
    """What a leader does (5.3, 5.4.2)."""

    def propose(self, command: bytes) -> int | None:
        """Raft 5.3: if command received from client, append entry to local log; gives its index.

        None, and nothing is done, if this server is not leader, or hands over to another.
        """
        if self.role is not Role.LEADER or self.transfer_target is not None:
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
        for member, progress in self.progress.items():
            # Raft 5.3: if last log index >= nextIndex for a follower: send AppendEntries with log entries starting at
            # nextIndex.
            if self.log.durable_index >= progress.next_index and not progress.awaited:
                self._send_append_entries(member)
        self._advance_commit_index()

    def _broadcast_append_entries(self) -> None:
        """Raft 5.2: heartbeats, during idle periods, to prevent election timeouts.

        They carry entries, if a follower lacks some: so a request that was lost is sent again (5.3: "retries
        indefinitely").
        """
        for member in self.progress:
            self._send_append_entries(member)

    def _heartbeat_ns(self) -> int:
        return self.settings.heartbeat_ns

    def _send_append_entries(self, member: int) -> None:
        progress = self.progress[member]
        prev_log_index = progress.next_index - 1
        prev_log_term = self.log.term(prev_log_index)
        if prev_log_term is None or progress.snapshot is not None:
            # Dissertation 5: what the follower needs next has been discarded.
            progress.awaited = True
            self._send_snapshot(member, progress)
            return
        # Law 1: entries that wait for the end of a batch are not durable yet, and stay here.
        count = min(self.settings.entries_per_message_max, self.log.durable_index - prev_log_index)
        entries = self.log.entries_from(progress.next_index, count)
        progress.sent(len(entries))
        request = AppendEntries(
            self.current_term, self.member, prev_log_index, prev_log_term, entries, self.commit_index, self.round
        )
        self._send_to(member, request)

    # Whom it replicates to.

    def _replicated_to(self) -> list[int]:
        """Everybody in the cluster but itself; also who is to leave it, until that is committed."""
        members = set(self.configuration.members)
        if self.log.configuration_index > self.commit_index:
            members.update(self.log.configuration_at(self.commit_index).members)
        return sorted(members - {self.member})

    def _update_progress(self) -> None:
        """Who is new is taken to have the whole log, until it refuses (Figure 2)."""
        before, last_index = self.progress, self.log.last_index
        self.progress = {member: before.get(member) or Progress(last_index) for member in self._replicated_to()}

    # Acknowledgements.

    def _on_append_entries_reply(self, source: int, message: AppendEntriesReply) -> None:
        member = member_of(source, message.generation, self.nodes)
        progress = self.progress.get(member)
        if progress is None or not self._is_reply_counted(message):
            return
        self._heard_from(member, progress, message.round)
        if message.success:
            match_index, next_index = progress.match_index, progress.next_index
            self._acknowledged(progress, message)
            self._go_on(member, match_index, next_index)
        elif self._is_refusal_current(progress, message):
            # Raft 5.3: if AppendEntries fails because of log inconsistency: decrement nextIndex and retry.
            self._refused(progress, message)
            self._tell_progress(member)
            self._send_append_entries(member)

    def _on_install_snapshot_reply(self, source: int, message: InstallSnapshotReply) -> None:
        """Dissertation 5: the next chunk, or what follows the snapshot."""
        member = member_of(source, message.generation, self.nodes)
        progress = self.progress.get(member)
        if progress is None or self.role is not Role.LEADER or message.term != self.current_term:
            return
        self._heard_from(member, progress, message.round)
        if not self._is_chunk_acknowledged(progress, message):
            return
        if message.done:
            match_index, next_index = progress.match_index, progress.next_index
            progress.succeeded(message.last_included_index)
            self._go_on(member, match_index, next_index)
        else:
            progress.offset = message.offset
            self._send_append_entries(member)

    def _go_on(self, member: int, match_index: int, next_index: int) -> None:
        """A member has acknowledged, of which that was known before."""
        progress = self.progress[member]
        if (progress.match_index, progress.next_index) != (match_index, next_index):
            self._tell_progress(member)
        if progress.match_index > match_index:
            self._advance_commit_index()
            self._caught_up(member)
        if member in self.progress and self.log.durable_index >= progress.next_index:
            self._send_append_entries(member)

    def _heard_from(self, member: int, progress: Progress, round: int) -> None:
        """A member has answered a request of this term, which was sent in that round or later."""
        self.active.add(member)
        progress.round = max(progress.round, round)

    def _is_reply_counted(self, message: AppendEntriesReply) -> bool:
        """What is known of the followers is of this term: a reply to an earlier leadership says nothing about it."""
        return self.role is Role.LEADER and message.term == self.current_term

    def _acknowledged(self, progress: Progress, message: AppendEntriesReply) -> None:
        progress.succeeded(message.match_index)

    def _is_refusal_current(self, progress: Progress, message: AppendEntriesReply) -> bool:
        return progress.is_refusal_current(message.prev_log_index)

    def _refused(self, progress: Progress, message: AppendEntriesReply) -> None:
        progress.refused(message.prev_log_index, message.conflict_index)

    def _caught_up(self, member: int) -> None:
        """What else there is to do when a member has acknowledged more than before."""

    def _tell_progress(self, member: int) -> None:
        known = self.progress[member]
        self.observe(Progressed(member, known.match_index, known.next_index))

    # Commitment.

    def _advance_commit_index(self) -> None:
        """Raft 5.3, 5.4.2: if there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
        log[N].term == currentTerm: set commitIndex = N.
        """
        index = self._majority_index()
        if index > self.commit_index and self._may_commit(index):
            self._set_commit_index(index)
            self._has_committed()

    def _majority_index(self) -> int:
        """The highest index that a quorum has stored; this server counts with what is durable, if it is a voter."""
        stored = {member: progress.match_index for member, progress in self.progress.items()}
        stored[self.member] = self.log.durable_index
        return self.configuration.reached(stored)

    def _may_commit(self, index: int) -> bool:
        """Raft 5.4.2: only entries from the leader's current term are committed by counting replicas (Figure 8).

        Terms never decrease along the log, so if the last of them is older, all are.
        """
        return self.log.term(index) == self.current_term

    def _has_committed(self) -> None:
        """What else there is to do when the leader's commit index has advanced."""
