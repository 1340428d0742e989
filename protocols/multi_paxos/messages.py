"""The messages of Multi-Paxos, and the values that stand in them and on disks.

A *slot* is a place in the sequence of commands: the first is 1. A *ballot* is one whole number above 0 (`settings.py`).

The names are those of "Paxos Made Simple" (PMS), with p1a, p1b, p2a, p2b of "Paxos Made Moderately Complex" (PMMC).
"""

from __future__ import annotations

from simclock.actors import Message
from simclock.protocols.replication.messages import Change

NO_OP = b""
"""The command that fills a gap: no state machine sees it (PMS 3)."""


class Value(Message):
    """What is agreed upon for a slot. The same command proposed twice by clients is two values."""

    term: int
    """The ballot in which a leader first proposed it: it stays with the value when later ballots propose it again."""
    command: bytes
    change: Change | None = None
    """In place of a command, which is then the no-op: it holds from alpha slots after this one on (PMS 3)."""


class PValue(Message):
    """A value that was accepted for a slot in a ballot (PMMC 2)."""

    slot: int
    ballot: int
    value: Value


class Snapshot(Message):
    """The state machine after all slots up to an index."""

    index: int
    state: bytes
    configurations: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    """(first slot, number, members) of those in force after the index, and to come; none where they never change."""


class Prepare(Message):
    """Phase 1a, for all slots from the first on that the candidate does not know to be chosen (PMS 3)."""

    ballot: int
    first_slot: int


class Promise(Message):
    """Phase 1b: nothing below the ballot is accepted here any more, and this is what was."""

    ballot: int
    first_slot: int
    """The first slot that this speaks of: above what was asked for where a snapshot has replaced what was before."""
    pvalues: tuple[PValue, ...]


class Accept(Message):
    """Phase 2a, of one slot or of several that follow each other."""

    ballot: int
    first_slot: int
    values: tuple[Value, ...]
    chosen: int
    """All slots up to here are chosen."""


class Accepted(Message):
    """Phase 2b."""

    ballot: int
    first_slot: int
    count: int
    """Of how many slots."""


class Refused(Message):
    """Neither phase: another ballot has been promised (PMS 2.4 advises to say so)."""

    ballot: int
    """Of the request."""
    promised: int


class Heartbeat(Message):
    """A leader is there, and what it knows to be chosen."""

    ballot: int
    chosen: int
    round: int
    """How often it has spoken to all; the answer brings it back."""


class HeartbeatReply(Message):
    """Nothing above the ballot had been promised here when the heartbeat of that round came."""

    ballot: int
    round: int


class Want(Message):
    """Who lags asks for what was chosen, from a slot on."""

    first_slot: int


class Learn(Message):
    """Chosen values. It has no ballot: what is chosen is so for good, whoever says it."""

    pvalues: tuple[PValue, ...]
    """Of slots that follow each other."""
    chosen: int
    """As far as the sender knows: there is more to want below."""


class Install(Message):
    """A snapshot, in place of values that the sender has no more; whole, in one message."""

    snapshot: Snapshot
    chosen: int
