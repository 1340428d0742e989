"""Queries that do not go through the log: a leader asks a quorum whether it still leads (ReadIndex; Ongaro 2014, 6.4).

Law 1: a leader knows what was chosen before it only when all slots are that phase 1 has told it of: a query waits.
Law 2: a query is answered when a quorum of phase 2 has answered a heartbeat that was sent after it came: every quorum
       of phase 1 has a member of it, which had promised no later ballot by then. So no later leader had chosen
       anything by when the query came.
"""

from __future__ import annotations

from typing import NamedTuple

from simclock.protocols.multi_paxos.leading import Leading
from simclock.protocols.multi_paxos.messages import HeartbeatReply
from simclock.protocols.multi_paxos.settings import MultiPaxosSettings
from simclock.protocols.replication import ClientQuery, ClientReply, StateMachine


class _Query(NamedTuple):
    """A query that waits until the leader is known to lead."""

    round: int
    """Whose answers say so; 0 before law 1 holds, or while another round is under way."""
    client: int
    message: ClientQuery


class Reading(Leading):
    """What a leader does with queries."""

    def __init__(self, settings: MultiPaxosSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.queries: list[_Query] = []
        self.answered: dict[int, int] = {}
        """Acceptor -> the latest round that it has answered."""

    def _stand_back(self, ballot: int) -> None:
        """Clients ask elsewhere when they get no answer."""
        self.queries.clear()
        self.answered.clear()
        super()._stand_back(ballot)

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        if not self.leads:
            self._reply(source, ClientReply(message.request_id, "not_leader", b"", self._leader_address()))
            return
        self.queries.append(_Query(0, source, message))
        self._ask_who_leads()

    def _ask_who_leads(self) -> None:
        """One round for all that wait; one at a time is under way."""
        if not self._knows_what_was_chosen() or any(query.round for query in self.queries):
            return
        self.queries = [query._replace(round=self.round + 1) for query in self.queries]
        if self.queries:
            self._send_heartbeats()
            self._confirm()

    def _knows_what_was_chosen(self) -> bool:
        """Law 1."""
        return self.commit_index >= self.recovered

    def _on_heartbeat_reply(self, source: int, message: HeartbeatReply) -> None:
        if self.leads and message.ballot == self.ballot:
            self.answered[source] = max(message.round, self.answered.get(source, 0))
            self._confirm()

    def _confirm(self) -> None:
        """Law 2."""
        ready = [query for query in self.queries if query.round and self._still_leads(query.round)]
        if not ready:
            return
        self.queries = [query for query in self.queries if query not in ready]
        for query in ready:
            self._answer_query(query.client, query.message)
        self._ask_who_leads()

    def _still_leads(self, round: int) -> bool:
        """A later leader may have chosen first for any slot up to the next: a quorum of its members promised."""
        have = {server for server, answered in self.answered.items() if answered >= round} | {self.id}
        members = {self._members_at(slot) for slot in range(self.commit_index + 1, self.next_slot + 1)}
        return all(self.settings.quorums_among(each).is_phase_two(have) for each in members)

    def _has_chosen(self) -> None:
        super()._has_chosen()
        self._ask_who_leads()
