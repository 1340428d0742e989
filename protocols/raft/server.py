"""A Raft server: Figure 2 of the paper, rule by rule. What happens to it comes in here.

    state.py       what it knows and keeps; what is durable, committed, applied
    snapshots.py   on it, compaction, and what of snapshots is sent and taken
    leading.py     on both, replication as a leader does it
    reads.py       queries that do not go through the log
    elections.py   roles and votes: who is elected leads
    transfer.py    a leader hands over
    membership.py  who is in the cluster
    following.py   on all, replication as a follower does it: who hears a leader follows

Law 1: durable before sent (`state.py`).
Law 2: the common check of the term comes first; a role changes in `elections.py` alone.
Law 3: identities are counted, not messages.
Law 4: a server whose disk fails it stops, and says nothing more in its name (`state.py`).

What observers see is in `observed.py`.
"""

from __future__ import annotations

from typing import Any

from simclock import Corrupt, DiskFull
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK
from simclock.protocols.raft.elections import ELECTION, HEARTBEAT, QUORUM
from simclock.protocols.raft.following import Following
from simclock.protocols.raft.leading import BATCH
from simclock.protocols.raft.log import Log
from simclock.protocols.raft.membership import CATCH_UP, GENERATION, JOIN
from simclock.protocols.raft.messages import (
    AppendEntries,
    AppendEntriesReply,
    ChangeMembership,
    InstallSnapshot,
    InstallSnapshotReply,
    Join,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
    TimeoutNow,
    TransferLeadership,
)
from simclock.protocols.raft.observed import Started
from simclock.protocols.raft.transfer import TRANSFER
from simclock.protocols.replication import ClientQuery, ClientRequest


class RaftServer(Following):
    """One member of the cluster; it replicates opaque commands to its state machine."""

    def on_start(self) -> None:
        """Raft 5.1, 5.2: servers start up as followers, with what their disk has kept."""
        generation, vote, self.log = self._read_disk()
        if self._is_unreadable(generation, vote):
            if self.settings.rejoin:
                self._begin_as_another()
                generation, vote, self.log = self._read_disk()
            elif self.log.corrupt_index is not None:
                self._on_corrupt_entry(self.log.corrupt_index)
            else:
                self.halt(CORRUPT_RECORD)
        self.generation = generation
        self.current_term, self.voted_for = vote
        self._restore()
        snapshot_index = self.log.snapshot.last_included_index
        member = self.member if self.generation else None
        self.observe(Started(self.current_term, self.voted_for, self.log.last_index, snapshot_index, member))
        self.told_configuration = self.settings.configuration
        self._tell_configuration()
        self._note_leader()
        self._reset_election_timer()
        self._ask_to_join()

    def _read_disk(self) -> tuple[Any, Any, Log]:
        try:
            log = Log(self.disk, self.settings.configuration)
        except DiskFull:
            self.halt(FULL_DISK)
        return self.disk.read(GENERATION, 0), self.disk.read("vote", (0, None)), log

    def _is_unreadable(self, generation: Any, vote: Any) -> bool:
        return isinstance(generation, Corrupt) or isinstance(vote, Corrupt) or self.log.corrupt_index is not None

    def on_message(self, source: int, message: Any) -> None:
        """What clients and the operator ask; else one check common to all RPCs, then one handler each."""
        match message:
            case ClientRequest():
                self._on_client_request(source, message)
            case ClientQuery():
                self._on_client_query(source, message)
            case ChangeMembership():
                self._on_change_membership(source, message)
            case TransferLeadership():
                self._on_transfer_leadership(source, message)
            case Join():
                self._on_join(message)
            case RequestPreVote():
                self._on_request_pre_vote(message)
            case RequestVote() if self._ignores(message):
                pass
            case _:
                self._on_rpc(source, message)

    def _on_rpc(self, source: int, message: Any) -> None:
        if message.term > self.current_term:
            # Raft 5.1, rules for all servers: if RPC request or response contains term T > currentTerm, set
            # currentTerm = T, convert to follower.
            self._become_follower(message.term)
        match message:
            case RequestVote():
                self._on_request_vote(message)
            case RequestVoteReply():
                self._on_request_vote_reply(source, message)
            case RequestPreVoteReply():
                self._on_request_pre_vote_reply(source, message)
            case AppendEntries():
                self._on_append_entries(message)
            case AppendEntriesReply():
                self._on_append_entries_reply(source, message)
            case InstallSnapshot():
                self._on_install_snapshot(message)
            case InstallSnapshotReply():
                self._on_install_snapshot_reply(source, message)
            case TimeoutNow():
                self._on_timeout_now(message)

    def on_timer(self, timer: Any) -> None:
        """The election timeout, the heartbeat, the end of a batch, or of what a leader has begun besides."""
        if timer == ELECTION:
            self._on_election_timeout()
        elif timer == HEARTBEAT:
            self._broadcast_append_entries()
            self.set_timer(HEARTBEAT, self._heartbeat_ns())
        elif timer == BATCH:
            self.gathering = False
            self._replicate()
        elif timer == QUORUM:
            self._on_quorum_timeout()
        elif timer == TRANSFER:
            self._on_transfer_timeout()
        elif timer == CATCH_UP:
            self._give_up_change()
        elif timer == JOIN:
            self._ask_to_join()
