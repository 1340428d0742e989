"""People at the screens: they say lines of a script, answer what they read, and chatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock.protocols.total_order.messages import Say
from simclock.protocols.total_order.participant import Participant
from simclock.protocols.total_order.settings import TotalOrderSettings


@dataclass(frozen=True, kw_only=True)
class Script:
    """What one person says; times are by the node's own clock, since the start of the run."""

    lines: tuple[tuple[int, str], ...] = ()
    """(time, text)."""
    answers: tuple[tuple[str, str], ...] = ()
    """(a text that the screen shows, what is answered at once)."""
    chatter_ns: int = 0
    """Mean time between two things said unasked; 0 for none."""
    chatter_until_ns: int = 0
    answer_percent: int = 0
    """How many of the messages shown, unless they are answers, are answered by each person."""


class Person(Participant):
    """A participant with a script."""

    def __init__(self, settings: TotalOrderSettings, script: Script) -> None:
        super().__init__(settings)
        self.script = script
        self.chattered = 0

    def on_start(self) -> None:
        super().on_start()
        now_ns = self.clock.monotonic_ns()
        for number, (time_ns, _) in enumerate(self.script.lines):
            if time_ns >= now_ns:
                self.set_timer(("line", number), time_ns - now_ns)
        self._wait_to_chatter()

    def on_timer(self, timer: Any) -> None:
        match timer:
            case ("line", int(number)):
                self.say(self.script.lines[number][1])
            case "chatter":
                self.chattered += 1
                self.say(f"{self.id}.{self.incarnation}.{self.chattered}")
                self._wait_to_chatter()
            case _:
                super().on_timer(timer)

    def _wait_to_chatter(self) -> None:
        if self.script.chatter_ns and self.clock.monotonic_ns() < self.script.chatter_until_ns:
            self.set_timer("chatter", self.random.exponential_ns(self.script.chatter_ns))

    def on_display(self, message: Say) -> None:
        if message.timestamp.node == self.id:
            return
        for text, answer in self.script.answers:
            if text == message.text:
                self.say(answer, message.timestamp)
        if message.reply_to is None and self.random.randrange(100) < self.script.answer_percent:
            self.say(f"{self.id} to {message.text}", message.timestamp)
