"""What the nodes of a bank tell: of their money, and of snapshots of it.

Amounts are whole units of money. A transfer's number is 0, 1, 2, ... of those from one node to another.
"""

from __future__ import annotations

from typing import Any

from simclock import Told, reader
from simclock.protocols.snapshots.messages import SnapshotId


class Sent(Told):
    """Money leaves the node."""

    target: int
    number: int
    amount: int


class Received(Told):
    """Money arrives at the node."""

    source: int
    number: int
    amount: int


class Initiated(Told):
    """The node begins a snapshot."""

    snapshot: SnapshotId

    def as_observed(self) -> Any:
        return (self.snapshot,)  # as of the others, the snapshot stands in a tuple

    @classmethod
    def from_observed(cls, value: Any) -> Initiated:
        return cls(*value)


class Recorded(Told):
    """The node has recorded its own state."""

    snapshot: SnapshotId
    balance: int


class Completed(Told, observed_as="complete"):
    """The initiator has everybody's report."""

    snapshot: SnapshotId
    balances: tuple[tuple[int, int], ...]
    """(node, what it had), in order."""
    channels: tuple[tuple[int, int, tuple[int, ...]], ...]
    """(source, target, amounts that were under way)."""


class GivenUp(Told, observed_as="failed"):
    """The initiator gives a snapshot up."""

    snapshot: SnapshotId
    reason: str


read = reader(Sent, Received, Initiated, Recorded, Completed, GivenUp)
