"""What members of a causal broadcast tell, and those that chatter.

A member's number is its name in the group: that of its node, for who is there from the start (see messages.py).
"""

from __future__ import annotations

from simclock import Told, reader

Name = tuple[int, int]
"""A broadcast: (member, count); a member's first is 1."""


class Sent(Told, observed_as="broadcast"):
    """The member has sent its broadcast of that number; it counts as delivered to itself."""

    member: int
    count: int


class Delivered(Told, observed_as="deliver"):
    """The application has been given a broadcast of another member."""

    member: int
    count: int


class Answered(Told, observed_as="answer"):
    """The member's broadcast answers one that it has delivered: told by who chatters."""

    answer: Name
    question: Name


class Joined(Told):
    """It is a member from now on."""

    member: int


class Welcomed(Told, observed_as="welcome"):
    """It has been given the state of others, in place of what it would have delivered."""

    delivered: tuple[Name, ...]
    """(member, how many of its broadcasts the state holds)."""


class Left(Told):
    """It goes: its last broadcast says so."""

    member: int


class Suspected(Told, observed_as="suspect"):
    """It has not heard of a member for too long, and waits for it no more."""

    member: int


class Dropped(Told):
    """It has given up a broadcast, and what it held back because of it."""

    member: int
    count: int
    dropped: int
    """How many broadcasts it will never deliver."""


class Forgotten(Told, observed_as="gone"):
    """It was asked for a broadcast that it has delivered and keeps no longer."""

    asker: int
    """The node that asked."""
    member: int
    count: int
    """The last of the member's that it was asked for and has not."""


read = reader(Sent, Delivered, Answered, Joined, Welcomed, Left, Suspected, Dropped, Forgotten)
