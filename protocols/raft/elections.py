"""Elections: who may lead, and how a server comes by its role and leaves it.

Law 2: a role changes only in `_become_follower`, `_become_candidate` and `_become_leader`.
Law 3: identities are counted, not messages: votes are a set of servers.

Lost votes are not asked for again: the next election does.
"""

from __future__ import annotations

from simclock.protocols.raft.leading import BATCH, Leading
from simclock.protocols.raft.messages import NO_OP, Entry, RequestVote, RequestVoteReply
from simclock.protocols.raft.observed import Candidate, Follower, Leader, Voted
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.state import Role

ELECTION = "election"
"""The timer of followers and candidates."""
HEARTBEAT = "heartbeat"
"""The timer of leaders."""


class Elections(Leading):
    """Roles and votes (5.1, 5.2, 5.4.1)."""

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
        self.observe(Follower(term))
        self.on_following()

    def _become_candidate(self) -> None:
        """Raft 5.2: increment currentTerm, vote for self, reset election timer, send RequestVote RPCs to all others."""
        assert self.role is not Role.LEADER, "a leader has no election timer"
        self.role = Role.CANDIDATE
        self.leader_id = None
        self._set_term_and_vote(self.current_term + 1, self.id)
        self.votes = {self.id}
        self.observe(Candidate(self.current_term))
        self.observe(Voted(self.current_term, self.id))
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
        self.observe(Leader(self.current_term))
        if self.settings.no_op:
            # Deviation: not in Figure 2. Raft 8 and dissertation 6.4: "each leader commit a blank no-op entry into
            # the log at the start of its term", as it may not count replicas of earlier terms' entries (5.4.2).
            self._append((Entry(self.current_term, NO_OP),))
            self._persist()
        self._broadcast_append_entries()
        self.set_timer(HEARTBEAT, self._heartbeat_ns())
        self._advance_commit_index()
        self.on_leading()

    # Votes.

    def _on_request_vote(self, message: RequestVote) -> None:
        """RequestVote RPC, receiver implementation."""
        granted = self._may_grant(message)
        if granted:
            if self.voted_for is None:
                self._set_term_and_vote(self.current_term, message.candidate_id)
                self.observe(Voted(self.current_term, message.candidate_id))
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

    # The election timeout.

    def _reset_election_timer(self) -> None:
        self.set_timer(ELECTION, self._election_timeout_ns())

    def _election_timeout_ns(self) -> int:
        """Raft 5.2: election timeouts are chosen randomly from a fixed interval, so that split votes are rare."""
        return self.random.uniform_ns(self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max)
