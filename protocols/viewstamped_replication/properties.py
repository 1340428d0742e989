"""What must hold of Viewstamped Replication, judged from observations alone.

These end the run when they break:

    Agreement              at most one operation is committed at an op-number
    State Machine Safety   no two servers execute different operations at one (judged by protocols/replication)

The others are told and the run goes on, so that it shows what they lead to:

    Committed Survives     what is committed in a view is in the log with which every later one begins (VRR 4.2, 8.1)
    One Operation Per View in a view one operation stands at an op-number
    One Primary            a view has one primary, the one whose turn it is (VRR 4)
    Begun By Majority      who begins a view has the logs of a majority of its group (VRR 4.2)
    Left By Majority       who brings its log into a view knows of a majority that has left the views before (VRR 4.2)
    Views Increase         no server goes back to an earlier view in the same life, or, where it is durable, ever
    Durable State          a durable server has after a restart what it had synced before: its view and the latest in
                           which it was normal, its group, its log, what was committed, the crashes it knew of
    Recovery Complete      who has recovered has all that was committed when it began to (VRR 4.3, 8.2)
    Applied Is Committed   what a server executes was committed at that op-number
    Epochs Agree           no two servers believe in different groups of an epoch, or different ends of one (VRR 7)
    Snapshots Agree        all checkpoints of one index are of one state
    Commit Monotone        and Applied In Order: of protocols/replication

An operation is committed, here, when a majority of a group has told that it is in their logs in one view. *Sometimes*
properties, the counts in `report()`, show that a run was not vacuous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import Control, Observation, Told
from simclock.protocols.replication import majority
from simclock.protocols.replication.observed import Applied
from simclock.protocols.replication.properties import Record, Replica, ReplicationProperties
from simclock.protocols.viewstamped_replication.durability import Durability, read_durable
from simclock.protocols.viewstamped_replication.observed import (
    Follower,
    Handed,
    Installed,
    Joined,
    Kept,
    Leader,
    Prepared,
    Reconfigured,
    Recovered,
    Snapshotted,
    Started,
    Transferred,
    ViewChange,
)
from simclock.protocols.viewstamped_replication.settings import epoch_of, term_of, view_of

AGREEMENT = "Agreement"


class _Server(Replica):
    """What a server has told so far; of a durable one what it has synced outlives a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.term = 0
        """Of its view."""
        self.op_number = 0
        self.has_started = False
        self.owed = 0
        """Recovering: the last operation that was committed when it began to."""
        self.normal = 0
        """The latest term in which it was normal when it started."""
        self.durability: Durability | None = None
        """What it owes after a restart, if it is durable."""


