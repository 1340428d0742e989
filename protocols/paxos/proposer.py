"""A proposer: it asks a majority what was accepted, and proposes that, or its own value if nothing was (PMS 2.2)."""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.paxos.messages import Accept, Prepare, Promise
from simclock.protocols.paxos.observed import Proposed
from simclock.protocols.paxos.settings import PaxosSettings


class Proposer(Node):
    """Its numbers are its own: position, position + proposers, position + 2 * proposers, ..."""

    def __init__(self, settings: PaxosSettings, value: str) -> None:
        self.settings = settings
        self.value = value
        """What it would have chosen."""
        self.number = 0
        self.promises: dict[int, Promise] = {}
        """Acceptor -> what it has answered to the prepare request of `number`."""

    def on_start(self) -> None:
        """PMS 2.5: it remembers the highest number it has attempted to use, and begins phase 1 with a higher one."""
        self.tries = self.disk.read("tries", 0)
        self._set_timer()

    def on_timer(self, timer: Any) -> None:
        """Phase 1a: "A proposer selects a proposal number n and sends a prepare request with number n"."""
        if self.tries < self.settings.tries_max:
            self.tries += 1
            self.disk.write("tries", self.tries)
            self.disk.sync()
            proposers = self.settings.proposers
            self.number = self.tries * len(proposers) + proposers.index(self.id)
            self.promises = {}
            self._send_all(Prepare(self.number))
            self._set_timer()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Promise(number) if number == self.number and source not in self.promises:
                self.promises[source] = message
                if len(self.promises) == self.settings.majority:
                    self._propose()

    def _propose(self) -> None:
        """Phase 2a: with "the value of the highest-numbered proposal among the responses", or any if there is none."""
        highest = max(self.promises.values(), key=lambda promise: promise.accepted_number)
        value = highest.accepted_value if highest.accepted_number else self.value
        self.observe(Proposed(self.number, value))
        self._send_all(Accept(self.number, value))

    def _send_all(self, message: Prepare | Accept) -> None:
        for acceptor in self.settings.acceptors:
            self.send(acceptor, message)

    def _set_timer(self) -> None:
        self.set_timer("retry", self.random.uniform_ns(self.settings.retry_ns_min, self.settings.retry_ns_max))
