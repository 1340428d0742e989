"""Membership changes by joint consensus, with learners that catch up first (section 6, dissertation chapter 4).

A change goes through entries of the log, each once the one before is committed:

    1. C_old with the new servers as learners, until they have caught up (4.2.1)
    2. C_old,new: both clusters have to agree on everything, this entry included
    3. C_new: who is not in it may be shut down once it is committed; a leader that is not steps down then

Law 1: one change at a time: none begins before the latest configuration, and an entry of the leader's own term, are
       committed.
Law 2: whoever leads while C_old,new is committed goes on to C_new: it need not be who began.
Law 3: a leader that is not in C_new does not count itself (section 6).
Law 4: an identity is not used twice. A server that has lost its disk is another member from then on: it has forgotten
       whom it voted for and what it acknowledged, and may say nothing in its old name, not even once that has been
       removed, since some may not have heard of the removal.
"""

from __future__ import annotations

from simclock import DiskFull
from simclock.protocols.raft.configuration import Configuration, Move, address, enter_joint, leave_joint, simple
from simclock.protocols.raft.log import erase
from simclock.protocols.raft.messages import NO_OP, ChangeMembership, Entry, Join, OperatorReply
from simclock.protocols.raft.settings import RaftSettings
from simclock.protocols.raft.state import Role
from simclock.protocols.raft.transfer import Transfer
from simclock.protocols.replication import StateMachine

CATCH_UP = "catch up"
"""The timer at which a leader gives new servers up that do not catch up."""
GENERATION = "generation"
"""On the disk: how often it has lost what was on it."""
JOIN = "join"
"""The timer at which a server that is not let in asks again."""


class PendingChange:
    """A change that this leader has begun."""

    def __init__(self, add: tuple[int, ...], remove: tuple[int, ...], client: int | None, request_id: int) -> None:
        self.add, self.remove = add, remove
        """Members."""
        self.client = client
        """Who hears of its end; nobody where a server asked for itself."""
        self.request_id = request_id
        self.rounds: dict[int, tuple[int, int, int]] = {}
        """Of each new server that has not caught up: (number of the round, where it ends, when it began)."""


