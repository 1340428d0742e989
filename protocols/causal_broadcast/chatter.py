"""Members that chatter and answer what they hear; who hears an answer must have heard the question.

What it tells of an answer is an `Answered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock.protocols.causal_broadcast.member import Member
from simclock.protocols.causal_broadcast.messages import Broadcast
from simclock.protocols.causal_broadcast.observed import Answered
from simclock.protocols.causal_broadcast.settings import MemberSettings

QUESTION = b"?"
ANSWER = b"!"


@dataclass(frozen=True, kw_only=True)
class Chatter:
    """How members chatter; times are by their own clocks."""

    pause_ns: int
    """Mean time between two questions of a member."""
    until_ns: int
    answer_percent: int = 30
    """How many of the questions a member answers, at once."""


class Chatterer(Member):
    """Asks and answers."""

    def __init__(self, settings: MemberSettings, chatter: Chatter) -> None:
        super().__init__(settings)
        self.chatter = chatter

    def on_joined(self) -> None:
        self.set_timer("ask", self.random.exponential_ns(self.chatter.pause_ns))

    def on_timer(self, timer: Any) -> None:
        if timer != "ask":
            super().on_timer(timer)
        elif self.clock.monotonic_ns() < self.chatter.until_ns:
            if self.can_broadcast:
                self.multicast(QUESTION)
            self.set_timer("ask", self.random.exponential_ns(self.chatter.pause_ns))

    def on_deliver(self, message: Broadcast) -> None:
        wants_to = message.payload == QUESTION and self.random.randrange(100) < self.chatter.answer_percent
        if wants_to and self.can_broadcast:
            answer = self.multicast(ANSWER)
            self.observe(Answered((self.member, answer.count), (message.member, message.count)))
