"""A learner: a value is chosen when a majority has accepted it in one proposal (PMS 2.3)."""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.paxos.messages import Accepted
from simclock.protocols.paxos.observed import Learned
from simclock.protocols.paxos.settings import PaxosSettings


class Learner(Node):
    """It hears of every acceptance, or misses some: what is not heard from a majority is not known to be chosen."""

    def __init__(self, settings: PaxosSettings) -> None:
        self.settings = settings
        self.accepted: dict[int, set[int]] = {}
        """Number -> the acceptors that have accepted the proposal."""
        self.value: str | None = None
        """What was chosen."""

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Accepted(number, value):
                acceptors = self.accepted.setdefault(number, set())
                acceptors.add(source)
                if len(acceptors) >= self.settings.majority and self.value is None:
                    self.value = value
                    self.observe(Learned(value))
