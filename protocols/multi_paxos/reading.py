"""Queries that do not go through the log (protocols/replication/reading.py), as a leader of Multi-Paxos answers them.

Law 1: a leader knows what was chosen before it only when all slots are that phase 1 has told it of: a query waits.
Law 2: every quorum of phase 1 has a member of the quorum of phase 2 that has answered, which had promised no later
       ballot by then.
"""

from __future__ import annotations

from collections.abc import Collection

from simclock.protocols.multi_paxos.leading import Leading
from simclock.protocols.multi_paxos.messages import HeartbeatReply
from simclock.protocols.replication.reading import QuorumReads


class Reading(QuorumReads, Leading):
    """What a leader does with queries."""

    def _stand_back(self, ballot: int) -> None:
        self._drop_queries()
        super()._stand_back(ballot)

    def _knows_what_was_agreed(self) -> bool:
        """Law 1."""
        return self.commit_index >= self.recovered

    def _speak_to_all(self) -> None:
        self._send_heartbeats()

    def _on_heartbeat_reply(self, source: int, message: HeartbeatReply) -> None:
        if self.leads and message.ballot == self.ballot:
            self._heard_round(source, message.round)

    def _are_enough(self, servers: Collection[int]) -> bool:
        """A later leader may have chosen first for any slot up to the next: a quorum of its members promised."""
        members = {self._members_at(slot) for slot in range(self.commit_index + 1, self.next_slot + 1)}
        return all(self.settings.quorums_among(each).is_phase_two(servers) for each in members)

    def _has_chosen(self) -> None:
        super()._has_chosen()
        self._ask_who_leads()
