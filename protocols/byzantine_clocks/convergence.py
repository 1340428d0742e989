"""Convergence functions: what a node makes of the differences between the others' clocks and its own.

Each takes the differences (other clock minus own, in nanoseconds, the own one included as 0) and gives the correction
of the own clock. Law: with n > 3f and at most f wrong differences, two nodes whose right differences agree come nearer
to each other, by the factor that `bound` uses.

    egocentric mean    CNV of Lamport and Melliar-Smith, "Synchronizing Clocks in the Presence of Faults", 1985
    average            without the f greatest and f smallest: Kopetz and Ochsenreiter, "Clock Synchronization in
                       Distributed Real-Time Systems", 1987
    midpoint           of the greatest and smallest that are left: Lundelius and Lynch, "A New Fault-Tolerant Algorithm
                       for Clock Synchronization", 1988
    median             the midpoint of the f + 1 differences in the middle

Deviation: against two-faced liars the median alone brings clocks no nearer. With two camps of right clocks, liars that
tell each camp what lies beyond its own clocks move the middle element from one camp to the other, so each camp keeps
its own time for ever, whatever n is. The midpoint of the f + 1 in the middle is the narrowest one that comes nearer: f
liars cannot move the lower of its two ends above, and the upper one below, the same right clock. With f = 0 it is the
median. `plain_median` is here to be shown wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Converge = Callable[[Sequence[int], int, int], int]
"""(differences, f, delta) -> correction."""


def egocentric_mean(differences: Sequence[int], faults: int, delta_ns: int) -> int:
    """CNV: a difference greater than delta counts as 0, the own clock's; the average of all n."""
    return sum(difference for difference in differences if abs(difference) <= delta_ns) // len(differences)


def fault_tolerant_average(differences: Sequence[int], faults: int, delta_ns: int) -> int:
    """The average of what is left without the `faults` smallest and greatest."""
    left = reduced(differences, faults)
    return sum(left) // len(left)


def midpoint(differences: Sequence[int], faults: int, delta_ns: int) -> int:
    """mid(reduce(U)): halfway between the smallest and the greatest that are left."""
    left = reduced(differences, faults)
    return (left[0] + left[-1]) // 2


def median(differences: Sequence[int], faults: int, delta_ns: int) -> int:
    """Halfway between the ends of the f + 1 differences in the middle; f + 2 where n - f - 1 is odd."""
    left = reduced(differences, (len(differences) - faults - 1) // 2)
    return (left[0] + left[-1]) // 2


def plain_median(differences: Sequence[int], faults: int, delta_ns: int) -> int:
    """The element in the middle, or halfway between the two: right only where liars tell everybody the same."""
    left = reduced(differences, (len(differences) - 1) // 2)
    return (left[0] + left[-1]) // 2


def reduced(differences: Sequence[int], count: int) -> list[int]:
    """In ascending order, without the `count` smallest and the `count` greatest."""
    assert 2 * count < len(differences), "something is left"
    return sorted(differences)[count : len(differences) - count]


ALGORITHMS: dict[str, Converge] = {
    "cnv": egocentric_mean,
    "average": fault_tolerant_average,
    "midpoint": midpoint,
    "median": median,
}
