"""What scenarios are made of in which clients call a service on any engine: a cluster, its clients, judge and report.

Servers are the nodes 0 .. n - 1, clients the nodes after them. A topic has the service: its state machine, the class of
its clients, their workload, and what they may hear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from simclock import Fault, Network, Observer, RunResult, Scenario, UsageError
from simclock.actors import Node
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.linearizability import Model
from simclock.experiments.checkers.linearizable import STEPS_MAX
from simclock.experiments.consensus.engine import LOG, Cluster, ConsensusEngine
from simclock.experiments.consensus.engines import ENGINE, engine_named, engine_of
from simclock.experiments.entries.replicated_store import (
    answered,
    describe_clients,
    judge_service,
    rate_text,
    server_at_end,
)
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.protocols.key_value import Client, Workload
from simclock.protocols.replication import Sessions, StateMachine


class Parts(Protocol):
    """The classes of a service, which a user or a bug may replace."""

    @property
    def sessions(self) -> type[Sessions]: ...
    @property
    def service(self) -> Callable[[], StateMachine]: ...
    @property
    def client(self) -> type[Client]: ...


@dataclass(frozen=True, kw_only=True)
class Served:
    """A cluster, and who calls it."""

    engine: ConsensusEngine
    cluster: Cluster
    clients: int
    workload: Workload

    @property
    def nodes(self) -> int:
        """Servers and clients."""
        return len(self.cluster.servers) + self.clients

    def scenario(
        self,
        parts: Parts,
        *,
        name: str,
        duration_ns: int,
        network: Network,
        faults: tuple[Fault, ...] = (),
        hunted: bool = False,
        parameters: Mapping[str, Any] | None = None,
    ) -> Scenario:
        """A run of it. A hunt is judged by the engine's witnesses too, and ends where too much happens."""
        engine, servers = self.engine, self.cluster.servers
        settings, workload = engine.made(self.cluster), self.workload

        def build(node: int) -> Node:
            if node < len(servers):
                return engine.server(settings, parts.sessions(parts.service()))
            return parts.client(servers, workload)

        witnesses: tuple[Callable[[], Observer], ...] = (*engine.witnesses(settings), Enough) if hunted else ()
        return Scenario(
            name=name,
            nodes=self.nodes,
            build=build,
            duration_ns=duration_ns,
            network=network,
            faults=faults,
            observers=(
                engine.properties(settings),
                partial(History, range(len(servers), self.nodes)),
                *witnesses,
            ),
            final=partial(server_at_end, engine.server),
            parameters=parameters or {},
        )


def servers_of(settings: Settings, default: int) -> tuple[int, ...]:
    """The servers asked for."""
    servers = default if settings.nodes is None else settings.nodes
    if servers < 1:
        raise UsageError(f"nodes: {servers} is not a number of servers: 1 or more")
    return tuple(range(servers))


def engine_asked(parameters: Mapping[str, Any]) -> ConsensusEngine:
    """The engine that a scenario's parameters name."""
    return engine_named(parameters.get("engine", ENGINE.default))


def queries(cluster: Cluster) -> bool:
    """Whether clients send gets that need not go through the log."""
    return cluster.reads != LOG


# Judging and describing.


def judge(result: RunResult, model: Callable[[], Model], step_limit: int = STEPS_MAX) -> Verdict:
    """The engine's properties, and what the clients heard."""
    engine = engine_of(result)
    report = engine.report_of(result)
    held = f"{engine.title}'s properties hold: {report['leaders']} leaders, {report[engine.agreed]} {engine.agreed}"
    return judge_service(result, held, step_limit, model)


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about its engine."""
    engine = engine_of(result)
    report = engine.report_of(result)
    names = ("elections", "leaders", "leader_changes", "restarts", engine.agreed, *engine.reached)
    return {name.replace("_", " "): report[name] for name in names} | answered(result)


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Elections, what was agreed upon, operations and their latency."""
    engine = engine_of(result)
    report = engine.report_of(result)
    servers = [server for server in result.final.values() if server is not None]
    duplicates = max((server.duplicates for server in servers), default=0)
    last = f"last {engine.turn} {report[engine.turn]}"
    told = [
        ("engine", engine.title),
        ("servers", f"{len(servers)} up at the end, {report['restarts']} restarts"),
        ("elections", f"{report['elections']} begun, {report['leaders']} won, {last}"),
        ("commands", f"{report[engine.agreed]} {engine.agreed}, {rate_text(report[engine.agreed], result)}"),
        ("duplicates", f"{duplicates} agreed upon twice and applied once"),
        *engine.told(report),
    ]
    if report["snapshots"] or report["installs"]:
        told.append(("snapshots", f"{report['snapshots']} taken, {report['installs']} sent to who lagged"))
    return [*told, *describe_clients(result)]
