"""A Multi-Paxos server: proposer, acceptor and learner on one node. What happens to it comes in here.

    state.py      what it knows and keeps; what is durable, chosen, applied
    membership.py on it, who the members are
    learning.py   on it, what is chosen, who lags, snapshots
    accepting.py  on both, promises and votes
    leading.py    on all, phase 1 and phase 2 as a proposer
    reading.py    queries that do not go through the log

What observers see is in `observed.py`.
"""

from __future__ import annotations

from typing import Any

from simclock.environment.disk import CORRUPT_RECORD
from simclock.protocols.multi_paxos.journal import Journal
from simclock.protocols.multi_paxos.leading import HEARTBEAT
from simclock.protocols.multi_paxos.messages import (
    Accept,
    Accepted,
    Heartbeat,
    HeartbeatReply,
    Install,
    Learn,
    Prepare,
    Promise,
    Refused,
    Want,
)
from simclock.protocols.multi_paxos.observed import Started
from simclock.protocols.multi_paxos.reading import Reading
from simclock.protocols.multi_paxos.state import ELECTION
from simclock.protocols.replication import ClientQuery, ClientRequest, Reconfigure


class MultiPaxosServer(Reading):
    """One server of the cluster; it replicates opaque commands to its state machine."""

    def on_start(self) -> None:
        """It begins as a follower, with what its disk has kept."""
        self.journal = Journal(self.disk)
        if self.journal.is_corrupt:
            self._on_corrupt_journal()
        self._write(self.journal.settle)
        self.current_term = self.journal.promised
        self._restore()
        accepted = tuple((pvalue.slot, pvalue.ballot) for pvalue in self.journal.pvalues_from(0))
        self.observe(Started(self.current_term, self.journal.snapshot.index, accepted))
        if self.journal.chosen > self.commit_index:
            self._set_commit_index(self.journal.chosen)
        self._reset_election_timer()

    def _on_corrupt_journal(self) -> None:
        """What it has promised and accepted is not known any more (`state.py`)."""
        self.halt(CORRUPT_RECORD)

    def on_message(self, source: int, message: Any) -> None:
        """What clients ask, and one handler for each message of a server."""
        match message:
            case ClientRequest():
                self._on_client_request(source, message)
            case ClientQuery():
                self._on_client_query(source, message)
            case Prepare():
                self._on_prepare(source, message)
            case Promise():
                self._on_promise(source, message)
            case Accept():
                self._on_accept(source, message)
            case Accepted():
                self._on_accepted(source, message)
            case Refused():
                self._on_refused(source, message)
            case Heartbeat():
                self._on_heartbeat(source, message)
            case HeartbeatReply():
                self._on_heartbeat_reply(source, message)
            case Want():
                self._teach(source, message.first_slot)
            case Learn():
                self._on_learn(source, message)
            case Install():
                self._on_install(source, message)
            case Reconfigure():
                self._on_reconfigure(source, message)

    def on_timer(self, timer: Any) -> None:
        """The election timeout, or the heartbeat."""
        if timer == ELECTION and self._is_member():
            self._stand()
        elif timer == ELECTION:
            self._reset_election_timer()
        elif timer == HEARTBEAT:
            self._on_heartbeat_timeout()