class VsrProperties(ReplicationProperties):
    """Reads the observations of one cluster."""

    def __init__(self, servers: tuple[int, ...], spares: tuple[int, ...] = (), durable: bool = False) -> None:
        self._servers = {server: _Server() for server in servers + spares}
        super().__init__(self._servers)
        self._durable = durable
        self._groups: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, servers)}
        """Epoch -> the operation that began it, and its members."""
        self._prepared: dict[tuple[int, int], tuple[Record, set[int]]] = {}
        """(op-number, term) -> the operation, and who has it."""
        self._terms: dict[int, list[int]] = {}
        """Op-number -> the terms in which somebody has told of it."""
        self._committed: dict[int, tuple[int, Record]] = {}
        """Op-number -> the least term in which it is committed, and the operation."""
        self._last_committed = 0
        self._leaders: dict[int, int] = {}
        """Term -> its primary."""
        self._leaving: dict[int, set[int]] = {}
        """Term -> who has left earlier views for it."""
        self._brought: dict[int, set[int]] = {}
        """Term -> who has brought its log into it."""
        self._leader_last: int | None = None
        self._states: dict[int, bytes] = {}
        """Index -> the digest of the first checkpoint of it."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        super().on_observation(observation, control)
        server = self._servers.get(observation.node)
        if server is not None and server.durability is not None and (told := read_durable(observation)) is not None:
            server.durability.hears(told)

    def _reactions(self) -> dict[type[Told], Callable[[int, Any], None]]:
        return {
            Started: self._on_started,
            Kept: self._on_kept,
            ViewChange: self._on_view_change,
            Handed: self._on_handed,
            Leader: self._on_leader,
            Follower: self._on_follower,
            Joined: self._on_joined,
            Prepared: self._on_prepared,
            Recovered: self._on_recovered,
            Transferred: self._on_transferred,
            Reconfigured: self._on_reconfigured,
            Snapshotted: self._on_snapshotted,
            Installed: self._on_installed,
        }

    def report(self) -> dict[str, int]:
        """How often what happened: a run without view changes or committed operations proves nothing."""
        names = ("elections", "leaders", "leader_changes", "restarts", "recoveries", "prepared_again", "transfers")
        return {name: self._counts[name] for name in names} | {
            "committed": len(self._committed),
            "view": view_of(max(self._leaders, default=0)),
            **{name: self._counts[name] for name in ("snapshots", "installs")},
            "reconfigurations": len(self._groups) - 1,
            **super().report(),
        }

    def _is_majority(self, term: int, servers: set[int]) -> bool:
        members = self._members_in(term)
        return sum(one in servers for one in members) >= majority(len(members))

    def _members_in(self, term: int) -> tuple[int, ...]:
        """Of a group that nobody has told of, everybody: a majority of that is no small thing to claim."""
        return self._groups.get(epoch_of(term), (0, tuple(self._servers)))[1]

    # Where servers stand.

    def _on_started(self, node: int, told: Started) -> None:
        server = self._servers[node]
        self._counts["restarts"] += server.has_started
        if self._durable and not told.recovering:
            self._check_durable(node, server, told)
        if self._durable and (told.recovering or server.durability is None):
            server.durability = Durability()
        server.has_started = True
        server.normal = term_of(epoch_of(told.term), told.last_normal_view)
        server.term, server.op_number, server.owed = told.term, told.op_number, self._last_committed
        self._started(node, told.checkpoint)

    def _check_durable(self, node: int, server: _Server, told: Started) -> None:
        if told.term < server.term:
            self._tell("Durable State", node, f"was in {_said(server.term)}, restarts in {_said(told.term)}")
        if told.op_number < server.op_number:
            detail = f"had told of {server.op_number} operations, restarts with {told.op_number}"
            self._tell("Durable State", node, detail)
        normal = term_of(epoch_of(told.term), told.last_normal_view)
        if server.durability is not None and normal < server.durability.normal:
            detail = f"was normal in {_said(server.durability.normal)}, restarts as normal last in {_said(normal)}"
            self._tell("Durable State", node, detail)

    def _on_kept(self, node: int, told: Kept) -> None:
        server = self._servers[node]
        if server.durability is None:
            return
        for detail in server.durability.restarts(told, server.normal):
            self._tell("Durable State", node, detail)
        members = self._members_in(server.term)
        if told.members != members:
            self._tell("Durable State", node, f"restarts in a group of {told.members}, its epoch has {members}")

    def _enters(self, node: int, term: int) -> None:
        server = self._servers[node]
        if term < server.term:
            self._tell("Views Increase", node, f"goes to {_said(term)} from {_said(server.term)}")
        server.term = term

    def _on_view_change(self, node: int, told: ViewChange) -> None:
        self._counts["elections"] += told.term not in self._leaving
        self._enters(node, told.term)
        self._leaving.setdefault(told.term, set()).add(node)

    def _on_handed(self, node: int, told: Handed) -> None:
        left = self._leaving.get(told.term, set())
        if not self._is_majority(told.term, left):
            self._tell("Left By Majority", node, f"brings its log into {_said(told.term)}, left by {sorted(left)}")
        self._brought.setdefault(told.term, set()).add(node)

    def _on_joined(self, node: int, told: Joined) -> None:
        self._enters(node, told.term)
        self._servers[node].op_number = told.op_number

    # Who leads.

    def _on_leader(self, node: int, told: Leader) -> None:
        term = told.term
        self._counts["leaders"] += 1
        self._counts["leader_changes"] += self._leader_last not in (None, node)
        self._leader_last = node
        self._enters(node, term)
        self._servers[node].op_number = told.op_number
        members = self._members_in(term)
        turn = members[view_of(term) % len(members)]
        if self._leaders.setdefault(term, node) != node or node != turn:
            detail = f"leads in {_said(term)}, as does node {self._leaders[term]}; it is the turn of node {turn}"
            self._tell("One Primary", node, detail)
        brought = self._brought.get(term, set())
        if view_of(term) and not self._is_majority(term, brought):
            self._tell("Begun By Majority", node, f"begins {_said(term)} with the logs of {sorted(brought)}")
        if told.op_number < self._last_committed:
            self._check_kept(node, term, told.op_number)

    def _check_kept(self, node: int, term: int, op_number: int) -> None:
        """Whether a view begins with all that earlier ones have committed."""
        for lost in range(op_number + 1, self._last_committed + 1):
            if lost in self._committed and self._committed[lost][0] < term:
                detail = f"begins {_said(term)} with {op_number} operations, {lost} is committed"
                self._tell("Committed Survives", node, detail)
                return

    def _on_follower(self, node: int, told: Follower) -> None:
        """It is told for others who look on."""

    # What is committed.

    def _on_prepared(self, node: int, told: Prepared) -> None:
        op_number, term = told.op_number, told.term
        self._servers[node].op_number = op_number
        value = Record(told.taken_in, told.command)
        found, having = self._prepared.setdefault((op_number, term), (value, set()))
        if not having:
            self._terms.setdefault(op_number, []).append(term)
            self._check_stays(node, op_number, term, value)
            self._counts["prepared_again"] += told.taken_in != term
        if found != value:
            detail = f"operation {op_number} in {_said(term)} is {value}, elsewhere {found}"
            self._tell("One Operation Per View", node, detail)
        having.add(node)
        if self._is_majority(term, having):
            self._is_now_committed(node, op_number, term, found)

    def _is_now_committed(self, node: int, op_number: int, term: int, value: Record) -> None:
        first, before = self._committed.get(op_number, (term + 1, value))
        if before != value:
            detail = f"operation {op_number}: {value} is committed in {_said(term)}, {before} was in {_said(first)}"
            self._broken(AGREEMENT, node, detail)
        if term < first:
            self._committed[op_number] = term, before
            self._last_committed = max(self._last_committed, op_number)
            for later in self._terms[op_number]:
                self._check_stays(node, op_number, later, self._prepared[op_number, later][0])

    def _check_stays(self, node: int, op_number: int, term: int, value: Record) -> None:
        first, committed = self._committed.get(op_number, (term, value))
        if term > first and value != committed:
            detail = f"operation {op_number} is {value} in {_said(term)}, {committed} was committed in {_said(first)}"
            self._tell("Committed Survives", node, detail)

    def _on_applied(self, node: int, told: Applied) -> None:
        super()._on_applied(node, told)
        _, committed = self._committed.get(told.log_index, (0, None))
        if committed is None or committed.term != told.term or committed.command != told.command:
            detail = f"executes {(told.term, told.command)} at {told.log_index}, committed is {committed}"
            self._tell("Applied Is Committed", node, detail)

    # Recovery and state transfer.

    def _on_recovered(self, node: int, told: Recovered) -> None:
        self._counts["recoveries"] += 1
        server = self._servers[node]
        self._enters(node, told.term)
        server.op_number = told.op_number
        if told.op_number < server.owed:
            detail = f"recovers with {told.op_number} operations, {server.owed} were committed when it began"
            self._tell("Recovery Complete", node, detail)

    def _on_transferred(self, node: int, told: Transferred) -> None:
        self._counts["transfers"] += 1

    # Epochs.

    def _on_reconfigured(self, node: int, told: Reconfigured) -> None:
        began, members = self._groups.setdefault(told.epoch, (told.op_number, told.members))
        if (began, members) != (told.op_number, told.members):
            here = f"epoch {told.epoch} begins after {told.op_number} with {told.members}"
            self._tell("Epochs Agree", node, f"{here}, elsewhere after {began} with {members}")

    # Checkpoints.

    def _on_snapshotted(self, node: int, told: Snapshotted) -> None:
        self._counts["snapshots"] += 1
        self._has_checkpoint(node, told.index, told.digest)

    def _on_installed(self, node: int, told: Installed) -> None:
        self._counts["installs"] += 1
        self._has_checkpoint(node, told.index, told.digest)
        self._started(node, told.index)

    def _has_checkpoint(self, node: int, index: int, digest: bytes) -> None:
        if self._states.setdefault(index, digest) != digest:
            self._tell("Snapshots Agree", node, f"its state at {index} is not what another's was")


def _said(term: int) -> str:
    """A term for a reader."""
    epoch = epoch_of(term)
    return f"view {view_of(term)}" + (f" of epoch {epoch}" if epoch else "")
