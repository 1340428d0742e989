"""How far apart correct clocks can be: the proved bound, term by term, in exact arithmetic.

What is assumed of correct nodes, n of them less at most f, n > 3f:

    r   a clock gains between (1 - r) t and (1 + r) t in true time t. Two clocks part by 2r a second at most: that is
        the rho of Lamport and Melliar-Smith, whose clocks are within rho/2 of true time.
    o   at the start each shows true time, more or less `offset_ns`.
    lo, hi   a message takes between lo and hi, and arrives.
    R   a node resynchronizes when its logical clock shows a multiple of R. It asks W before that.

Reading error. p asks when its clock shows t1, q answers v, p has it at t4 and takes v - (t1 + t4)/2 for the difference.
If the two ways take a and b, that is wrong by half of |a - b|, at most (hi - lo)/2, and by what p's clock drifts on the
way; then the two clocks drift on for at most W until the difference is used. Together

    epsilon = (hi - lo)/2 + r (hi + lo)/2 + 2r W/(1 - r), and roundings.

One round. Let B bound the difference of two correct clocks from the first entry into a round to the last exit. A clock
that is used shows the round's end within sigma = B/(1 - r) of any other, so what p and q believe of the same correct
clock differs by x = 2 epsilon + 2r sigma at most. What they believe of a liar may differ by all that they accept. With
E = epsilon + B, the greatest right difference, and Delta = E, CNV's threshold, the next round begins within

    CNV        ((n - f) x + f (B + 2 Delta)) / n      theorem 1 of Lamport and Melliar-Smith
    average    x + B f/(n - 2f)                       Kopetz and Ochsenreiter
    midpoint   x + B/2                                Lundelius and Lynch, mid(reduce(U)) halves
    median     x + B/2                                the same proof: see `convergence`

and clocks drift apart by 2r (sigma + (R + E)/(1 - r)) more until the last has left it. So B in round i + 1 is at most
c B + b, with c < 1 exactly if n > 3f (CNV, average): c is about 3f/n, f/(n - 2f), 1/2, 1/2. The limit of that is

    CNV        n/(n - 3f) (2 epsilon + 2r R)          n/(n - 3m) (2 epsilon + rho (R + 2 S (n - m)/n)) in the paper,
                                                      whose epsilon has no drift in it
    average    (n - 2f)/(n - 3f) (2 epsilon + 2r R)
    midpoint   4 epsilon + 4r R                       theirs, with their rho for r and P for R

up to terms in r^2 and r B, which the papers leave out and this module does not: Rushby and von Henke ("Formal
Verification of the Interactive Convergence Clock Synchronization Algorithm", 1989) checked the published proof by
machine and found flaws in the theorem and in four of its five lemmas. Whole nanoseconds are rounded; each rounding has
its 1 or 2 below.

While p is in round i + 1 and q still in i, their clocks differ by at most B and what a correction can move: `mixed_ns`.
Validity: a correction takes a clock beyond the extreme of all correct ones by at most epsilon (CNV: or by the liars'
share of Delta), so clocks stay within `envelope_ns` of true time: a line, of slope r and one such step for each round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import ceil, floor

from simclock import UsageError, format_duration
from simclock.protocols.byzantine_clocks.convergence import ALGORITHMS

PARTS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The bound for one system. All in nanoseconds."""

    algorithm: str
    nodes: int
    """n."""
    faults: int
    """f: how many may be arbitrarily wrong."""
    drift_ppb: int
    """r, in parts per billion."""
    offset_ns: int
    delay_ns_min: int
    delay_ns_max: int
    interval_ns: int
    """R."""

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise UsageError(f"algorithm: {self.algorithm!r} is not one: use {', '.join(ALGORITHMS)}")
        if not 0 <= 3 * self.faults < self.nodes:
            most = (self.nodes - 1) // 3
            raise UsageError(f"tolerates: {self.faults} faults of {self.nodes} nodes: at most {most} (n > 3f)")
        if self._factor() >= 1:
            raise UsageError(
                f"drift: with {_ppm(self.drift_ppb)} ppm clocks part faster in a round than {self.algorithm} brings "
                f"them together ({self.nodes} nodes, {self.faults} faults)"
            )
        least_ns = ceil(self.window_ns + 2 * self._spread_ns(self._greatest_ns) + self.epsilon_ns + 2)
        if self.interval_ns < least_ns and self._fits_without_offset():
            raise UsageError(
                f"offset: clocks that begin {format_duration(self.offset_ns)} off need readings and corrections of up "
                f"to {format_duration(least_ns)}, and the interval is {format_duration(self.interval_ns)}: give a "
                "smaller offset or a longer interval"
            )
        if self.interval_ns < least_ns:
            raise UsageError(
                f"interval: {format_duration(self.interval_ns)} is too short: readings and corrections take up to "
                f"{format_duration(least_ns)}"
            )

    def _fits_without_offset(self) -> bool:
        """Whether the interval were long enough for clocks that begin in agreement."""
        try:
            return self.offset_ns > 0 and bool(replace(self, offset_ns=0))
        except UsageError:
            return False

    # What a node needs.

    @cached_property
    def window_ns(self) -> int:
        """W: from asking to correcting, by the own clock: every answer of a correct node is there."""
        return ceil((1 + self._r) * 2 * self.delay_ns_max) + 2

    @cached_property
    def delta_ns(self) -> int:
        """Delta: the greatest difference that a right reading can show."""
        return ceil(self._greatest_ns + self.epsilon_ns)

    # What is proved.

    @cached_property
    def epsilon_ns(self) -> Fraction:
        """The reading error."""
        jitter_ns, sum_ns = self.delay_ns_max - self.delay_ns_min, self.delay_ns_max + self.delay_ns_min
        waits_ns = (self.window_ns + 2) / (1 - self._r)
        return Fraction(jitter_ns) / 2 + self._r * sum_ns / 2 + 2 + 2 * self._r * waits_ns + 2

    def skew_ns(self, round: int) -> int:
        """What two correct clocks of that round differ by, at most."""
        return floor(self._of_round(round))

    def mixed_ns(self, round: int) -> int:
        """What a correct clock of that round and one of the next differ by, at most."""
        skew_ns = self._of_round(round)
        step_ns = self._step_ns(self.epsilon_ns + 2 * self._r * self._spread_ns(skew_ns) + 2)
        return floor(skew_ns + step_ns + 1)

    def correction_ns(self, round: int) -> int:
        """What a correct node corrects by at the end of that round, at most (condition S2 of the paper)."""
        return self.delta_ns if self.algorithm == "cnv" else floor(self._of_round(round) + self.epsilon_ns) + 1

    def envelope_ns(self, round: int, true_ns: int) -> int:
        """How far from true time a correct clock of that round can be."""
        return floor(self.offset_ns + self._r * true_ns + 1 + round * (self._step_ns(self.epsilon_ns) + 2))

    @cached_property
    def limit_ns(self) -> int:
        """What `skew_ns` tends to."""
        return floor(self._next_ns(Fraction(0), self.delta_ns) / (1 - self._factor(self.delta_ns)))

    @property
    def _r(self) -> Fraction:
        return Fraction(self.drift_ppb, PARTS)

    @cached_property
    def _greatest_ns(self) -> Fraction:
        """A bound for every round: the limit, or round 0 if that is greater (the paper's two conditions on delta)."""
        return max(self._next_ns(Fraction(0)) / (1 - self._factor()), self._first_ns)

    @cached_property
    def _first_ns(self) -> Fraction:
        """Round 0: the offsets at the start, and the drift until the last has left it (the paper's delta0 + rho R)."""
        lasts_ns = (self.interval_ns + self.offset_ns + 2) / (1 - self._r)
        return 2 * self.offset_ns + 2 * self._r * lasts_ns + 2

    @cached_property
    def _rounds(self) -> list[Fraction]:
        return [self._first_ns]

    def _of_round(self, round: int) -> Fraction:
        """B of that round. After sixty halvings the rest is no nanosecond; fractions would grow with every round."""
        while len(self._rounds) <= round:
            following = self._next_ns(self._rounds[-1], self.delta_ns)
            self._rounds.append(Fraction(ceil(following * 1024), 1024))
        return self._rounds[round]

    def _factor(self, delta_ns: int | None = None) -> Fraction:
        """c, by which B shrinks in a round."""
        return self._next_ns(Fraction(1), delta_ns) - self._next_ns(Fraction(0), delta_ns)

    def _next_ns(self, skew_ns: Fraction, delta_ns: int | None = None) -> Fraction:
        """B of the next round; without a delta, the one that this B asks for."""
        nodes, faults = self.nodes, self.faults
        spread_ns = self._spread_ns(skew_ns)
        greatest_ns = skew_ns + self.epsilon_ns
        accepted_ns = greatest_ns + 1 if delta_ns is None else delta_ns
        belief_ns = 2 * self.epsilon_ns + 2 * self._r * spread_ns + 2
        match self.algorithm:
            case "cnv":
                begins_ns = ((nodes - faults) * belief_ns + faults * (skew_ns + 2 * accepted_ns)) / nodes
            case "average":
                begins_ns = belief_ns + skew_ns * faults / (nodes - 2 * faults)
            case _:
                begins_ns = belief_ns + skew_ns / 2
        parts_ns = 2 * self._r * (spread_ns + (self.interval_ns + greatest_ns + 2) / (1 - self._r))
        return begins_ns + 1 + parts_ns + 2

    def _spread_ns(self, skew_ns: Fraction) -> Fraction:
        """sigma: true time from the first correct clock that shows an instant to the last."""
        return (skew_ns + 2) / (1 - self._r)

    def _step_ns(self, epsilon_ns: Fraction) -> Fraction:
        """How far a correction can take a clock beyond all correct ones."""
        if self.algorithm != "cnv":
            return epsilon_ns
        return ((self.nodes - self.faults) * epsilon_ns + self.faults * self.delta_ns) / self.nodes


def _ppm(drift_ppb: int) -> str:
    """Parts per million, in which drifts are given: `100,000.5`."""
    return f"{drift_ppb / 1000:,.3f}".rstrip("0").rstrip(".")
