"""Raft servers with one wrong line: elections, terms and votes."""

from __future__ import annotations

from simclock.actors import Message
from simclock.protocols.raft import RaftServer, RequestPreVote, RequestVote, RequestVoteReply, Role


class ForgetsVote(RaftServer):
    """RAFT-02: term and vote live in memory only."""

    def _set_term_and_vote(self, term: int, voted_for: int | None) -> None:
        self.current_term, self.voted_for = term, voted_for


class RepliesBeforeVoteIsDurable(RaftServer):
    """RAFT-02, the other form: a vote is sent before it is synced."""

    def _reply(self, target: int, message: Message) -> None:
        if isinstance(message, RequestVoteReply):
            self.send(target, message)
        else:
            super()._reply(target, message)


class CountsStaleVotes(RaftServer):
    """RAFT-04: counts any vote that arrives."""

    def _is_vote_counted(self, message: RequestVoteReply) -> bool:
        return self.role is Role.CANDIDATE and message.vote_granted


class ClearsVoteInTerm(RaftServer):
    """RAFT-05: stepping down within a term forgets the vote."""

    def _become_follower(self, term: int) -> None:
        super()._become_follower(term)
        self._set_term_and_vote(term, None)


class LeaderGrantsVote(RaftServer):
    """RAFT-08: a leader grants a vote for its own term."""

    def _may_grant(self, message: RequestVote) -> bool:
        return (self.role is Role.LEADER and message.term == self.current_term) or super()._may_grant(message)


class VotesTwice(RaftServer):
    """Raft 5.2 left out: grants a vote without looking at whom it has voted for."""

    def _may_grant(self, message: RequestVote) -> bool:
        return message.term >= self.current_term and self._is_up_to_date(message)


class CountsMessages(RaftServer):
    """Votes are counted, not voters."""

    def _on_request_vote_reply(self, source: int, message: RequestVoteReply) -> None:
        if self._is_vote_counted(message):
            self.votes.add(next(each for each in self.settings.servers if each not in self.votes))
            self._count_votes()


class CountsHalf(RaftServer):
    """One vote less than a majority is enough."""

    def _count_votes(self) -> None:
        if self.role is Role.CANDIDATE and len(self.votes) >= self.settings.majority - 1:
            self._become_leader()


class IgnoresUpToDate(RaftServer):
    """Raft 5.4.1 left out: votes for anyone."""

    def _is_up_to_date(self, message: RequestVote | RequestPreVote) -> bool:
        return True


class ComparesLengthAlone(RaftServer):
    """Raft 5.4.1, of the two rules only the second: the longer log is the better one."""

    def _is_up_to_date(self, message: RequestVote | RequestPreVote) -> bool:
        return message.last_log_index >= self.log.last_index


class ComparesTermAlone(RaftServer):
    """Raft 5.4.1, of the two rules only the first: among logs of one last term any is good enough."""

    def _is_up_to_date(self, message: RequestVote | RequestPreVote) -> bool:
        return message.last_log_term >= self.log.last_term


class RejoinsEmpty(RaftServer):
    """RAFT-43: a member comes back under its old id with an empty log."""

    def on_start(self) -> None:
        self.disk.truncate("log", 0)
        super().on_start()


class KeepsLeading(RaftServer):
    """A higher term is adopted, but a leader goes on leading in it (Raft 5.1: "immediately reverts to follower")."""

    def _become_follower(self, term: int) -> None:
        if self.role is Role.LEADER and term > self.current_term:
            self._set_term_and_vote(term, None)
        else:
            super()._become_follower(term)


class TimesOutTogether(RaftServer):
    """Raft 5.2 left out: every election timeout is the same, so candidates split the vote again and again."""

    def _election_timeout_ns(self) -> int:
        return self.settings.election_timeout_ns_min