class Membership(Transfer):
    """What servers do about who is in the cluster."""

    def __init__(self, settings: RaftSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.change: PendingChange | None = None
        """Leader: what it was asked for and has not finished."""

    # An operator asks.

    def _on_change_membership(self, source: int, message: ChangeMembership) -> None:
        """Who asked hears of its end, or at once why it cannot begin now."""
        change = PendingChange(message.add, self._living_on(message.remove), source, message.request_id)
        if self.role is Role.LEADER and self._is_settled() and self._is_done(change):
            self._tell_operator(source, message.request_id, "")
            return
        refused = self._why_not(change)
        if refused:
            self._tell_operator(source, message.request_id, refused)
        else:
            self._begin_change(change)

    def _living_on(self, nodes: tuple[int, ...]) -> tuple[int, ...]:
        """The members on these nodes."""
        return tuple(each for each in self.configuration.members if address(each, self.nodes) in nodes)

    def _is_settled(self) -> bool:
        """Law 1, of configurations: the latest is committed, and no joint one."""
        return self.log.configuration_index <= self.commit_index and not self.configuration.joint

    def _why_not(self, change: PendingChange) -> str:
        """Why a change cannot begin now, or ever; empty if it can."""
        if self.role is not Role.LEADER:
            return "this server does not lead"
        if not (set(self.configuration.voters) | set(change.add)) - set(change.remove):
            return "it would leave nobody"
        if set(change.add) & set(change.remove):
            return "it adds and removes the same member"
        if self.change is not None or not self._is_settled():
            return "another change is under way"
        if not self._knows_commit_index():
            return "nothing of this leader's term is committed yet"
        return "it hands over to another" if self.transfer_target is not None else ""

    def _tell_operator(self, client: int, request_id: int, reason: str) -> None:
        self._reply(client, OperatorReply(request_id, not reason, reason, self._leader_address()))

    # The leader carries it out.

    def _begin_change(self, change: PendingChange) -> None:
        self.change = change
        late = [member for member in change.add if self._lags(member)]
        if not late:
            self._enter_joint(change)
            return
        now_ns = self.clock.monotonic_ns()
        change.rounds = dict.fromkeys(late, (1, self.log.last_index, now_ns))
        self.set_timer(CATCH_UP, self.settings.catch_up_rounds * self.settings.election_timeout_ns_max)
        new = [Move("learner", member) for member in late if member not in self.configuration.members]
        if new:
            self._append_configuration(simple(self.configuration, new))

    def _lags(self, member: int) -> bool:
        """Whether it has to catch up first: who is no voter and has not the whole log, also a learner that an earlier
        leader has let in."""
        if member in self.configuration.voters:
            return False
        return member not in self.progress or self.progress[member].match_index < self.log.last_index

    def _append_configuration(self, configuration: Configuration) -> None:
        self._append((Entry(self.current_term, NO_OP, configuration),))
        before = set(self.progress)
        self._update_progress()
        new = set(self.progress) - before
        self._replicate()
        for member in sorted(new & set(self.progress)):
            self._send_append_entries(member)

    def _caught_up(self, member: int) -> None:
        """Dissertation 4.2.1: a round replicates what was in the log when it began; a new server is let in when one has
        taken less than an election timeout.
        """
        super()._caught_up(member)
        change = self.change
        if change is None or member not in change.rounds:
            return
        number, end, began_ns = change.rounds[member]
        if self.progress[member].match_index < end:
            return
        now_ns = self.clock.monotonic_ns()
        if now_ns - began_ns < self.settings.election_timeout_ns_min:
            del change.rounds[member]
            self._go_on_with(change)
        elif number == self.settings.catch_up_rounds:
            self._give_up_change()
        else:
            change.rounds[member] = number + 1, self.log.last_index, now_ns

    def _go_on_with(self, change: PendingChange) -> None:
        """Law 1: the next step comes when the last is committed and nobody has to catch up any more."""
        if not change.rounds and self._is_settled():
            self.cancel_timer(CATCH_UP)
            self._enter_joint(change)

    def _enter_joint(self, change: PendingChange) -> None:
        moves = [Move("voter", member) for member in change.add] + [Move("out", member) for member in change.remove]
        change.rounds = {}
        self._append_configuration(enter_joint(self.configuration, moves))

    def _has_committed(self) -> None:
        super()._has_committed()
        if self.log.configuration_index > self.commit_index:
            return
        self._update_progress_if_changed()
        if self.configuration.joint:
            self._append_configuration(leave_joint(self.configuration))
        elif self.change is not None and self._is_done(self.change):
            self._end_change("")
            self._leave_if_removed()
        elif self.change is not None:
            self._go_on_with(self.change)
        else:
            self._leave_if_removed()

    def _update_progress_if_changed(self) -> None:
        if list(self.progress) != self._replicated_to():
            # What is committed reaches who leaves by a last request, so that it knows.
            self._broadcast_append_entries()
            self._update_progress()

    def _is_done(self, change: PendingChange) -> bool:
        known = self.configuration
        return set(change.add) <= set(known.voters) and not set(change.remove) & set(known.members)

    def _leave_if_removed(self) -> None:
        """Section 6: a leader that is not in C_new steps down once that is committed."""
        if not self.configuration.is_voter(self.member):
            self._broadcast_append_entries()
            self._become_follower(self.current_term)

    def _give_up_change(self) -> None:
        """Dissertation 4.2.1: "the leader aborts the change with an error"; learners that are late go again."""
        assert self.change is not None, "the timer is cancelled with the change"
        late = sorted(self.change.rounds)
        reason = f"not caught up: {', '.join(map(str, late))}" if late else "that learners are let in was not committed"
        self._end_change(reason)
        learners = [Move("out", member) for member in late if member in self.configuration.learners]
        if learners and not self.configuration.joint:
            self._append_configuration(simple(self.configuration, learners))

    def _end_change(self, reason: str) -> None:
        change, self.change = self.change, None
        self.cancel_timer(CATCH_UP)
        if change is not None and change.client is not None:
            self._tell_operator(change.client, change.request_id, reason)

    def _stop_leading(self) -> None:
        super()._stop_leading()
        self.cancel_timer(CATCH_UP)
        self.change = None

    # A server that has lost its disk.

    def _begin_as_another(self) -> None:
        """Law 4: what the old member knew is gone; the new one has promised nothing.

        The new identity is written first: whatever a crash leaves of the rest, nothing is said in the old name.
        """
        try:
            self.disk.write(GENERATION, self.incarnation)
            erase(self.disk)
            self.disk.write("vote", (0, None))
            self.disk.sync()
        except DiskFull:
            self._on_disk_full()

    def _ask_to_join(self) -> None:
        """Until it is a voter, it asks everybody who may know the leader."""
        if self.generation and self.member not in self.configuration.voters:
            for server in self.settings.nodes:
                if server != self.id:
                    self.send(server, Join(self.member))
            self.set_timer(JOIN, self.settings.election_timeout_ns_max)

    def _on_join(self, message: Join) -> None:
        """Who lived on that node before is out with the same change."""
        living = self._living_on((address(message.member, self.nodes),))
        change = PendingChange((message.member,), tuple(each for each in living if each < message.member), None, 0)
        if message.member not in self.configuration.voters and not self._why_not(change):
            self._begin_change(change)
