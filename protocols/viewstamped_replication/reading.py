"""Queries that do not go through the log (protocols/replication/reading.py), as VRR's primary answers them.

Law 1: all operations with which its view began are committed; among them is all that was committed before.
Law 2: a backup answers a COMMIT only while it is in that view. Every later view begins with the log of one of any
       majority, so none had begun when the query came.
Law 3: a durable server may be primary of one view in two lives. Rounds of the later are above all of the earlier: what
       was said to that says nothing of this.

Deviation: VRR 6.3 has a primary read alone while it holds leases of f backups, which rest on their clocks.
"""

from __future__ import annotations

from collections.abc import Collection

from simclock.protocols.replication import StateMachine
from simclock.protocols.replication.reading import QuorumReads
from simclock.protocols.viewstamped_replication.epochs import Epochs
from simclock.protocols.viewstamped_replication.messages import CommitOk
from simclock.protocols.viewstamped_replication.settings import VsrSettings

ROUNDS = 1 << 32
"""A life has fewer."""


class Reading(QuorumReads, Epochs):
    """What a primary does with queries."""

    def __init__(self, settings: VsrSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.inherited = 0
        """Primary: the last operation with which its view began."""

    def _lead(self) -> None:
        self.inherited = self.log.op_number
        super()._lead()

    def _step_down(self) -> None:
        self._drop_queries()
        super()._step_down()

    def _knows_what_was_agreed(self) -> bool:
        """Law 1."""
        return self.commit_number >= self.inherited

    def _speak_to_all(self) -> None:
        self._send_commit()

    def _are_enough(self, servers: Collection[int]) -> bool:
        """Law 2."""
        return sum(one in servers for one in self.log.group.members) >= self._majority()

    def _is_asking(self) -> bool:
        return bool(self.queries)

    def _on_commit_ok(self, source: int, message: CommitOk) -> None:
        if self.leads and message.view == self.log.view:
            self._heard_round(source, message.round)

    def _commit_to(self, commit_number: int) -> None:
        super()._commit_to(commit_number)
        if self.leads:
            self._ask_who_leads()
