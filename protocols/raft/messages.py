"""The messages of Raft: one class per RPC and one per reply, with the paper's names in the paper's order.

An entry's index is its place in the log: the first has index 1, and index 0 with term 0 stands before it.

Servers are named as *members* (`configuration.py`). A reply says by `generation` which member of its node answers; who
is asked need not be named, since only the answers of members count.
"""

from __future__ import annotations

from simclock.actors import Message
from simclock.protocols.raft.configuration import Configuration

NO_OP = b""
"""The command of the entry with which a leader begins its term, and of one that changes the configuration; no state
machine sees it."""


class Entry(Message):
    """A log entry: a command for the state machine, and the term when the leader received it (Figure 2)."""

    term: int
    command: bytes
    configuration: Configuration | None = None
    """The cluster from here on: a server uses the latest in its log, committed or not (section 6)."""


class RequestVote(Message):
    """Invoked by candidates to gather votes (5.2)."""

    term: int
    candidate_id: int
    last_log_index: int
    last_log_term: int
    transfer: bool = False
    """Whether the leader itself asked for this election (dissertation 3.10): then it disrupts nothing."""


class RequestVoteReply(Message):
    """Results of RequestVote."""

    term: int
    """The voter's current term, for the candidate to update itself; the vote is for this term alone."""
    vote_granted: bool
    generation: int = 0


class RequestPreVote(Message):
    """Invoked by who would stand for election, to learn whether it could win (dissertation 9.6)."""

    next_term: int
    """The term it would stand in. It is nobody's yet: no server takes it over from here."""
    candidate_id: int
    last_log_index: int
    last_log_term: int


class RequestPreVoteReply(Message):
    """Results of RequestPreVote: a class of its own, so that no pre-vote can be taken for a vote."""

    term: int
    """The voter's current term, for who asks to update itself."""
    next_term: int
    """Of the request that is answered."""
    vote_granted: bool
    generation: int = 0


class AppendEntries(Message):
    """Invoked by the leader to replicate log entries (5.3); also used as heartbeat (5.2)."""

    term: int
    leader_id: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int
    round: int = 0
    """The leader's latest round of asking whether it still leads (dissertation 6.4); the reply brings it back."""


class AppendEntriesReply(Message):
    """Results of AppendEntries.

    Deviation: Figure 2 replies with `term` and `success` alone, and the RPC layer knows which call is meant. Messages
    are delayed, doubled and reordered here, so a reply says itself what it is about.
    """

    term: int
    success: bool
    prev_log_index: int
    """Of the AppendEntries that is answered: by it the leader knows a refusal that is out of date."""
    match_index: int
    """If success: the index up to which this request showed both logs to be equal; else 0."""
    conflict_term: int
    """If refused: the term of the follower's entry at `prev_log_index`, 0 where its log ends before (5.3)."""
    conflict_index: int
    """If refused: the first index the follower stores for that term, or the one after its log's end (5.3)."""
    round: int = 0
    generation: int = 0


class InstallSnapshot(Message):
    """Invoked by the leader to send chunks of a snapshot to a follower; always in order (dissertation, Figure 5.3)."""

    term: int
    leader_id: int
    last_included_index: int
    """The snapshot replaces all entries up through and including this index."""
    last_included_term: int
    configuration: Configuration
    """The latest as of that index."""
    offset: int
    """Where the chunk is positioned in the snapshot, in bytes."""
    data: bytes
    done: bool
    """Whether this is the last chunk."""
    round: int = 0


class InstallSnapshotReply(Message):
    """Results of InstallSnapshot."""

    term: int
    last_included_index: int
    """Of the snapshot that is meant."""
    offset: int
    """How many bytes of it are here: the chunk that is wanted next."""
    done: bool
    """Whether everything up to that index is here, by this snapshot or otherwise."""
    round: int = 0
    generation: int = 0


class TimeoutNow(Message):
    """Invoked by a leader that hands over, to a server whose log is as its own (dissertation 3.10)."""

    term: int
    leader_id: int


# Of the cluster's operator, and what servers answer.


class ChangeMembership(Message):
    """Invoked to change who is in the cluster (section 6)."""

    request_id: int
    add: tuple[int, ...]
    """Nodes whose servers are to be voters; one that has lost its disk asks for itself (`Join`)."""
    remove: tuple[int, ...]
    """Nodes whose members are to be none any more."""


class TransferLeadership(Message):
    """Invoked to have another server lead (dissertation 3.10)."""

    request_id: int
    target: int
    """The node of a voter."""


class OperatorReply(Message):
    """Results of both."""

    request_id: int
    done: bool
    reason: str
    """If it is not done: why; the operator may ask again."""
    leader_hint: int | None
    """If this server does not lead: the node that does, if known."""


class Join(Message):
    """A server that has lost its disk is another member from now on, and asks to be let in."""

    member: int
