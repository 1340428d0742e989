"""The proposer: phase 1 once per leadership, for all slots; phase 2 per slot, many at a time (PMS 3).

Law 1: a role changes only in `_stand_back`, `_stand` and `_lead`.
Law 2: identities are counted, not messages: promises and votes are sets of acceptors.
Law 3: a leader proposes one value for a slot in its ballot, and only where a quorum of phase 1 among the members of
       that slot has told it of that slot.

What gets lost is sent again with the heartbeats. Lost promises are not asked for again: the next candidacy does.
"""

from __future__ import annotations

from collections.abc import Iterable

from simclock.protocols.multi_paxos.accepting import Accepting
from simclock.protocols.multi_paxos.messages import (
    NO_OP,
    Accept,
    Accepted,
    Heartbeat,
    Prepare,
    Promise,
    PValue,
    Refused,
    Value,
)
from simclock.protocols.multi_paxos.observed import Candidate, Chosen, Follower, Leader, Proposed, Voted
from simclock.protocols.multi_paxos.settings import MultiPaxosSettings
from simclock.protocols.multi_paxos.state import ELECTION, Role, told
from simclock.protocols.replication import Change, Reconfigure, Reconfigured, StateMachine

HEARTBEAT = "heartbeat"
"""The timer of leaders."""


