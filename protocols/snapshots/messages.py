"""What nodes send each other: money, markers, and what each has recorded; all of it over reliable channels."""

from __future__ import annotations

from simclock.actors import Message

SnapshotId = tuple[int, int]
"""(initiator, its number there)."""


class Transfer(Message):
    """Money, which is under way until it is received."""

    number: int
    """Of the transfers on this channel, from 0."""
    amount: int
    red: tuple[tuple[int, int], ...] = ()
    """Lai-Yang: the snapshots for which the sender has recorded its state already."""


class Marker(Message):
    """The sender has recorded its state for that snapshot."""

    snapshot: tuple[int, int]
    white: int
    """How many transfers it had sent on this channel before: Lai-Yang waits for them; Chandy-Lamport has no need."""


class Report(Message):
    """What a node has recorded, for the initiator."""

    snapshot: tuple[int, int]
    balance: int
    channels: tuple[tuple[int, tuple[int, ...]], ...]
    """(source, amounts that were under way from there)."""


class Failed(Message):
    """The sender cannot take its part in that snapshot, or the initiator has given it up."""

    snapshot: tuple[int, int]


class Data(Message):
    """What goes over the network."""

    number: int
    payload: Transfer | Marker | Report | Failed


class Acknowledge(Message):
    """It has arrived, and is durable."""

    number: int
