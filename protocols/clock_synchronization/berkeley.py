"""The Berkeley algorithm (R. Gusella and S. Zatti, "The accuracy of the clock synchronization achieved by TEMPO in
Berkeley UNIX 4.3BSD", IEEE Transactions on Software Engineering 15(7), 1989).

No clock is taken to be right. A leader asks every node what its clock shows, makes up for half of each round trip,
leaves out clocks that are too far from the others, averages the rest, its own included, and sends each node the
difference between the average and that node's clock. Each reading is no more than D/2 - min wrong (as in Cristian's
algorithm), so after a round two clocks differ by no more than the sum of their readings' margins, and drift.

Deviation: TEMPO measures a difference several times in one round, and elects its leader; here a round is one exchange,
and the leader is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock.protocols.clock_synchronization.cristian import CristianClient, margin_ns
from simclock.protocols.clock_synchronization.messages import Adjustment, ClockPoll, ClockReading
from simclock.protocols.clock_synchronization.observed import Averaged, Heard, Polled, Reported
from simclock.protocols.clock_synchronization.settings import Synchronization


def agreeing(differences: Mapping[int, int], within_ns: int, leader: int) -> tuple[int, ...]:
    """The largest set of nodes whose clocks are no further apart than `within_ns`, in order of id.

    Of two sets of one size, the one with the leader in it counts, then the one that is further behind: whoever is
    ahead might run too fast, and a clock is set forward more safely than back.
    """
    best: tuple[int, ...] = ()
    for lowest_ns in sorted(set(differences.values())):
        chosen = tuple(sorted(node for node, at_ns in differences.items() if 0 <= at_ns - lowest_ns <= within_ns))
        if (len(chosen), leader in chosen) > (len(best), leader in best):
            best = chosen
    return best


def average_ns(differences: Mapping[int, int], included: tuple[int, ...]) -> int:
    """The mean of what is included, rounded down."""
    return sum(differences[node] for node in included) // len(included)


class BerkeleyNode(CristianClient):
    """Follows; the node that is the leader leads. Told to, it also synchronizes by Cristian's algorithm."""

    def __init__(self, settings: Synchronization) -> None:
        super().__init__(settings, regular=False)
        # As leader.
        self.round = 0
        """Over all incarnations; 0 where no round is under way."""
        self.latest_round = 0
        self.polled_ns = 0
        """The monotonic clock when the round began."""
        self.frozen_ns = 0
        """How far the wall clock was ahead of the monotonic one then: what the round compares with."""
        self.differences: dict[int, int] = {}
        """Node -> its clock less the leader's, of this round."""
        self.polled: set[int] = set()
        """Of whom nothing was heard yet in this round."""
        # As follower.
        self.answered: tuple[int, int] | None = None
        """(round, ahead): the latest reading given in this incarnation."""

    def on_start(self) -> None:
        super().on_start()
        self.latest_round = self.incarnation << 32
        if self.id == self.settings.leader:
            self.set_timer("round", self.settings.interval_ns)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "round":
                self.set_timer("round", self.settings.interval_ns)
                self._end_round()
                self._begin_round()
            case "enough":
                self._end_round()
            case _:
                super().on_timer(timer)

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case ClockPoll(round=number):
                if self.answered is not None and number <= self.answered[0]:
                    return  # a copy: the adjustment will count from the first answer
                self.answered = number, self.ahead_ns()
                self.observe(Reported(number, self.clock.wall_ns()))
                self.send(source, ClockReading(number, self.clock.wall_ns()))
            case ClockReading(round=number, wall_ns=wall_ns):
                if number == self.round and source in self.polled:
                    self._take(source, wall_ns)
            case Adjustment(round=number, by_ns=by_ns):
                if self.answered is not None and self.answered[0] == number:
                    self.aim(self.answered[1] + by_ns)
            case _:
                super().on_message(source, message)

    # The leader's round.

    def _others(self) -> list[int]:
        return [node for node in range(self.nodes) if node not in (self.id, self.settings.server)]

    def _begin_round(self) -> None:
        self.latest_round += 1
        self.round = self.latest_round
        self.polled_ns, self.frozen_ns = self.clock.monotonic_ns(), self.ahead_ns()
        self.differences = {self.id: 0}
        self.polled = set(self._others())
        self.observe(Polled(self.round, tuple(self._others())))
        for node in self._others():
            self.send(node, ClockPoll(self.round))
        self.set_timer("enough", self.settings.patience_ns)
        if not self.polled:
            self._end_round()

    def _take(self, node: int, wall_ns: int) -> None:
        now_ns = self.clock.monotonic_ns()
        rtt_ns = now_ns - self.polled_ns
        adjusted_ns = self.adjusted_ns(wall_ns, rtt_ns)
        difference_ns = adjusted_ns - (now_ns + self.frozen_ns)
        margin = margin_ns(rtt_ns, self.settings.delay_ns_min)
        refused = "" if self.accepts(margin) else "too long on its way"
        self.polled.discard(node)
        self.observe(Heard(self.round, node, wall_ns, rtt_ns, adjusted_ns, difference_ns, margin, refused))
        if not refused:
            self.differences[node] = difference_ns
        if not self.polled:
            self._end_round()

    def adjusted_ns(self, wall_ns: int, rtt_ns: int) -> int:
        """What a clock that showed `wall_ns` shows half of a round trip later."""
        return wall_ns + rtt_ns // 2

    def included(self, differences: Mapping[int, int]) -> tuple[int, ...]:
        """Whose clocks are averaged."""
        return agreeing(differences, self.settings.outlier_ns, self.id)

    def _end_round(self) -> None:
        if not self.round:
            return
        self.cancel_timer("enough")
        number, self.round = self.round, 0
        differences = self.differences
        included = self.included(differences)
        average = average_ns(differences, included)
        # A clock that was left out of the average is corrected too.
        adjustments = tuple((node, average - differences[node]) for node in sorted(differences))
        rejected = tuple(node for node in sorted(differences) if node not in included)
        silent = tuple(node for node in self._others() if node not in differences)
        self.observe(Averaged(number, average, included, rejected, silent, adjustments))
        for node, by_ns in adjustments:
            if node == self.id:
                self.aim(self.frozen_ns + by_ns)
            else:
                self.send(node, Adjustment(number, by_ns))
