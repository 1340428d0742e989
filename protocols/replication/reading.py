"""Queries that do not go through the log: a leader asks a quorum whether it still leads (ReadIndex; Ongaro 2014, 6.4).

Law 1: a query waits until the leader knows all that was agreed upon before it led.
Law 2: a query is answered when a quorum has answered a heartbeat that was sent after it came: whoever elects a later
       leader has a member of it, which had heard of no later one by then. So no later leader had anything agreed upon
       by when the query came.

An engine puts this before its own classes, says what the laws mean for it, and calls

    _heard_round(server, round)   when a server has answered a heartbeat of this leadership
    _ask_who_leads()              when it may know more of what was agreed upon before it
    _drop_queries()               when it leads no more: clients ask elsewhere when they get no answer
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from simclock.protocols.replication.front import Front
from simclock.protocols.replication.messages import ClientQuery, ClientReply
from simclock.protocols.replication.sessions import StateMachine


class _Query(NamedTuple):
    """A query that waits until the leader is known to lead."""

    round: int
    """Whose answers say so; 0 before law 1 holds, or while another round is under way."""
    client: int
    message: ClientQuery


class QuorumReads(Front):
    """What a leader does with queries."""

    spoken: int
    """Leader: how often it has spoken to all, which is the number of its latest round; the engine counts."""

    def __init__(self, settings: Any, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.queries: list[_Query] = []
        self.answered: dict[int, int] = {}
        """Server -> the latest round that it has answered."""

    def _knows_what_was_agreed(self) -> bool:
        """Law 1."""
        raise NotImplementedError("the engine's")

    def _speak_to_all(self) -> None:
        """Begin another round of heartbeats."""
        raise NotImplementedError("the engine's")

    def _are_enough(self, servers: Collection[int]) -> bool:
        """Law 2: whether these servers, this one among them, are such a quorum."""
        raise NotImplementedError("the engine's")

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        if not self.leads:
            self._reply(source, ClientReply(message.request_id, "not_leader", b"", self._leader_address()))
            return
        self.queries.append(_Query(0, source, message))
        self._ask_who_leads()

    def _ask_who_leads(self) -> None:
        """One round for all that wait; one at a time is under way."""
        if not self._knows_what_was_agreed() or any(query.round for query in self.queries):
            return
        self.queries = [query._replace(round=self.spoken + 1) for query in self.queries]
        if self.queries:
            self._speak_to_all()
            self._confirm()

    def _heard_round(self, server: int, round: int) -> None:
        self.answered[server] = max(round, self.answered.get(server, 0))
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
        return self._are_enough({server for server, answered in self.answered.items() if answered >= round} | {self.id})

    def _drop_queries(self) -> None:
        self.queries.clear()
        self.answered.clear()
