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


class Candidate(Told):
    """It stands for election."""

    term: int


class Voted(Told):
    """A vote that is given, for itself too."""

    term: int
    candidate: int


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
    """(term, command) of each."""


class Progressed(Told, observed_as="progress"):
    """An acknowledgement or a refusal has changed what the leader knows of a follower."""

    follower: int
    match_index: int
    next_index: int


read = reader(Started, Candidate, Voted, Leader, Follower, Truncated, Appended, Progressed)
