"""A ZAB server: it elects, follows and leads. What happens to it comes in here.

    state.py      what it knows and keeps; what is durable, committed, applied
    electing.py   on it, fast leader election
    following.py  on both, phases 1 to 3 as a follower
    leading.py    on all, phases 1 to 3 as a leader
    reading.py    queries that do not go through the history

What observers see is in `observed.py`.
"""

from __future__ import annotations

from typing import Any

from simclock.environment.disk import CORRUPT_RECORD
from simclock.protocols.replication import ClientQuery, ClientRequest
from simclock.protocols.zab.electing import FINALIZE, NOTIFY
from simclock.protocols.zab.following import CONNECT
from simclock.protocols.zab.journal import Journal
from simclock.protocols.zab.leading import HEARTBEAT
from simclock.protocols.zab.messages import (
    Ack,
    AckEpoch,
    AckLd,
    CEpoch,
    Commit,
    CommitLd,
    NewEpoch,
    NewLeader,
    Notification,
    Ping,
    Pong,
    Propose,
)
from simclock.protocols.zab.observed import Started
from simclock.protocols.zab.reading import Reading
from simclock.protocols.zab.state import ELECTION


class ZabServer(Reading):
    """One server of the ensemble; it replicates opaque commands to its state machine."""

    def on_start(self) -> None:
        """It looks for a leader, with what its disk has kept."""
        journal = self.journal = Journal(self.disk)
        if journal.is_corrupt:
            self._on_corrupt_journal()
        self._write(self.journal.settle)
        self.current_term = journal.accepted_epoch
        self._restore()
        history = tuple((each.zxid.epoch, each.zxid.counter) for each in journal.transactions)
        self.observe(Started(journal.accepted_epoch, journal.current_epoch, journal.snapshot.index, history))
        self._look()

    def _on_corrupt_journal(self) -> None:
        """What it has accepted is not known any more (`state.py`)."""
        self.halt(CORRUPT_RECORD)

    def on_message(self, source: int, message: Any) -> None:
        """What clients ask, and one handler for each message of a server."""
        match message:
            case ClientRequest():
                self._on_client_request(source, message)
            case ClientQuery():
                self._on_client_query(source, message)
            case Notification():
                self._on_notification(source, message)
            case CEpoch():
                self._on_cepoch(source, message)
            case NewEpoch():
                self._on_new_epoch(source, message)
            case AckEpoch():
                self._on_ack_epoch(source, message)
            case NewLeader():
                self._on_new_leader(source, message)
            case AckLd():
                self._on_ack_ld(source, message)
            case CommitLd():
                self._on_commit_ld(source, message)
            case Propose():
                self._on_propose(source, message)
            case Ack():
                self._on_ack(source, message)
            case Commit():
                self._on_commit(source, message)
            case Ping():
                self._on_ping(source, message)
            case Pong():
                self._on_pong(source, message)

    def on_timer(self, timer: Any) -> None:
        """One for each thing that may have to be done again, or given up."""
        if timer == ELECTION:
            self._on_election_timeout()
        elif timer == HEARTBEAT:
            self._on_heartbeat_timeout()
        elif timer == NOTIFY:
            self._notify_others()
        elif timer == CONNECT:
            self._connect()
        elif timer == FINALIZE:
            self._on_finalize()
