"""Orders of delivery with one wrong line: total order, views, causal order."""

from __future__ import annotations

from experiments.chat import WrongPerson
from experiments.spelling import unknown
from experiments.zoo.bug import LIVENESS, Bug
from protocols.total_order import HoldBackQueue, Membership, Participant, Say, View
from protocols.total_order.people import Person
from simclock import UsageError

LAMPORT = "Lamport 1978"
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
        known = view.messages[: max(0, self.displayed - view.start)] if not joins else ()
        super().install(View(view.number, view.members, view.start, known, view.clock), joins=joins)


TOTAL_ORDER = "Total Order"
HELD = "Nothing Held For Ever"

_CHAT = {
    "TOTAL-01": WrongPerson(queue=DisplaysUnacknowledged),
    "TOTAL-02": WrongPerson(queue=BreaksTiesByArrival),
    "TOTAL-03": WrongPerson(participant=WaitsForTheExcluded),
    "TOTAL-04": WrongPerson(membership=ForgetsToTell),
    "TOTAL-05": WrongPerson(membership=DecidesAlone),
    "TOTAL-06": WrongPerson(participant=ShowsHalfAView),
}


def person_of(bug: str) -> type[Person]:
    """A person with that bug; the right one where the name is empty."""
    if not bug:
        return Person
    if bug not in _CHAT:
        raise UsageError(f"bug: {unknown('bug of chat-hunt', bug, _CHAT)}")
    return _CHAT[bug].made()


def _chat_bug(id: str, name: str, property: str, source: str, kind: str = "S") -> Bug:
    wrong = next(part for part in _CHAT[id] if part is not None)
    return Bug(
        id=id,
        name=name,
        wrong=wrong,
        property=property,
        kind=kind,
        source=source,
        scenario="chat-hunt",
        judged=property == HELD,
    )


BUGS: tuple[Bug, ...] = (
    _chat_bug("TOTAL-01", "no-acknowledgements", TOTAL_ORDER, LAMPORT),
    _chat_bug("TOTAL-02", "ties-by-arrival", TOTAL_ORDER, LAMPORT),
    _chat_bug("TOTAL-03", "excluded-awaited", HELD, VIRTUAL_SYNCHRONY, LIVENESS),
    _chat_bug("TOTAL-04", "excluded-not-told", HELD, VIRTUAL_SYNCHRONY, LIVENESS),
    _chat_bug("TOTAL-05", "view-without-quorum", TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _chat_bug("TOTAL-06", "view-without-flush", TOTAL_ORDER, VIRTUAL_SYNCHRONY),
)
