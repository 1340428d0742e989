"""Raft serving a key-value store: on a local network, and over the Atlantic and the Pacific.

Replicas are the nodes 0 .. n - 1, clients the nodes after them. The judges are Raft's properties, as observers, and the
linearizability of what the clients heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from simclock import (
    Network,
    Regions,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    minutes,
    ms,
    seconds,
)
from simclock.actors import Node
from simclock.experiments.catalog.raft.operating import nodes_named, schedule_of
from simclock.experiments.catalog.raft.states import shown
from simclock.experiments.catalog.raft.story import Terms, story
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS, RaftProgress
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Flag, Parameters, Text, Whole
from simclock.experiments.entries.regions import CLIENT_REGIONS, REPLICA_REGIONS, wan_one_way_ns
from simclock.experiments.entries.replicated_store import (
    STEPS_MAX,
    answered,
    describe_clients,
    judge_service,
    load_parameters,
    rate_text,
    server_at_end,
    trouble,
)
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings
from simclock.protocols.raft.observed import Leader
from simclock.protocols.raft.operator import Operator, Request
from simclock.protocols.replication import Sessions

SPARES_MAX = 100
"""As many servers may come in later."""


def _scenario(
    name: str,
    settings: Settings,
    *,
    replicas: int,
    clients: int,
    raft: RaftSettings,
    network: Network,
    duration_ns: int,
    parameters: dict[str, Any],
) -> Scenario:
    """Nodes are the first members, the servers that come in later, the clients, and the operator who asks for it."""
    duration_ns = settings.duration_ns or duration_ns
    schedule = schedule_of(parameters.pop("change"), parameters.pop("transfer"))
    servers = _servers(replicas, schedule)
    raft = _with_features(replace(raft, spares=tuple(range(replicas, servers))), parameters)
    workload = Workload(**parameters)
    known = servers + clients
    nodes = known + bool(schedule)

    def build(node: int) -> Node:
        if node < servers:
            return RaftServer(raft, Sessions(KeyValueStore()))
        if node < known:
            return Client(raft.nodes, workload)
        return Operator(raft.nodes, schedule, raft.election_timeout_ns_max, duration_ns)

    return Scenario(
        name=name,
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=network,
        faults=trouble(Leader.observed_as, duration_ns, servers, nodes),
        observers=(partial(RaftProperties, raft.nodes, raft.servers), partial(History, range(servers, known)), Terms),
        final=partial(server_at_end, RaftServer),
    )


def _servers(replicas: int, schedule: tuple[Request, ...]) -> int:
    """How many servers there are in all: a schedule names those that come in later."""
    servers = max(replicas, max(nodes_named(schedule), default=0) + 1)
    if servers > replicas + SPARES_MAX:
        raise UsageError(f"change: server {servers - 1} is far off: new ones are {replicas} to {replicas + SPARES_MAX}")
    return servers


def _with_features(raft: RaftSettings, parameters: dict[str, Any]) -> RaftSettings:
    """What the dissertation adds; takes its parameters away, and says how gets are sent."""
    reads = parameters.pop("reads")
    parameters["queries"] = reads != "log"
    return replace(
        raft,
        pre_vote=parameters.pop("pre_vote"),
        check_quorum=parameters.pop("check_quorum"),
        sticky=parameters.pop("sticky") or reads == "lease",
        reads="lease" if reads == "lease" else "index",
        snapshot_every=parameters.pop("snapshot_every") or None,
    )


def _replicas(settings: Settings, default: int) -> int:
    replicas = default if settings.nodes is None else settings.nodes
    if replicas < 1:
        raise UsageError(f"nodes: {replicas} is not a number of replicas: 1 or more")
    return replicas


def _clients(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise UsageError(f"clients: {value!r} is not a number of client nodes: 1 or more")
    return value


def _prey(defaults: dict[str, Any], election_timeout_ns_max: int, scenario: Scenario) -> Prey:
    """A nemesis may strike the servers, those too that come in later."""
    asked = {**defaults, **scenario.parameters}
    operators = bool(schedule_of(asked["change"], asked["transfer"]))
    servers = tuple(range(scenario.nodes - asked["clients"] - operators))
    within_ns = ELECTION_TIMEOUTS * election_timeout_ns_max
    return Prey(
        servers=servers,
        rhythm_ns=election_timeout_ns_max,
        progress=partial(RaftProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )


def _parameters(load: Parameters) -> Parameters:
    return Parameters(
        load,
        reads=Choice("log", ("log", "index", "lease"), help="How a get is answered: by the log, ReadIndex or a lease."),
        pre_vote=Flag(False, help="Whether servers ask first whether they could win an election."),
        check_quorum=Flag(False, help="Whether a leader that does not hear a quorum steps down."),
        sticky=Flag(False, help="Whether servers that hear a leader ignore candidates; leases need it."),
        snapshot_every=Whole(0, least=0, help="After how many entries a server makes a snapshot; 0: never."),
        change=Text("", help="Membership changes, such as 2s:+3,-0."),
        transfer=Text("", help="Leadership transfers, such as 4s:1."),
    )


LAN_PARAMETERS = _parameters(
    load_parameters(processes=2, keys=16, pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(1))
)


def raft_kv(settings: Settings) -> Scenario:
    """Replicas and clients on one network, 1 to 2 ms apart."""
    parameters = {**LAN_PARAMETERS, **settings.parameters}
    replicas = _replicas(settings, 3)
    return _scenario(
        "raft-kv",
        settings,
        replicas=replicas,
        clients=_clients(parameters.pop("clients")),
        raft=RaftSettings(servers=tuple(range(replicas))),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        duration_ns=seconds(5),
        parameters=parameters,
    )


WAN_PARAMETERS = _parameters(
    load_parameters(processes=8, keys=32, pause_ns=ms(100), retry_ns=ms(1500), give_up_ns=seconds(6))
)


def raft_kv_wan(settings: Settings) -> Scenario:
    """Five replicas in five regions, clients in three others, real latencies, loss and duplication."""
    parameters = {**WAN_PARAMETERS, **settings.parameters}
    replicas = _replicas(settings, 5)
    clients = _clients(parameters.pop("clients"))
    schedule = schedule_of(parameters["change"], parameters["transfer"])
    places = [REPLICA_REGIONS[node % len(REPLICA_REGIONS)] for node in range(_servers(replicas, schedule))]
    places += [CLIENT_REGIONS[node % len(CLIENT_REGIONS)] for node in range(clients + bool(schedule))]
    latency = Regions(one_way_ns=wan_one_way_ns(), placement=places, source="IBM Cloud, 18 Jul - 16 Aug 2026")
    return _scenario(
        "raft-kv-wan",
        settings,
        replicas=replicas,
        clients=clients,
        raft=RaftSettings(
            servers=tuple(range(replicas)),
            election_timeout_ns_min=seconds(1),
            election_timeout_ns_max=seconds(2),
            heartbeat_ns=ms(200),
        ),
        network=Network(latency=latency, loss=0.01, duplication=0.01),
        duration_ns=minutes(2),
        parameters=parameters,
    )


# Judging and describing.


def judge(result: RunResult, step_limit: int = STEPS_MAX) -> Verdict:
    """Raft's properties, and the linearizability of the clients' history."""
    told = result.reports["RaftProperties"]
    held = f"Raft's properties hold: {told['leaders']} leaders, {told['committed']} entries committed"
    return judge_service(result, held, step_limit)


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about Raft."""
    raft = result.reports["RaftProperties"]
    names = ("elections", "leaders", "leader_changes", "restarts", "truncations", "committed")
    return {name.replace("_", " "): raft[name] for name in names} | answered(result)


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Elections, commits, operations and their latency."""
    raft = result.reports["RaftProperties"]
    servers = [server for server in result.final.values() if server is not None]
    duplicates = max((server.duplicates for server in servers), default=0)
    elections = f"{raft['elections']} begun, {raft['leaders']} won, last term {raft['term']}"
    return (
        ("replicas", f"{len(servers)} up at the end, {raft['restarts']} restarts"),
        ("elections", elections),
        ("commits", f"{raft['committed']} entries, {rate_text(raft['committed'], result)}"),
        ("logs", f"{raft['truncations']} truncations; {duplicates} commands committed twice and applied once"),
        *_described(raft),
        *describe_clients(result),
    )


def _described(raft: dict[str, int]) -> list[tuple[str, str]]:
    """What the dissertation adds, as far as it was used."""
    told = []
    if raft["snapshots"] or raft["installs"]:
        told.append(("snapshots", f"{raft['snapshots']} taken, {raft['installs']} sent to who lagged"))
    if raft["configurations"]:
        told.append(("membership", f"{raft['configurations']} configurations, {raft['new_members']} new identities"))
    if raft["transfers"]:
        told.append(("transfers", f"{raft['transfers']} begun, {raft['transfers_given_up']} given up"))
    if raft["quorums_lost"]:
        told.append(("leaders", f"{raft['quorums_lost']} stepped down as they heard no quorum"))
    return told


RAFT_KV = Entry(
    name="raft-kv",
    summary="a key-value store on Raft, its leader cut off and later crashed",
    source="Ongaro & Ousterhout, In Search of an Understandable Consensus Algorithm, 2014",
    make=raft_kv,
    judge=judge,
    describe=describe,
    parameters=LAN_PARAMETERS,
    prey=partial(_prey, LAN_PARAMETERS, ms(300)),
    shown=shown,
    sometimes=sometimes,
    story=story,
)
RAFT_KV_WAN = Entry(
    name="raft-kv-wan",
    summary="the same over five regions of the world, with measured latencies, loss and duplication",
    source="latencies published by IBM Cloud for 18 Jul - 16 Aug 2026",
    make=raft_kv_wan,
    judge=judge,
    describe=describe,
    parameters=WAN_PARAMETERS,
    prey=partial(_prey, WAN_PARAMETERS, seconds(2)),
    shown=shown,
    sometimes=sometimes,
    story=story,
)
