"""Clocks as data types: what a node can carry, compare and read."""

from simclock.clocks.lamport import LamportClock
from simclock.clocks.order import ClockValue, NodeId, Order
from simclock.clocks.vector import DenseVectorClock, VectorClock, settled

__all__ = [
    "ClockValue",
    "DenseVectorClock",
    "LamportClock",
    "NodeId",
    "Order",
    "VectorClock",
    "settled",
]
