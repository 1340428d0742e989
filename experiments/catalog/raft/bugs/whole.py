"""Raft servers with one wrong line: pre-votes, snapshots, membership, queries and transfers."""

from __future__ import annotations

from collections.abc import Collection

from simclock.protocols.raft import (
    InstallSnapshot,
    RaftServer,
    Role,
    Snapshot,
)
from simclock.protocols.raft.log import erase
from simclock.protocols.replication import ClientQuery, Sessions, reached_by
from simclock.protocols.replication.quorum import is_quorum, majority, reached

# Pre-votes.


class CountsPreVotes(RaftServer):
    """RAFT-07: pre-votes stay in the tally when the election begins."""

    def _become_candidate(self, *, transfer: bool = False) -> None:
        granted = set(self.pre_votes)
        super()._become_candidate(transfer=transfer)
        if self.role is Role.CANDIDATE:
            self.votes |= granted
            self._count_votes()


# Snapshots.


class InstallsOldSnapshots(RaftServer):
    """RAFT-29: a snapshot that comes late takes the place of what has been committed since."""

    def _is_new(self, message: InstallSnapshot) -> bool:
        return message.last_included_index > self.log.snapshot.last_included_index

    def _goes_on_from(self, snapshot: Snapshot) -> bool:
        return snapshot.last_included_index > self.last_applied and super()._goes_on_from(snapshot)


class ForgetsSessions(Sessions):
    """Dissertation 6.3: "the sessions must be part of the snapshot" left out."""

    def restore(self, state: bytes) -> None:
        super().restore(state)
        self._latest.clear()


class ForgetsConfiguration(RaftServer):
    """Dissertation 5.1: the configuration as of the snapshot is not kept with it."""

    def _replace_prefix(self, snapshot: Snapshot) -> None:
        first = self.settings.configuration
        super()._replace_prefix(
            Snapshot(snapshot.last_included_index, snapshot.last_included_term, first, snapshot.state)
        )


# Membership.


class CountsUnion(RaftServer):
    """RAFT-36: in C_old,new a majority of all voters together is enough."""

    def _is_quorum(self, members: Collection[int]) -> bool:
        return is_quorum([self._voters()], members)

    def _majority_index(self) -> int:
        stored = {member: progress.match_index for member, progress in self.progress.items()}
        return reached([self._voters()], {**stored, self.member: self.log.durable_index})

    def _voters(self) -> set[int]:
        return {*self.configuration.voters, *self.configuration.outgoing}


class CountsNewAlone(CountsUnion):
    """RAFT-36, the other form: in C_old,new a majority of C_new is enough."""

    def _voters(self) -> set[int]:
        return set(self.configuration.voters)


class CountsItselfRemoved(RaftServer):
    """RAFT-37: a leader that is not in C_new counts its own log for it."""

    def _majority_index(self) -> int:
        known = self.configuration
        if known.is_voter(self.member):
            return super()._majority_index()
        stored = [self.progress[each].match_index for each in known.voters if each in self.progress]
        return reached_by(majority(len(known.voters)), [*stored, self.log.durable_index])


class CountsLearners(CountsUnion):
    """RAFT-38: learners are counted in votes and commits."""

    def _voters(self) -> set[int]:
        return set(self.configuration.members)


class ComesBackEmpty(RaftServer):
    """RAFT-43: a server that has lost its disk goes on as the member that it was."""

    def _begin_as_another(self) -> None:
        erase(self.disk)
        self.disk.write("generation", self.generation)
        self.disk.write("vote", (0, None))
        self.disk.sync()


# Queries and transfers.


class ReadsBeforeOwnTerm(RaftServer):
    """RAFT-44: a query is answered before the leader knows what is committed."""

    def _knows_commit_index(self) -> bool:
        return True


class LeasesForLonger(RaftServer):
    """RAFT-46: a lease is as long as the longest election timeout, not the least."""

    def _confirm(self) -> None:
        before = self.lease_until_ns
        super()._confirm()
        if self.lease_until_ns is not None and self.lease_until_ns != before:
            self.lease_until_ns += 2 * self.settings.election_timeout_ns_max - self.settings.lease_ns


class LeaseSurvivesTransfer(RaftServer):
    """RAFT-47: who hands over goes on answering by its lease."""

    def _has_lease(self) -> bool:
        handed_over, self.handed_over = self.handed_over, False
        has = super()._has_lease()
        self.handed_over = handed_over
        return has


class AnswersWithoutRound(RaftServer):
    """Dissertation 6.4, step 3 left out: a leader answers queries without asking whether it still leads."""

    def _ask_who_leads(self) -> None:
        ready, self.queries = self.queries, []
        for query in ready:
            self._answer_query(query.client, query.message)


class EveryoneAnswersQueries(RaftServer):
    """A server answers a query from what it has applied, whether it leads or not: what SandTable found in Xraft."""

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        self._answer_query(source, message)
