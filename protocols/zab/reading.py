"""Queries that do not go through the history (protocols/replication/reading.py), as ZAB's leader answers them.

Law 1: an established leader has committed its initial history, in which is all that was committed before.
Law 2: a follower answers a ping only while it has accepted no later epoch than the leader's. A later leader needs the
       ACK-E of a quorum before it is established, and so of one that had not given it.

ZooKeeper's own reads are local to a server and may be old; its sync makes a read wait for what the leader has
committed, and does not ask a quorum whether the leader still leads.
"""

from __future__ import annotations

from collections.abc import Collection

from simclock.protocols.replication.reading import QuorumReads
from simclock.protocols.zab.leading import Leading
from simclock.protocols.zab.messages import Pong, Role


class Reading(QuorumReads, Leading):
    """What a leader does with queries."""

    def _stand_down(self) -> None:
        if self.role is Role.LEADING:
            self._drop_queries()
        super()._stand_down()

    def _knows_what_was_agreed(self) -> bool:
        """Law 1."""
        return self.leads

    def _speak_to_all(self) -> None:
        self._ping()

    def _are_enough(self, servers: Collection[int]) -> bool:
        """Law 2."""
        return self._are_quorum(servers)

    def _on_pong(self, source: int, message: Pong) -> None:
        super()._on_pong(source, message)
        if self.leads and message.epoch == self.epoch:
            self._heard_round(source, message.round)
