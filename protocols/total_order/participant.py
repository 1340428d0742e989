"""A participant of a totally ordered chat. What it tells observers is in `observed.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from simclock.actors import Message, Node
from simclock.clocks import LamportClock
from simclock.protocols.reliable_links import LinkAcknowledgement, ReliableLinks
from simclock.protocols.total_order.hold_back import HoldBackQueue
from simclock.protocols.total_order.membership import Held, Membership
from simclock.protocols.total_order.messages import (
    Accept,
    Accepted,
    Acknowledge,
    Heartbeat,
    Installed,
    Join,
    Prepare,
    Promise,
    Refused,
    Say,
    View,
)
from simclock.protocols.total_order.observed import Blank, Displayed, LeftOut, Name, Pending, Said, Viewed
from simclock.protocols.total_order.settings import TotalOrderSettings


class Participant(Node):
    """Says things with `say`; `on_display` is called for everything its screen shows."""

    messages: ClassVar[tuple[type[Message], ...]] = (
        *(Say, Acknowledge, Heartbeat, LinkAcknowledgement),
        *(View, Prepare, Promise, Accept, Accepted, Refused, Installed, Join),
    )
    queue_class: ClassVar[type[HoldBackQueue]] = HoldBackQueue
    membership_class: ClassVar[type[Membership]] = Membership

    def __init__(self, settings: TotalOrderSettings) -> None:
        self.settings = settings
        self.displayed = 0
        """The position at which the next message will be shown."""
        self.history: list[Say] = []
        """All that was displayed: who comes back is shown it."""
        self.trimmed = 0
        """What stands before this position, every member has displayed; who joins says what it lacks. <= displayed."""
        self.waiting: list[tuple[str, LamportClock | None]] = []
        """What was to be said while nothing could be."""
        self.is_settling = False
        """Whether a view's first messages are being displayed."""
        self.member_displayed: dict[int, int] = {}
        """Member -> how much its screen has shown in this view, as far as is known."""

    def on_start(self) -> None:
        self.lamport = LamportClock(0, self.id)
        self.links = ReliableLinks(self, self.settings.retry_ns)
        self.membership = self.membership_class(self, self.settings.suspect_ns)
        self.queue = self.queue_class(self.membership.members)
        if self.incarnation:
            self.observe(Blank(self.incarnation))
        if self.membership.is_in:
            self.observe(Viewed(0, self.membership.members, 0, False))
        self.set_timer("heartbeat", self.id * self.settings.heartbeat_ns // self.nodes)

    def on_timer(self, timer: Any) -> None:
        if timer == "heartbeat":
            self.set_timer("heartbeat", self.settings.heartbeat_ns)
            self.membership.tick(self.clock.monotonic_ns(), self.displayed)
        else:
            self.links.on_timer(timer)

    # Lamport's rules.

    def say(self, text: str, reply_to: LamportClock | None = None) -> None:
        """Say something to everybody, this node included; it waits while the view changes or the node is out."""
        if self.is_settling or not self.membership.is_active:
            self.waiting.append((text, reply_to))
            return
        self.lamport = self.lamport.tick()
        message = Say(self.lamport, text, reply_to)
        answers = None if reply_to is None else _name(reply_to)
        self.observe(Said(self.lamport.count, self.id, answers, self.displayed))
        self._to_others(message)
        self._hold(message)

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, Say | Acknowledge | LinkAcknowledgement):
            if isinstance(message, Heartbeat) and message.view == self.membership.view.number:
                self.member_displayed[source] = message.displayed
                self._trim()
            self.membership.on_message(source, message, self.clock.monotonic_ns())
        elif self.takes:
            for each in self.links.receive(source, message):
                self._take(source, each)

    @property
    def takes(self) -> bool:
        """After a promise nothing is taken, so nothing is acknowledged (law 2 of membership.py)."""
        return self.membership.is_active

    def _take(self, source: int, message: Say | Acknowledge) -> None:
        self.lamport = self.lamport.receive(message.timestamp)
        match message:
            case Say():
                # Lamport's rule 2: it is put on the request queue, and acknowledged, here to everybody.
                self.queue.acknowledge(message.timestamp, self.id)
                self._to_others(Acknowledge(self.lamport, message.timestamp))
                self._hold(message)
            case Acknowledge(_, of):
                self.queue.acknowledge(of, source)
                self._display_ready()

    def _hold(self, message: Say) -> None:
        self.queue.add(message)
        missing = tuple(sorted(self.queue.missing(message)))
        self.observe(Pending(*_name(message.timestamp), message.text, missing))
        self._display_ready()

    def _display_ready(self) -> None:
        for message in self.queue.take():
            self._display(message)

    def _display(self, message: Say) -> None:
        self.history.append(message)
        self.displayed += 1
        self.observe(Displayed(self.displayed - 1, *_name(message.timestamp), message.text))
        self.on_display(message)

    def on_display(self, message: Say) -> None:
        """The screen shows a message."""

    def _to_others(self, message: Say | Acknowledge) -> None:
        for member in self.membership.members:
            if member != self.id:
                self.links.send(member, message)

    # Membership.

    def holds(self, since: int) -> Held:
        """Everything it has that a member might not have displayed, and what was displayed from `since` on."""
        start = min(since, self.trimmed)
        return Held(start, self.displayed, (*self.history[start:], *self.queue.held), self.lamport.count)

    def install(self, view: View, *, joins: bool) -> None:
        """A view begins: its messages come first, on every screen, where it does not show them yet."""
        # Everything in the view is earlier than what is said in it, so timestamps ascend along the total order.
        self.lamport = LamportClock(max(self.lamport.count, view.clock), self.id)
        members = self.membership.members
        assert view.start <= self.displayed, "law 4: a view begins where the screen of whoever is in it ends, or before"
        if joins:
            self.observe(Viewed(view.number, members, self.displayed, True))
        self.is_settling = True
        for message in view.messages[self.displayed - view.start :]:
            self._display(message)
        self.queue = self.queue_class(members)
        self.member_displayed = {}
        self.links.restart(view.number)
        self.is_settling = False
        if not joins:
            self.observe(Viewed(view.number, members, self.displayed, False))
        waiting, self.waiting = self.waiting, []
        for text, reply_to in waiting:
            self.say(text, reply_to)

    def left_out(self, view: View) -> None:
        """The others go on without this node: it asks to join again, from a position it does not know yet."""
        lost = [each.timestamp for each in self.queue.held if each.timestamp.node == self.id]
        self.queue = self.queue_class(())
        self.observe(LeftOut(view.number, tuple([(each.count, self.id) for each in lost])))

    def _trim(self) -> None:
        """What every member has displayed need not be told again when the view changes."""
        known = [self.member_displayed.get(member, 0) for member in self.membership.members if member != self.id]
        self.trimmed = max(self.trimmed, min([*known, self.displayed]))


def _name(timestamp: LamportClock) -> Name:
    assert isinstance(timestamp.node, int), "participants are named by their nodes"
    return timestamp.count, timestamp.node
