"""Learning what is chosen: from heartbeats, from who knows more, or by a snapshot; and snapshots of one's own.

Law 1: a heartbeat says how far slots are chosen, not what. What a server has accepted for such a slot was chosen if it
       accepted it in the leader's own ballot; else it asks.
Law 2: a snapshot is of what was applied; it is durable before any value that it covers is gone.
Law 3: a leader learns by counting alone: who waits at it for a slot waits for the value that it has proposed there.
"""

from __future__ import annotations

from simclock.protocols.multi_paxos.membership import Membership
from simclock.protocols.multi_paxos.messages import Install, Learn, Want
from simclock.protocols.multi_paxos.observed import Installed, Learned, Snapshotted
from simclock.protocols.multi_paxos.state import Role
from simclock.protocols.replication.observed import digest_of


class Learning(Membership):
    """What a server does as a learner."""

    # What a leader says to be chosen.

    def _follow_chosen(self, ballot: int, chosen: int) -> None:
        """Law 1."""
        index = self.commit_index
        while index < chosen and self._has_chosen_value(index + 1, ballot):
            index += 1
        if index > self.commit_index:
            self._set_commit_index(index)

    def _has_chosen_value(self, slot: int, ballot: int) -> bool:
        """Whether what is accepted here for a slot that is chosen is what its leader has proposed in that ballot."""
        pvalue = self.journal.accepted.get(slot)
        return pvalue is not None and pvalue.ballot == ballot

    # Who lags asks, and is taught.

    def _ask_what_lacks(self, source: int, chosen: int) -> None:
        if self.commit_index < chosen:
            self._reply(source, Want(self.commit_index + 1))

    def _teach(self, node: int, first_slot: int) -> None:
        """Some of what is chosen from a slot on, as far as it is known here."""
        if first_slot <= self.journal.snapshot.index:
            self._reply(node, Install(self.journal.snapshot, self.commit_index))
        elif first_slot <= self.commit_index:
            last = min(self.commit_index, first_slot + self.settings.values_per_message_max - 1)
            self._reply(node, Learn(self.journal.pvalues_from(first_slot, last), self.commit_index))

    def _on_learn(self, source: int, message: Learn) -> None:
        """A value that is here already stays as it is, with its ballot: it may be a vote."""
        index = self.commit_index
        if self.role is Role.LEADER:
            return
        for pvalue in message.pvalues:
            if pvalue.slot == index + 1:
                here = self.journal.accepted.get(pvalue.slot)
                if here is None or here.value != pvalue.value:
                    self._keep(pvalue, Learned)
                index += 1
        if index > self.commit_index:
            self._set_commit_index(index)
            self._has_learned(source, message.chosen)

    def _has_learned(self, source: int, chosen: int) -> None:
        """It asks on only where it has come further, so that a message that comes twice does not double the talk."""
        self._ask_what_lacks(source, chosen)

    # Snapshots.

    def _on_install(self, source: int, message: Install) -> None:
        if self.role is Role.LEADER or message.snapshot.index <= self.commit_index:
            return
        self._persist()
        self._write(self.journal.replace_prefix, message.snapshot)
        self._restore()
        self.observe(Installed(message.snapshot.index, digest_of(message.snapshot.state)))
        self.on_applied()
        self._has_learned(source, message.chosen)

    def _restore(self) -> None:
        """Begin with the snapshot."""
        snapshot = self.journal.snapshot
        if snapshot.index:
            self.state_machine.restore(snapshot.state)
            self._restore_members(snapshot)
            self.commit_index = self.last_applied = snapshot.index

    def _compact(self) -> None:
        every = self.settings.snapshot_every
        if every is not None and self.last_applied - self.journal.snapshot.index >= every:
            self._persist()
            state = self.state_machine.snapshot()
            self._write(self.journal.replace_prefix, self._snapshot_of(self.last_applied, state))
            self.observe(Snapshotted(self.last_applied, digest_of(state)))
