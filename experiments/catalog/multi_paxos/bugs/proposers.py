"""Multi-Paxos servers with one wrong line: what a proposer counts and proposes, and what a learner takes for chosen."""

from __future__ import annotations

from dataclasses import dataclass

from simclock.protocols.multi_paxos import (
    Accepted,
    MultiPaxosServer,
    MultiPaxosSettings,
    Promise,
    PValue,
    Snapshot,
)
from simclock.protocols.replication import ClientQuery


class ProposesItsOwn(MultiPaxosServer):
    """PMS 2.2, P2c left out: a new leader proposes its own values for slots that promises report values of."""

    def _better(self, before: PValue | None, pvalue: PValue) -> PValue:
        return PValue(pvalue.slot, self.ballot, self._filler())


class TakesFirstReported(MultiPaxosServer):
    """Of the values that promises report for a slot, the first that came is taken, not that of the highest ballot."""

    def _better(self, before: PValue | None, pvalue: PValue) -> PValue:
        return before or pvalue


class CountsMessages(MultiPaxosServer):
    """Votes are counted, not voters."""

    def _on_accepted(self, source: int, message: Accepted) -> None:
        if self._is_vote_counted(message):
            slots = range(message.first_slot, message.first_slot + message.count)
            for slot in slots:
                have = self.votes.get(slot, set())
                self._count_votes(next((one for one in self.settings.servers if one not in have), source), (slot,))


class CountsStaleVotes(MultiPaxosServer):
    """A vote that an earlier ballot asked for counts in this one."""

    def _is_vote_counted(self, message: Accepted) -> bool:
        return self.leads


class CountsStalePromises(MultiPaxosServer):
    """A promise that an earlier ballot asked for counts in this one."""

    def _on_promise(self, source: int, message: Promise) -> None:
        super()._on_promise(source, Promise(self.ballot, message.first_slot, message.pvalues))


class LacksOneVote(MultiPaxosServer):
    """One acceptor less than a quorum of phase 2 is enough."""

    def _is_chosen(self, slot: int) -> bool:
        have = self.votes[slot]
        others = (one for one in self.settings.servers if one not in have)
        return super()._is_chosen(slot) or any(self._quorums_at(slot).is_phase_two(have | {one}) for one in others)


class LeadsWithoutState(MultiPaxosServer):
    """Who is promised only later slots leads without learning what was chosen in the ones before."""

    def _tells_of(self, promise: Promise, slot: int) -> bool:
        return True


class TakesOldBallots(MultiPaxosServer):
    """A follower takes whatever it has accepted for what was chosen, in whichever ballot it accepted it."""

    def _has_chosen_value(self, slot: int, ballot: int) -> bool:
        return slot in self.journal.accepted


class SharesBallots(MultiPaxosServer):
    """PMS 2.2, "disjoint sets of numbers" left out: a ballot is the next number after the highest heard of."""

    def _next_ballot(self) -> int:
        return self.current_term + 1


class LeavesGaps(MultiPaxosServer):
    """PMS 3, the no-ops left out: gaps stay, and nothing after them is ever applied."""

    def _lead(self) -> None:
        super()._lead()
        if self.leads:
            for slot in [slot for slot, value in self.proposed.items() if value == self._filler()]:
                self.votes[slot].clear()

    def _is_chosen(self, slot: int) -> bool:
        return self.proposed[slot] != self._filler() and super()._is_chosen(slot)


class AnswersWhoWaited(MultiPaxosServer):
    """A leader that stands back still answers whoever waited for a slot, with whatever comes to stand there."""

    def _stand_back(self, ballot: int) -> None:
        waiting = dict(self.waiting)
        super()._stand_back(ballot)
        self.waiting.update(waiting)


class ReadsWithoutRound(MultiPaxosServer):
    """PAXOS-07: a query is answered at once by who believes that it leads, without asking a quorum."""

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        if self.leads:
            self._answer_query(source, message)
        else:
            super()._on_client_query(source, message)


class ReadsBeforeRecovery(MultiPaxosServer):
    """A new leader answers queries before the slots are chosen that its predecessors have left."""

    def _knows_what_was_agreed(self) -> bool:
        return True


class ChangesAtOnce(MultiPaxosServer):
    """PMS 3, alpha left out: a change holds from the next slot on, whatever has been proposed there already."""

    def _first_slot_of(self, slot: int) -> int:
        return slot + 1


class TrustsOldPromises(MultiPaxosServer):
    """PMS 3: who leads goes on among new members without the promises of a quorum of them."""

    def _is_prepared(self, slot: int) -> bool:
        return self.leads or super()._is_prepared(slot)


class ForgetsMembers(MultiPaxosServer):
    """A snapshot is restored without the members as of its index."""

    def _restore_members(self, snapshot: Snapshot) -> None:
        super()._restore_members(Snapshot(snapshot.index, snapshot.state))


@dataclass(frozen=True, kw_only=True)
class SmallQuorums(MultiPaxosSettings):
    """Flexible Paxos with quorums that need not meet: half of the servers, rounded down, in both phases."""

    def __post_init__(self) -> None:
        half = max(1, len(self.servers) // 2)
        object.__setattr__(self, "phase_one", half)
        object.__setattr__(self, "phase_two", half)
        object.__setattr__(self, "force_quorums", True)
        super().__post_init__()
