"""Nodes that converge (in `byzantine-hunt`) and clients that agree on time (in `clock-sources`) with one wrong line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.experiments.catalog.byzantine_clocks.sources import MAJORITY, MOST_SOURCES, NARROWEST
from simclock.experiments.entries.bug import Bug
from simclock.protocols.byzantine_clocks import SKEW_BOUND, Agreed, ConvergingNode, Interval, Marzullo, Poller
from simclock.protocols.byzantine_clocks.convergence import plain_median


class BelievesAnyDifference(ConvergingNode):
    """CNV without its threshold: a difference that cannot be right is averaged with the others."""

    def correction_ns(self, differences: Sequence[int]) -> int:
        return self.rounds.converge(differences, self.rounds.faults, 1 << 62)


class TrimsOneTooFew(ConvergingNode):
    """f - 1 of the smallest and greatest are left out, so one lie stays."""

    def correction_ns(self, differences: Sequence[int]) -> int:
        return self.rounds.converge(differences, self.rounds.faults - 1, self.rounds.delta_ns)


class TakesTheMiddle(ConvergingNode):
    """The median alone: two-faced liars keep two camps apart."""

    def correction_ns(self, differences: Sequence[int]) -> int:
        return plain_median(differences, self.rounds.faults, self.rounds.delta_ns)


class UpperEndsFirst(Marzullo):
    """SYNC-03: where one interval ends and another begins, the end is counted first: they do not overlap."""

    def ends(self, intervals: Sequence[Interval]) -> list[tuple[int, int, int]]:
        return [(at, -order, opens) for at, order, opens in super().ends(intervals)]


class LastOfTheBest(Marzullo):
    """SYNC-03: the best is updated with >=, so that the last of several wins, however wide."""

    def is_better(self, one: Agreed, other: Agreed) -> bool:
        return one.sources >= other.sources


class AcceptsMinority(Poller):
    """SYNC-04: the best interval is used, however few sources allow it."""

    def accepted(self, agreed: Agreed | None) -> Agreed | None:
        return agreed


_COCKROACH = "https://github.com/cockroachdb/cockroach"
_MARZULLO = "https://en.wikipedia.org/wiki/Marzullo%27s_algorithm"


def _bug(id: str, name: str, parts: dict[str, type], source: str) -> Bug:
    return Bug(
        id=id, name=name, parts=parts, property=SKEW_BOUND, source=source, scenario="byzantine-hunt", judged=False
    )


def _source(id: str, name: str, parts: dict[str, type], property: str, source: str, **more: Any) -> Bug:
    return Bug(
        id=id, name=name, parts=parts, property=property, source=source, scenario="clock-sources", judged=False, **more
    )


_OURS = {"select": ("marzullo",)}
"""The other algorithm has not the wrong line."""

BUGS = (
    _bug("PAPER-CNV", "no-threshold", {"node": BelievesAnyDifference}, "Lamport & Melliar-Smith 1985, algorithm CNV"),
    _bug("PAPER-FTM", "trims-f-minus-1", {"node": TrimsOneTooFew}, "Lundelius & Lynch 1988, reduce(U)"),
    _bug("PAPER-FTMb", "plain-median", {"node": TakesTheMiddle}, "protocols/byzantine_clocks/convergence.py"),
    _source("SYNC-03", "marzullo-ties", {"selection": UpperEndsFirst}, MOST_SOURCES, _MARZULLO, needs=_OURS),
    _source("SYNC-03b", "marzullo-last-best", {"selection": LastOfTheBest}, NARROWEST, _MARZULLO, needs=_OURS),
    _source("SYNC-04", "no-majority", {"poller": AcceptsMinority}, MAJORITY, f"{_COCKROACH}/pull/130"),
)
