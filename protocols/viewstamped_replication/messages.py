"""The messages of Viewstamped Replication, and the values that stand in them and on disks.

The names and the order of the fields are those of "Viewstamped Replication Revisited" (VRR); each message that belongs
to a group of replicas has its epoch first, as VRR 7 has it, and leaves out the sender's number, which the network
tells. The op-number n of a log is that of its last entry, and is not sent beside it.

A *crash vector* (Michael et al., DISC 2017) counts, for every node, how often it is known to have crashed and begun to
recover; empty where the settings leave it out.
"""

from __future__ import annotations

from simclock.actors import Message


class Reconfiguration(Message):
    """A RECONFIGURATION in a log (VRR 7): who the replicas of the next epoch are."""

    number: int
    """Of the change, as its operator counts."""
    members: tuple[int, ...]
    crash_vector: tuple[int, ...]
    """What the primary that took it knew of crashes (`epochs.py`, law 6)."""


class Entry(Message):
    """An operation in a log."""

    term: int
    """The epoch and view in which a primary took it (`settings.py`): it stays with it in later views."""
    command: bytes
    change: Reconfiguration | None = None
    """In place of a command, which is then empty: always the last entry of its epoch (VRR 7)."""


class Checkpoint(Message):
    """The application state after all operations up to an index (VRR 5.1)."""

    index: int
    state: bytes


class Log(Message):
    """A log, or the end of one."""

    first: int
    """The op-number of the first entry."""
    entries: tuple[Entry, ...]
    checkpoint: Checkpoint | None = None
    """What is before the first, where the sender has nothing else of it."""

    @property
    def op_number(self) -> int:
        """Of the last entry."""
        return self.first + len(self.entries) - 1


class Group(Message):
    """The replicas of an epoch (VRR 7)."""

    epoch: int
    op_number: int
    """Of the RECONFIGURATION that began it; 0: the first epoch."""
    former: tuple[int, ...]
    """The replicas of the epoch before: those who are not among the members are replaced."""
    members: tuple[int, ...]
    number: int
    """Of the change, as its operator counts."""
    crash_vector: tuple[int, ...] = ()
    """That of the RECONFIGURATION: whoever is of the epoch knows this of crashes."""


class Standing(Message):
    """Where a durable server stands, as its journal has it; one record, so that a crash leaves all of it or nothing."""

    group: Group
    view: int
    last_normal_view: int
    op_number: int
    """The log is cut to here ..."""
    entries: tuple[Entry, ...]
    """... and these come after it."""
    crash_vector: tuple[int, ...]


# Normal operation (VRR 4.1).


class Prepare(Message):
    """A primary has put operations in its log, in this order."""

    epoch: int
    view: int
    entries: tuple[Entry, ...]
    op_number: int
    """Of the first."""
    commit_number: int


class PrepareOk(Message):
    """This operation, and all before it, are in the log here."""

    epoch: int
    view: int
    op_number: int


class Commit(Message):
    """A primary is there, and this is how far it has committed."""

    epoch: int
    view: int
    commit_number: int
    round: int
    """An answer is asked for that brings it back; 0: none is."""


class CommitOk(Message):
    """This server was in that view when the `Commit` of that round came."""

    epoch: int
    view: int
    round: int


# View changes (VRR 4.2).


class StartViewChange(Message):
    """This server has left earlier views for this one."""

    epoch: int
    view: int
    crash_vector: tuple[int, ...]


class DoViewChange(Message):
    """To the primary of the new view: the log that this server brings into it."""

    epoch: int
    view: int
    log: Log
    last_normal_view: int
    """The latest view in which its status was normal."""
    commit_number: int
    crash_vector: tuple[int, ...]


class StartView(Message):
    """The view has begun, with this log."""

    epoch: int
    view: int
    log: Log
    commit_number: int


# Recovery (VRR 4.3), and what crash vectors add to it.


class CrashVectorRequest(Message):
    """Of a server that has crashed, before anything else."""

    nonce: int


class CrashVectorReply(Message):
    """What is known of crashes here."""

    nonce: int
    group: Group
    crash_vector: tuple[int, ...]


class Recovery(Message):
    """A server that has crashed asks for what there is."""

    nonce: int
    crash_vector: tuple[int, ...]


class RecoveryResponse(Message):
    """Of a server whose status is normal."""

    view: int
    nonce: int
    log: Log | None
    """Of the view's primary; others leave it out."""
    commit_number: int
    group: Group
    crash_vector: tuple[int, ...]


# State transfer (VRR 5.2).


class GetState(Message):
    """What comes after this operation?"""

    epoch: int
    view: int
    op_number: int


class NewState(Message):
    """What comes after the operation that was asked for."""

    epoch: int
    view: int
    log: Log
    commit_number: int


# Reconfiguration (VRR 7); RECONFIGURATION itself is `Reconfigure` of protocols/replication.


class StartEpoch(Message):
    """An epoch has begun."""

    group: Group
    taken_in: int | None
    """The term in which its RECONFIGURATION was taken; None where the sender does not know."""


class EpochStarted(Message):
    """To the replicas that are replaced: this server is normal in the epoch."""

    epoch: int
