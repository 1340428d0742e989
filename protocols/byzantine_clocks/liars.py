"""Nodes that lie about their clocks, in several ways. They take part in the rounds, and answer what they like.

The worst lie is one that is just believed: CNV drops a difference above Delta, and what an asker computes is the lie
plus an error of half the jitter of the way. `Lies.amplitude_ns` is the greatest lie that is never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from simclock.actors import Message
from simclock.protocols.byzantine_clocks.bound import PARTS, Bound
from simclock.protocols.byzantine_clocks.messages import Ask, Tell
from simclock.protocols.byzantine_clocks.node import ConvergingNode, Rounds


@dataclass(frozen=True, kw_only=True)
class Lies:
    """What liars know and have agreed on: a Byzantine adversary is allowed to know everything."""

    amplitude_ns: int
    way_ns: int
    """How long a question is taken to have been on its way."""
    fast: frozenset[int]
    """The correct nodes whose clocks run faster than the others': one of the two camps."""


def lies_of(bound: Bound, fast: frozenset[int]) -> Lies:
    """The worst lies against a system with that bound."""
    jitter_ns = bound.delay_ns_max - bound.delay_ns_min
    drift_ns = 2 * bound.drift_ppb * bound.delay_ns_max // PARTS
    amplitude_ns = bound.delta_ns - ceil(jitter_ns / 2) - drift_ns - 3
    return Lies(amplitude_ns=amplitude_ns, way_ns=(bound.delay_ns_min + bound.delay_ns_max) // 2, fast=fast)


class Liar(ConvergingNode):
    """What liars have in common."""

    def __init__(self, rounds: Rounds, lies: Lies) -> None:
        super().__init__(rounds)
        self.lies = lies

    def seen_from(self, message: Ask, difference_ns: int) -> int:
        """What to answer so that the asker sees that difference, as nearly as the network lets it."""
        return message.sent_ns + self.lies.way_ns + difference_ns


class RandomLiar(Liar):
    """Answers at random: now within what is believed, now far beyond."""

    def answer_ns(self, source: int, message: Ask) -> int | None:
        span_ns = self.lies.amplitude_ns * self.random.choice((1, 2, 20))
        return self.logical_ns + self.random.uniform_ns(-span_ns, span_ns)


class OffsetLiar(Liar):
    """Tells everybody a clock that is wrong by the same amount for ever."""

    def answer_ns(self, source: int, message: Ask) -> int | None:
        amplitude_ns = self.lies.amplitude_ns
        return self.logical_ns + (amplitude_ns if self.id % 2 else -amplitude_ns) * 3 // 4


class TwoFacedLiar(Liar):
    """Tells fast clocks that they are slow, and slow clocks that they are fast."""

    def answer_ns(self, source: int, message: Ask) -> int | None:
        amplitude_ns = self.lies.amplitude_ns
        return self.seen_from(message, amplitude_ns if source in self.lies.fast else -amplitude_ns)


class ColludingLiar(Liar):
    """All liars tell everybody alike that its clock is slow: time itself is to run away."""

    def answer_ns(self, source: int, message: Ask) -> int | None:
        return self.seen_from(message, self.lies.amplitude_ns)


class EquivocatingLiar(TwoFacedLiar):
    """Answers one question twice: with the worst lie for the asker's camp, and with the same lie again.

    A node that counts answers and not who gave them hears more liars than there are.
    """

    def on_message(self, source: int, message: Message) -> None:
        super().on_message(source, message)
        if isinstance(message, Ask):
            reading_ns = self.answer_ns(source, message)
            assert reading_ns is not None, "a liar answers in every round"
            self.send(source, Tell(message.round, reading_ns + self.random.choice((-1, 1))))


LIARS: dict[str, type[Liar]] = {
    "random": RandomLiar,
    "offset": OffsetLiar,
    "two-faced": TwoFacedLiar,
    "colluding": ColludingLiar,
}
"""Kind -> a liar that answers each question once."""
EQUIVOCATORS: dict[str, type[Liar]] = {"equivocating": EquivocatingLiar}
"""Kind -> one that does not."""
