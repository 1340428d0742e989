"""What the servers of any engine, and those who operate them, tell observers."""

from __future__ import annotations

from hashlib import blake2b

from simclock import Told, reader


def digest_of(state: bytes) -> bytes:
    """What observers compare states by."""
    return blake2b(state, digest_size=8).digest()


class CommitIndex(Told, observed_as="commit"):
    """Everything up to this index is agreed upon, as the server has heard."""

    index: int


class Applied(Told):
    """The state machine of the server has carried out a command."""

    log_index: int
    """1, 2, 3, ... in the sequence that the servers agree on."""
    term: int
    """The leadership in which the command was taken."""
    command: bytes


# What the operator tells (`operator.py`).


class ChangeAsked(Told):
    """The operator asks for a change, for the first time."""

    number: int
    members: tuple[int, ...]


class ChangeEnded(Told):
    """It is done, or given up."""

    number: int
    done: bool


read = reader(CommitIndex, Applied, ChangeAsked, ChangeEnded)
