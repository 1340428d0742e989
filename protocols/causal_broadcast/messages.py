"""What members of a causal broadcast send each other.

A member's name is a number that nobody else ever has: `incarnation * nodes + node`, so who crashes is another member
when it is back. Counting on under an old name would repeat timestamps.
"""

from __future__ import annotations

import enum

from simclock.actors import Message
from simclock.clocks import VectorClock


class Kind(enum.IntEnum):
    """What a broadcast is for."""

    DATA = 0
    JOINED = 1
    """A newcomer's first: from here on it is one of those who must get everything."""
    LEFT = 2
    """A member's last."""


class Broadcast(Message):
    """CBCAST's message: `clock` counts what its sender had delivered of each member; of itself, this one too."""

    member: int
    clock: VectorClock
    kind: Kind
    payload: bytes

    @property
    def count(self) -> int:
        """Which one it is of its member's, from 1 on."""
        return self.clock[self.member]


class Status(Message):
    """What a member has delivered: it shows who lacks what, who has it, and what everyone has."""

    member: int
    delivered: VectorClock


class Answer(Message):
    """What a member has delivered, told to one who may not know: it tells so itself, and is not to answer."""

    member: int
    delivered: VectorClock


Range = tuple[int, int, int]
"""(member, first, last): the member's broadcasts from `first` to `last`."""


class Request(Message):
    """Send me what you have of these; all of them lack to me."""

    wanted: tuple[Range, ...]


class Gone(Message):
    """I have delivered these, and no longer keep them."""

    asked_for: tuple[Range, ...]


class JoinRequest(Message):
    """A newcomer, or a member that fell too far behind, asks for the state."""

    member: int


class Welcome(Message):
    """The state after `delivered`, and who the members are."""

    delivered: VectorClock
    members: tuple[int, ...]
    state: bytes
