"""Causal broadcasts with one wrong line."""

from __future__ import annotations

from typing import Any

from simclock.clocks import VectorClock
from simclock.experiments.catalog.causal_broadcast.hunt import DELIVERED
from simclock.experiments.entries.bug import LIVENESS, SAFETY, Bug
from simclock.protocols.causal_broadcast import Broadcast, CausalQueue, FifoQueue, Member
from simclock.protocols.causal_broadcast.hold_back import Name

CURRICULUM = "the curriculum's warning, project 5"
ISIS = "Birman, Schiper & Stephenson 1991"


class ChecksTheSenderOnly(CausalQueue):
    """CAUSAL-01: `can_deliver` looks at the sender's own count, and at no other entry of the vector."""

    def missing(self, message: Broadcast) -> Name | None:
        lacks = super().missing(message)
        return lacks if lacks is not None and lacks[0] == message.member else None


class ChecksTheOthersOnly(CausalQueue):
    """CAUSAL-02: everything that the sender had seen of others is waited for, and not what it sent before itself."""

    def missing(self, message: Broadcast) -> Name | None:
        entries = [entry for entry in message.clock.entries if entry[0] != message.member]
        return next((entry for entry in entries if entry[1] > self.delivered.get(entry[0], 0)), None)


class AnswersInFifo(Member):
    """CAUSAL-03: FIFO broadcast in place of causal: an answer may come before its question."""

    queue_class = FifoQueue


class SendsItsOwnCount(Member):
    """CAUSAL-04: the vector of a broadcast has the sender's own count alone."""

    def _timestamp(self) -> dict[Any, int]:
        return {self.member: self.count}


class StartsFromZero(Member):
    """CAUSAL-05: a newcomer takes the state, and not the vector that belongs to it."""

    def _known(self, delivered: VectorClock) -> VectorClock:
        return VectorClock.of(self.queue.delivered)


class AsksTheSenderOnly(Member):
    """CAUSAL-06: what is missing is asked for of its sender, who may be gone, and of nobody else."""

    def _holders(self, gap: Any) -> list[int]:
        return [member for member in super()._holders(gap) if member == gap.member]


class CountsOnUnderItsOldName(Member):
    """CAUSAL-07: a member that crashed comes back under its old name, and counts from 1 again."""

    def on_start(self) -> None:
        super().on_start()
        self.member = self.id


class ForgetsTooEarly(Member):
    """CAUSAL-08: what any member in reach has delivered is forgotten, not what all have."""

    def _stable(self, member: int, trusted: Any) -> int:
        return max([peer.delivered.get(member, 0) for peer in trusted], default=self.queue.delivered[member])


def _bug(id: str, name: str, parts: dict[str, type], property: str, source: str, *, kind: str = SAFETY) -> Bug:
    """What nobody but the judge can name is said by the property."""
    return Bug(
        id=id,
        name=name,
        parts=parts,
        property=property,
        kind=kind,
        source=source,
        scenario="causal-hunt",
        judged=property == DELIVERED,
    )


BUGS: tuple[Bug, ...] = (
    _bug("CAUSAL-01", "sender-only", {"queue": ChecksTheSenderOnly}, "Causal Order", CURRICULUM),
    _bug("CAUSAL-02", "others-only", {"queue": ChecksTheOthersOnly}, "FIFO Order", ISIS),
    _bug("CAUSAL-03", "reply-before-question", {"member": AnswersInFifo}, "Reply After Question", ISIS),
    _bug("CAUSAL-04", "clock-not-merged", {"member": SendsItsOwnCount}, "Causal Order", ISIS),
    _bug("CAUSAL-05", "newcomer-from-zero", {"member": StartsFromZero}, DELIVERED, ISIS, kind=LIVENESS),
    _bug("CAUSAL-06", "asks-sender-only", {"member": AsksTheSenderOnly}, DELIVERED, ISIS, kind=LIVENESS),
    _bug(
        "CAUSAL-07",
        "old-name-again",
        {"member": CountsOnUnderItsOldName},
        DELIVERED,
        "simclock/clocks/vector.py, on ids that count again",
    ),
    _bug("CAUSAL-08", "forgets-too-early", {"member": ForgetsTooEarly}, "Kept Until Stable", ISIS),
)
