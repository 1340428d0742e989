"""A Raft server: Figure 2 of the paper, rule by rule.

Law 1: durable before sent. A handler syncs what it changed before any message leaves that speaks of it.
Law 2: the common check of the term comes first; a role changes only in `_become_follower`, `_become_candidate` and
       `_become_leader`.
Law 3: identities are counted, not messages: votes are a set of servers, acknowledgements a value for each follower.
Law 4: a server whose disk fails it stops, and says nothing more.

The paper assumes a disk that keeps what was written. Of one that does not, this is made (fail-stop):

* A disk without room: the server halts at the first write that is refused, before any answer that would rest on it. It
  may be restarted at once; it halts again if it has to write and there is still no room. All it ever said is durable.
* A record that cannot be read when the server starts: it halts, at every start. It must not take its log for shorter,
  nor its vote for not given, because what it acknowledged counts towards majorities: with the entry gone from one more
  log, or a second vote given, a committed entry can be lost or two leaders be elected. A record that rots while the
  server is up shows at its next start.

Alagappan et al. ("Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018) go further: others that can still
read the entries send them again. Here such a server is lost to the cluster, as if it had crashed for good; where that
is more than a minority, nothing is committed any more, and nothing is lost. An empty disk in its place would make it a
server that has forgotten its promises: it would have to join as a new member.

What observers see, in the order in which a server does it:

    "started"    (current_term, voted_for, last log index) as read from disk
    "candidate"  term                       "voted"      (term, candidate)
    "leader"     term                       "follower"   term: it was candidate or leader
    "truncated"  last index kept            "appended"   (index before, ((term, command), ...)); both when durable
    "progress"   (follower, matchIndex, nextIndex), by the leader when an acknowledgement changes them
    "commit"     commit index               "applied"    (index, term, command)
    "halted"     FULL_DISK or CORRUPT_RECORD

Lost votes are not asked for again: the next election does.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from simclock import Corrupt, DiskFull
from simclock.actors import Message, Node
from simclock.protocols.raft.log import Log
from simclock.protocols.raft.messages import (
    NO_OP,
    AppendEntries,
    AppendEntriesReply,
    ClientReply,
    ClientRequest,
    Entry,
    RequestVote,
    RequestVoteReply,
)
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.sessions import StateMachine
from simclock.protocols.raft.settings import RaftSettings

ELECTION = "election"
HEARTBEAT = "heartbeat"
BATCH = "batch"

FULL_DISK = "the disk is full"
CORRUPT_RECORD = "a record cannot be read"
"""Why a server halts."""


class Role(enum.IntEnum):
    """At any time each server is in one of three states (5.1)."""

    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2


class RaftServer(Node):
    """One member of the cluster; it replicates opaque commands to its state machine."""

    def __init__(self, settings: RaftSettings, state_machine: StateMachine) -> None:
        self.settings = settings
        self.state_machine = state_machine

        # Persistent state on all servers (read from disk when the server starts).
        self.current_term = 0
        """Latest term the server has seen: 0 at first boot, increases monotonically."""
        self.voted_for: int | None = None
        """Candidate that received the vote in `current_term`: set once in a term, None before."""
        self.log: Log
        """Log entries: terms never decrease along the log, and none is above `current_term`."""

        # Volatile state on all servers.
        self.role = Role.FOLLOWER
        self.leader_id: int | None = None
        """The leader of `current_term`, once heard of; at most one there is."""
        self.commit_index = 0
        """Index of the highest entry known to be committed: increases monotonically, <= last log index."""
        self.last_applied = 0
        """Index of the highest entry applied to the state machine: increases monotonically, <= commit_index."""
        self.unsynced = False
        """Whether persistent state was changed and not synced."""

        # Volatile state on candidates and leaders (made anew with each election).
        self.votes: set[int] = set()
        """Candidate: the servers that voted for it in `current_term`, itself among them."""
        self.progress: dict[int, Progress] = {}
        """Leader: nextIndex and matchIndex of every other server; empty in other roles."""
        self.waiting: dict[int, tuple[int, int]] = {}
        """Leader: index of an entry not yet applied -> (client, request id) to answer; empty in other roles."""
        self.gathering = False
        """Leader: whether commands wait for the end of a batch."""

    # Events.

    def on_start(self) -> None:
        """Raft 5.1, 5.2: servers start up as followers, with what their disk has kept."""
        vote = self.disk.read("vote", (0, None))
        self.log = Log(self.disk)
        if isinstance(vote, Corrupt):
            self.halt(CORRUPT_RECORD)
        if self.log.corrupt_index is not None:
            self._on_corrupt_entry(self.log.corrupt_index)
        self.current_term, self.voted_for = vote
        self.observe("started", (self.current_term, self.voted_for, self.log.last_index))
        self._reset_election_timer()

    def on_message(self, source: int, message: Any) -> None:
        """One check common to all RPCs, then one handler each."""
        if isinstance(message, ClientRequest):
            self._on_client_request(source, message)
            return
        if message.term > self.current_term:
            # Raft 5.1, rules for all servers: if RPC request or response contains term T > currentTerm, set
            # currentTerm = T, convert to follower.
            self._become_follower(message.term)
        match message:
            case RequestVote():
                self._on_request_vote(message)
            case RequestVoteReply():
                self._on_request_vote_reply(source, message)
            case AppendEntries():
                self._on_append_entries(message)
            case AppendEntriesReply():
                self._on_append_entries_reply(source, message)

    def on_timer(self, timer: Any) -> None:
        """The election timeout, the heartbeat, or the end of a batch."""
        if timer == ELECTION:
            # Raft 5.2: if election timeout elapses without receiving AppendEntries RPC from current leader or
            # granting vote to candidate, or while being candidate: start (new) election.
            self._become_candidate()
        elif timer == HEARTBEAT:
            self._broadcast_append_entries()
            self.set_timer(HEARTBEAT, self._heartbeat_ns())
        elif timer == BATCH:
            self.gathering = False
            self._replicate()

    # Roles.

    def _become_follower(self, term: int) -> None:
        """Of a newer term, or of the current one because its leader is known."""
        assert term >= self.current_term, "a term never decreases"
        if term > self.current_term:
            self.leader_id = None
            self._set_term_and_vote(term, None)
        if self.role is Role.FOLLOWER:
            return
        was_leader = self.role is Role.LEADER
        self.role = Role.FOLLOWER
        self.votes.clear()
        self.progress.clear()
        self.waiting.clear()
        self.cancel_timer(HEARTBEAT)
        self.cancel_timer(BATCH)
        self.gathering = False
        if was_leader:
            self._reset_election_timer()
        self.observe("follower", term)

    def _become_candidate(self) -> None:
        """Raft 5.2: increment currentTerm, vote for self, reset election timer, send RequestVote RPCs to all others."""
        assert self.role is not Role.LEADER, "a leader has no election timer"
        self.role = Role.CANDIDATE
        self.leader_id = None
        self._set_term_and_vote(self.current_term + 1, self.id)
        self.votes = {self.id}
        self.observe("candidate", self.current_term)
        self.observe("voted", (self.current_term, self.id))
        self._reset_election_timer()
        self._persist()
        request = RequestVote(self.current_term, self.id, self.log.last_index, self.log.last_term)
        for server in self.settings.servers:
            if server != self.id:
                self.send(server, request)
        self._count_votes()

    def _become_leader(self) -> None:
        """Raft 5.2, 5.3: announce it to all, to prevent new elections; reinitialize what is known of the others."""
        assert self.role is Role.CANDIDATE, "only a candidate is elected"
        self.role = Role.LEADER
        self.leader_id = self.id
        self.progress = {server: Progress(self.log.last_index) for server in self.settings.servers if server != self.id}
        self.cancel_timer(ELECTION)
        self.observe("leader", self.current_term)
        if self.settings.no_op:
            # Deviation: not in Figure 2. Raft 8 and dissertation 6.4: "each leader commit a blank no-op entry into
            # the log at the start of its term", as it may not count replicas of earlier terms' entries (5.4.2).
            self._append((Entry(self.current_term, NO_OP),))
            self._persist()
        self._broadcast_append_entries()
        self.set_timer(HEARTBEAT, self._heartbeat_ns())
        self._advance_commit_index()

    # Elections.

    def _on_request_vote(self, message: RequestVote) -> None:
        """RequestVote RPC, receiver implementation."""
        granted = self._may_grant(message)
        if granted:
            if self.voted_for is None:
                self._set_term_and_vote(self.current_term, message.candidate_id)
                self.observe("voted", (self.current_term, message.candidate_id))
            self._reset_election_timer()
        self._reply(message.candidate_id, RequestVoteReply(self.current_term, granted))

    def _may_grant(self, message: RequestVote) -> bool:
        """Rule 1: reply false if term < currentTerm (5.1).

        Rule 2: if votedFor is null or candidateId, and candidate's log is at least as up-to-date as receiver's log,
        grant vote (5.2, 5.4).
        """
        if message.term < self.current_term:
            return False
        return self.voted_for in (None, message.candidate_id) and self._is_up_to_date(message)

    def _is_up_to_date(self, message: RequestVote) -> bool:
        """Raft 5.4.1: of two logs the one with the later last term is more up-to-date, then the longer one."""
        theirs = message.last_log_term, message.last_log_index
        return theirs >= (self.log.last_term, self.log.last_index)

    def _on_request_vote_reply(self, source: int, message: RequestVoteReply) -> None:
        if self._is_vote_counted(message):
            self.votes.add(source)
            self._count_votes()

    def _is_vote_counted(self, message: RequestVoteReply) -> bool:
        """A vote is for one term: one that an earlier candidacy asked for counts no more."""
        return self.role is Role.CANDIDATE and message.term == self.current_term and message.vote_granted

    def _count_votes(self) -> None:
        """Raft 5.2: if votes received from majority of servers: become leader."""
        if len(self.votes) >= self.settings.majority:
            self._become_leader()

    # Replication: the follower.

    def _on_append_entries(self, message: AppendEntries) -> None:
        """AppendEntries RPC, receiver implementation."""
        if message.term < self.current_term:
            # Rule 1: reply false if term < currentTerm (5.1). The term in the reply is what counts.
            self._reply(message.leader_id, self._refusal(message))
            return
        if self.role is not Role.FOLLOWER:
            # Raft 5.2: if AppendEntries RPC received from new leader: convert to follower. The vote stays as it is.
            self._become_follower(message.term)
        self.leader_id = message.leader_id
        self._reset_election_timer()
        if not self._has_entry(message.prev_log_index, message.prev_log_term):
            # Rule 2: reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm (5.3).
            self._reply(message.leader_id, self._refusal(message))
            return
        self._store(message.prev_log_index, message.entries)
        self._persist()
        self._follow_commit_index(message)
        acknowledged = self._acknowledged_index(message)
        reply = AppendEntriesReply(self.current_term, True, message.prev_log_index, acknowledged, 0, 0)
        self._reply(message.leader_id, reply)

    def _has_entry(self, index: int, term: int) -> bool:
        return self.log.term(index) == term

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

    def _truncate(self, last_index: int) -> None:
        self.log.truncate(last_index)
        self.unsynced = True

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
        return AppendEntriesReply(self.current_term, False, prev, 0, term, index)

    # Replication: the leader.

    def propose(self, command: bytes) -> int | None:
        """Raft 5.3: if command received from client, append entry to local log; gives its index.

        None, and nothing is done, if this server is not leader.
        """
        if self.role is not Role.LEADER:
            return None
        assert command != NO_OP, "the empty command is the leader's own"
        self._append((Entry(self.current_term, command),))
        index = self.log.last_index
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

    def _on_append_entries_reply(self, source: int, message: AppendEntriesReply) -> None:
        if not self._is_reply_counted(message):
            return
        progress = self.progress[source]
        if message.success:
            match_index, next_index = progress.match_index, progress.next_index
            self._acknowledged(progress, message)
            if (progress.match_index, progress.next_index) != (match_index, next_index):
                self.observe("progress", (source, progress.match_index, progress.next_index))
            if progress.match_index > match_index:
                self._advance_commit_index()
            if self.log.durable_index >= progress.next_index:
                self._send_append_entries(source)
        elif self._is_refusal_current(progress, message):
            # Raft 5.3: if AppendEntries fails because of log inconsistency: decrement nextIndex and retry.
            self._refused(progress, message)
            self.observe("progress", (source, progress.match_index, progress.next_index))
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

    def _advance_commit_index(self) -> None:
        """Raft 5.3, 5.4.2: if there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
        log[N].term == currentTerm: set commitIndex = N.
        """
        index = self._majority_index()
        if index > self.commit_index and self._may_commit(index):
            self._set_commit_index(index)

    def _majority_index(self) -> int:
        """The highest index that a majority has stored; this server counts with what is durable."""
        stored = sorted([self.log.durable_index, *(each.match_index for each in self.progress.values())])
        return stored[len(stored) - self.settings.majority]

    def _may_commit(self, index: int) -> bool:
        """Raft 5.4.2: only entries from the leader's current term are committed by counting replicas (Figure 8).

        Terms never decrease along the log, so if the last of them is older, all are.
        """
        return self.log.term(index) == self.current_term

    # All servers.

    def _set_commit_index(self, index: int) -> None:
        self.commit_index = index
        self.observe("commit", index)
        self._apply_committed()

    def _apply_committed(self) -> None:
        """Raft 5.3: if commitIndex > lastApplied: increment lastApplied, apply log[lastApplied] to state machine."""
        while self.last_applied < self.commit_index:
            self.last_applied += 1
            index = self.last_applied
            entry = self.log.entry(index)
            self.observe("applied", (index, entry.term, entry.command))
            response = b"" if entry.command == NO_OP else self.state_machine.apply(entry.command)
            if index in self.waiting:
                # Raft 5.3: respond after entry applied to state machine.
                client, request_id = self.waiting.pop(index)
                self._reply(client, ClientReply(request_id, "ok", response, None))

    def _set_term_and_vote(self, term: int, voted_for: int | None) -> None:
        """Both in one record, so that no crash parts them."""
        self.current_term, self.voted_for = term, voted_for
        try:
            self.disk.write("vote", (term, voted_for))
        except DiskFull:
            self._on_disk_full()
        self.unsynced = True

    def _append(self, entries: Sequence[Entry]) -> None:
        try:
            self.log.append(entries)
        except DiskFull:
            self._on_disk_full()
        self.unsynced = True

    def _on_disk_full(self) -> None:
        """Law 4: what cannot be made durable must not be answered."""
        self.halt(FULL_DISK)

    def _on_corrupt_entry(self, index: int) -> None:
        """Law 4: the log is not what this server has acknowledged; nor is a shorter one."""
        self.halt(CORRUPT_RECORD)

    def _persist(self) -> None:
        """Figure 2: persistent state is updated on stable storage before responding to RPCs."""
        if not self.unsynced:
            return
        self._sync_disk()
        self.unsynced = False
        change = self.log.synced()
        if change is None:
            return
        if change.truncated:
            self.observe("truncated", change.kept_index)
        if change.entries:
            entries = tuple((entry.term, entry.command) for entry in change.entries)
            self.observe("appended", (change.kept_index, entries))

    def _sync_disk(self) -> None:
        self.disk.sync()

    def _reply(self, target: int, message: Message) -> None:
        self._persist()
        self.send(target, message)

    def _reset_election_timer(self) -> None:
        self.set_timer(ELECTION, self._election_timeout_ns())

    def _election_timeout_ns(self) -> int:
        """Raft 5.2: election timeouts are chosen randomly from a fixed interval, so that split votes are rare."""
        return self.random.uniform_ns(self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max)

    def _heartbeat_ns(self) -> int:
        return self.settings.heartbeat_ns

    # Clients.

    def _on_client_request(self, source: int, message: ClientRequest) -> None:
        """Dissertation, Figure 6.1, ClientRequest RPC."""
        if self.role is Role.LEADER:
            # Append command to log, replicate and commit it; reply when it is applied.
            self.waiting[self.log.last_index + 1] = source, message.request_id
            self.propose(message.command)
        else:
            # Reply NOT_LEADER if not leader, providing hint when available (6.2).
            self._reply(source, ClientReply(message.request_id, "not_leader", b"", self.leader_id))
