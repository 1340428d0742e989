"""Orders of delivery with one wrong line: total order, views, causal order."""

from __future__ import annotations

from typing import Any

from simclock import UsageError
from simclock.clocks import VectorClock
from simclock.experiments.catalog.causal_broadcast.hunt import DELIVERED, WrongMember
from simclock.experiments.catalog.total_order.hunt import WrongPerson
from simclock.experiments.catalog.total_order.scenario import HELD
from simclock.experiments.entries.bug import LIVENESS, SAFETY, Bug
from simclock.experiments.telling.spelling import unknown
from simclock.protocols.causal_broadcast import Broadcast, CausalQueue, FifoQueue, Member
from simclock.protocols.causal_broadcast.chatter import Chatterer
from simclock.protocols.causal_broadcast.hold_back import Name
from simclock.protocols.total_order import HoldBackQueue, Membership, Participant, Say, View
from simclock.protocols.total_order.people import Person

LAMPORT = "Lamport 1978"
CURRICULUM = "the curriculum's warning, project 5"
ISIS = "Birman, Schiper & Stephenson 1991"
VIRTUAL_SYNCHRONY = "Birman & Joseph 1987"


class DisplaysUnacknowledged(HoldBackQueue):
    """TOTAL-01: the first in the queue is displayed at once, whatever may still be under way."""

    def is_ready(self, message: Say) -> bool:
        return True


class BreaksTiesByArrival(HoldBackQueue):
    """TOTAL-02: of two messages with one count, the one that came first is first."""

    def key(self, message: Say) -> tuple[int, int]:
        return message.timestamp.count, 0


class WaitsForTheExcluded(Participant):
    """TOTAL-03: that a participant was left out is forgotten: its acknowledgements are waited for."""

    def install(self, view: View, *, joins: bool) -> None:
        super().install(view, joins=joins)
        self.queue.members = frozenset(range(self.nodes))


class ForgetsToTell(Membership):
    """TOTAL-04: who was left out is forgotten: nobody answers it, so it never learns that it is out."""

    def _tell(self, node: int) -> None:
        pass


class DecidesAlone(Membership):
    """TOTAL-05: whoever suspects the others decides on a view, with or without a quorum."""

    def is_quorum(self, nodes: object) -> bool:
        return True


class ShowsHalfAView(Participant):
    """TOTAL-06: a view begins without the messages of the one before."""

    def install(self, view: View, *, joins: bool) -> None:
        known = view.messages[: self.displayed - view.start]
        super().install(View(view.number, view.members, view.start, known, view.clock), joins=joins)


class AcknowledgesAfterItsPromise(Participant):
    """TOTAL-07: a member that has promised to stop, and said what it has, takes and acknowledges more."""

    @property
    def takes(self) -> bool:
        return self.membership.is_in


class GoesOnFromNow(Participant):
    """TOTAL-08: who joins goes on with what is said from now on, and never shows what it missed."""

    def install(self, view: View, *, joins: bool) -> None:
        if joins:
            missed = view.messages[self.displayed - view.start :]
            self.history += missed
            self.displayed += len(missed)
        super().install(view, joins=joins)


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


TOTAL_ORDER = "Total Order"

_CHAT = {
    "TOTAL-01": WrongPerson(queue=DisplaysUnacknowledged),
    "TOTAL-02": WrongPerson(queue=BreaksTiesByArrival),
    "TOTAL-03": WrongPerson(participant=WaitsForTheExcluded),
    "TOTAL-04": WrongPerson(membership=ForgetsToTell),
    "TOTAL-05": WrongPerson(membership=DecidesAlone),
    "TOTAL-06": WrongPerson(participant=ShowsHalfAView),
    "TOTAL-07": WrongPerson(participant=AcknowledgesAfterItsPromise),
    "TOTAL-08": WrongPerson(participant=GoesOnFromNow),
}


_CAUSAL = {
    "CAUSAL-01": WrongMember(queue=ChecksTheSenderOnly),
    "CAUSAL-02": WrongMember(queue=ChecksTheOthersOnly),
    "CAUSAL-03": WrongMember(member=AnswersInFifo),
    "CAUSAL-04": WrongMember(member=SendsItsOwnCount),
    "CAUSAL-05": WrongMember(member=StartsFromZero),
    "CAUSAL-06": WrongMember(member=AsksTheSenderOnly),
    "CAUSAL-07": WrongMember(member=CountsOnUnderItsOldName),
    "CAUSAL-08": WrongMember(member=ForgetsTooEarly),
}


def person_of(bug: str) -> type[Person]:
    """A person with that bug; the right one where the name is empty."""
    if not bug:
        return Person
    if bug not in _CHAT:
        raise UsageError(f"bug: {unknown('bug of chat-hunt', bug, _CHAT)}")
    return _CHAT[bug].made()


def chatterer_of(bug: str) -> type[Chatterer]:
    """A member with that bug; the right one where the name is empty."""
    if not bug:
        return Chatterer
    if bug not in _CAUSAL:
        raise UsageError(f"bug: {unknown('bug of causal-hunt', bug, _CAUSAL)}")
    return _CAUSAL[bug].made()


def _bug(id: str, name: str, property: str, source: str, kind: str = SAFETY) -> Bug:
    """A row of either hunt; what nobody but the judge can name is said by the property."""
    scenario, parts = ("chat-hunt", _CHAT[id]) if id in _CHAT else ("causal-hunt", _CAUSAL[id])
    return Bug(
        id=id,
        name=name,
        wrong=next(part for part in parts if part is not None),
        property=property,
        kind=kind,
        source=source,
        scenario=scenario,
        judged=property in (HELD, DELIVERED),
    )


BUGS: tuple[Bug, ...] = (
    _bug("TOTAL-01", "no-acknowledgements", TOTAL_ORDER, LAMPORT),
    _bug("TOTAL-02", "ties-by-arrival", TOTAL_ORDER, LAMPORT),
    _bug("TOTAL-03", "excluded-awaited", HELD, VIRTUAL_SYNCHRONY, LIVENESS),
    _bug("TOTAL-04", "excluded-not-told", HELD, VIRTUAL_SYNCHRONY, LIVENESS),
    _bug("TOTAL-05", "view-without-quorum", TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _bug("TOTAL-06", "view-without-flush", TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _bug("TOTAL-07", "acknowledges-after-promise", TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _bug("TOTAL-08", "goes-on-from-now", TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _bug("CAUSAL-01", "sender-only", "Causal Order", CURRICULUM),
    _bug("CAUSAL-02", "others-only", "FIFO Order", ISIS),
    _bug("CAUSAL-03", "reply-before-question", "Reply After Question", ISIS),
    _bug("CAUSAL-04", "clock-not-merged", "Causal Order", ISIS),
    _bug("CAUSAL-05", "newcomer-from-zero", DELIVERED, ISIS, LIVENESS),
    _bug("CAUSAL-06", "asks-sender-only", DELIVERED, ISIS, LIVENESS),
    _bug("CAUSAL-07", "old-name-again", DELIVERED, "simclock/clocks/vector.py, on ids that count again"),
    _bug("CAUSAL-08", "forgets-too-early", "Kept Until Stable", ISIS),
)
