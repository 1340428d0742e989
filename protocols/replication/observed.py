"""What the servers of any engine, and those who operate them, tell observers.

Each engine has classes of its own for who leads, told under the names that stand here and with the leadership's number
as the first field: who reads them as these classes reads every engine's. Nodes tell the engine's own.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Self

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


class Starts(Told, observed_as="started"):
    """A server has read its disk: whatever it was before, it is no more."""

    kept: Any
    """What the engine says of it."""


class _Numbered(Told):
    """What is about a leadership."""

    term: int
    """A term, a ballot, an epoch, a view."""
    more: tuple[Any, ...] = ()
    """What the engine says beside it."""

    def as_observed(self) -> Any:
        return (self.term, *self.more) if self.more else self.term

    @classmethod
    def from_observed(cls, value: Any) -> Self:
        return cls(value[0], value[1:]) if isinstance(value, tuple) else cls(value)


class Candidacy(_Numbered, observed_as="candidate"):
    """A server would lead."""


class Leadership(_Numbered, observed_as="leader"):
    """A server leads from now on."""


class Following(_Numbered, observed_as="follower"):
    """A server was candidate or leader, and is so no more; or it has chosen whom to follow."""


class Looking(_Numbered):
    """A server has no leader, and elects one with others, where an engine elects before it asks."""


# What the operator tells (`operator.py`).


class ChangeAsked(Told):
    """The operator asks for a change, for the first time."""

    number: int
    members: tuple[int, ...]


class ChangeEnded(Told):
    """It is done, or given up."""

    number: int
    done: bool


read = reader(CommitIndex, Applied, Starts, Candidacy, Leadership, Following, Looking, ChangeAsked, ChangeEnded)
