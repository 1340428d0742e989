"""State transfer (VRR 5.2): who lags, but has not crashed, gets what it lacks from another.

Law 1: within its view a server asks for what comes after its log, and keeps that.
Law 2: of a later view it asks for what comes after its commit-number. It stays in its own view, with its own log, until
       it has that (`state.py`, law 4).
Law 3: whoever is in a view has all that the view began with; so anybody who is in it may answer.
"""

from __future__ import annotations

from simclock.protocols.viewstamped_replication.messages import GetState, NewState
from simclock.protocols.viewstamped_replication.observed import Joined, Transferred
from simclock.protocols.viewstamped_replication.state import ServerState, Status


class Transfer(ServerState):
    """What a server asks others for, and gives them."""

    def _ask_for_state(self, source: int, view: int, op_number: int) -> None:
        self._reply(source, GetState(self.epoch, view, op_number))

    def _on_get_state(self, source: int, message: GetState) -> None:
        """5.2: a replica responds only if its status is normal, and it is in that view; or a later one."""
        if self._may_tell(message.view):
            state = self.log.after(message.op_number)
            self._reply(source, NewState(self.epoch, self.log.view, state, self.commit_number))

    def _may_tell(self, view: int) -> bool:
        return self.status is Status.NORMAL and self.log.view >= view

    def _on_new_state(self, source: int, message: NewState) -> None:
        if self.status is Status.TRANSITIONING:
            self._on_epoch_state(message)
        elif self.status not in (Status.NORMAL, Status.VIEW_CHANGE) or message.view < self.log.view:
            return
        elif message.view == self.log.view and self.status is Status.NORMAL:
            self._extend(message)
        elif self._primary_of(message.view) != self.id and self._connects(message.log):
            self._join(message)

    def _on_epoch_state(self, message: NewState) -> None:
        """What an epoch begins with (`epochs.py`)."""
        raise NotImplementedError("that of epochs")

    def _extend(self, message: NewState) -> None:
        """Law 1."""
        log, here = message.log, self.log.op_number
        if self.leads or log.op_number <= here:
            self._commit_to(message.commit_number)
            return
        if log.first <= here + 1:
            for entry in log.entries[here + 1 - log.first :]:
                self._append(entry)
        elif log.checkpoint is not None:
            self._adopt(log, message.view, message.commit_number)
        self._tell_when_durable(Transferred(self.current_term, self.log.op_number))
        self._acknowledge(self._primary_of(message.view))
        self._commit_to(message.commit_number)

    def _acknowledge(self, primary: int) -> None:
        """PREPAREOK for all in the log (`normal.py`)."""
        raise NotImplementedError("that of normal operation")

    def _join(self, message: NewState) -> None:
        """Law 2."""
        self._step_down()
        self._adopt(message.log, message.view, message.commit_number)
        self._tell_when_durable(Transferred(self.current_term, self.log.op_number))
        self._tell_when_durable(Joined(self.current_term, self.log.op_number))
        self._follow()
        self._commit_to(message.commit_number)
