"""What participants of a totally ordered chat send each other.

`Say` and `Acknowledge` travel on reliable FIFO links, whose epoch is the number of the view; the rest is repeated by
whoever needs an answer.
"""

from __future__ import annotations

from simclock.actors import Message
from simclock.clocks import LamportClock
from simclock.protocols.reliable_links import UNSENT, Header


class Say(Message):
    """Lamport's request: a message with its timestamp, which is also its name."""

    timestamp: LamportClock
    text: str
    reply_to: LamportClock | None = None
    header: Header = UNSENT


class Acknowledge(Message):
    """ "I have received `of`": everything that its sender says from now on has a later timestamp than `of`."""

    timestamp: LamportClock
    of: LamportClock
    header: Header = UNSENT


class Heartbeat(Message):
    """A sign of life, and how much the sender has displayed."""

    view: int
    displayed: int


class View(Message):
    """Who takes part from now on, and what was said before.

    `members` are (node, incarnation), ascending: who crashes is another member when it is back. `messages` are those
    at the positions start, start + 1, ... of the total order; the view's own messages come after them.
    """

    number: int
    members: tuple[tuple[int, int], ...]
    start: int
    messages: tuple[Say, ...]
    clock: int


class Prepare(Message):
    """A coordinator asks the members of a view to stop in it (phase 1a of Paxos)."""

    view: int
    ballot: int
    since: int
    """The position from which on somebody who wants to take part lacks what was displayed."""


class Promise(Message):
    """A member has stopped (phase 1b), and tells what it has: the messages of the positions from `start` on, of which
    those below `displayed` were displayed, in order; and what it accepted before."""

    view: int
    ballot: int
    accepted_ballot: int
    accepted: View | None
    start: int
    displayed: int
    messages: tuple[Say, ...]
    clock: int


class Accept(Message):
    """A coordinator proposes the next view (phase 2a)."""

    view: int
    ballot: int
    proposal: View


class Accepted(Message):
    """A member has accepted it (phase 2b)."""

    view: int
    ballot: int


class Refused(Message):
    """A member takes part in a higher ballot already."""

    view: int
    ballot: int


class Installed(Message):
    """A majority of the view before has accepted this one."""

    view: View


class Join(Message):
    """A node that takes no part asks to; `view` is the last that it knew, `displayed` is how much its screen shows."""

    incarnation: int
    view: int
    displayed: int
