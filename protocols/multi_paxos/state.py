"""What a Multi-Paxos server knows and keeps: what is durable, chosen and applied.

Law 1: durable before sent. A handler syncs what it changed before any message leaves that speaks of it (PMS 2.5: "an
       acceptor records its intended response in stable storage before actually sending the response").
Law 2: a server whose disk fails it stops, and says nothing more: at the first write that is refused, or, where a
       record cannot be read when it starts, at every start. An acceptor that took its promise or its votes for not
       given could help to choose a second value.
Law 3: slots are applied in order, each when all before it are chosen.
"""

from __future__ import annotations

import enum

from simclock.actors import Message
from simclock.protocols.multi_paxos.journal import Journal
from simclock.protocols.multi_paxos.messages import NO_OP, PValue, Value
from simclock.protocols.multi_paxos.observed import Learned, Promised, Voted
from simclock.protocols.multi_paxos.settings import MultiPaxosSettings
from simclock.protocols.replication import Change, DurableFront, StateMachine
from simclock.protocols.replication.observed import Applied, CommitIndex

ELECTION = "election"
"""The timer of who does not lead."""


class Role(enum.IntEnum):
    """What a server is besides acceptor and learner."""

    FOLLOWER = 0
    CANDIDATE = 1
    """In phase 1."""
    LEADER = 2


def told(value: Value) -> bytes:
    """What observers hear of a value: its command, or the change it brings."""
    return value.command if value.change is None else f"{value.change.number}: {value.change.members}".encode()


class ServerState(DurableFront):
    """The state of one server, and what every rule does with it."""

    settings: MultiPaxosSettings

    def __init__(self, settings: MultiPaxosSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.journal: Journal
        """Promise, accepted values and snapshot (read from disk when the server starts)."""
        self.current_term = 0
        """The highest ballot promised, which is the highest heard of: increases monotonically."""
        self.role = Role.FOLLOWER
        self.leader_id: int | None = None
        """The server that leads in the ballot promised, once heard of."""
        self.ballot = 0
        """Candidate and leader: its own."""
        self.commit_index = 0
        """All slots up to here are known to be chosen."""
        self.last_applied = 0

    @property
    def leads(self) -> bool:
        return self.role is Role.LEADER

    # What is durable.

    def _promise(self, ballot: int) -> None:
        """Accept nothing below a ballot any more."""
        assert ballot > self.current_term, "a promise never regresses"
        self.current_term = ballot
        self._write_promise(ballot)
        self._tell_when_durable(Promised(ballot))

    def _write_promise(self, ballot: int) -> None:
        self._write(self.journal.promise, ballot)

    def _keep(self, pvalue: PValue, kind: type[Voted] | type[Learned]) -> None:
        """A value is accepted, or learned. In the place of a slot that a snapshot covers it is there already."""
        if pvalue.slot > self.journal.snapshot.index:
            self._write_value(pvalue)
        self._tell_when_durable(kind(pvalue.slot, pvalue.ballot, pvalue.value.term, told(pvalue.value)))

    def _write_value(self, pvalue: PValue) -> None:
        self._write(self.journal.accept, pvalue)

    def _send_others(self, message: Message) -> None:
        for server in self.settings.nodes:
            if server != self.id:
                self._reply(server, message)

    # What is chosen.

    def _set_commit_index(self, index: int) -> None:
        self.commit_index = index
        self._write(self.journal.choose, index)
        self.observe(CommitIndex(index))
        self._apply_chosen()

    def _apply_chosen(self) -> None:
        """Law 3."""
        while self.last_applied < self.commit_index:
            self.last_applied += 1
            slot = self.last_applied
            value = self.journal.accepted[slot].value
            self.observe(Applied(slot, value.term, told(value)))
            if value.change is not None:
                self._apply_change(slot, value.change)
            if value.command == NO_OP:
                self._answer(slot, b"")
            else:
                self._apply(slot, value.command)
        self._compact()
        self.on_applied()

    def _apply_change(self, slot: int, change: Change) -> None:
        """The members change (`membership.py`)."""

    def _compact(self) -> None:
        """Let a snapshot take the place of what was applied, if it is time (`learning.py`)."""

    # The election timeout.

    def _reset_election_timer(self) -> None:
        self.set_timer(ELECTION, self._election_timeout_ns())

    def _election_timeout_ns(self) -> int:
        """Drawn anew each time, so that two who would lead seldom outbid each other again and again (PMS 2.4)."""
        return self.random.uniform_ns(self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max)
