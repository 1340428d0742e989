"""The messages of transactions (Spanner 4.2), and what leaders have on disk."""

from __future__ import annotations

from simclock.actors import Message

# Data.


class Version(Message):
    """What a key held from a timestamp on; (0, 0) before the first write."""

    key: int
    timestamp: int
    value: int


class Write(Message):
    """What a transaction writes."""

    key: int
    value: int


# Reads.


class Read(Message):
    """A read within a read-write transaction: takes shared locks (4.2.1)."""

    transaction: int
    age: int
    keys: tuple[int, ...]


class ReadReply(Message):
    """The newest versions, locked from now on."""

    transaction: int
    incarnation: int
    """Of the leader: its locks die with it, so the commit message brings this back."""
    versions: tuple[Version, ...]


class ReadAt(Message):
    """A read without locks, at a timestamp (4.2.2)."""

    transaction: int
    timestamp: int
    keys: tuple[int, ...]


class ReadAtReply(Message):
    """The versions at that timestamp."""

    transaction: int
    versions: tuple[Version, ...]


class Wounded(Message):
    """The transaction has lost its locks here: it can only abort."""

    transaction: int


class Release(Message):
    """The client has given the transaction up before it asked for the commit."""

    transaction: int


# Two-phase commit.


class Commit(Message):
    """The client's commit message, one to each participant (4.2.1)."""

    transaction: int
    age: int
    coordinator: int
    participants: tuple[int, ...]
    """The leaders of all shards that were read or are written, the coordinator's included."""
    incarnation: int | None
    """Of this leader, when it was read; None if nothing was read here."""
    reads: tuple[int, ...]
    writes: tuple[Write, ...]


class Prepared(Message):
    """A participant's promise to commit, with its prepare timestamp."""

    transaction: int
    timestamp: int


class Refused(Message):
    """A participant cannot prepare."""

    transaction: int


class Decision(Message):
    """The coordinator's decision, to participants: the commit timestamp, or None for an abort."""

    transaction: int
    timestamp: int | None


class Learned(Message):
    """A participant has made the decision durable."""

    transaction: int


class Ask(Message):
    """A prepared participant has heard no decision."""

    transaction: int


class Outcome(Message):
    """The decision, to the client."""

    transaction: int
    timestamp: int | None


# What is on a leader's disk.


class PreparedRecord(Message):
    """Written before a participant promises."""

    commit: Commit
    client: int
    timestamp: int


class DecidedRecord(Message):
    """Written by a coordinator before anybody hears of the decision. Of an abort nothing else need be known."""

    transaction: int
    timestamp: int | None
    commit: Commit | None = None
    client: int | None = None


class LearnedRecord(Message):
    """A participant's outcome."""

    transaction: int
    timestamp: int | None


class WaitedRecord(Message):
    """The coordinator has waited the commit out, and released its locks."""

    transaction: int


class FinishedRecord(Message):
    """Every participant has confirmed the coordinator's decision."""

    transaction: int
