"""What a Raft server tells observers, in the order in which it does it; "commit" and "applied" are any engine's.

With each name goes a plain value, or a tuple in the order of the fields of its type here (as in
protocols/replication/observed.py). Why a server has halted is told by the kernel, as "halted".
"""

from __future__ import annotations

from typing import NamedTuple

STARTED = "started"
"""Told with a `Started`."""
CANDIDATE = "candidate"
"""Told with the term in which it stands for election."""
VOTED = "voted"
"""Told with a `Voted`, for itself too."""
LEADER = "leader"
"""Told with the term in which it leads from now on."""
FOLLOWER = "follower"
"""Told with the term, by who was candidate or leader."""
TRUNCATED = "truncated"
"""Told with the last index that stays in the durable log."""
APPENDED = "appended"
"""Told with an `Appended`, when it is durable."""
PROGRESS = "progress"
"""Told with a `Progressed`, by a leader."""


class Started(NamedTuple):
    """What the server has read from its disk."""

    current_term: int
    voted_for: int | None
    last_index: int
    """Of its log."""


class Voted(NamedTuple):
    """A vote that is given."""

    term: int
    candidate: int


class Appended(NamedTuple):
    """Entries that stand in the durable log from now on."""

    kept_index: int
    """Of the entry before them, 0 if there is none."""
    entries: tuple[tuple[int, bytes], ...]
    """(term, command) of each."""


class Progressed(NamedTuple):
    """An acknowledgement or a refusal has changed what the leader knows of a follower."""

    follower: int
    match_index: int
    next_index: int
