"""Clocks that order events, with one wrong line."""

from __future__ import annotations

from simclock.clocks import DenseVectorClock, HybridClock, HybridTime, LamportClock, NodeId, Stamp, VectorClock
from simclock.experiments.catalog.clock_laws.judge import (
    HYBRID_BOUNDED,
    HYBRID_MONOTONE,
    LAMPORT_CONDITION,
    TREE_DISJOINT,
    TREE_KEPT,
    VECTOR_ORDER,
)
from simclock.experiments.entries.bug import Bug


class ComparesSharedIds(VectorClock, frozen=True):
    """CLK-02: `<=` looks only at ids that both have."""

    def __le__(self, other: VectorClock) -> bool:
        return all(self[node] <= other[node] for node in set(self.ids) & set(other.ids))


class TakesAnyTimestamp(HybridClock, frozen=True):
    """CLK-05: no largest offset."""

    def accepts(self, remote: HybridTime, wall_ms: int, monotonic_ms: int = 0) -> bool:
        return True


class ForgetsTheGreatestReading(HybridClock, frozen=True):
    """CLK-07: the greatest reading is overwritten by a smaller one."""

    def _greatest_reading(self, wall_ms: int, monotonic_ms: int) -> int:
        return wall_ms


class ReceiptIgnoresTheMessage(LamportClock, frozen=True):
    """IR2 left out: a receipt counts on from the node's own clock alone."""

    def receive(self, remote: LamportClock) -> LamportClock:
        return self.tick()


class ReceiptIsNoEvent(VectorClock, frozen=True):
    """A receipt learns and does not tick."""

    def receive(self, remote: VectorClock, node: NodeId) -> VectorClock:
        return self.merge(remote)


class MergeOverwrites(DenseVectorClock, frozen=True):
    """A receipt takes the message's clock in place of the greater of each pair."""

    def merge(self, other: DenseVectorClock) -> DenseVectorClock:
        return type(self)(other.counts)


class ForkCopiesTheId(Stamp, frozen=True):
    """CLK-08: both own what one owned."""

    def fork(self) -> tuple[Stamp, Stamp]:
        return self, self


class PeekKeepsTheId(Stamp, frozen=True):
    """CLK-08: what is sent owns what the sender owns."""

    def peek(self) -> Stamp:
        return self


class JoinLosesAnId(Stamp, frozen=True):
    """CLK-08: the ids are not added up."""

    def join(self, other: Stamp) -> Stamp:
        return type(self)(self.id, super().join(type(self)(0, other.event)).event)


_ITC = "Almeida, Baquero & Fonte 2008"
_COCKROACH = "https://github.com/cockroachdb/cockroach"


def _clock(id: str, name: str, parts: dict[str, type], property: str, source: str) -> Bug:
    return Bug(id=id, name=name, parts=parts, property=property, source=source, scenario="clock-laws", judged=False)


BUGS = (
    _clock("CLK-02", "vc-compare", {"vector": ComparesSharedIds}, VECTOR_ORDER, "https://github.com/basho/riak_dt"),
    _clock(
        "CLK-05", "hlc-no-max-offset", {"hybrid": TakesAnyTimestamp}, HYBRID_BOUNDED, f"{_COCKROACH} UntrustworthyValue"
    ),
    _clock(
        "CLK-07",
        "clock-cas-regress",
        {"hybrid": ForgetsTheGreatestReading},
        HYBRID_MONOTONE,
        f"{_COCKROACH}/pull/119369",
    ),
    _clock("CLK-08", "itc-fork-copies-id", {"stamp": ForkCopiesTheId}, TREE_DISJOINT, f"{_ITC}, fork"),
    _clock("CLK-08b", "itc-peek-keeps-id", {"stamp": PeekKeepsTheId}, TREE_DISJOINT, f"{_ITC}, peek"),
    _clock("CLK-08c", "itc-join-loses-id", {"stamp": JoinLosesAnId}, TREE_KEPT, f"{_ITC}, join"),
    _clock(
        "PAPER-IR2",
        "lamport-receipt-alone",
        {"lamport": ReceiptIgnoresTheMessage},
        LAMPORT_CONDITION,
        "Lamport 1978, IR2",
    ),
    _clock("PAPER-VC", "vector-receipt-no-tick", {"vector": ReceiptIsNoEvent}, VECTOR_ORDER, "Mattern 1989"),
    _clock("PAPER-VCb", "vector-merge-overwrites", {"dense": MergeOverwrites}, VECTOR_ORDER, "Mattern 1989"),
)
