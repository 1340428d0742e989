"""What a server of Viewstamped Replication knows and keeps: its place, what is durable, committed, executed.

Law 1: durable before sent, where the settings say so: a handler syncs what it changed before any message leaves that
       speaks of it, and what observers hear of it waits for that too.
Law 2: a durable server whose disk is full stops, and says nothing more.
Law 3: operations are executed in order, each when it and all before it are committed.
Law 4: a log is taken in place of one's own at once: never is a log cut off before what takes its place is there.
       Deviation: VRR 5.2 has who lags behind a view cut its log to its commit-number, and then ask. In between it may
       take part in a view change, with less than it has acknowledged.
"""

from __future__ import annotations

import enum

from simclock.actors import Message
from simclock.protocols.replication import DurableFront, StateMachine, majority
from simclock.protocols.replication.observed import Applied, CommitIndex, digest_of
from simclock.protocols.viewstamped_replication.log import ServerLog
from simclock.protocols.viewstamped_replication.messages import Checkpoint, Entry, Group, Log, Reconfiguration
from simclock.protocols.viewstamped_replication.observed import (
    Follower,
    Installed,
    Leader,
    Prepared,
    Reconfigured,
    Snapshotted,
)
from simclock.protocols.viewstamped_replication.settings import VsrSettings, epoch_of, term_of

ELECTION = "election"
"""The timer of who hears no primary, or waits for a view to begin."""
HEARTBEAT = "heartbeat"
"""The timer of primaries."""
RETRY = "retry"
"""The timer of who asks the others for something until it has it."""


class Status(enum.IntEnum):
    """VRR, Figure 2, and 7."""

    NORMAL = 0
    VIEW_CHANGE = 1
    RECOVERING = 2
    TRANSITIONING = 3
    """An epoch has begun, and it has not yet what there is, or is replaced and waits until others have."""
    IDLE = 4
    """It is in no group: a spare, or replaced and done (VRR 7 has it shut down)."""


class Role(enum.IntEnum):
    """Which part a server plays: of one whose status is not normal, its status."""

    PRIMARY = 0
    BACKUP = 1
    VIEW_CHANGE = 2
    RECOVERING = 3
    TRANSITIONING = 4
    IDLE = 5


def told(entry: Entry) -> bytes:
    """What observers hear of an operation: its command, or the change it brings."""
    return entry.command if entry.change is None else f"{entry.change.number}: {entry.change.members}".encode()


