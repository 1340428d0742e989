"""The time server: its clock is the reference. It answers whoever asks, by Cristian's algorithm or by NTP."""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.clock_synchronization.messages import (
    NtpReply,
    NtpRequest,
    SynchronizeNow,
    TimeReply,
    TimeRequest,
)
from simclock.protocols.clock_synchronization.observed import Prompted


class TimeServer(Node):
    """Answers at once; at the times of `prompts`, by its own clock, it asks all to synchronize by Cristian's way."""

    def __init__(self, prompts: tuple[int, ...] = ()) -> None:
        self.prompts = prompts

    def on_start(self) -> None:
        passed_ns = self.clock.monotonic_ns()
        for number, at_ns in enumerate(self.prompts):
            if at_ns >= passed_ns:
                self.set_timer(("prompt", number), at_ns - passed_ns)

    def on_timer(self, timer: Any) -> None:
        self.observe(Prompted())
        self.broadcast(SynchronizeNow())

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case TimeRequest(number=number):
                self.send(source, TimeReply(number, self.clock.wall_ns()))
            case NtpRequest(t1_ns=t1_ns):
                now_ns = self.clock.wall_ns()
                self.send(source, NtpReply(t1_ns, now_ns, now_ns))
