"""Elections: who may lead, and how a server comes by its role and leaves it.

Law 2: a role changes only in `_become_follower`, `_become_candidate` and `_become_leader`.
Law 3: identities are counted, not messages: votes are a set of members.

Lost votes are not asked for again: the next election does.
"""

from __future__ import annotations

from simclock.protocols.raft.configuration import member_of
from simclock.protocols.raft.leading import BATCH
from simclock.protocols.raft.messages import (
    NO_OP,
    Entry,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
)
from simclock.protocols.raft.observed import Candidate, Follower, Leader, QuorumLost, Voted
from simclock.protocols.raft.reads import Reads
from simclock.protocols.raft.state import Role

ELECTION = "election"
"""The timer of followers and candidates."""
HEARTBEAT = "heartbeat"
"""The timer of leaders."""
QUORUM = "quorum"
"""The timer at which a leader looks whether it still hears a quorum."""


class Elections(Reads):
    """Roles and votes (5.1, 5.2, 5.4.1; dissertation 4.2.3, 6.2, 9.6)."""

    # Roles.

    def _become_follower(self, term: int) -> None:
        """Of a newer term, or of the current one because its leader is known, or because it leads no more."""
        assert term >= self.current_term, "a term never decreases"
        if term > self.current_term:
            self.leader_id = None
            self._set_term_and_vote(term, None)
        self.pre_votes.clear()
        if self.role is Role.FOLLOWER:
            return
        was_leader = self.role is Role.LEADER
        self.role = Role.FOLLOWER
        self.votes.clear()
        self.progress.clear()
        self.waiting.clear()
        if was_leader:
            self._stop_leading()
        self.observe(Follower(term))
        self.on_following()

    def _stop_leading(self) -> None:
        """What a leader does besides has an end."""
        if self.leader_id == self.member:
            self.leader_id = None
        for timer in (HEARTBEAT, BATCH, QUORUM):
            self.cancel_timer(timer)
        self.gathering = False
        self._forget_queries()
        self._reset_election_timer()

    def _become_candidate(self, *, transfer: bool = False) -> None:
        """Raft 5.2: increment currentTerm, vote for self, reset election timer, send RequestVote RPCs to all others."""
        assert self.role is not Role.LEADER, "a leader has no election timer"
        self.role = Role.CANDIDATE
        self.leader_id = None
        self.pre_votes.clear()
        self._set_term_and_vote(self.current_term + 1, self.member)
        self.votes = {self.member}
        self.observe(Candidate(self.current_term))
        self.observe(Voted(self.current_term, self.member))
        self._reset_election_timer()
        self._persist()
        last = self.log.last_index, self.log.last_term
        for voter in self._other_voters():
            self._send_to(voter, RequestVote(self.current_term, self.member, *last, transfer))
        self._count_votes()

    def _become_leader(self) -> None:
        """Raft 5.2, 5.3: announce it to all, to prevent new elections; reinitialize what is known of the others."""
        assert self.role is Role.CANDIDATE, "only a candidate is elected"
        self.role = Role.LEADER
        self.leader_id = self.member
        self.pre_votes.clear()
        self.active.clear()
        self._forget_queries()
        self._update_progress()
        self.cancel_timer(ELECTION)
        self.observe(Leader(self.current_term))
        if self.settings.no_op:
            # Deviation: not in Figure 2. Raft 8 and dissertation 6.4: "each leader commit a blank no-op entry into
            # the log at the start of its term", as it may not count replicas of earlier terms' entries (5.4.2).
            self._append((Entry(self.current_term, NO_OP),))
            self._persist()
        self._broadcast_append_entries()
        self.set_timer(HEARTBEAT, self._heartbeat_ns())
        if self.settings.check_quorum:
            self.set_timer(QUORUM, self.settings.election_timeout_ns_min)
        self._advance_commit_index()
        self.on_leading()

    def _on_quorum_timeout(self) -> None:
        """Dissertation 6.2: a leader steps down if an election timeout elapses without a successful round of heartbeats
        to a majority of its cluster."""
        if self._is_quorum(self.active | {self.member}):
            self.active.clear()
            self.set_timer(QUORUM, self.settings.election_timeout_ns_min)
        else:
            self.observe(QuorumLost(self.current_term))
            self._become_follower(self.current_term)

    # Votes.

    def _other_voters(self) -> list[int]:
        configuration = self.configuration
        return [each for each in configuration.members if each != self.member and configuration.is_voter(each)]

    def _on_request_vote(self, message: RequestVote) -> None:
        """RequestVote RPC, receiver implementation."""
        granted = self._may_grant(message)
        if granted:
            if self.voted_for is None:
                self._set_term_and_vote(self.current_term, message.candidate_id)
                self.observe(Voted(self.current_term, message.candidate_id))
            self._reset_election_timer()
        self._reply_to(message.candidate_id, RequestVoteReply(self.current_term, granted, self.generation))

    def _may_grant(self, message: RequestVote) -> bool:
        """Rule 1: reply false if term < currentTerm (5.1).

        Rule 2: if votedFor is null or candidateId, and candidate's log is at least as up-to-date as receiver's log,
        grant vote (5.2, 5.4). Whether either is in this server's configuration is not asked (dissertation 4.1): the
        candidate's may be newer, and this server a voter in it.
        """
        if message.term < self.current_term:
            return False
        return self.voted_for in (None, message.candidate_id) and self._is_up_to_date(message)

    def _is_up_to_date(self, message: RequestVote | RequestPreVote) -> bool:
        """Raft 5.4.1: of two logs the one with the later last term is more up-to-date, then the longer one."""
        theirs = message.last_log_term, message.last_log_index
        return theirs >= (self.log.last_term, self.log.last_index)

    def _on_request_vote_reply(self, source: int, message: RequestVoteReply) -> None:
        if self._is_vote_counted(message):
            self.votes.add(member_of(source, message.generation, self.nodes))
            self._count_votes()

    def _is_vote_counted(self, message: RequestVoteReply) -> bool:
        """A vote is for one term: one that an earlier candidacy asked for counts no more."""
        return self.role is Role.CANDIDATE and message.term == self.current_term and message.vote_granted

    def _count_votes(self) -> None:
        """Raft 5.2: if votes received from majority of servers: become leader."""
        if self._is_quorum(self.votes):
            self._become_leader()

    # Candidates that would disrupt.

    def _ignores(self, message: RequestVote) -> bool:
        """Section 6, dissertation 4.2.3: "if a server receives a RequestVote request within the minimum election
        timeout of hearing from a current leader, it does not update its term or grant its vote"; unless that leader
        hands over (3.10).
        """
        return self.settings.sticky and not message.transfer and self._hears_leader_now()

    def _hears_leader_now(self) -> bool:
        if self.role is Role.LEADER:
            return True
        if self.heard_ns is None:
            return False
        return self.clock.monotonic_ns() - self.heard_ns < self.settings.election_timeout_ns_min

    def _follows(self, leader_id: int, term: int) -> None:
        """It has heard the leader of the current term."""
        if self.role is not Role.FOLLOWER or self.pre_votes:
            # Raft 5.2: if AppendEntries RPC received from new leader: convert to follower. The vote stays as it is.
            self._become_follower(term)
        self.leader_id = leader_id
        self._note_leader()
        self._reset_election_timer()

    def _note_leader(self) -> None:
        if self.settings.notes_leader:
            self.heard_ns = self.clock.monotonic_ns()

    # Pre-votes.

    def _on_election_timeout(self) -> None:
        """Raft 5.2: if election timeout elapses without receiving AppendEntries RPC from current leader or granting
        vote to candidate, or while being candidate: start (new) election. Who is not needed waits to be told to.

        It too takes it that it has no leader any more, which it names to clients: where two that have left the cluster
        named each other, clients would go round between them for ever.
        """
        if not self._is_needed():
            self.leader_id = None
            self._reset_election_timer()
        elif self.settings.pre_vote:
            self._ask_pre_votes()
        else:
            self._become_candidate()

    def _is_needed(self) -> bool:
        """Dissertation 4.2.2: "A server that is not part of its own latest configuration should still start new
        elections, as it might still be needed until the Cnew entry is committed": who has that entry may be the only
        one whose log the others do not refuse. It does not count its own vote. A learner was never needed.
        """
        if self.configuration.is_voter(self.member):
            return True
        index = self.log.configuration_index
        return index > self.commit_index and self.log.configuration_at(index - 1).is_voter(self.member)

    def _ask_pre_votes(self) -> None:
        """Dissertation 9.6: "a candidate would first ask other servers whether its log was up-to-date enough to get
        their vote. Only if the candidate believed it could get votes from a majority would it increment its term".

        It has no leader any more, as it takes it: else each of two would refuse the other for a leader that is gone.
        """
        self.leader_id = None
        self.heard_ns = None
        self.pre_votes = {self.member}
        self._reset_election_timer()
        request = RequestPreVote(self.current_term + 1, self.member, self.log.last_index, self.log.last_term)
        for voter in self._other_voters():
            self._send_to(voter, request)
        self._count_pre_votes()

    def _on_request_pre_vote(self, message: RequestPreVote) -> None:
        """Nothing changes here: neither the term, nor the vote, nor the timer."""
        granted = self._may_pre_grant(message)
        reply = RequestPreVoteReply(self.current_term, message.next_term, granted, self.generation)
        self._reply_to(message.candidate_id, reply)

    def _may_pre_grant(self, message: RequestPreVote) -> bool:
        """Dissertation 9.6: a server also refuses within an election timeout of hearing a leader; not if it is that
        leader itself that asks, since it knows best that it leads no more.
        """
        if message.next_term <= self.current_term or not self._is_up_to_date(message):
            return False
        return self.leader_id == message.candidate_id or not self._hears_leader_now()

    def _on_request_pre_vote_reply(self, source: int, message: RequestPreVoteReply) -> None:
        if self.pre_votes and message.vote_granted and message.next_term == self.current_term + 1:
            self.pre_votes.add(member_of(source, message.generation, self.nodes))
            self._count_pre_votes()

    def _count_pre_votes(self) -> None:
        if self._is_quorum(self.pre_votes):
            self._become_candidate()

    # The election timeout.

    def _reset_election_timer(self) -> None:
        self.set_timer(ELECTION, self._election_timeout_ns())

    def _election_timeout_ns(self) -> int:
        """Raft 5.2: election timeouts are chosen randomly from a fixed interval, so that split votes are rare."""
        return self.random.uniform_ns(self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max)
