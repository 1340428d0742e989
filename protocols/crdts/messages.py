"""What replicas send each other."""

from __future__ import annotations

import msgspec

from simclock.actors import Message
from simclock.clocks import VectorClock


class StatePush(Message):
    """A whole state."""

    version: int
    """Which of the sender's states it is; they are numbered."""
    state: bytes


class DeltaPush(Message):
    """A delta-interval: what leads from state `first` of the sender to its state `version`."""

    first: int
    version: int
    delta: bytes


class PushAck(Message):
    """What has arrived of the receiver's states, and is durable."""

    version: int
    gap: bool
    """Whether a delta-interval began after `version`, and could not be merged."""


class CausalOperation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An operation, and what has to be delivered before it; without a tag, as many of them travel in one message."""

    origin: int
    number: int
    """From 1, per origin."""
    after: VectorClock
    """How many operations of the others its origin had delivered."""
    prepared: bytes


class OperationsPush(Message):
    """Operations in an order in which they can be delivered, after those that the receiver is believed to have."""

    operations: tuple[CausalOperation, ...]


class OperationsAck(Message):
    """How many operations of each origin are delivered, and durable."""

    delivered: VectorClock
