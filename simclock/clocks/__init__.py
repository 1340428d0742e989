"""Clocks as data types: what a node can carry, compare and read."""

from simclock.clocks.dotted import (
    DottedVersion,
    DottedVersionSet,
    concurrent_versions,
    context_of,
    next_version,
)
from simclock.clocks.hybrid import (
    ClockRefusal,
    ForwardJump,
    ForwardJumps,
    HybridClock,
    HybridTime,
    RemoteTooFarAhead,
)
from simclock.clocks.interval_tree import Stamp
from simclock.clocks.lamport import LamportClock
from simclock.clocks.order import ClockValue, NodeId, Order
from simclock.clocks.true_time import TrueTime, Uncertainty
from simclock.clocks.vector import DenseVectorClock, VectorClock, settled

__all__ = [
    "ClockRefusal",
    "ClockValue",
    "DenseVectorClock",
    "DottedVersion",
    "DottedVersionSet",
    "ForwardJump",
    "ForwardJumps",
    "HybridClock",
    "HybridTime",
    "LamportClock",
    "NodeId",
    "Order",
    "RemoteTooFarAhead",
    "Stamp",
    "TrueTime",
    "Uncertainty",
    "VectorClock",
    "concurrent_versions",
    "context_of",
    "next_version",
    "settled",
]
