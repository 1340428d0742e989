"""What replicas tell, however they hand on what they have.

A version counts the changes of a replica's state. A value is told together with the version it belongs to, so that the
history of every value can be made anew from what is told, without asking the data type; it is None where the settings
say that values are not told.
"""

from __future__ import annotations

from typing import Any

from simclock import Told, reader
from simclock.protocols.crdts.crdt import Operation


class Started(Told):
    """The replica begins, or begins again, with what is on its disk."""

    version: int


class Updated(Told):
    """A user has changed the value here."""

    version: int
    number: int
    """1, 2, 3, ... of this replica's own operations."""
    operation: Operation
    value: Any


class Merged(Told):
    """The replica has all that the state had which another one sent."""

    version: int
    source: int
    source_version: int
    """Of that state."""
    value: Any


class Delivered(Told):
    """The replica has carried out an operation of another one."""

    version: int
    origin: int
    number: int
    """As in the origin's `Updated`."""
    value: Any


class MergeRefused(Told, observed_as="cannot_merge"):
    """The data type cannot merge what was sent."""

    reason: str


read = reader(Started, Updated, Merged, Delivered, MergeRefused)
