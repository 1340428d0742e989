"""What the lease scenarios are made of: three kinds of nodes, one class each, of which a bug replaces one or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simclock import RunResult
from simclock.actors import Node
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.protocols.leases import Holder, HolderWork, LeaseReplica, LeaseSettings, LeaseTable, StorageNode
from simclock.protocols.raft import RaftServer, RaftSettings


class LeaseServer(LeaseReplica, RaftServer):
    """A replica of the lease service on Raft."""


class AcceptsAnyToken(StorageNode):
    """What `--fencing off` asks for, and bug LEASE-01: the store does not check tokens."""

    def _may_write(self, lock: str, token: int, number: int) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class LeaseParts:
    """The classes of a lease service, its clients and its store."""

    server: type[LeaseServer] = LeaseServer
    table: type[LeaseTable] = LeaseTable
    holder: type[Holder] = Holder
    storage: type[StorageNode] = StorageNode


def builder(
    parts: LeaseParts, raft: RaftSettings, leases: LeaseSettings, works: Sequence[HolderWork]
) -> Callable[[int], Node]:
    """Servers first, then the store, then one client for each of `works`."""
    replicas = len(raft.servers)

    def build(node: int) -> Node:
        if node < replicas:
            return parts.server(raft, leases, parts.table(leases.first_token))
        if node == replicas:
            return parts.storage()
        return parts.holder(raft.servers, replicas, leases, works[node - replicas - 1])

    return build


def judge(result: RunResult) -> Verdict:
    """Raft's properties and those of leases; all are observers."""
    verdict = judge_invariants(result)
    reached = result.reports["LeaseProperties"]
    counts = ", ".join(f"{count} {name}" for name, count in reached.items() if count)
    if verdict.status == VIOLATED:
        return Verdict(status=VIOLATED, lines=(*verdict.lines, counts))
    if not reached["holds"]:
        return Verdict(status=UNKNOWN, lines=("nobody held a lease: nothing is known of leases",))
    if not reached["writes accepted"]:
        return Verdict(status=UNKNOWN, lines=(f"the store took no write: nothing is known of effects; {counts}",))
    return Verdict(status=VALID, lines=(f"Raft's properties and those of leases hold: {counts}",))


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Holds, expiries, writes and elections."""
    leases, raft = result.reports["LeaseProperties"], result.reports["RaftProperties"]
    return (
        ("holds", f"{leases['holds']}, {leases['handovers']} after somebody else's"),
        ("claims ended", f"{leases['released']} released, {leases['expired']} expired"),
        ("writes", f"{leases['writes accepted']} accepted, {leases['writes refused']} refused"),
        ("elections", f"{raft['elections']} begun, {raft['leaders']} won, {raft['leader_changes']} changes of leader"),
    )


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about leases."""
    leases: dict[str, Any] = result.reports["LeaseProperties"]
    raft = result.reports["RaftProperties"]
    return {**leases, "leader changes": raft["leader_changes"], "restarts of servers": raft["restarts"]}