class Leading(Accepting):
    """What a server does as a proposer."""

    def __init__(self, settings: MultiPaxosSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.promises: dict[int, Promise] = {}
        """Candidate and leader: acceptor -> what it has promised, its own among them."""
        self.reported: dict[int, PValue] = {}
        """Leader: slot -> of what promises report for it the value of the highest ballot, until it is proposed."""
        self.queue: list[Value] = []
        """Leader: what it is to propose after the last slot that promises report a value of, and cannot yet."""
        self.recovered = 0
        """Leader: the last slot that may have a value of an earlier ballot."""
        self.next_slot = 1
        """Leader: the first that it has proposed nothing for."""
        self.proposed: dict[int, Value] = {}
        """Leader: slot above the commit index -> what it has proposed there."""
        self.votes: dict[int, set[int]] = {}
        """Leader: the same slots -> the acceptors that have accepted it, itself among them."""
        self.decided: set[int] = set()
        """Leader: those of the same slots that are chosen, while one before them is not."""
        self.old_slot = 1
        """Leader: what was proposed below this is older than a heartbeat, and is sent again."""
        self.spoken = 0
        """Leader: how often it has spoken to all."""

    # Phase 1.

    def _stand(self) -> None:
        """Phase 1a: "A proposer selects a proposal number n and sends a prepare request with number n" to all."""
        self._stand_back(self.current_term)
        self.role = Role.CANDIDATE
        self.leader_id = None
        self.ballot = self._next_ballot()
        self._promise(self.ballot)
        self._reset_election_timer()
        first_slot = self.commit_index + 1
        own = Promise(self.ballot, first_slot, self.journal.pvalues_from(first_slot))
        self.promises = {self.id: own}
        self._persist()
        self.observe(Candidate(self.ballot))
        self._send_others(Prepare(self.ballot, first_slot))
        self._count_promises()

    def _next_ballot(self) -> int:
        return self.settings.ballot_above(self.current_term, self.id)

    def _on_promise(self, source: int, message: Promise) -> None:
        if self.role is Role.FOLLOWER or message.ballot != self.ballot:
            return
        self.promises[source] = message
        if self.leads:
            self._hear_late(message)
        else:
            self._count_promises()

    def _count_promises(self) -> None:
        if self._is_prepared(self.commit_index + 1):
            self._lead()

    def _is_prepared(self, slot: int) -> bool:
        """Law 3. Who tells only of later slots has sent what is chosen before (`accepting.py`)."""
        telling = [acceptor for acceptor, promise in self.promises.items() if self._tells_of(promise, slot)]
        return self._quorums_at(slot).is_phase_one(telling)

    def _tells_of(self, promise: Promise, slot: int) -> bool:
        return promise.first_slot <= slot

    def _hear_late(self, message: Promise) -> None:
        """A promise comes when it leads: it may be needed for slots whose members are others.

        What it reports goes before what waits. Who knows only of slots beyond knows more than this leader.
        """
        if message.first_slot > self.next_slot and not self._is_prepared(self.next_slot):
            self._stand_back(self.current_term)
            return
        before = self.recovered
        self._note_reported(message)
        if self.recovered > before and self.queue:
            self.queue.clear()
            self.waiting = {slot: asked for slot, asked in self.waiting.items() if slot < self.next_slot}
        self._fill()

    def _note_reported(self, promise: Promise) -> None:
        for pvalue in promise.pvalues:
            if pvalue.slot >= self.next_slot:
                self.reported[pvalue.slot] = self._better(self.reported.get(pvalue.slot), pvalue)
                self.recovered = max(self.recovered, pvalue.slot)

    def _has_learned(self, source: int, chosen: int) -> None:
        super()._has_learned(source, chosen)
        if self.role is Role.CANDIDATE:
            self._count_promises()

    def _lead(self) -> None:
        """PMS 3: it executes phase 2 for every slot that a promise reports a value of, and fills gaps with no-ops."""
        self.recovered = self.commit_index
        self.next_slot = self.old_slot = first_slot = self.commit_index + 1
        for promise in self.promises.values():
            self._note_reported(promise)
        self.role = Role.LEADER
        self.leader_id = self.id
        self.cancel_timer(ELECTION)
        self.observe(Leader(self.ballot, first_slot, self.recovered))
        self.set_timer(HEARTBEAT, self.settings.heartbeat_ns)
        self._send_heartbeats()
        self._fill()
        if self.leads:
            self.on_leading()

    def _better(self, before: PValue | None, pvalue: PValue) -> PValue:
        """Phase 2a: "v is the value of the highest-numbered proposal among the responses"."""
        return pvalue if before is None or pvalue.ballot > before.ballot else before

    def _filler(self) -> Value:
        """PMS 3: a special "noop" command that leaves the state unchanged."""
        return Value(self.ballot, NO_OP)

    def _stand_back(self, ballot: int) -> None:
        """It leads or stands no more."""
        if self.role is Role.FOLLOWER:
            return
        was_leader = self.leads
        self.role = Role.FOLLOWER
        self.leader_id = None
        self.promises.clear()
        self.reported.clear()
        self.queue.clear()
        self.proposed.clear()
        self.votes.clear()
        self.decided.clear()
        self.waiting.clear()
        if was_leader:
            self.cancel_timer(HEARTBEAT)
            self._reset_election_timer()
        self.observe(Follower(ballot))
        self.on_following()

    def _on_refused(self, source: int, message: Refused) -> None:
        """PMS 2.4: a proposer whose number is too low to succeed had better abandon it."""
        self._heeds(message.promised)

    # Phase 2.

    def propose(self, command: bytes) -> int | None:
        """See `Engine`. The index is the slot."""
        if not self.leads:
            return None
        slot = max(self.next_slot, self.recovered + 1) + len(self.queue)
        self._taken(slot)
        self.queue.append(Value(self.ballot, command))
        self._fill()
        return slot

    def _fill(self) -> None:
        """Propose for the next slots, as far as it may: first what promises report, with no-ops in gaps."""
        while self.leads:
            values: list[Value] = []
            slot = self.next_slot
            while self._may_propose(slot) and (slot <= self.recovered or self.queue):
                if slot > self.recovered:
                    values.append(self.queue.pop(0))
                else:
                    values.append(self.reported.pop(slot).value if slot in self.reported else self._filler())
                slot += 1
            if not values:
                return
            self._propose(values)

    def _may_propose(self, slot: int) -> bool:
        last = self._last_slot()
        return (last is None or slot <= last) and self._is_prepared(slot)

    def _propose(self, values: list[Value]) -> None:
        """Phase 2a, for the next slots: this server accepts first, as any acceptor does."""
        first_slot = self.next_slot
        self.next_slot += len(values)
        slots = range(first_slot, self.next_slot)
        for slot, value in zip(slots, values, strict=True):
            self.proposed[slot], self.votes[slot] = value, set()
            self.observe(Proposed(slot, self.ballot, value.term, told(value)))
            self._keep(PValue(slot, self.ballot, value), Voted)
        self._persist()
        size = self.settings.values_per_message_max
        for first in range(0, len(values), size):
            part = tuple(values[first : first + size])
            self._send_others(Accept(self.ballot, first_slot + first, part, self.commit_index))
        self._count_votes(self.id, slots)

    def _on_accepted(self, source: int, message: Accepted) -> None:
        if self._is_vote_counted(message):
            self._count_votes(source, range(message.first_slot, message.first_slot + message.count))

    def _is_vote_counted(self, message: Accepted) -> bool:
        """A vote is for one ballot."""
        return self.leads and message.ballot == self.ballot

    def _count_votes(self, acceptor: int, slots: Iterable[int]) -> None:
        """PMS 2.3: a value is chosen when a quorum has accepted it in one ballot; slots may be chosen in any order."""
        for slot in slots:
            if slot in self.votes and slot not in self.decided:
                self.votes[slot].add(acceptor)
                if self._is_chosen(slot):
                    self.decided.add(slot)
                    self.observe(Chosen(slot, self.ballot))
        self._advance()

    def _is_chosen(self, slot: int) -> bool:
        return self._quorums_at(slot).is_phase_two(self.votes[slot])

    def _advance(self) -> None:
        index = self.commit_index
        while index + 1 in self.decided:
            index += 1
            self.decided.discard(index)
            del self.proposed[index], self.votes[index]
        if index > self.commit_index:
            self._set_commit_index(index)
            self._has_chosen()

    def _has_chosen(self) -> None:
        """The commit index of a leader has increased."""
        if self._is_member():
            self._fill()
        else:
            self._stand_back(self.current_term)

    # Changes of the members.

    def _on_reconfigure(self, source: int, message: Reconfigure) -> None:
        """PMS 3: after a change, no-ops bring the slot from which on it holds."""
        done = message.change.number <= self._latest()[1]
        self._reply(source, Reconfigured(message.request_id, done, self.leader_id))
        if self.leads and not done and self.settings.alpha is not None and not self._is_under_way(message.change):
            self.queue += [Value(self.ballot, NO_OP, message.change), *[self._filler()] * self.settings.alpha]
            self._fill()

    def _is_under_way(self, change: Change) -> bool:
        return any(value.change == change for value in (*self.proposed.values(), *self.queue))

    # Heartbeats.

    def _on_heartbeat_timeout(self) -> None:
        self.set_timer(HEARTBEAT, self.settings.heartbeat_ns)
        self._send_heartbeats()
        self._send_again()
        if not self._is_prepared(self.next_slot):
            for server in self.settings.nodes:
                if server not in self.promises:
                    self._reply(server, Prepare(self.ballot, self.next_slot))

    def _send_heartbeats(self) -> None:
        self.spoken += 1
        self._send_others(Heartbeat(self.ballot, self.commit_index, self.spoken))

    def _send_again(self) -> None:
        """To each acceptor the first of the older slots that it has not accepted, and what follows without a gap."""
        for server in self.settings.nodes:
            if server == self.id:
                continue
            missing = (slot for slot in range(self.commit_index + 1, self.old_slot) if server not in self.votes[slot])
            first_slot = next(missing, None)
            if first_slot is not None:
                last = min(self.old_slot, first_slot + self.settings.values_per_message_max)
                values = tuple(self.proposed[slot] for slot in range(first_slot, last))
                self._reply(server, Accept(self.ballot, first_slot, values, self.commit_index))
        self.old_slot = self.next_slot
