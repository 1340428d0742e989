"""What nodes tell that keep their clocks together, and the client that asks several time sources.

A logical clock is the wall clock plus a correction.
"""

from __future__ import annotations

from simclock import Told, reader


class Clock(Told):
    """The node begins, or has left rounds out: its logical clock is this from now on."""

    round: int
    correction_ns: int
    wall_ns: int
    """What its wall clock shows now."""


class Corrected(Told):
    """A round has ended, and with it the correction of the one before."""

    round: int
    """The one that begins."""
    correction_ns: int
    wall_ns: int
    by_ns: int
    """How much the correction has changed."""
    differences_ns: tuple[tuple[int, int], ...]
    """(node, its clock minus the own one), of all that answered."""


class SourcesAgreed(Told, observed_as="agreed"):
    """A client has made one interval of what its time sources said; milliseconds, of true time minus its own clock."""

    number: int
    """Of its poll: 1, 2, 3, ..."""
    intervals: tuple[tuple[int, int], ...]
    """(low, high) of each that answered, in their order."""
    agreed: tuple[int, ...] | None
    """The fields of an `Agreed`; None where too few agree."""


read = reader(Clock, Corrected, SourcesAgreed)
