"""Raft servers with one wrong line: how one configuration becomes the next.

Changes of one voter need no joint configuration (dissertation 4.1); where a bug is about those, `ChangesOneByOne` is
the right server that has them.
"""

from __future__ import annotations

from simclock.protocols.raft import Configuration, RaftServer, RequestVote
from simclock.protocols.raft.configuration import leave_joint
from simclock.protocols.raft.membership import PendingChange


class SkipsJoint(RaftServer):
    """Section 6: "the cluster first switches to a transitional configuration" left out."""

    def _append_configuration(self, configuration: Configuration) -> None:
        super()._append_configuration(leave_joint(configuration) if configuration.joint else configuration)


class ChangesOneByOne(RaftServer):
    """Right: a change of one voter is one entry, any other is joint (dissertation 4.1)."""

    def _append_configuration(self, configuration: Configuration) -> None:
        moved = set(configuration.voters) ^ set(configuration.outgoing)
        if configuration.joint and len(moved) == 1:
            configuration = leave_joint(configuration)
        super()._append_configuration(configuration)


class ChangesBeforeOwnTerm(ChangesOneByOne):
    """RAFT-34: a change of one voter begins before an entry of the leader's own term is committed."""

    def _why_not(self, change: PendingChange) -> str:
        reason = super()._why_not(change)
        return "" if reason == "nothing of this leader's term is committed yet" else reason


class ChangesTwice(ChangesOneByOne):
    """RAFT-35: a change begins while the one before is not committed yet."""

    def _is_settled(self) -> bool:
        return not self.configuration.joint

    def _why_not(self, change: PendingChange) -> str:
        before, self.change = self.change, None
        reason = super()._why_not(change)
        self.change = before
        return reason


class LearnerRefuses(RaftServer):
    """RAFT-40: who believes itself a learner does not vote."""

    def _may_grant(self, message: RequestVote) -> bool:
        return self.configuration.is_voter(self.member) and super()._may_grant(message)
