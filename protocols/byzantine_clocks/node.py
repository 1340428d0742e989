"""A node that keeps its clock near the others' in rounds, by reading them all.

The logical clock is the physical one plus a correction; the physical clock is left alone. A round ends when the logical
clock shows the next multiple of R: Lamport and Melliar-Smith's T(i) = T(0) + iR. A clock of round i is read as such
also by those who are a little later, so a node keeps the correction of the round before.

Deviation: the papers know no clock that jumps. Rounds that a jump has left behind are left out, as nobody could answer
in them, and walking through them would take as long as the jump is far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simclock.actors import Message, Node
from simclock.protocols.byzantine_clocks.convergence import Converge
from simclock.protocols.byzantine_clocks.messages import Ask, Tell
from simclock.protocols.byzantine_clocks.observed import Clock, Corrected


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """What all nodes agree on before they start."""

    converge: Converge
    faults: int
    """f, the greatest number of liars that is tolerated."""
    interval_ns: int
    """R: from one resynchronization to the next, by the logical clock."""
    window_ns: int
    """W: before the end of a round, when the others are asked."""
    delta_ns: int
    """Delta: a difference above it cannot be right."""


class ConvergingNode(Node):
    """A correct node."""

    def __init__(self, rounds: Rounds) -> None:
        self.rounds = rounds
        self.round = 0
        self.corrections: dict[int, int] = {0: 0}
        """Round -> correction, for this round and the one before."""
        self.asked_ns: int | None = None
        """When the others were asked, by the logical clock; None between."""
        self.differences: dict[int, int] = {}
        """Node -> its clock minus the own one. The first answer of a node counts: a second may be a copy."""

    @property
    def logical_ns(self) -> int:
        """What the node takes for the time."""
        return self.clock.wall_ns() + self.corrections[self.round]

    def on_start(self) -> None:
        if self.incarnation:
            # Deviation: the papers leave open how a node joins. It comes back with the round its own clock says.
            self.round = max(0, self.clock.wall_ns() // self.rounds.interval_ns)
            self.corrections = {self.round: 0}
        self._tell_clock()
        self._wait()

    def on_timer(self, timer: Any) -> None:
        if timer == "ask" and self.logical_ns >= self._end_ns:
            self._wait()
        elif timer == "ask":
            self.asked_ns = self.logical_ns
            self.differences = {}
            self.broadcast(Ask(self.round, self.asked_ns))
            self.set_timer("correct", max(0, self._end_ns - self.asked_ns))
        else:
            self._correct()

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Ask():
                reading_ns = self.answer_ns(source, message)
                if reading_ns is not None:
                    self.send(source, Tell(message.round, reading_ns))
            case Tell(round=number, reading_ns=reading_ns):
                if number == self.round and self.asked_ns is not None and source not in self.differences:
                    # The answer is taken to be from halfway between asking and hearing (Cristian 1989).
                    self.differences[source] = reading_ns - (self.asked_ns + self.logical_ns) // 2

    def answer_ns(self, source: int, message: Ask) -> int | None:
        """What to tell; None for a round that this node is not in, and has not just left."""
        correction_ns = self.corrections.get(message.round)
        return None if correction_ns is None else self.clock.wall_ns() + correction_ns

    def _correct(self) -> None:
        """C(i+1) = C(i) + correction. Who did not answer counts as a clock like the own one."""
        by_ns = self.correction_ns([self.differences.get(node, 0) for node in range(self.nodes)])
        before_ns = self.corrections[self.round]
        self.corrections = {self.round: before_ns, self.round + 1: before_ns + by_ns}
        self.round += 1
        self.asked_ns = None
        told = tuple(sorted(self.differences.items()))
        self.observe(Corrected(self.round, self.corrections[self.round], self.clock.wall_ns(), by_ns, told))
        self._wait()

    def correction_ns(self, differences: Sequence[int]) -> int:
        """What the node makes of the differences, its own 0 among them."""
        return self.rounds.converge(differences, self.rounds.faults, self.rounds.delta_ns)

    @property
    def _end_ns(self) -> int:
        return (self.round + 1) * self.rounds.interval_ns

    def _tell_clock(self) -> None:
        self.observe(Clock(self.round, self.corrections[self.round], self.clock.wall_ns()))

    def _wait(self) -> None:
        """Until it is time to ask in the first round that is not over."""
        if self.logical_ns >= self._end_ns:
            correction_ns = self.corrections[self.round]
            self.round = self.logical_ns // self.rounds.interval_ns
            self.corrections = {self.round: correction_ns}
            self._tell_clock()
        self.set_timer("ask", max(0, self._end_ns - self.rounds.window_ns - self.logical_ns))
