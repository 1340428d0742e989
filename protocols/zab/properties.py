"""What must hold of ZAB, judged from observations alone.

The properties of primary order atomic broadcast (DSN 2011, section III), deliver being what is called apply here:

    Integrity               what a process delivers, some process has broadcast
    Total Order             no transaction is delivered at two places in the order
    Agreement               what two processes deliver at one place is the same transaction
    Local Primary Order     of one primary's transactions all before one are delivered before it, in its order
    Global Primary Order    what an earlier primary has broadcast is never delivered after what a later one has
    Primary Integrity       a primary has delivered what anyone delivers of earlier primaries before it broadcasts

What the protocol rests on:

    Votes Improve           in one election a server's votes of one round increase, by epoch, then zxid, then id
    One Leader Per Epoch    no two servers are established as leaders of one epoch
    Accepted By Quorum      who synchronizes others has a quorum that has accepted the epoch, and of nobody else
    Established By Quorum   who leads an epoch has a quorum that has accepted its NEWLEADER
    Initial History         with a NEWLEADER comes all that was committed in earlier epochs
    Primary Alone           who broadcasts in an epoch leads it, and gives a zxid to one transaction only
    History Matching        histories with a zxid in common have all before it in common
    Committed By Quorum     what a server takes for committed is in the histories of a quorum
    Committed Is Kept       nobody deletes what is committed
    Epochs Increase         acceptedEpoch and currentEpoch; a NEWLEADER is accepted of the epoch that was accepted last
    Durable State           what was synced is there after a restart: epochs and history
    Can Restart             a server halts for its disk alone
    Snapshots Agree         all snapshots of one index are of one state

and of protocols/replication, State Machine Safety, which ends the run, as One Leader Per Epoch does, Commit Monotone
and Applied In Order. All others are told and the run goes on, so that it shows what they lead to. *Sometimes*
properties, the counts in `report()`, show that a run was not vacuous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import Told
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK
from simclock.protocols.replication.observed import Applied, CommitIndex
from simclock.protocols.replication.properties import Replica, ReplicationProperties
from simclock.protocols.zab.observed import (
    Broadcast,
    Discovered,
    Elected,
    EpochAccepted,
    EpochEntered,
    Installed,
    Leader,
    Logged,
    Looking,
    Snapshotted,
    Started,
    Synchronizes,
    Truncated,
    Voted,
)
from simclock.told import Halted

_Zxid = tuple[int, int]
_ZERO: _Zxid = (0, 0)
_NO_VOTE = (0, 0, _ZERO, 0)


class _Process(Replica):
    """What a server has told so far; what it has synced outlives a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted_epoch = 0
        self.current_epoch = 0
        self.vote: tuple[int, int, _Zxid, int] = _NO_VOTE
        """Its latest since it looks for a leader: round, epoch, zxid, leader."""
        self.base = 0
        """The index of its snapshot."""
        self.history: list[_Zxid] = []
        """The transactions after it."""
        self.delivered: _Zxid | None = _ZERO
        """The last since it started; None where a snapshot hides it."""
        self.has_started = False

    @property
    def last_index(self) -> int:
        return self.base + len(self.history)

    def zxid_at(self, index: int) -> _Zxid | None:
        """None where there is none, or a snapshot stands there."""
        return self.history[index - self.base - 1] if self.base < index <= self.last_index else None


