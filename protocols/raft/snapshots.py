"""Snapshots: a server compacts its log, and a leader sends its snapshot to who lags too far (dissertation chapter 5).

Law 1: a snapshot is of what was applied, so all of it is committed; it is durable before any entry it covers is gone.
Law 2: chunks are taken in order only; one that comes again, or too early, is answered with the place that is wanted.
Law 3: a snapshot that brings nothing new (its index is not above the commit index) changes nothing.

The client sessions are part of the state machine, and so of the snapshot (6.3).
"""

from __future__ import annotations

from simclock import DiskFull
from simclock.protocols.raft.log import Snapshot
from simclock.protocols.raft.messages import InstallSnapshot, InstallSnapshotReply
from simclock.protocols.raft.observed import Installed, Snapshotted
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.state import ServerState
from simclock.protocols.replication.observed import digest_of


class Snapshots(ServerState):
    """What a server does about snapshots, its own and those it sends and gets."""

    _chunks: tuple[tuple[int, int], bytes] = ((0, 0), b"")
    """What has come of a leader's snapshot: (its index, its term), and its first bytes."""

    # Its own.

    def compact(self) -> None:
        """Take a snapshot now, whether it is time or not."""
        if self.last_applied > self.log.snapshot.last_included_index:
            self._take_snapshot()

    def _compact(self) -> None:
        every = self.settings.snapshot_every
        if every is not None and self.last_applied - self.log.snapshot.last_included_index >= every:
            self._take_snapshot()

    def _take_snapshot(self) -> None:
        """Dissertation 5.1: the current state is written to disk, then the log up to there is discarded."""
        self._persist()
        index = self.last_applied
        term = self.log.term(index)
        assert term is not None, "what was applied is in the log"
        state = self.state_machine.snapshot()
        self._replace_prefix(Snapshot(index, term, self.log.configuration_at(index), state))
        self.observe(Snapshotted(index, term, digest_of(state)))

    def _replace_prefix(self, snapshot: Snapshot) -> None:
        try:
            self.log.replace_prefix(snapshot, keep=self._goes_on_from(snapshot))
        except DiskFull:
            self._on_disk_full()

    def _goes_on_from(self, snapshot: Snapshot) -> bool:
        """Dissertation, Figure 5.3, rules 6 and 7: entries after a snapshot stay if the log has its last entry, and go
        otherwise: they are another leader's."""
        return self.log.term(snapshot.last_included_index) == snapshot.last_included_term

    def _restore(self) -> None:
        """Begin with the snapshot that the disk has kept."""
        snapshot = self.log.snapshot
        if snapshot.last_included_index:
            self.state_machine.restore(snapshot.state)
            self.commit_index = self.last_applied = snapshot.last_included_index

    # A leader sends it.

    def _send_snapshot(self, member: int, progress: Progress) -> None:
        """One chunk; also as heartbeat, and when it sends again what got lost."""
        snapshot = progress.snapshot or self.log.snapshot
        progress.snapshot = snapshot
        begin, size = progress.offset, self.settings.snapshot_chunk_bytes
        data = snapshot.state[begin : begin + size]
        request = InstallSnapshot(
            self.current_term,
            self.member,
            snapshot.last_included_index,
            snapshot.last_included_term,
            snapshot.configuration,
            begin,
            data,
            begin + len(data) == len(snapshot.state),
            self.round,
        )
        self._send_to(member, request)

    def _is_chunk_acknowledged(self, progress: Progress, message: InstallSnapshotReply) -> bool:
        """Whether this says anything new of the snapshot that is being sent."""
        snapshot = progress.snapshot
        if snapshot is None or snapshot.last_included_index != message.last_included_index:
            return False
        return message.done or message.offset != progress.offset

    # A follower gets it.

    def _store_chunk(self, message: InstallSnapshot) -> InstallSnapshotReply:
        """Dissertation, Figure 5.3, InstallSnapshot RPC, receiver implementation, rules 2 to 8."""
        if self._is_new(message):
            name = message.last_included_index, message.last_included_term
            before, begun = self._chunks
            if before != name:
                begun = b""  # rule 5: what there is of another snapshot is discarded
            if len(begun) == message.offset:
                begun += message.data
                if message.done:
                    self._install(message, begun)
                    begun, name = b"", (0, 0)
            self._chunks = name, begun
        done = not self._is_new(message)
        received = 0 if done else len(self._chunks[1])
        return InstallSnapshotReply(
            self.current_term, message.last_included_index, received, done, message.round, self.generation
        )

    def _is_new(self, message: InstallSnapshot) -> bool:
        """Law 3: what is committed here is in every leader's snapshot, so one of less index is an old one."""
        return message.last_included_index > self.commit_index

    def _install(self, message: InstallSnapshot, state: bytes) -> None:
        """Rules 6 to 8: the snapshot takes the place of the log up to there; the state machine begins with it."""
        self._persist()
        index, term = message.last_included_index, message.last_included_term
        self._replace_prefix(Snapshot(index, term, message.configuration, state))
        self.state_machine.restore(state)
        self.commit_index = self.last_applied = index
        self.observe(Installed(index, term, self.log.last_index, digest_of(state)))
        self._tell_configuration()
        self.on_applied()
