"""What a Raft server knows and keeps: the state of Figure 2, made durable, committed and applied.

Law 1: durable before sent. A handler syncs what it changed before any message leaves that speaks of it.
Law 4: a server whose disk fails it stops, and says nothing more.

The paper assumes a disk that keeps what was written. Of one that does not, this is made (fail-stop):

* A disk without room: the server halts at the first write that is refused, before any answer that would rest on it. It
  may be restarted at once; it halts again if it has to write and there is still no room. All it ever said is durable.
* A record that cannot be read when the server starts: it halts, at every start. It must not take its log for shorter,
  nor its vote for not given, because what it acknowledged counts towards majorities: with the entry gone from one more
  log, or a second vote given, a committed entry can be lost or two leaders be elected. A record that rots while the
  server is up shows at its next start.

Alagappan et al. ("Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018) go further: others that can still
read the entries send them again. Here such a server is lost to the cluster, as if it had crashed for good; where that
is more than a minority, nothing is committed any more, and nothing is lost. An empty disk in its place would make it a
server that has forgotten its promises: with `rejoin` it becomes another member, and asks to be let in
(`membership.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence

from simclock import DiskFull
from simclock.actors import Message
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK
from simclock.protocols.raft.configuration import Configuration, address, member_of
from simclock.protocols.raft.log import Log
from simclock.protocols.raft.messages import NO_OP, Entry
from simclock.protocols.raft.observed import Appended, Configured, Truncated
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.settings import RaftSettings
from simclock.protocols.replication import Front, StateMachine
from simclock.protocols.replication.observed import Applied, CommitIndex


class Role(enum.IntEnum):
    """At any time each server is in one of three states (5.1)."""

    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2


class ServerState(Front):
    """The state of one server, and what every rule does with it."""

    settings: RaftSettings

    def __init__(self, settings: RaftSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)

        # Persistent state on all servers (read from disk when the server starts).
        self.generation = 0
        """How often the server has lost its disk and become another member."""
        self.current_term = 0
        """Latest term the server has seen: 0 at first boot, increases monotonically."""
        self.voted_for: int | None = None
        """Candidate that received the vote in `current_term`: set once in a term, None before; a member."""
        self.log: Log
        """Log entries: terms never decrease along the log, and none is above `current_term`."""

        # Volatile state on all servers.
        self.role = Role.FOLLOWER
        self.leader_id: int | None = None
        """The leader of `current_term`, once heard of; at most one there is. A member."""
        self.heard_ns: int | None = None
        """When, by its own clock, it last heard a current leader, or started; None where nobody asks."""
        self.commit_index = 0
        """Index of the highest entry known to be committed: increases monotonically, <= last log index."""
        self.last_applied = 0
        """Index of the highest entry applied to the state machine: increases monotonically, <= commit_index."""
        self.unsynced = False
        """Whether persistent state was changed and not synced."""
        self.told_configuration: Configuration | None = None
        """The configuration that observers know of."""

        # Volatile state on candidates and leaders (made anew with each election).
        self.votes: set[int] = set()
        """Candidate: the members that voted for it in `current_term`, itself among them."""
        self.pre_votes: set[int] = set()
        """While it asks whether it could be elected: the members that say so, itself among them; else empty."""
        self.progress: dict[int, Progress] = {}
        """Leader: nextIndex and matchIndex of every other member; empty in other roles."""
        self.gathering = False
        """Leader: whether commands wait for the end of a batch."""
        self.active: set[int] = set()
        """Leader: the members heard from since it last looked whether they are a quorum, if it looks at all."""
        self.round = 0
        """Leader: how often it has asked all whether it still leads (`reads.py`)."""
        self.transfer_target: int | None = None
        """Leader: the member it hands over to; it takes no commands meanwhile."""
        self.handed_over = False
        """Leader: whether it has begun to hand over in this term, done or not."""

    @property
    def leads(self) -> bool:
        return self.role is Role.LEADER

    # Who it is, and who is in the cluster.

    @property
    def member(self) -> int:
        """The member that this server is."""
        return member_of(self.id, self.generation, self.nodes)

    @property
    def configuration(self) -> Configuration:
        """Section 6: a server uses the latest configuration in its log, whether the entry is committed or not."""
        return self.log.configuration

    def _is_quorum(self, members: Collection[int]) -> bool:
        """Whether these members are enough to decide."""
        return self.configuration.is_quorum(members)

    def _send_to(self, member: int, message: Message) -> None:
        self.send(address(member, self.nodes), message)

    def _leader_address(self) -> int | None:
        return None if self.leader_id is None else address(self.leader_id, self.nodes)

    # What is durable.

    def _set_term_and_vote(self, term: int, voted_for: int | None) -> None:
        """Both in one record, so that no crash parts them."""
        self.current_term, self.voted_for = term, voted_for
        try:
            self.disk.write("vote", (term, voted_for))
        except DiskFull:
            self._on_disk_full()
        self.unsynced = True

    def _append(self, entries: Sequence[Entry]) -> None:
        try:
            self.log.append(entries)
        except DiskFull:
            self._on_disk_full()
        self.unsynced = True

    def _truncate(self, last_index: int) -> None:
        self.log.truncate(last_index)
        self.unsynced = True

    def _on_disk_full(self) -> None:
        """Law 4: what cannot be made durable must not be answered."""
        self.halt(FULL_DISK)

    def _on_corrupt_entry(self, index: int) -> None:
        """Law 4: the log is not what this server has acknowledged; nor is a shorter one."""
        self.halt(CORRUPT_RECORD)

    def _persist(self) -> None:
        """Figure 2: persistent state is updated on stable storage before responding to RPCs."""
        if not self.unsynced:
            return
        self._sync_disk()
        self.unsynced = False
        change = self.log.synced()
        if change is None:
            return
        if change.truncated:
            self.observe(Truncated(change.kept_index))
        if change.entries:
            entries = tuple((entry.term, _told(entry)) for entry in change.entries)
            self.observe(Appended(change.kept_index, entries))
        self._tell_configuration()

    def _tell_configuration(self) -> None:
        """Tell what cluster this server believes in, where that has changed."""
        known = self.log.configuration
        if known != self.told_configuration:
            self.told_configuration = known
            index = self.log.configuration_index
            self.observe(Configured(index, known.voters, known.outgoing, known.learners))

    def _sync_disk(self) -> None:
        self.disk.sync()

    def _reply(self, target: int, message: Message) -> None:
        self._persist()
        self.send(target, message)

    def _reply_to(self, member: int, message: Message) -> None:
        self._reply(address(member, self.nodes), message)

    # What is committed.

    def _set_commit_index(self, index: int) -> None:
        self.commit_index = index
        self.observe(CommitIndex(index))
        self._apply_committed()

    def _apply_committed(self) -> None:
        """Raft 5.3: if commitIndex > lastApplied: increment lastApplied, apply log[lastApplied] to state machine."""
        while self.last_applied < self.commit_index:
            self.last_applied += 1
            index = self.last_applied
            entry = self.log.entry(index)
            self.observe(Applied(index, entry.term, _told(entry)))
            # Raft 5.3: respond after entry applied to state machine.
            if entry.command == NO_OP:
                self._answer(index, b"")
            else:
                self._apply(index, entry.command)
        self._compact()
        self.on_applied()

    def _compact(self) -> None:
        """Let a snapshot take the place of what was applied, if it is time (`snapshots.py`)."""


def _told(entry: Entry) -> bytes:
    """What observers hear of an entry: its command, or the configuration it brings."""
    return entry.command if entry.configuration is None else str(entry.configuration).encode()
