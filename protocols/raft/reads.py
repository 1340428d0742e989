"""Read-only queries that do not go through the log (dissertation 6.4), and the lease they may rest on (6.4.1).

Law 1: a leader knows what is committed only when an entry of its own term is: a query that comes earlier waits.
Law 2: a query is answered from a state that has applied all that was committed when it came, by a server that was
       still leader after it came: a quorum has answered a request that was sent later (ReadIndex), or cannot have
       elected another yet (the lease).
Law 3: a lease counts from when the round was sent, not from when it was answered; it ends with a transfer (3.10),
       which elects without waiting for a timeout, and there is none any more in that term: the message that tells the
       target to stand may arrive long after the transfer was given up.

A lease holds while no server's clock is off by more than `clock_drift_ppm`, nobody votes within the least election
timeout of hearing the leader, and a server that starts takes it that it has just heard one (`elections.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from simclock.protocols.raft.leading import Leading
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.settings import RaftSettings
from simclock.protocols.raft.state import Role
from simclock.protocols.replication import ClientQuery, ClientReply, StateMachine


class _Query(NamedTuple):
    """A query that waits until the leader is known to lead."""

    round: int
    """Whose answers say so; 0 before law 1 holds."""
    client: int
    message: ClientQuery


class Reads(Leading):
    """What a leader does with queries."""

    def __init__(self, settings: RaftSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self._forget_queries()

    def _forget_queries(self) -> None:
        """Clients ask elsewhere when they get no answer."""
        self.queries: list[_Query] = []
        self.round = self.confirmed_round = 0
        self.round_sent_ns: dict[int, int] = {}
        self.lease_until_ns: int | None = None

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        """Dissertation 6.4, steps 1 to 5."""
        if self.role is not Role.LEADER:
            self._reply(source, ClientReply(message.request_id, "not_leader", b"", self._leader_address()))
        elif self._knows_commit_index() and self._has_lease():
            self._answer_query(source, message)
        else:
            self.queries.append(_Query(0, source, message))
            self._ask_who_leads()

    def _knows_commit_index(self) -> bool:
        """Step 1 (law 1): has the leader marked an entry of its current term committed?"""
        return self.log.term(self.commit_index) == self.current_term

    def _has_lease(self) -> bool:
        if self.settings.reads != "lease" or self.lease_until_ns is None or self.handed_over:
            return False
        return self.clock.monotonic_ns() < self.lease_until_ns

    def _ask_who_leads(self) -> None:
        """Step 3: a new round of heartbeats, for all that wait; one at a time is under way."""
        if not self._knows_commit_index() or any(query.round for query in self.queries):
            return
        self.queries = [query._replace(round=self.round + 1) for query in self.queries]
        if self.queries:
            self._broadcast_append_entries()
            self._confirm()

    def _broadcast_append_entries(self) -> None:
        """A round is one that somebody waits for, or a lease rests on."""
        leases = self.settings.reads == "lease"
        if leases or self.queries:
            self.round += 1
        if leases:
            self.round_sent_ns[self.round] = self.clock.monotonic_ns()
        super()._broadcast_append_entries()

    def _heard_from(self, member: int, progress: Progress, round: int) -> None:
        super()._heard_from(member, progress, round)
        if round > self.confirmed_round:
            self._confirm()

    def _confirm(self) -> None:
        """Step 3: "it waits for their acknowledgments from a majority of the cluster"; step 5: who waits is answered.

        Step 4, waiting until the state machine has come as far, is never needed: what is committed is applied at once.
        """
        answered = {member: progress.round for member, progress in self.progress.items()}
        confirmed = self.configuration.reached({**answered, self.member: self.round})
        if confirmed <= self.confirmed_round:
            return
        self.confirmed_round = confirmed
        if confirmed in self.round_sent_ns:
            self.lease_until_ns = self.round_sent_ns[confirmed] + self.settings.lease_ns
            self.round_sent_ns = {at: ns for at, ns in self.round_sent_ns.items() if at > confirmed}
        ready = [query for query in self.queries if 0 < query.round <= confirmed]
        self.queries = [query for query in self.queries if not 0 < query.round <= confirmed]
        for query in ready:
            self._answer_query(query.client, query.message)
        self._ask_who_leads()

    def _has_committed(self) -> None:
        super()._has_committed()
        self._ask_who_leads()
