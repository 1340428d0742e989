"""What a Multi-Paxos server tells, in the order in which it does it, beside what servers of any engine tell.

Those are in protocols/replication/observed.py. Promises and votes are told when they are durable. Why a server has
halted is told by the kernel (`simclock.told.Halted`).
"""

from __future__ import annotations

from simclock import Told, reader


class Started(Told):
    """What the server has read from its disk."""

    promised: int
    snapshot_index: int
    """Of its snapshot, 0 if there is none: up to here its state machine is."""
    accepted: tuple[tuple[int, int], ...]
    """(slot, ballot) of what it has accepted or learned above, in order."""


class Promised(Told):
    """It accepts nothing below this ballot any more."""

    ballot: int


class Voted(Told):
    """It has accepted a value for a slot."""

    slot: int
    ballot: int
    term: int
    command: bytes


class Learned(Told):
    """It has been told what was chosen for a slot."""

    slot: int
    ballot: int
    """In which the one who told it had accepted it."""
    term: int
    command: bytes


class Candidate(Told):
    """It begins phase 1."""

    ballot: int


class Leader(Told):
    """A quorum has promised: it leads from now on."""

    ballot: int
    first_slot: int
    """The first that it does not know to be chosen."""
    recovered: int
    """The last that may have a value of an earlier ballot: it proposes all of them again, gaps with no-ops."""


class Follower(Told):
    """It was candidate or leader, and is so no more."""

    ballot: int
    """That it has heard of."""


class Proposed(Told):
    """A leader proposes a value for a slot."""

    slot: int
    ballot: int
    term: int
    command: bytes


class Chosen(Told):
    """A leader has heard of a quorum that accepted what it has proposed."""

    slot: int
    ballot: int


class Reconfigured(Told):
    """It has applied a change of the members."""

    slot: int
    first_slot: int
    """From here on they are these."""
    members: tuple[int, ...]


class Snapshotted(Told):
    """It has put a snapshot of its own in the place of values."""

    index: int
    digest: bytes
    """BLAKE2b of the state, 8 bytes: every server's state at an index is the same."""


class Installed(Told):
    """It has put another's snapshot in the place of its state."""

    index: int
    digest: bytes


read = reader(
    Started,
    Promised,
    Voted,
    Learned,
    Candidate,
    Leader,
    Follower,
    Proposed,
    Chosen,
    Reconfigured,
    Snapshotted,
    Installed,
)
