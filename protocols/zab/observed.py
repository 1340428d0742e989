"""What a ZAB server tells, in the order in which it does it, beside what servers of any engine tell.

Those are in protocols/replication/observed.py; deliver, in the paper's words, is to apply. What is kept on disk is told
when it is durable. Why a server has halted is told by the kernel (`simclock.told.Halted`).
"""

from __future__ import annotations

from simclock import Told, reader


class Started(Told):
    """What the server has read from its disk."""

    accepted_epoch: int
    current_epoch: int
    snapshot_index: int
    """Of its snapshot, 0 if there is none: up to here its state machine is."""
    history: tuple[tuple[int, int], ...]
    """(epoch, counter) of the transactions after it, in order."""


class Looking(Told):
    """It has no leader, and begins or joins an election."""

    round: int


class Voted(Told):
    """It votes, for another than before or in another round."""

    round: int
    epoch: int
    zxid: tuple[int, int]
    leader: int


class Elected(Told):
    """It has elected itself: a prospective leader."""

    round: int


class Chooses(Told):
    """It has elected another."""

    leader: int
    round: int


class EpochAccepted(Told):
    """acceptedEpoch: it accepts nothing of an earlier epoch any more."""

    epoch: int
    leader: int
    """Who has proposed it."""


class EpochEntered(Told):
    """currentEpoch: its history is, or begins with, the initial history of the epoch."""

    epoch: int


class Truncated(Told):
    """It has deleted what followed an index."""

    index: int


class Logged(Told):
    """A transaction is in its history."""

    index: int
    epoch: int
    counter: int
    command: bytes


class Discovered(Told):
    """A quorum has accepted its epoch, and none of it is ahead: it begins to synchronize."""

    epoch: int


class Leader(Told):
    """A quorum has accepted its NEWLEADER: it is the primary of the epoch from now on."""

    epoch: int
    index: int
    """The last of its initial history, which is committed now."""


class Follower(Told):
    """It follows the established leader of an epoch."""

    epoch: int
    leader: int


class Broadcast(Told):
    """A primary broadcasts a transaction."""

    index: int
    epoch: int
    counter: int
    command: bytes


class Synchronizes(Told):
    """A leader brings a follower to its own history."""

    follower: int
    sync: str
    """DIFF, TRUNC or SNAP."""


class Snapshotted(Told):
    """It has put a snapshot of its own in the place of transactions."""

    index: int
    digest: bytes
    """BLAKE2b of the state, 8 bytes: every server's state at an index is the same."""


class Installed(Told):
    """It has put another's snapshot, and what follows there, in the place of its history."""

    index: int
    digest: bytes


read = reader(
    Started,
    Looking,
    Voted,
    Elected,
    Chooses,
    EpochAccepted,
    EpochEntered,
    Truncated,
    Logged,
    Discovered,
    Leader,
    Follower,
    Broadcast,
    Synchronizes,
    Snapshotted,
    Installed,
)
