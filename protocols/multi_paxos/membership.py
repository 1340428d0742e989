"""Who the members are, slot by slot (PMS 3).

Law 1: the members of slot s are those of the latest change that was chosen at slot s - alpha or before. So who knows
       all slots up to i to be chosen knows the members up to slot i + alpha, and proposes nothing beyond.
Law 2: for each slot it is the quorums among its own members that count, in both phases.

Every server, spares too, gets all that a leader sends, and accepts it; only members are counted. So a spare has learned
what there is when it becomes a member, and a server that is none any more hears so.
"""

from __future__ import annotations

from simclock.protocols.multi_paxos.messages import Snapshot
from simclock.protocols.multi_paxos.observed import Reconfigured
from simclock.protocols.multi_paxos.quorums import Quorums
from simclock.protocols.multi_paxos.settings import MultiPaxosSettings
from simclock.protocols.multi_paxos.state import ServerState
from simclock.protocols.replication import Change, StateMachine


class Membership(ServerState):
    """What a server knows of the members."""

    def __init__(self, settings: MultiPaxosSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.configurations: tuple[tuple[int, int, tuple[int, ...]], ...] = ((1, 0, settings.servers),)
        """(first slot, number of the change, members), in order."""

    def _members_at(self, slot: int) -> tuple[int, ...]:
        """Law 1, for slots whose members are known."""
        return next(members for first, _, members in reversed(self.configurations) if first <= slot)

    def _quorums_at(self, slot: int) -> Quorums:
        return self.settings.quorums_among(self._members_at(slot))

    def _last_slot(self) -> int | None:
        """The last that a leader may propose for, None if there is no end. One less than law 1 allows: the members of
        the slot after those it has proposed for are known too (`reading.py`)."""
        alpha = self.settings.alpha
        return None if alpha is None else self.commit_index + alpha - 1

    def _is_member(self) -> bool:
        """Whether this server is a member of the next slot, or of a later one as far as it knows."""
        return any(self.id in members for members in (self._members_at(self.commit_index + 1), self._latest()[2]))

    def _latest(self) -> tuple[int, int, tuple[int, ...]]:
        return self.configurations[-1]

    def _apply_change(self, slot: int, change: Change) -> None:
        if change.number <= self._latest()[1]:
            return  # it came twice, or too late
        first_slot = self._first_slot_of(slot)
        self.configurations += ((first_slot, change.number, change.members),)
        self.observe(Reconfigured(slot, first_slot, change.members))

    def _first_slot_of(self, slot: int) -> int:
        """Law 1."""
        assert self.settings.alpha is not None, "no change is proposed without alpha"
        return slot + self.settings.alpha

    # In snapshots.

    def _snapshot_of(self, index: int, state: bytes) -> Snapshot:
        before = [each for each in self.configurations if each[0] <= index + 1][-1:]
        later = [each for each in self.configurations if each[0] > index + 1]
        return Snapshot(index, state, tuple(before + later) if self._latest()[1] else ())

    def _restore_members(self, snapshot: Snapshot) -> None:
        self.configurations = snapshot.configurations or ((1, 0, self.settings.servers),)
