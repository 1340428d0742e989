"""Cristian's algorithm (F. Cristian, "Probabilistic clock synchronization", Distributed Computing 3, 1989).

A client asks the time server and takes it that the answer was half of the round trip on its way. With D the round trip
and min the shortest time that a message takes, the server's clock shows something from T + min to T + D - min when the
answer arrives; T + D/2 is in the middle, so no more than D/2 - min wrong. (The paper's theorem on reading a remote
clock; it writes 2D for the round trip, and adds what the drift makes of it, which is left here to who judges.) A client
may ask again until a round trip is short enough.

Deviation: the paper spreads every correction over time; here one above `step_over_ns` is a step.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.clock_synchronization.disciplined import Disciplined
from simclock.protocols.clock_synchronization.messages import SynchronizeNow, TimeReply, TimeRequest
from simclock.protocols.clock_synchronization.observed import Asked, Sampled
from simclock.protocols.clock_synchronization.settings import Synchronization


def estimate_ns(time_ns: int, rtt_ns: int) -> int:
    """What the server's clock shows when its answer arrives, as far as one can tell: T + D/2."""
    return time_ns + rtt_ns // 2


def margin_ns(rtt_ns: int, delay_ns_min: int) -> int:
    """How wrong that may be: D/2 - min, rounded up."""
    return max(0, -(-rtt_ns // 2) - delay_ns_min)


class CristianClient(Disciplined):
    """Asks the time server every `interval_ns`, or, where `regular` is False, only when it is told to."""

    def __init__(self, settings: Synchronization, *, regular: bool = True) -> None:
        super().__init__(settings)
        self.regular = regular
        self.number = 0
        """Of the latest request, over all incarnations: an answer to an earlier life counts for nothing."""
        self.attempts_left = 0
        self.asked: dict[int, int] = {}
        """Number of a request without an answer -> the monotonic clock when it was sent."""

    def on_start(self) -> None:
        self.number = self.incarnation << 32
        if self.regular:
            self.set_timer("synchronize", self.settings.interval_ns)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "synchronize":
                self.set_timer("synchronize", self.settings.interval_ns)
                self.ask_time()
            case "ask again":
                self._ask()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case SynchronizeNow():
                self.ask_time()
            case TimeReply(number=number, time_ns=time_ns) if number in self.asked:
                self._hear(source, time_ns, self.clock.monotonic_ns() - self.asked.pop(number))

    def ask_time(self) -> None:
        """Begin a synchronization; one that is under way is given up."""
        self.asked.clear()
        self.attempts_left = self.settings.attempts
        self._ask()

    def _ask(self) -> None:
        if not self.attempts_left:
            return
        self.attempts_left -= 1
        self.number += 1
        self.asked[self.number] = self.clock.monotonic_ns()
        self.observe(Asked("cristian", self.settings.server))
        self.send(self.settings.server, TimeRequest(self.number))
        self.set_timer("ask again", self.settings.patience_ns)

    def _hear(self, server: int, time_ns: int, rtt_ns: int) -> None:
        wall_ns = self.clock.wall_ns()
        estimated_ns = estimate_ns(time_ns, rtt_ns)
        margin = margin_ns(rtt_ns, self.settings.delay_ns_min)
        offset_ns = estimated_ns - wall_ns
        refused = "" if self.accepts(margin) else "too long on its way"
        self.observe(Sampled("cristian", server, time_ns, rtt_ns, estimated_ns, offset_ns, margin, refused))
        if refused:
            return
        self.asked.clear()
        self.cancel_timer("ask again")
        self.aim(self.ahead_ns() + offset_ns)

    def accepts(self, margin: int) -> bool:
        """A reading is good for a precision only if its round trip is short enough."""
        return margin <= self.settings.margin_ns_max
