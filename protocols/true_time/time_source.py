"""TrueTime for a node (Spanner 3): polls of a time master, and intervals that hold the true time.

Law: the true time is in every interval that `TimeSource.now` gives, as long as clocks drift and jump no more than
`TimeSettings` says and masters are as good as it says. Everything is integers.

A poll is Cristian's algorithm: the master read its clock at some moment of the round trip, so at the reply the true
time is its reading plus anything from 0 to the round trip; the middle is wrong by half of it at most. From then on the
uncertainty grows with the assumed drift, until the next poll.

Deviation: one master is asked at a time, the own region's first. Spanner's daemon asks several and applies a variant
of Marzullo's algorithm against liars; here a lying master is outside of what is assumed.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.clocks import TrueTime, Uncertainty
from simclock.clocks.true_time import PARTS
from simclock.protocols.clock_synchronization.cristian import estimate_ns
from simclock.protocols.clock_synchronization.messages import TimeReply, TimeRequest
from simclock.protocols.true_time.observed import Now, Synchronized
from simclock.protocols.true_time.settings import TimeSettings

POLLS_MAX = 1 << 32
"""Of one incarnation."""
ROUNDING_NS = 2
"""A quartz shows whole nanoseconds, rounded down; two readings of it go into an interval."""


class TimeMaster(Node):
    """A time master with a GPS receiver: it knows by how much its own clock drifts, and answers with the true time."""

    def __init__(self, drift_ppb: int) -> None:
        self.drift_ppb = drift_ppb
        """What its clock gains per second, which the receiver has told it."""

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, TimeRequest):
            time_ns = self.clock.monotonic_ns() * PARTS // (PARTS + self.drift_ppb)
            self.send(source, TimeReply(message.number, time_ns))


class TimeSource:
    """What a node knows of the time: the last synchronization, and how uncertain it has become since."""

    def __init__(self, settings: TimeSettings) -> None:
        self.settings = settings
        self.uncertainty: Uncertainty | None = None
        """None before the first synchronization: then nothing is known."""
        self.correction_ns = 0
        """The true time is the wall clock and this, give or take the uncertainty."""
        self.synchronized_ns = 0
        """When that was, by the monotonic clock."""

    def now(self, wall_ns: int, monotonic_ns: int) -> TrueTime | None:
        """TT.now(), from the two readings of the node's clock; None before the first synchronization."""
        if self.uncertainty is None:
            return None
        return self.uncertainty.now(wall_ns + self.correction_ns, monotonic_ns - self.synchronized_ns)

    def synchronize(self, time_ns: int, sent_ns: int, received_ns: int, wall_ns: int) -> bool:
        """Take a master's reading, unless what is known is better; `sent_ns` and `received_ns` are monotonic."""
        error_ns = self.error_ns(received_ns - sent_ns)
        if self.uncertainty is not None:
            since_ns = received_ns - self.synchronized_ns
            if self.uncertainty.epsilon_ns(since_ns) <= error_ns:
                return False
        self.uncertainty = Uncertainty(base_ns=error_ns, drift_ppb_max=self.settings.drift_ppb_max)
        self.correction_ns = estimate_ns(time_ns, received_ns - sent_ns) - wall_ns
        self.synchronized_ns = received_ns
        return True

    def error_ns(self, round_trip_ns: int) -> int:
        """How uncertain a reading is when it arrives.

        The clock that timed the round trip may be the slow one, hence the division. Jumps to come are paid in advance.
        """
        settings = self.settings
        longest_ns = -(-(round_trip_ns + 1) * PARTS // (PARTS - settings.drift_ppb_max))
        return longest_ns - round_trip_ns // 2 + settings.master_error_ns + settings.jump_ns_max + ROUNDING_NS


class TimedNode(Node):
    """A node with a time source that keeps itself synchronized."""

    def __init__(self, time: TimeSource, masters: tuple[int, ...]) -> None:
        self.time = time
        self.masters = masters
        """Whom to ask, the nearest first."""
        self.asked = 0
        """Which of them is asked at present: a position in `masters`."""
        self.polls = 0
        """The number of the poll that is under way; no poll before a crash had it."""
        self.asked_ns = 0
        """When the last poll was sent, by the monotonic clock."""

    def on_start(self) -> None:
        self.polls = self.incarnation * POLLS_MAX
        self._poll(0)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "poll":
                self._poll(0)
            case "unanswered":
                self._poll((self.asked + 1) % len(self.masters))

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, TimeReply) and self._is_awaited(message):
            self._on_time(source, message)

    def on_synchronized(self) -> None:
        """The interval may have collapsed: a protocol looks again at what waits for time to pass."""

    def tt_now(self) -> TrueTime | None:
        """TT.now(); None before the first synchronization."""
        now = self.time.now(self.clock.wall_ns(), self.clock.monotonic_ns())
        if now is not None:
            self.observe(Now(now.earliest_ns, now.latest_ns))
        return now

    def _is_awaited(self, message: TimeReply) -> bool:
        """Only the answer to the poll that is timed: with another one the round trip would look too short."""
        return message.number == self.polls

    def _poll(self, position: int) -> None:
        """Ask the master at that position; if there is no answer, the next one will be asked."""
        self.asked = position
        self.polls += 1
        self.asked_ns = self.clock.monotonic_ns()
        self.set_timer("unanswered", self.time.settings.poll_retry_ns)
        self.send(self.masters[position], TimeRequest(self.polls))

    def _on_time(self, source: int, message: TimeReply) -> None:
        first = self.time.uncertainty is None
        self.polls += 1  # so that a second copy of the reply is not taken for another
        self.cancel_timer("unanswered")
        received_ns = self.clock.monotonic_ns()
        round_trip_ns = received_ns - self.asked_ns
        taken = self.time.synchronize(message.time_ns, self.asked_ns, received_ns, self.clock.wall_ns())
        # The first interval is cut short by chance: the saw teeth of the nodes are then out of step.
        sync_ns = self.time.settings.sync_ns
        self.set_timer("poll", self.random.uniform_ns(sync_ns // 4, sync_ns) if first else sync_ns)
        now = self.tt_now()
        assert now is not None, "a node that has synchronized knows the time"
        self.observe(Synchronized(source, round_trip_ns, taken, now.earliest_ns, now.latest_ns))
        self.on_synchronized()
