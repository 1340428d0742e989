"""How many executions there are, estimated before they are explored.

Knuth, "Estimating the efficiency of backtrack programs" (1975): a random way down a tree, each child alike, whose
numbers of children are multiplied, gives the number of leaves in the mean. The leaves here are interleavings; an
execution is all the orders of its steps that happened-before allows (its linear extensions), so the product divided by
their number gives the number of executions in the mean. Both are unbiased; the standard error says how far off.

Steps that nothing can take the place of (sends) are made at once, which changes no execution and spares luck. Linear
extensions are counted exactly, by the sets of steps closed under happened-before; where these are more than
`IDEALS_MAX`, by Knuth's method again, which makes the estimate of executions a biased one, and it says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.systems import System, Trace
from simclock.experiments.exploring.executions.tally import Bounds
from simclock.streams import Stream, stream

IDEALS_MAX = 20_000
ORDERS_DRAWN = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """What random ways down say of the number of executions."""

    executions: float
    error: float
    """Standard error of the mean."""
    probes: int
    distinct: int
    """Executions that the probes saw: at least so many there are."""
    cut_short: int
    """Probes that reached the bound on steps: the estimate is of executions of that length."""
    exact_orders: bool

    def __str__(self) -> str:
        text = f"about {self.executions:,.0f} executions (standard error {self.error:,.0f}, {self.probes} probes)"
        if self.executions < self.distinct:
            text += f"; at least {self.distinct:,}, which were seen"
        if self.cut_short:
            text += f"; {self.cut_short} probes reached the bound on steps"
        if not self.exact_orders:
            text += "; orders were sampled, so the mean is biased"
        return text


def estimate(system: System, probes: int = 200, seed: int = 0, bounds: Bounds | None = None) -> Estimate:
    """Estimate the number of executions (complete, blocked and cut short) from that many random ways down."""
    if probes < 2:
        raise UsageError("an estimate takes 2 probes or more")
    bounds = bounds or Bounds()
    samples = []
    seen = set()
    cut_short, exact = 0, True
    for number in range(probes):
        luck = stream(seed, "estimate", number)
        trace, weight, was_cut = _probe(system, luck, bounds.steps_max)
        orders, counted = linear_extensions(_branching(trace), luck)
        samples.append(weight / orders)
        seen.add(repr(trace.canonical()))
        cut_short += was_cut
        exact &= counted
    mean = math.fsum(samples) / probes
    variance = math.fsum((sample - mean) ** 2 for sample in samples) / (probes - 1)
    return Estimate(mean, math.sqrt(variance / probes), probes, len(seen), cut_short, exact)


def _probe(system: System, luck: Stream, steps_max: int) -> tuple[Trace, int, bool]:
    """A random way down; the product of its numbers of choices; whether the bound on steps ended it."""
    run, trace, weight = system.start(), Trace(), 1
    while options := run.enabled():
        if len(trace.steps) >= steps_max:
            return trace, weight, True
        step = next((step for step in options if step.alone), None)
        if step is None:
            weight *= len(options)
            step = luck.choice(options)
        trace.add(step, run.take(step))
    return trace, weight, False


def _branching(trace: Trace) -> list[int]:
    """The steps that were drawn: for each, which of them happen before it, as bits."""
    places = [index for index, step in enumerate(trace.steps) if not step.alone]
    return [
        sum(1 << bit for bit, earlier in enumerate(places) if earlier != index and trace.before[index] >> earlier & 1)
        for index in places
    ]


def linear_extensions(before: Sequence[int], luck: Stream) -> tuple[int | float, bool]:
    """In how many orders steps may happen (of step i, `before[i]` are the bits of those before it), and whether that
    is exact."""
    everything = (1 << len(before)) - 1
    ways = {0: 1}
    for _ in before:
        following: dict[int, int] = {}
        for done, count in ways.items():
            for step, needed in enumerate(before):
                if not done >> step & 1 and needed & ~done == 0:
                    after = done | 1 << step
                    following[after] = following.get(after, 0) + count
        ways = following
        if len(ways) > IDEALS_MAX:
            return _drawn_orders(before, luck), False
    return ways[everything] if before else 1, True


def _drawn_orders(before: Sequence[int], luck: Stream) -> float:
    total = 0.0
    for _ in range(ORDERS_DRAWN):
        done, weight = 0, 1
        for _ in before:
            able = [i for i, needed in enumerate(before) if not done >> i & 1 and needed & ~done == 0]
            weight *= len(able)
            done |= 1 << luck.choice(able)
        total += weight
    return total / ORDERS_DRAWN
