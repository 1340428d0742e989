"""Nodes that converge with one wrong line, hunted in `byzantine-hunt`."""

from __future__ import annotations

from collections.abc import Sequence

from simclock.experiments.entries.bug import Bug
from simclock.protocols.byzantine_clocks import SKEW_BOUND, ConvergingNode
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


def _bug(id: str, name: str, wrong: type, source: str) -> Bug:
    return Bug(
        id=id, name=name, wrong=wrong, property=SKEW_BOUND, source=source, scenario="byzantine-hunt", judged=False
    )


BUGS = (
    _bug("PAPER-CNV", "no-threshold", BelievesAnyDifference, "Lamport & Melliar-Smith 1985, algorithm CNV"),
    _bug("PAPER-FTM", "trims-f-minus-1", TrimsOneTooFew, "Lundelius & Lynch 1988, reduce(U)"),
    _bug("PAPER-FTMb", "plain-median", TakesTheMiddle, "protocols/byzantine_clocks/convergence.py"),
)
NODE_BUGS = {bug.id: bug for bug in BUGS}
