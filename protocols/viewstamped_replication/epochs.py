"""Reconfiguration (VRR 7): a RECONFIGURATION is agreed upon as any request is, and is the last of its epoch.

Law 1: after it the old group takes no more requests; when it is committed, the epoch is over, and the next one begins
       in view 0, with all that was executed before.
Law 2: a new replica takes no part before it has all operations up to the one that began the epoch.
Law 3: a replaced replica answers who lacks something until a majority of the new group has begun; then it is done.
Law 4: who hears that its epoch is over, and has the very RECONFIGURATION in its log, has all before it too, committed
       like that: it executes them. Else whoever executed them first might be the only one who could tell of them.
       VRR 7.1 has such a server ask others for what it lacks.
Law 5: who hears of an earlier epoch says that a later one has begun; who hears of a later one asks.
Law 6: whoever is of an epoch knows of all crashes of which the primary knew that took its RECONFIGURATION: among them
       are all from which a server has recovered in an epoch before. Else a server that crashes in the next might be
       told of too few, and count the same crash twice: what it said in between would count as said now. Neither VRR
       nor Michael et al. (DISC 2017) speak of it.

All the messages of law 5 are answers, but where who must answer them has to be sure that they come; that is said again.
Views begin with 0 in each epoch; the first of the members is its first primary.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.replication import Reconfigure, Reconfigured, StateMachine, majority
from simclock.protocols.viewstamped_replication.messages import (
    Commit,
    Entry,
    EpochStarted,
    GetState,
    Group,
    NewState,
    Reconfiguration,
    StartEpoch,
)
from simclock.protocols.viewstamped_replication.observed import Joined, Transferred
from simclock.protocols.viewstamped_replication.recovering import Recovering
from simclock.protocols.viewstamped_replication.settings import VsrSettings
from simclock.protocols.viewstamped_replication.state import ELECTION, RETRY, Status


class Epochs(Recovering):
    """What a server does about who the replicas are."""

    def __init__(self, settings: VsrSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.begun: set[int] = set()
        """Replaced, and not done: members that have begun the epoch."""
        self.asked = 0
        """New in the epoch: how often it has asked for what it lacks."""
        self.taken_in: int | None = None
        """The term in which the RECONFIGURATION that began its epoch was taken, if it has heard."""

    # The operator.

    def _on_reconfigure(self, source: int, message: Reconfigure) -> None:
        """7.1: the primary adds it to its log as it does with any request."""
        change = message.change
        done = change.number <= self.log.group.number
        self._reply(source, Reconfigured(message.request_id, done, self._leader_address()))
        if self.leads and not done and not self._is_closing() and self._is_group(change.members):
            taken = Reconfiguration(change.number, change.members, self._known_crashes())
            self._prepare((Entry(self.current_term, b"", taken),))

    def _is_group(self, members: tuple[int, ...]) -> bool:
        return bool(members) and len(set(members)) == len(members) and set(members) <= set(self.settings.nodes)

    # A message's epoch.

    def _is_of_epoch(self, source: int, message: Any) -> bool:
        """Law 5: whether a message is of this server's own epoch, and this server takes part in something."""
        if self.status is Status.RECOVERING:
            return False
        if message.epoch < self.epoch:
            self._reply(source, self._start_epoch())
        elif message.epoch > self.epoch:
            self._reply(source, GetState(self.epoch, self.log.view, self.commit_number))
        return bool(message.epoch == self.epoch)

    # An epoch begins.

    def _begin_epoch(self, group: Group, taken_in: int) -> None:
        """Law 1: it has executed the RECONFIGURATION."""
        before, old_view = self.epoch, self.log.view
        if self.leads:
            # 7.1: the primary has the others of the old group know.
            self._send_others(Commit(before, old_view, self.commit_number, 0))
        self._enter(group, taken_in)
        if self.id in group.members:
            self._is_up_to_date(0)
        for member in group.members:
            if member not in group.former:
                self._reply(member, self._start_epoch())

    def _start_epoch(self) -> StartEpoch:
        return StartEpoch(self.log.group, self.taken_in)

    def _enter(self, group: Group, taken_in: int | None) -> None:
        """It is of this epoch from now on; not yet in a view."""
        self._step_down()
        self.taken_in = taken_in
        self.log.group, self.log.view, self.log.last_normal_view = group, 0, 0
        self.leaving.clear()
        self.brought.clear()
        self.early.clear()
        self.begun.clear()
        self.has_handed = False
        self.status = Status.TRANSITIONING
        self.leader_id = None
        self._learn_crashes(group.crash_vector)
        self._keep()
        self.cancel_timer(ELECTION)
        self.set_timer(RETRY, self.settings.heartbeat_ns)
        if self.id not in (*group.members, *group.former):
            self._retire()

    def _is_up_to_date(self, view: int) -> None:
        """7.1: a new replica executes what was before, and its status is normal; it tells those who are replaced."""
        self.cancel_timer(RETRY)
        if self._primary_of(view) == self.id:
            self._lead()
            self.on_leading()
        else:
            self._tell_when_durable(Joined(self.current_term, self.log.op_number))
            self._follow()
        for server in self._replaced():
            self._reply(server, EpochStarted(self.epoch))

    def _replaced(self) -> list[int]:
        group = self.log.group
        return [server for server in group.former if server not in group.members]

    def _on_start_epoch(self, source: int, message: StartEpoch) -> None:
        """7.1: it asks for what it lacks."""
        group = message.group
        if self.status is Status.RECOVERING or group.epoch < self.epoch:
            return
        if self._has_all_before(message):
            self._commit_to(group.op_number)
        elif group.epoch > self.epoch:
            self._enter(group, message.taken_in)
            if self.id in group.members:
                self._ask_for_state(source, 0, self.commit_number)
        elif self.status is Status.NORMAL:
            self._reply(source, EpochStarted(self.epoch))

    def _has_all_before(self, message: StartEpoch) -> bool:
        """Law 4: of one term there is one operation at an op-number, and one sequence before it."""
        op_number = message.group.op_number
        if message.group.epoch != self.epoch + 1 or not self.log.checkpoint.index < op_number <= self.log.op_number:
            return False
        entry = self.log.entry(op_number)
        return entry.change is not None and entry.term == message.taken_in

    def _may_tell(self, view: int) -> bool:
        """Law 3."""
        return super()._may_tell(view) or (self.status is Status.TRANSITIONING and self._has_former_epochs())

    def _has_former_epochs(self) -> bool:
        return self.commit_number >= self.log.group.op_number

    def _on_epoch_state(self, message: NewState) -> None:
        """Law 2."""
        enough = message.commit_number >= self.log.group.op_number and self._connects(message.log)
        if not enough or self.id not in self.log.group.members:
            return
        if message.view > 0 and self._primary_of(message.view) == self.id:
            return  # that view's primary is a server that has crashed: this one was never in the epoch
        self._adopt(message.log, message.view, message.commit_number)
        self._tell_when_durable(Transferred(self.current_term, self.log.op_number))
        self._commit_to(message.commit_number)
        self._is_up_to_date(message.view)

    def _on_epoch_started(self, source: int, message: EpochStarted) -> None:
        """Law 3."""
        if self.status is Status.TRANSITIONING and source in self.log.group.members:
            self.begun.add(source)
            if len(self.begun) >= majority(len(self.log.group.members)) and self.id not in self.log.group.members:
                self._retire()

    def _on_retry_timeout(self) -> None:
        """What has brought nothing is said again."""
        if self.status is Status.RECOVERING:
            self._ask()
        elif self.status is Status.TRANSITIONING:
            self.set_timer(RETRY, self.settings.heartbeat_ns)
            group = self.log.group
            if self.id in group.members:
                others = [server for server in dict.fromkeys((*group.former, *group.members)) if server != self.id]
                self._ask_for_state(others[self.asked % len(others)], 0, self.commit_number)
                self.asked += 1
            else:
                for member in group.members:
                    if member not in self.begun:
                        self._reply(member, self._start_epoch())

    def _retire(self) -> None:
        """It is in no group; it names the primary as far as it knows."""
        self.status = Status.IDLE
        self.leader_id = self._primary_of(self.log.view)
        for timer in (ELECTION, RETRY):
            self.cancel_timer(timer)
