"""An acceptor: it remembers the highest number it has promised and the highest proposal it has accepted (PMS 2.2)."""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.paxos.messages import Accept, Accepted, Prepare, Promise
from simclock.protocols.paxos.observed import Voted
from simclock.protocols.paxos.settings import PaxosSettings


class Acceptor(Node):
    """P1a: it may accept a proposal numbered n if and only if it has not responded to a prepare numbered above n."""

    def __init__(self, settings: PaxosSettings) -> None:
        self.settings = settings

    def on_start(self) -> None:
        """PMS 2.2: an acceptor must remember this even if it fails and then restarts."""
        self.promised, self.number, self.value = self.disk.read("acceptor", (0, 0, ""))

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Prepare(number) if number > self.promised:
                self._remember(number, self.number, self.value)
                self.send(source, Promise(number, self.number, self.value))
            case Accept(number, value) if number >= self.promised:
                self._remember(number, number, value)
                self.observe(Voted(number, value))
                for learner in self.settings.learners:
                    self.send(learner, Accepted(number, value))

    def _remember(self, promised: int, number: int, value: str) -> None:
        """Durable before anything is sent that rests on it (PMS 2.5)."""
        self.promised, self.number, self.value = promised, number, value
        self.disk.write("acceptor", (promised, number, value))
        self.disk.sync()
