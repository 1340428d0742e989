"""A node that has money and passes it around without stopping, over reliable channels to all others.

Law 1: money is at a node or under way, never made or lost: a balance and the channels it was sent to change in one step
       on disk.
Law 2: whatever a step changes is durable before anything leaves because of it. A node that crashes and comes back goes
       on as if it had paused.
"""

from __future__ import annotations

from typing import Any, ClassVar

from simclock.actors import Message, Node
from simclock.protocols.snapshots.channel import Incoming, Outgoing
from simclock.protocols.snapshots.messages import Acknowledge, Data, Transfer
from simclock.protocols.snapshots.observed import Received, Sent
from simclock.protocols.snapshots.settings import SnapshotSettings

WINDOW = 16
"""Money waits at home while so much on a channel is not acknowledged: a slow disk or link is not flooded."""


class Bank(Node):
    """Money, channels and the disk; what snapshots are made of derives from it."""

    fifo: ClassVar[bool] = True
    incoming_class: ClassVar[type[Incoming]] = Incoming

    def __init__(self, settings: SnapshotSettings) -> None:
        self.settings = settings

        # Persistent state.
        self.balance = settings.balance
        self.outgoing: dict[int, Outgoing] = {}
        """Target -> the sender's end of the channel to it."""
        self.incoming: dict[int, Incoming] = {}
        """Source -> the receiver's end of the channel from it."""
        self.transfers: dict[int, int] = {}
        """Target -> how many transfers it was sent."""

        self._changed: set[str] = set()
        """Names of what has to be written before this step ends."""
        self._leaving: list[tuple[int, Message]] = []
        """What leaves at the end of this step."""

    @property
    def others(self) -> list[int]:
        """Every other node: there is a channel to and from each."""
        return [node for node in range(self.nodes) if node != self.id]

    def on_start(self) -> None:
        self.balance = self.disk.read("balance", self.balance)
        for other in self.others:
            self.outgoing[other] = Outgoing(*self.disk.read(f"to {other}", ()))
            self.incoming[other] = self.incoming_class(self.fifo, *self.disk.read(f"from {other}", ()))
        self.transfers = dict(self.disk.read("transfers", ((other, 0) for other in self.others)))
        self.set_timer("retry", self.settings.retry_ns)
        self._next_transfer()

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "transfer":
                self._transfer()
                self._next_transfer()
            case "retry":
                self._send_again()
                self.set_timer("retry", self.settings.retry_ns)
        self._end_step()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Acknowledge(number):
                if self.outgoing[source].acknowledge(number):
                    self._changed.add(f"to {source}")
            case Data(number, payload):
                channel = self.incoming[source]
                if not channel.has(number):
                    self._changed.add(f"from {source}")
                for delivered in channel.receive(number, payload):
                    self.deliver(source, delivered)
                self._leaving.append((source, Acknowledge(number)))
        self._end_step()

    def deliver(self, source: int, payload: Any) -> None:
        """The channel gives something, once."""
        if isinstance(payload, Transfer):
            self.balance += payload.amount
            self._changed.add("balance")
            self.observe(Received(source, payload.number, payload.amount))

    # Money.

    def _next_transfer(self) -> None:
        self.set_timer("transfer", self.random.exponential_ns(self.settings.transfer_ns))

    def _transfer(self) -> None:
        """Pass on a part of what there is: at most a quarter, so that nobody is soon left with nothing."""
        amount = 1 + self.random.randrange(max(1, self.balance // 4))
        target = self.others[self.random.randrange(self.nodes - 1)]
        if amount > self.balance or len(self.outgoing[target].unacknowledged) >= WINDOW:
            return
        number = self.transfers[target]
        self.transfers[target] += 1
        self.balance -= amount
        self._changed.update(("balance", "transfers"))
        self.observe(Sent(target, number, amount))
        self.put(target, self.coloured(Transfer(number, amount)))

    def coloured(self, transfer: Transfer) -> Transfer:
        """The transfer as it goes out."""
        return transfer

    # Channels.

    def put(self, target: int, payload: Any) -> None:
        """Send over the reliable channel."""
        number = self.outgoing[target].send(payload)
        self._changed.add(f"to {target}")
        self._leaving.append((target, Data(number, payload)))

    def _send_again(self) -> None:
        for target, channel in self.outgoing.items():
            for number, payload in channel.unacknowledged.items():
                self._leaving.append((target, Data(number, payload)))

    def _end_step(self) -> None:
        """Law 2."""
        for name in sorted(self._changed):
            self.disk.write(name, self._kept(name))
        if self._changed:
            self._changed.clear()
            self.make_durable()
        for target, message in self._leaving:
            self.send(target, message)
        self._leaving.clear()

    def make_durable(self) -> None:
        """Wait for the disk."""
        self.disk.sync()

    def _kept(self, name: str) -> Any:
        """What is written under a name."""
        direction, _, other = name.partition(" ")
        match direction:
            case "balance":
                return self.balance
            case "transfers":
                return tuple(self.transfers.items())
            case "to":
                return self.outgoing[int(other)].state()
        return self.incoming[int(other)].state()
