"""What the lease scenarios are made of: three kinds of nodes, one class each, of which a bug replaces one or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simclock import RunResult
from simclock.actors import Node
from simclock.experiments.consensus.engine import Cluster, ConsensusEngine
from simclock.experiments.consensus.engines import engine_of
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.protocols.leases import Holder, HolderWork, LeaseServer, LeaseSettings, LeaseTable, StorageNode


class AcceptsAnyToken(StorageNode):
    """What `--fencing off` asks for, and bug LEASE-01: the store does not check tokens."""

    def _may_write(self, lock: str, token: int, number: int) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class LeaseParts:
    """The classes of a lease service, its clients and its store."""

    server: type[LeaseServer] = LeaseServer
    """Without the engine under it."""
    table: type[LeaseTable] = LeaseTable
    holder: type[Holder] = Holder
    storage: type[StorageNode] = StorageNode


def builder(
    parts: LeaseParts, engine: ConsensusEngine, cluster: Cluster, leases: LeaseSettings, works: Sequence[HolderWork]
) -> Callable[[int], Node]:
    """Servers first, then the store, then one client for each of `works`."""
    replicas = len(cluster.servers)
    settings, service = engine.made(cluster), parts.server

    def build(node: int) -> Node:
        if node < replicas:
            made: Node = engine.serving(service)(settings, leases, parts.table(leases.first_token))
            return made
        if node == replicas:
            return parts.storage()
        return parts.holder(cluster.servers, replicas, leases, works[node - replicas - 1])

    return build


def judge(result: RunResult) -> Verdict:
    """The engine's properties and those of leases; all are observers."""
    verdict = judge_invariants(result)
    reached = result.reports["LeaseProperties"]
    counts = ", ".join(f"{count} {name}" for name, count in reached.items() if count)
    if verdict.status == VIOLATED:
        return Verdict(status=VIOLATED, lines=(*verdict.lines, counts))
    if not reached["holds"]:
        return Verdict(status=UNKNOWN, lines=("nobody held a lease: nothing is known of leases",))
    if not reached["writes accepted"]:
        return Verdict(status=UNKNOWN, lines=(f"the store took no write: nothing is known of effects; {counts}",))
    return Verdict(status=VALID, lines=(f"{engine_of(result).title}'s properties and those of leases hold: {counts}",))


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Holds, expiries, writes and elections."""
    leases, engine = result.reports["LeaseProperties"], engine_of(result).report_of(result)
    changes = f"{engine['leader_changes']} changes of leader"
    return (
        ("holds", f"{leases['holds']}, {leases['handovers']} after somebody else's"),
        ("claims ended", f"{leases['released']} released, {leases['expired']} expired"),
        ("writes", f"{leases['writes accepted']} accepted, {leases['writes refused']} refused"),
        (
            "elections",
            f"{engine['elections']} begun, {engine['leaders']} won, {changes}",
        ),
    )


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about leases."""
    leases: dict[str, Any] = result.reports["LeaseProperties"]
    engine = engine_of(result).report_of(result)
    return {**leases, "leader changes": engine["leader_changes"], "restarts of servers": engine["restarts"]}
