"""The acceptor: promises and votes (PMS 2.2, phases 1b and 2b), for all slots at once.

Rule P1a: an acceptor may accept a proposal of a ballot if and only if it has not promised a higher one.
"""

from __future__ import annotations

from simclock.protocols.multi_paxos.learning import Learning
from simclock.protocols.multi_paxos.messages import (
    Accept,
    Accepted,
    Heartbeat,
    HeartbeatReply,
    Prepare,
    Promise,
    PValue,
    Refused,
)
from simclock.protocols.multi_paxos.observed import Voted


class Accepting(Learning):
    """What a server does as an acceptor, and as a follower of who leads."""

    def _stand_back(self, ballot: int) -> None:
        """A higher ballot than this server's own is under way (`leading.py`)."""
        raise NotImplementedError("the proposer's")

    def _heeds(self, ballot: int) -> bool:
        """P1a. A higher ballot than any before is promised at once, whatever the message asks for (PMMC 2.2)."""
        if ballot > self.current_term:
            self._stand_back(ballot)
            self._promise(ballot)
            self.leader_id = None
        return ballot == self.current_term

    def _refuse(self, source: int, ballot: int) -> None:
        self._reply(source, Refused(ballot, self.current_term))

    def _on_prepare(self, source: int, message: Prepare) -> None:
        """Phase 1b: "it responds with a promise not to accept any more proposals numbered less than n and with the
        highest-numbered proposal (if any) that it has accepted"; of every slot from the first on that is asked for.

        Where a snapshot has taken the place of some, it tells of those that follow, and sends the snapshot too.
        """
        if not self._may_promise(message):
            self._refuse(source, message.ballot)
            return
        self._reset_election_timer()
        first_slot = max(message.first_slot, self._first_slot())
        self._reply(source, Promise(message.ballot, first_slot, self.journal.pvalues_from(first_slot)))
        if first_slot > message.first_slot:
            self._teach(source, message.first_slot)

    def _may_promise(self, message: Prepare) -> bool:
        return self._heeds(message.ballot)

    def _first_slot(self) -> int:
        """The first that this acceptor can tell of."""
        return self.journal.snapshot.index + 1

    def _on_accept(self, source: int, message: Accept) -> None:
        """Phase 2b: "it accepts the proposal unless it has already responded to a prepare request having a number
        greater than n"."""
        if not self._may_accept(message):
            self._refuse(source, message.ballot)
            return
        self._hears_leader(message.ballot)
        for slot, value in enumerate(message.values, message.first_slot):
            self._keep(PValue(slot, message.ballot, value), Voted)
        self._reply(source, Accepted(message.ballot, message.first_slot, len(message.values)))
        self._follow_chosen(message.ballot, message.chosen)

    def _may_accept(self, message: Accept) -> bool:
        return self._heeds(message.ballot)

    def _on_heartbeat(self, source: int, message: Heartbeat) -> None:
        if not self._heeds(message.ballot):
            self._refuse(source, message.ballot)
            return
        self._hears_leader(message.ballot)
        self._follow_chosen(message.ballot, message.chosen)
        self._ask_what_lacks(source, message.chosen)
        self._reply(source, HeartbeatReply(message.ballot, message.round))

    def _hears_leader(self, ballot: int) -> None:
        self.leader_id = self.settings.owner_of(ballot)
        self._reset_election_timer()
