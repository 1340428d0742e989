"""A participant of a totally ordered chat.

What it tells observers:

    "say"      (count, node, reply_to, displayed)   it said something; `displayed` is how much its screen had shown
    "pending"  (count, node, text, waits for)       it holds a message that these members have not acknowledged
    "display"  (position, count, node, text)        its screen shows the message at that position of the total order
    "view"     (number, members, position, joins)   these take part now, and its screen goes on from that position;
                                                    `joins` if it took no part in the view before
    "out"      (number, lost)                       it was left out of that view; (count, node) of its own not shown
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from actors import Node
from protocols.reliable_links import LinkAcknowledgement, ReliableLinks
from protocols.total_order import messages  # the module: a host that runs this class then knows all of them
from protocols.total_order.hold_back import HoldBackQueue
from protocols.total_order.membership import Held, Membership
from protocols.total_order.messages import Acknowledge, Say, View
from simclock import UsageError
from simclock.clocks import LamportClock


@dataclass(frozen=True, kw_only=True)
class TotalOrderSettings:
    """What all participants must agree on; durations are in nanoseconds."""

    heartbeat_ns: int
    suspect_ns: int
    """How long a member may be silent: more than a heartbeat and the longest delay of a message."""
    retry_ns: int
    """When a message that was not acknowledged is sent again: more than a journey there and back."""

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat_ns < self.suspect_ns:
            raise UsageError(
                f"heartbeat_ns {self.heartbeat_ns}, suspect_ns {self.suspect_ns}: a heartbeat takes time, and less "
                "than it takes to suspect who sends none"
            )
        if self.retry_ns <= 0:
            raise UsageError(f"retry_ns: {self.retry_ns} is not a duration: more than zero")


class Participant(Node):
    """Says things with `say`; `on_display` is called for everything its screen shows."""

    queue_class: ClassVar[type[HoldBackQueue]] = HoldBackQueue
    membership_class: ClassVar[type[Membership]] = Membership

    def __init__(self, settings: TotalOrderSettings) -> None:
        self.settings = settings
        self.displayed = 0
        """The position at which the next message will be shown."""
        self.log: list[Say] = []
        """What was displayed and may be unknown to another member: the positions displayed - len(log) .. displayed."""
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
        if self.membership.is_in:
            self.observe("view", (0, self.membership.members, 0, False))
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
        answers = None if reply_to is None else (reply_to.count, reply_to.node)
        self.observe("say", (self.lamport.count, self.id, answers, self.displayed))
        self._to_others(message)
        self._hold(message)

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, Say | Acknowledge | LinkAcknowledgement):
            if isinstance(message, messages.Heartbeat) and message.view == self.membership.view.number:
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
        self.observe("pending", (message.timestamp.count, message.timestamp.node, message.text, missing))
        self._display_ready()

    def _display_ready(self) -> None:
        for message in self.queue.take():
            self._display(message)

    def _display(self, message: Say) -> None:
        self.log.append(message)
        self.displayed += 1
        timestamp = message.timestamp
        self.observe("display", (self.displayed - 1, timestamp.count, timestamp.node, message.text))
        self.on_display(message)

    def on_display(self, message: Say) -> None:
        """The screen shows a message."""

    def _to_others(self, message: Say | Acknowledge) -> None:
        for member in self.membership.members:
            if member != self.id:
                self.links.send(member, message)

    # Membership.

    def holds(self) -> Held:
        """Everything it has that a member might not have displayed."""
        messages = (*self.log, *self.queue.held)
        return Held(self.displayed - len(self.log), self.displayed, messages, self.lamport.count)

    def install(self, view: View, *, joins: bool) -> None:
        """A view begins: its messages come first, on every screen."""
        # Everything in the view is earlier than what is said in it, so timestamps ascend along the total order.
        self.lamport = LamportClock(max(self.lamport.count, view.clock), self.id)
        position = view.start + len(view.messages)
        self.is_settling = True
        if joins:
            self.displayed = position
            self.log = list(view.messages)
        else:
            for message in view.messages[self.displayed - view.start :]:
                self._display(message)
        self.queue = self.queue_class(self.membership.members)
        self.member_displayed = {}
        self.links.restart(view.number)
        self.is_settling = False
        self.observe("view", (view.number, self.membership.members, position, joins))
        waiting, self.waiting = self.waiting, []
        for text, reply_to in waiting:
            self.say(text, reply_to)

    def left_out(self, view: View) -> None:
        """The others go on without this node: it asks to join again, from a position it does not know yet."""
        lost = [each.timestamp for each in self.queue.held if each.timestamp.node == self.id]
        self.log = []
        self.queue = self.queue_class(())
        self.observe("out", (view.number, tuple([(each.count, self.id) for each in lost])))

    def _trim(self) -> None:
        """Forget what every member has displayed."""
        known = [self.member_displayed.get(member, 0) for member in self.membership.members if member != self.id]
        surplus = min([*known, self.displayed]) - (self.displayed - len(self.log))
        if surplus > 0:
            del self.log[:surplus]