class ZabProperties(ReplicationProperties):
    """Reads the observations of one ensemble."""

    def __init__(self, servers: tuple[int, ...]) -> None:
        self._servers = {server: _Process() for server in servers}
        super().__init__(self._servers)
        self._broadcasts: dict[_Zxid, bytes] = {}
        self._logged: dict[_Zxid, tuple[int, _Zxid | None, bytes]] = {}
        """Zxid -> (index, the zxid before it, command), as it stood in the first history."""
        self._accepted: dict[tuple[int, int], set[int]] = {}
        """(epoch, leader) -> who has accepted it of whom."""
        self._entered: dict[int, set[int]] = {}
        """Epoch -> who has accepted its NEWLEADER."""
        self._established: dict[int, int] = {}
        """Epoch -> its leader."""
        self._primaries: dict[int, int] = {}
        """Epoch -> how much its primary had delivered when it first broadcast."""
        self._committed: list[_Zxid] = []
        """At index - 1: what the first server took for committed there."""
        self._committed_in: list[int] = []
        """At index - 1: the epoch in which it did."""
        self._places: dict[_Zxid, int] = {}
        """Zxid -> the index at which it was first delivered."""
        self._leader_last: int | None = None
        self._states: dict[int, bytes] = {}
        """Index -> the digest of the first snapshot of it."""

    def _reactions(self) -> dict[type[Told], Callable[[int, Any], None]]:
        return {
            Started: self._on_started,
            EpochAccepted: self._on_epoch_accepted,
            EpochEntered: self._on_epoch_entered,
            Logged: self._on_logged,
            Truncated: self._on_truncated,
            Looking: self._on_looking,
            Voted: self._on_voted,
            Elected: self._on_elected,
            Discovered: self._on_discovered,
            Leader: self._on_leader,
            Broadcast: self._on_broadcast,
            Synchronizes: self._on_synchronizes,
            Snapshotted: self._on_snapshotted,
            Installed: self._on_installed,
        }

    def report(self) -> dict[str, int]:
        """How often what happened: a run without elections or commits proves nothing."""
        names = ("elections", "leaders", "leader_changes", "restarts", "diffs", "truncs", "snaps")
        return {name: self._counts[name] for name in names} | {
            "broadcast": len(self._broadcasts),
            "committed": len(self._committed),
            "epoch": max((server.accepted_epoch for server in self._servers.values()), default=0),
            **{name: self._counts[name] for name in ("truncations", "snapshots", "installs")},
            **super().report(),
        }

    # What is durable.

    def _on_started(self, node: int, told: Started) -> None:
        server = self._servers[node]
        epochs, history = (told.accepted_epoch, told.current_epoch), list(told.history)
        if epochs != (server.accepted_epoch, server.current_epoch):
            before = (server.accepted_epoch, server.current_epoch)
            self._tell("Durable State", node, f"epochs accepted and current were {before}, are {epochs}")
        if (told.snapshot_index, history) != (server.base, server.history):
            last = told.snapshot_index + len(history)
            detail = f"a history up to index {server.last_index} after a snapshot of {server.base} was durable, "
            self._tell("Durable State", node, f"{detail}up to {last} after {told.snapshot_index} is there, or another")
        self._counts["restarts"] += server.has_started
        server.has_started = True
        server.accepted_epoch, server.current_epoch = epochs
        server.base, server.history = told.snapshot_index, history
        self._begin(node, told.snapshot_index)

    def _on_halted(self, node: int, told: Halted) -> None:
        super()._on_halted(node, told)
        if told.reason not in (FULL_DISK, CORRUPT_RECORD):
            self._tell("Can Restart", node, f"halts: {told.reason}")

    def _begin(self, node: int, index: int) -> None:
        """A server's state machine is that of a snapshot."""
        self._started(node, index)
        self._servers[node].delivered = self._committed_at(index) if index else _ZERO

    def _committed_at(self, index: int) -> _Zxid | None:
        return self._committed[index - 1] if 0 < index <= len(self._committed) else None

    def _on_epoch_accepted(self, node: int, told: EpochAccepted) -> None:
        server = self._servers[node]
        if told.epoch <= server.accepted_epoch:
            self._tell("Epochs Increase", node, f"accepts epoch {told.epoch} after {server.accepted_epoch}")
        server.accepted_epoch = told.epoch
        self._accepted.setdefault((told.epoch, told.leader), set()).add(node)

    def _on_epoch_entered(self, node: int, told: EpochEntered) -> None:
        server, epoch = self._servers[node], told.epoch
        if epoch <= server.current_epoch or epoch != server.accepted_epoch:
            detail = f"enters epoch {epoch} from {server.current_epoch}, has accepted {server.accepted_epoch}"
            self._tell("Epochs Increase", node, detail)
        server.current_epoch = epoch
        self._entered.setdefault(epoch, set()).add(node)
        self._check_initial_history(node, epoch)

    def _check_initial_history(self, node: int, epoch: int) -> None:
        server = self._servers[node]
        for index in range(server.base + 1, len(self._committed) + 1):
            committed = self._committed[index - 1]
            if self._committed_in[index - 1] < epoch and server.zxid_at(index) != committed:
                detail = f"enters epoch {epoch} with {server.zxid_at(index)} at index {index}, committed is {committed}"
                self._tell("Initial History", node, detail)
                return

    def _on_logged(self, node: int, told: Logged) -> None:
        server, zxid = self._servers[node], (told.epoch, told.counter)
        before = server.history[-1] if server.history else self._committed_at(server.base) if server.base else _ZERO
        found = told.index, before, told.command
        first = self._logged.setdefault(zxid, found)
        if (
            first[0] != told.index
            or first[2] != told.command
            or (None not in (before, first[1]) and before != first[1])
        ):
            self._tell("History Matching", node, f"{zxid} stands in its history as {found}, elsewhere as {first}")
        server.history.append(zxid)

    def _on_truncated(self, node: int, told: Truncated) -> None:
        self._counts["truncations"] += 1
        self._check_kept(node, told.index)
        server = self._servers[node]
        del server.history[max(0, told.index - server.base) :]

    def _check_kept(self, node: int, index: int) -> None:
        server = self._servers[node]
        lost = server.zxid_at(index + 1)
        if lost is not None and lost == self._committed_at(index + 1):
            self._tell("Committed Is Kept", node, f"deletes {lost} at index {index + 1}, which is committed")

    # Who leads.

    def _on_looking(self, node: int, told: Looking) -> None:
        self._servers[node].vote = _NO_VOTE

    def _on_voted(self, node: int, told: Voted) -> None:
        server, vote = self._servers[node], (told.round, told.epoch, told.zxid, told.leader)
        if vote[0] == server.vote[0] and vote <= server.vote:
            self._tell("Votes Improve", node, f"in round {vote[0]} votes {vote[1:]} after {server.vote[1:]}")
        server.vote = vote

    def _on_elected(self, node: int, told: Elected) -> None:
        self._counts["elections"] += 1

    def _on_synchronizes(self, node: int, told: Synchronizes) -> None:
        self._counts[f"{told.sync.lower()}s"] += 1

    def _on_discovered(self, node: int, told: Discovered) -> None:
        accepted = self._accepted.get((told.epoch, node))
        self._check_quorum("Accepted By Quorum", node, f"synchronizes in epoch {told.epoch}, accepted", accepted)

    def _check_quorum(self, property: str, node: int, what: str, servers: set[int] | None) -> None:
        if len(servers or ()) < self._majority:
            self._tell(property, node, f"{what} by {sorted(servers or ())}")

    def _on_leader(self, node: int, told: Leader) -> None:
        epoch = told.epoch
        self._counts["leaders"] += 1
        self._counts["leader_changes"] += self._leader_last not in (None, node)
        self._leader_last = node
        before = self._established.setdefault(epoch, node)
        if before != node:
            self._broken("One Leader Per Epoch", node, f"leads epoch {epoch}, as node {before} does")
        self._check_quorum("Established By Quorum", node, f"leads epoch {epoch}, entered", self._entered.get(epoch))
        self._check_initial_history(node, epoch)

    def _on_broadcast(self, node: int, told: Broadcast) -> None:
        zxid = (told.epoch, told.counter)
        if self._established.get(told.epoch) != node or zxid in self._broadcasts:
            detail = f"broadcasts {zxid}, epoch {told.epoch} is led by {self._established.get(told.epoch)}"
            self._tell("Primary Alone", node, detail)
        self._broadcasts[zxid] = told.command
        if told.epoch not in self._primaries:
            delivered = self._primaries[told.epoch] = self._servers[node].last_applied
            earlier = sum(record.term < told.epoch for record in self._applied)
            if earlier > delivered:
                self._primary_integrity(node, told.epoch, earlier, delivered)

    def _primary_integrity(self, node: int, epoch: int, index: int, delivered: int) -> None:
        detail = f"the primary of epoch {epoch} broadcasts with {delivered} delivered, index {index} is of an earlier"
        self._tell("Primary Integrity", node, detail)

    # What is committed and delivered.

    def _on_commit(self, node: int, told: CommitIndex) -> None:
        super()._on_commit(node, told)
        server, index = self._servers[node], told.index
        for each in range(len(self._committed) + 1, index + 1):
            zxid = server.zxid_at(each)
            if zxid is None:
                self._tell("Committed By Quorum", node, f"takes index {each} for committed, and has nothing there")
                return
            self._committed.append(zxid)
            self._committed_in.append(server.current_epoch)
            having = [one for one, other in self._servers.items() if other.zxid_at(each) == zxid or other.base >= each]
            if len(having) < self._majority:
                detail = f"takes {zxid} at index {each} for committed, in the histories of {having}"
                self._tell("Committed By Quorum", node, detail)

    def _on_applied(self, node: int, told: Applied) -> None:
        server, index = self._servers[node], told.log_index
        zxid = server.zxid_at(index)
        if zxid is None:
            super()._on_applied(node, told)
            return
        if self._broadcasts.get(zxid) != told.command:
            self._tell("Integrity", node, f"delivers {zxid} at index {index}, which nobody has broadcast so")
        self._check_places(node, index, zxid)
        self._check_orders(node, zxid)
        newly = index > len(self._applied)
        super()._on_applied(node, told)
        if newly:
            for epoch, delivered in self._primaries.items():
                if epoch > zxid[0] and index > delivered:
                    self._primary_integrity(node, epoch, index, delivered)
        server.delivered = zxid

    def _check_places(self, node: int, index: int, zxid: _Zxid) -> None:
        first = self._places.setdefault(zxid, index)
        if first != index:
            self._tell("Total Order", node, f"delivers {zxid} at index {index}, elsewhere it was at {first}")
        if index <= len(self._applied):
            committed = self._committed_at(index)
            if committed is not None and committed != zxid:
                self._tell("Agreement", node, f"delivers {zxid} at index {index}, elsewhere {committed} was delivered")

    def _check_orders(self, node: int, zxid: _Zxid) -> None:
        before = self._servers[node].delivered
        if before is None:
            return
        epoch, counter = zxid
        if epoch < before[0]:
            self._tell("Global Primary Order", node, f"delivers {zxid} after {before}")
        elif counter != (before[1] + 1 if epoch == before[0] else 1):
            self._tell("Local Primary Order", node, f"delivers {zxid} after {before}")

    # Snapshots.

    def _on_snapshotted(self, node: int, told: Snapshotted) -> None:
        self._counts["snapshots"] += 1
        self._check_state(node, told.index, told.digest)
        server = self._servers[node]
        del server.history[: told.index - server.base]
        server.base = told.index

    def _on_installed(self, node: int, told: Installed) -> None:
        self._counts["installs"] += 1
        if told.index:
            self._check_state(node, told.index, told.digest)
        server = self._servers[node]
        server.base, server.history = told.index, []
        if told.index > server.last_applied:
            self._begin(node, told.index)

    def _check_state(self, node: int, index: int, digest: bytes) -> None:
        if self._states.setdefault(index, digest) != digest:
            self._tell("Snapshots Agree", node, f"its state at index {index} is not what another's was")
