"""What a participant of a totally ordered chat tells. (count, node) is the timestamp of a message, and its name.

Positions count from 0 in the total order.
"""

from __future__ import annotations

from simclock import Told, reader

Name = tuple[int, int]
"""A message: (count, node) of its timestamp."""


class Said(Told, observed_as="say"):
    """It said something."""

    count: int
    node: int
    reply_to: Name | None
    displayed: int
    """How many messages its screen had shown."""


class Pending(Told):
    """It holds a message that has no place in the order yet."""

    count: int
    node: int
    text: str
    waits_for: tuple[int, ...]
    """The members that have not acknowledged it."""


class Displayed(Told, observed_as="display"):
    """Its screen shows a message."""

    position: int
    count: int
    node: int
    text: str


class Blank(Told):
    """It is back after a crash: its screen shows nothing."""

    incarnation: int


class Viewed(Told, observed_as="view"):
    """These take part from now on, and it is one of them."""

    number: int
    members: tuple[int, ...]
    position: int
    """Where its screen goes on."""
    joins: bool
    """Whether it took no part in the view before: what it shows next is what it missed."""


class LeftOut(Told, observed_as="out"):
    """It was left out of a view."""

    number: int
    """Of that view."""
    lost: tuple[Name, ...]
    """What it said and has not seen displayed: it may never be."""


read = reader(Said, Pending, Displayed, Blank, Viewed, LeftOut)
