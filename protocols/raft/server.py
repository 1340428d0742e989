"""A Raft server: Figure 2 of the paper, rule by rule. What happens to it comes in here.

    state.py       what it knows and keeps; what is durable, committed, applied
    leading.py     on it, replication as a leader does it
    elections.py   on both, roles and votes: who is elected leads
    following.py   on all, replication as a follower does it: who hears a leader follows

Law 1: durable before sent (`state.py`).
Law 2: the common check of the term comes first; a role changes in `elections.py` alone.
Law 3: identities are counted, not messages.
Law 4: a server whose disk fails it stops, and says nothing more (`state.py`).

What observers see is in `observed.py`.
"""

from __future__ import annotations

from typing import Any

from simclock import Corrupt
from simclock.environment.disk import CORRUPT_RECORD
from simclock.protocols.raft.elections import ELECTION, HEARTBEAT
from simclock.protocols.raft.following import Following
from simclock.protocols.raft.leading import BATCH
from simclock.protocols.raft.log import Log
from simclock.protocols.raft.messages import AppendEntries, AppendEntriesReply, RequestVote, RequestVoteReply
from simclock.protocols.raft.observed import Started
from simclock.protocols.replication import ClientRequest


class RaftServer(Following):
    """One member of the cluster; it replicates opaque commands to its state machine."""

    def on_start(self) -> None:
        """Raft 5.1, 5.2: servers start up as followers, with what their disk has kept."""
        vote = self.disk.read("vote", (0, None))
        self.log = Log(self.disk)
        if isinstance(vote, Corrupt):
            self.halt(CORRUPT_RECORD)
        if self.log.corrupt_index is not None:
            self._on_corrupt_entry(self.log.corrupt_index)
        self.current_term, self.voted_for = vote
        self.observe(Started(self.current_term, self.voted_for, self.log.last_index))
        self._reset_election_timer()

    def on_message(self, source: int, message: Any) -> None:
        """One check common to all RPCs, then one handler each."""
        if isinstance(message, ClientRequest):
            self._on_client_request(source, message)
            return
        if message.term > self.current_term:
            # Raft 5.1, rules for all servers: if RPC request or response contains term T > currentTerm, set
            # currentTerm = T, convert to follower.
            self._become_follower(message.term)
        match message:
            case RequestVote():
                self._on_request_vote(message)
            case RequestVoteReply():
                self._on_request_vote_reply(source, message)
            case AppendEntries():
                self._on_append_entries(message)
            case AppendEntriesReply():
                self._on_append_entries_reply(source, message)

    def on_timer(self, timer: Any) -> None:
        """The election timeout, the heartbeat, or the end of a batch."""
        if timer == ELECTION:
            # Raft 5.2: if election timeout elapses without receiving AppendEntries RPC from current leader or
            # granting vote to candidate, or while being candidate: start (new) election.
            self._become_candidate()
        elif timer == HEARTBEAT:
            self._broadcast_append_entries()
            self.set_timer(HEARTBEAT, self._heartbeat_ns())
        elif timer == BATCH:
            self.gathering = False
            self._replicate()
