"""What a server tells, in the order in which it does it, beside what servers of any engine tell.

Those are in protocols/replication/observed.py. What a durable server promises or acknowledges is told when it is on
its disk. Why a server has halted is told by the kernel (`simclock.told.Halted`). A *term* is an epoch and a view
(`settings.py`).
"""

from __future__ import annotations

from simclock import Told, reader


class Started(Told):
    """A server begins; with what its disk has kept, where it is durable."""

    term: int
    last_normal_view: int
    checkpoint: int
    """The index of its checkpoint, 0 if there is none: up to here its state machine is."""
    op_number: int
    recovering: bool
    """It has crashed, has nothing, and asks the others."""


class Kept(Told):
    """A durable server begins again: what else its disk has kept."""

    commit_number: int
    members: tuple[int, ...]
    """Of the group of its epoch."""
    crash_vector: tuple[int, ...]
    first: int
    """The op-number of the first operation after the checkpoint."""
    operations: tuple[tuple[int, bytes], ...]
    """Those: the term in which each was taken, and its command."""


class CrashesKnown(Told):
    """A durable server counts nothing any more of lives before these crashes."""

    crash_vector: tuple[int, ...]


class ViewChange(Told, observed_as="candidate"):
    """It has left earlier views for this one, and says so to all."""

    term: int


class Handed(Told):
    """It brings its log into a view: its DOVIEWCHANGE."""

    term: int
    last_normal_view: int
    op_number: int


class Leader(Told):
    """It is the primary of a view that begins."""

    term: int
    op_number: int
    """Of the last operation in the log with which the view begins."""


class Follower(Told):
    """It was primary, and is so no more."""

    term: int


class Joined(Told):
    """Its status is normal in a view, as a backup."""

    term: int
    op_number: int


class Prepared(Told):
    """An operation is in its log, in a view in which its status is normal."""

    op_number: int
    term: int
    """That of the view."""
    taken_in: int
    """The term in which a primary took the operation."""
    command: bytes


class Recovered(Told):
    """It has crashed, and has now what there is."""

    term: int
    op_number: int


class Transferred(Told):
    """It has got by state transfer what it lacked."""

    term: int
    op_number: int


class Reconfigured(Told):
    """It has executed a RECONFIGURATION."""

    op_number: int
    epoch: int
    """That begins."""
    members: tuple[int, ...]


class Snapshotted(Told):
    """It has put a checkpoint of its own in the place of operations."""

    index: int
    digest: bytes
    """BLAKE2b of the state, 8 bytes: every server's state at an index is the same."""


class Installed(Told):
    """It has put another's checkpoint in the place of its state."""

    index: int
    digest: bytes


read = reader(
    Started,
    Kept,
    CrashesKnown,
    ViewChange,
    Handed,
    Leader,
    Follower,
    Joined,
    Prepared,
    Recovered,
    Transferred,
    Reconfigured,
    Snapshotted,
    Installed,
)
