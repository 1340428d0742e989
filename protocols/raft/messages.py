"""The messages of Raft: one class per RPC and one per reply, with the paper's names in the paper's order.

An entry's index is its place in the log: the first has index 1, and index 0 with term 0 stands before it.
"""

from __future__ import annotations

from simclock.actors import Message

NO_OP = b""
"""The command of the entry with which a leader begins its term; no state machine sees it."""


class Entry(Message):
    """A log entry: a command for the state machine, and the term when the leader received it (Figure 2)."""

    term: int
    command: bytes


class RequestVote(Message):
    """Invoked by candidates to gather votes (5.2)."""

    term: int
    candidate_id: int
    last_log_index: int
    last_log_term: int


class RequestVoteReply(Message):
    """Results of RequestVote."""

    term: int
    """The voter's current term, for the candidate to update itself; the vote is for this term alone."""
    vote_granted: bool


class AppendEntries(Message):
    """Invoked by the leader to replicate log entries (5.3); also used as heartbeat (5.2)."""

    term: int
    leader_id: int
    prev_log_index: int
    prev_log_term: int
    entries: tuple[Entry, ...]
    leader_commit: int


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
