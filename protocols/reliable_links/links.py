"""Reliable FIFO links, for a node that sends through them in place of `self.send`.

    class Hello(Message):
        text: str
        header: Header = UNSENT          # every message that travels on a link has this field

    class Greeter(Node):
        def on_start(self):
            self.links = ReliableLinks(self, retry_ns=ms(200))
            self.links.send(1, Hello("hi"))
        def on_message(self, source, message):
            for each in self.links.receive(source, message):    # empty: a duplicate, too early, or not of a link
                ...
        def on_timer(self, timer):
            self.links.on_timer(timer)

Law 1: what a link delivers is a prefix of what was sent on it, each message once, in that order.
Law 2: while both ends are up and the link is not cut for ever, everything sent is delivered in the end.
Law 3: both ends count from 1 in each epoch, and know nothing of another one: what belongs to another epoch is not
       delivered. Who changes epochs must see to it that both ends do, and that no epoch comes twice; a protocol
       whose nodes do not crash stays in epoch 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from simclock.actors import Message, Node

BACKOFF_MAX = 4
"""A retransmission waits at most that many times `retry_ns`."""
RESENT_MAX = 32
"""How many messages one retransmission sends."""


class Header(Message):
    """What a link adds to a message."""

    epoch: int
    number: int
    """1 for the first message on the link in this epoch."""


UNSENT = Header(-1, 0)


class LinkAcknowledgement(Message):
    """Everything up to `number` has arrived."""

    epoch: int
    number: int


class _Link:
    """One node's view of both directions of the link to a peer."""

    __slots__ = ("backoff", "early", "number", "received", "unacknowledged")

    def __init__(self) -> None:
        self.number = 0
        """The latest number sent."""
        self.unacknowledged: dict[int, Any] = {}
        """number -> message, ascending: the numbers above what the peer has acknowledged, up to `number`."""
        self.backoff = 1
        self.received = 0
        """Everything up to this number has been delivered."""
        self.early: dict[int, Any] = {}
        """number -> message that came before one sent earlier; every number > received + 1."""


class ReliableLinks:
    """The links of a node to its peers."""

    def __init__(self, node: Node, retry_ns: int, epoch: int = 0) -> None:
        self._node = node
        self._retry_ns = retry_ns
        self.epoch = epoch
        self._links: dict[int, _Link] = {}
        self.resent = 0
        """How many messages were sent again."""

    def restart(self, epoch: int) -> None:
        """Forget everything under way, and count from 1 again in a later epoch."""
        assert epoch > self.epoch, "an epoch comes once"
        self.epoch = epoch
        for peer in self._links:
            self._node.cancel_timer(("link", peer))
        self._links = {}

    def send(self, target: int, message: Any) -> None:
        """Send a message that has a `header`."""
        link = self._link(target)
        link.number += 1
        numbered = msgspec.structs.replace(message, header=Header(self.epoch, link.number))
        if not link.unacknowledged:
            link.backoff = 1
            self._node.set_timer(("link", target), self._retry_ns)
        link.unacknowledged[link.number] = numbered
        self._node.send(target, numbered)

    def receive(self, source: int, message: Any) -> Sequence[Any]:
        """What may be delivered now that this message has come, in order."""
        if isinstance(message, LinkAcknowledgement):
            self._acknowledged(source, message)
            return ()
        header: Header = message.header
        if header.epoch != self.epoch:
            return ()
        link = self._link(source)
        if header.number > link.received:
            link.early[header.number] = message
        delivered = []
        while link.received + 1 in link.early:
            link.received += 1
            delivered.append(link.early.pop(link.received))
        self._node.send(source, LinkAcknowledgement(self.epoch, link.received))
        return delivered

    def on_timer(self, timer: Any) -> bool:
        """Send again what was not acknowledged; False where the timer is not of a link."""
        match timer:
            case ("link", int(peer)):
                link = self._link(peer)
                for message in list(link.unacknowledged.values())[:RESENT_MAX]:
                    self._node.send(peer, message)
                    self.resent += 1
                link.backoff = min(2 * link.backoff, BACKOFF_MAX)
                self._node.set_timer(timer, self._retry_ns * link.backoff)
                return True
        return False

    def _acknowledged(self, source: int, message: LinkAcknowledgement) -> None:
        if message.epoch != self.epoch:
            return
        link = self._link(source)
        for number in [number for number in link.unacknowledged if number <= message.number]:
            del link.unacknowledged[number]
            link.backoff = 1
        if not link.unacknowledged:
            self._node.cancel_timer(("link", source))

    def _link(self, peer: int) -> _Link:
        if peer not in self._links:
            self._links[peer] = _Link()
        return self._links[peer]
