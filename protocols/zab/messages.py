"""The messages of ZAB, and the values that stand in them and on disks.

The names are those of Junqueira, Reed and Serafini (DSN 2011): CEPOCH, NEWEPOCH, ACK-E, NEWLEADER, ACK-LD, COMMIT-LD,
then propose, ack, commit. Notifications are those of fast leader election (Medeiros 2012, section 4.1); DIFF, TRUNC
and SNAP are how the implementation sends a NEWLEADER that need not carry the whole history (section 4.2).
"""

from __future__ import annotations

import enum
from typing import Literal

from simclock.actors import Message


class Role(enum.IntEnum):
    """What a server is."""

    LOOKING = 0
    """For a leader."""
    FOLLOWING = 1
    LEADING = 2
    """Prospective leader, until its epoch is established."""


class Zxid(Message, order=True):
    """The name of a transaction: epochs are compared first, then counters."""

    epoch: int
    """Of the primary that broadcast it."""
    counter: int
    """1, 2, 3, ... in its epoch."""


ZERO = Zxid(0, 0)
"""Below every transaction: what an empty history ends with."""


class Transaction(Message):
    """<v, z>: a command and its zxid."""

    zxid: Zxid
    command: bytes


class Snapshot(Message):
    """The state machine after all transactions up to an index."""

    index: int
    zxid: Zxid
    """Of the transaction at the index."""
    state: bytes


# Fast leader election.


class Vote(Message, order=True):
    """Who is to lead, and why; votes are compared in the order of the fields."""

    epoch: int
    """currentEpoch of the one who is to lead."""
    zxid: Zxid
    """The last of its history."""
    leader: int


class Notification(Message):
    """A server's vote, and what the server is."""

    vote: Vote
    round: int
    """Of the election, by the sender's count."""
    role: Role


# Phase 1, discovery.


class CEpoch(Message):
    """A follower to the leader that it has elected: the last epoch it has accepted (f.p)."""

    accepted_epoch: int


class NewEpoch(Message):
    """A prospective leader proposes an epoch above all that a quorum has accepted."""

    epoch: int


class AckEpoch(Message):
    """ACK-E: the epoch is accepted, and this is how far the follower's history goes."""

    epoch: int
    current_epoch: int
    """f.a: the epoch of the last NEWLEADER it has accepted."""
    last_zxid: Zxid
    """In place of the history, hf: the leader needs to know whether it is ahead of its own, and where they part."""
    counts: bool
    """Whether this accepts the epoch. If not, it had accepted it before, perhaps of another leader."""


# Phase 2, synchronization.


class NewLeader(Message):
    """The initial history of an epoch. Accepted by a quorum, it establishes the epoch's leader."""

    epoch: int
    sync: Literal["DIFF", "TRUNC", "SNAP"]
    """DIFF: what follows the follower's history. TRUNC: the same, after its end is cut off. SNAP: all there is,
    where a snapshot has taken the place of what the follower lacks."""
    after: Zxid
    """The last transaction that stays, of the follower's history or of the snapshot."""
    snapshot: Snapshot | None
    """Of SNAP: what takes the place of all up to `after`."""
    transactions: tuple[Transaction, ...]
    """All that follow, up to the end of the leader's history."""


class AckLd(Message):
    """ACK-LD: the NEWLEADER is accepted, and durable."""

    epoch: int
    last_zxid: Zxid


class CommitLd(Message):
    """COMMIT-LD (UPTODATE): the epoch is established, and so much of its history is committed."""

    epoch: int
    committed: Zxid


# Phase 3, broadcast.


class Propose(Message):
    """A primary's transactions, in their order, after another."""

    epoch: int
    after: Zxid
    """The transaction before them in the leader's history."""
    transactions: tuple[Transaction, ...]


class Ack(Message):
    """All transactions of the leader's history up to one are durable here."""

    epoch: int
    last_zxid: Zxid


class Commit(Message):
    """All transactions up to one are committed."""

    epoch: int
    committed: Zxid


class Ping(Message):
    """A leader is there, and what it has committed."""

    epoch: int
    committed: Zxid
    round: int
    """How often it has spoken to all; the answer brings it back."""


class Pong(Message):
    """The follower was in the leader's epoch, and had accepted no later one, when the ping of that round came."""

    epoch: int
    last_zxid: Zxid
    round: int
