"""What the monitor tells, whenever one of its detectors changes its mind."""

from __future__ import annotations

from simclock import Told, reader


class Suspects(Told):
    """The detector takes the node to be down."""

    node: int
    detector: int
    """Its number in the monitor's list."""


class Trusts(Told):
    """A heartbeat has come of a node that the detector suspected."""

    node: int
    detector: int


read = reader(Suspects, Trusts)