class ServerState(DurableFront):
    """The state of one server, and what every rule does with it."""

    settings: VsrSettings

    def __init__(self, settings: VsrSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.log: ServerLog
        """Log, view and group (read from disk when a durable server starts)."""
        self.status = Status.IDLE
        self.current_term = 0
        """Its epoch and view."""
        self.leader_id: int | None = None
        """The primary of its view; None while that has not begun."""
        self.commit_number = 0
        """Of the most recently committed operation, as far as it has heard; all up to here are executed."""

    @property
    def leads(self) -> bool:
        return self.status is Status.NORMAL and self._primary_of(self.log.view) == self.id

    @property
    def role(self) -> Role:
        """Its part."""
        if self.status is Status.NORMAL:
            return Role.PRIMARY if self.leads else Role.BACKUP
        return Role[self.status.name]

    @property
    def commit_index(self) -> int:
        """The commit-number, by the name that it has in other engines."""
        return self.commit_number

    @property
    def epoch(self) -> int:
        """The latest that it knows of."""
        return self.log.group.epoch

    def _primary_of(self, view: int) -> int:
        """VRR 4: replicas are primaries by turns."""
        members = self.log.group.members
        return members[view % len(members)]

    def _majority(self) -> int:
        """How many are f + 1 of the 2f + 1 in its group."""
        return majority(len(self.log.group.members))

    # What is durable.

    def _keep(self, op_number: int | None = None, entries: tuple[Entry, ...] = ()) -> None:
        """Group, view and crash vector have changed; the log may be cut, and get other entries, with them."""
        self.current_term = term_of(self.epoch, self.log.view)
        self._write(self.log.stand, op_number, entries)
        self.unsynced = True

    def _append(self, entry: Entry) -> None:
        """An operation comes to stand in the log of this view."""
        self._write(self.log.append, entry)
        self._tell_prepared(self.log.op_number)

    def _tell_prepared(self, first: int) -> None:
        for op_number in range(first, self.log.op_number + 1):
            entry = self.log.entry(op_number)
            self._tell_when_durable(Prepared(op_number, self.current_term, entry.term, told(entry)))

    def _sync_disk(self) -> None:
        if self.settings.durable:
            super()._sync_disk()

    def _send_others(self, message: Message) -> None:
        """To all others of its group."""
        for server in self.log.group.members:
            if server != self.id:
                self._reply(server, message)

    # What is taken from others.

    def _adopt(self, log: Log, view: int, commit_number: int) -> None:
        """Law 4: a log takes the place of what is not committed here, in a view that has begun; what others know to be
        committed comes with it, and is not executed yet."""
        assert self._connects(log), "a log has no gaps"
        self.log.view = self.log.last_normal_view = view
        if log.checkpoint is not None and log.checkpoint.index > self.commit_number:
            self._install(log)
        else:
            self._keep(self.commit_number, log.entries[self.commit_number + 1 - log.first :])
        self._tell_prepared(max(self.commit_number, commit_number) + 1)

    def _connects(self, log: Log) -> bool:
        """Whether it goes on where what is committed here ends, or before."""
        return log.checkpoint is not None or log.first <= self.commit_number + 1

    def _install(self, log: Log) -> None:
        """A checkpoint and what follows it, in place of all there is."""
        assert log.checkpoint is not None, "see the caller"
        self.current_term = term_of(self.epoch, self.log.view)
        self._write(self.log.install, log)
        self.unsynced = True
        self._restore(log.checkpoint)
        self._tell_when_durable(Installed(log.checkpoint.index, digest_of(log.checkpoint.state)))

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Begin with a checkpoint."""
        self.state_machine.restore(checkpoint.state)
        self.commit_number = checkpoint.index

    # Who leads.

    def _lead(self) -> None:
        """It is primary, of a view that begins."""
        self.status = Status.NORMAL
        self.leader_id = self.id
        self.cancel_timer(ELECTION)
        self._tell_when_durable(Leader(self.current_term, self.log.op_number))
        self._persist()
        self.set_timer(HEARTBEAT, self.settings.heartbeat_ns)

    def _follow(self) -> None:
        """It is a backup, of a view that has begun."""
        self._step_down()
        self.status = Status.NORMAL
        self.leader_id = self._primary_of(self.log.view)
        self._reset_election_timer()

    def _step_down(self) -> None:
        """It is primary no more, if it was."""
        if not self.leads:
            return
        self.waiting.clear()
        self.cancel_timer(HEARTBEAT)
        self._tell_when_durable(Follower(self.current_term))
        self.on_following()

    def _reset_election_timer(self) -> None:
        """Drawn anew each time, so that not all begin at once."""
        low_ns, high_ns = self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max
        self.set_timer(ELECTION, self.random.uniform_ns(low_ns, high_ns))

    # What is committed.

    def _commit_to(self, commit_number: int) -> None:
        """Law 3, as far as it has the operations."""
        before, commit_number = self.commit_number, min(commit_number, self.log.op_number)
        if commit_number <= before:
            return
        self._persist()
        self.commit_number = commit_number
        self._keep_committed(commit_number)
        self.observe(CommitIndex(commit_number))
        group, taken_in = None, 0
        for op_number in range(before + 1, commit_number + 1):
            entry = self.log.entry(op_number)
            self.observe(Applied(op_number, entry.term, told(entry)))
            if entry.change is None:
                self._apply(op_number, entry.command)
            else:
                group = self._group_after(op_number, entry.term, entry.change, group or self.log.group)
                taken_in = entry.term
                self.observe(Reconfigured(op_number, group.epoch, group.members))
                self._answer(op_number, b"")
        self._compact()
        self.on_applied()
        if group is not None and group.epoch > self.epoch:
            self._begin_epoch(group, taken_in)

    def _keep_committed(self, commit_number: int) -> None:
        """Synced with what is synced next."""
        self._write(self.log.commit, commit_number)

    def _group_after(self, op_number: int, term: int, change: Reconfiguration, before: Group) -> Group:
        """The group that a RECONFIGURATION begins."""
        epoch = epoch_of(term) + 1
        return Group(epoch, op_number, before.members, change.members, change.number, change.crash_vector)

    def _begin_epoch(self, group: Group, taken_in: int) -> None:
        """All operations of an epoch are executed (`epochs.py`)."""
        raise NotImplementedError("that of epochs")

    def _compact(self) -> None:
        """VRR 5.1: a checkpoint takes the place of what was executed, if it is time."""
        every = self.settings.snapshot_every
        if every is None or self.commit_number - self.log.checkpoint.index < every:
            return
        self._persist()
        state = self.state_machine.snapshot()
        self._write(self.log.replace_prefix, Checkpoint(self.commit_number, state))
        self.observe(Snapshotted(self.commit_number, digest_of(state)))
