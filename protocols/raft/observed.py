"""What a Raft server tells, in the order in which it does it, beside what servers of any engine tell.

Those are in protocols/replication/observed.py. Why a server has halted is told by the kernel (`simclock.told.Halted`).
"""

from __future__ import annotations

from simclock import Told, reader


class Started(Told):
    """What the server has read from its disk."""

    current_term: int
    voted_for: int | None
    last_index: int
    """Of its log."""
    snapshot_index: int
    """Of the snapshot before it, 0 if there is none: up to here its state machine is."""
    member: int | None
    """Who it is, where it has lost its disk; else None: it bears the node's number."""


class Candidate(Told):
    """It stands for election."""

    term: int


class Voted(Told):
    """A vote that is given, for itself too."""

    term: int
    candidate: int
    """A member."""


class Leader(Told):
    """It leads from now on."""

    term: int


class Follower(Told):
    """It was candidate or leader, and is so no more."""

    term: int


class Truncated(Told):
    """It has deleted the end of its durable log."""

    kept_index: int
    """The last that stays."""


class Appended(Told):
    """Entries that stand in the durable log from now on."""

    kept_index: int
    """Of the entry before them, 0 if there is none."""
    entries: tuple[tuple[int, bytes], ...]
    """(term, command) of each; where it changes the configuration, that as text."""


class Configured(Told):
    """The latest configuration in its log is another one from now on, or it has started with one of its log."""

    log_index: int
    voters: tuple[int, ...]
    outgoing: tuple[int, ...]
    """The voters of the old cluster, while it is joint."""
    learners: tuple[int, ...]


class Snapshotted(Told):
    """It has put a snapshot of its own in the place of entries."""

    last_included_index: int
    last_included_term: int
    digest: bytes
    """BLAKE2b of the state, 8 bytes: every server's state at an index is the same."""


class Installed(Told):
    """It has put the leader's snapshot in the place of its state, and of its log up to there."""

    last_included_index: int
    last_included_term: int
    last_index: int
    """Of its log afterwards: entries beyond the snapshot stay where they are the leader's."""
    digest: bytes


class QuorumLost(Told):
    """It leads no more, since it has not heard a quorum for an election timeout."""

    term: int


class TransferStarted(Told):
    """It hands over to a member, and takes no commands meanwhile."""

    term: int
    target: int


class TransferEnded(Told):
    """It leads on: the member it handed over to was not elected in time."""

    term: int
    target: int


class Progressed(Told, observed_as="progress"):
    """An acknowledgement or a refusal has changed what the leader knows of a follower."""

    follower: int
    """A member."""
    match_index: int
    next_index: int


# What the operator tells.


class ChangeAsked(Told):
    """The operator asks for a change, for the first time."""

    number: int
    add: tuple[int, ...]
    remove: tuple[int, ...]


class TransferAsked(Told):
    """The operator asks for a transfer, for the first time."""

    number: int
    target: int


class Answered(Told, observed_as="operator"):
    """A request has an end: it is done, or given up with the last reason."""

    number: int
    done: bool
    reason: str


read = reader(
    Started,
    Candidate,
    Voted,
    Leader,
    Follower,
    Truncated,
    Appended,
    Progressed,
    Configured,
    Snapshotted,
    Installed,
    QuorumLost,
    TransferStarted,
    TransferEnded,
    ChangeAsked,
    TransferAsked,
    Answered,
)
