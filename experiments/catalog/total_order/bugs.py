"""Total orders and views with one wrong line."""

from __future__ import annotations

from simclock.experiments.catalog.total_order.scenario import HELD
from simclock.experiments.entries.bug import LIVENESS, SAFETY, Bug
from simclock.protocols.total_order import HoldBackQueue, Membership, Participant, Say, View

LAMPORT = "Lamport 1978"
VIRTUAL_SYNCHRONY = "Birman & Joseph 1987"
TOTAL_ORDER = "Total Order"


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


def _bug(id: str, name: str, parts: dict[str, type], property: str, source: str, *, kind: str = SAFETY) -> Bug:
    """What nobody but the judge can name is said by the property."""
    return Bug(
        id=id,
        name=name,
        parts=parts,
        property=property,
        kind=kind,
        source=source,
        scenario="chat-hunt",
        judged=property == HELD,
    )


BUGS: tuple[Bug, ...] = (
    _bug("TOTAL-01", "no-acknowledgements", {"queue": DisplaysUnacknowledged}, TOTAL_ORDER, LAMPORT),
    _bug("TOTAL-02", "ties-by-arrival", {"queue": BreaksTiesByArrival}, TOTAL_ORDER, LAMPORT),
    _bug("TOTAL-03", "excluded-awaited", {"participant": WaitsForTheExcluded}, HELD, VIRTUAL_SYNCHRONY, kind=LIVENESS),
    _bug("TOTAL-04", "excluded-not-told", {"membership": ForgetsToTell}, HELD, VIRTUAL_SYNCHRONY, kind=LIVENESS),
    _bug("TOTAL-05", "view-without-quorum", {"membership": DecidesAlone}, TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _bug("TOTAL-06", "view-without-flush", {"participant": ShowsHalfAView}, TOTAL_ORDER, VIRTUAL_SYNCHRONY),
    _bug(
        "TOTAL-07",
        "acknowledges-after-promise",
        {"participant": AcknowledgesAfterItsPromise},
        TOTAL_ORDER,
        VIRTUAL_SYNCHRONY,
    ),
    _bug("TOTAL-08", "goes-on-from-now", {"participant": GoesOnFromNow}, TOTAL_ORDER, VIRTUAL_SYNCHRONY),
)
