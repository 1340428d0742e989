"""ZAB serving a key-value store, on a local network.

Servers are the nodes 0 .. n - 1, clients the nodes after them. The judges are the properties of ZAB, as
observers, and the linearizability of what the clients heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simclock import Network, RunResult, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.story import STORY
from simclock.experiments.consensus.zab import ZabProgress
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters, Whole
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
from simclock.protocols.replication import Sessions
from simclock.protocols.zab import ZabProperties, ZabServer, ZabSettings
from simclock.protocols.zab.observed import Leader

ELECTION_TIMEOUT_NS_MAX = ms(300)

PARAMETERS = Parameters(
    load_parameters(processes=2, keys=16, pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(1)),
    reads=Choice("log", ("log", "quorum"), help="How a get is answered: by a transaction, or when a quorum was asked."),
    snapshot_every=Whole(0, least=0, help="After how many transactions a server makes a snapshot; 0: never."),
)


def zab_kv(settings: Settings) -> Scenario:
    """Servers and clients on one network, 1 to 2 ms apart."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = 3 if settings.nodes is None else settings.nodes
    if servers < 1:
        raise UsageError(f"nodes: {servers} is not a number of servers: 1 or more")
    nodes = servers + parameters.pop("clients")
    duration_ns = settings.duration_ns or seconds(5)
    zab = ZabSettings(
        servers=tuple(range(servers)),
        election_timeout_ns_max=ELECTION_TIMEOUT_NS_MAX,
        snapshot_every=parameters.pop("snapshot_every") or None,
    )
    workload = Workload(queries=parameters.pop("reads") == "quorum", **parameters)

    def build(node: int) -> Node:
        if node < servers:
            return ZabServer(zab, Sessions(KeyValueStore()))
        return Client(zab.servers, workload)

    return Scenario(
        name="zab-kv",
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        faults=trouble(Leader.observed_as, duration_ns, servers, nodes),
        observers=(partial(ZabProperties, zab.servers), partial(History, range(servers, nodes))),
        final=partial(server_at_end, ZabServer),
    )


def prey_of(servers: tuple[int, ...], rhythm_ns: int, within_ns: int, withstands: tuple[str, ...] = ()) -> Prey:
    """A nemesis may strike these servers."""
    return Prey(
        servers=servers,
        rhythm_ns=rhythm_ns,
        withstands=withstands,
        progress=partial(ZabProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )


def _prey(scenario: Scenario) -> Prey:
    asked = {**PARAMETERS, **scenario.parameters}
    servers = tuple(range(scenario.nodes - asked["clients"]))
    return prey_of(servers, ELECTION_TIMEOUT_NS_MAX, ELECTION_TIMEOUTS * ELECTION_TIMEOUT_NS_MAX)


# Judging and describing.


def judge(result: RunResult, step_limit: int = STEPS_MAX) -> Verdict:
    """The properties of ZAB, and the linearizability of the clients' history."""
    told = result.reports["ZabProperties"]
    held = f"ZAB's properties hold: {told['leaders']} leaders, {told['committed']} transactions committed"
    return judge_service(result, held, step_limit)


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about ZAB."""
    zab = result.reports["ZabProperties"]
    names = ("elections", "leaders", "leader_changes", "restarts", "diffs", "truncs", "snaps", "committed")
    return {name.replace("_", " "): zab[name] for name in names} | answered(result)


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Elections, chosen slots, operations and their latency."""
    zab = result.reports["ZabProperties"]
    servers = [server for server in result.final.values() if server is not None]
    told = [
        ("servers", f"{len(servers)} up at the end, {zab['restarts']} restarts"),
        ("elections", f"{zab['elections']} won, {zab['leaders']} leaders established, last epoch {zab['epoch']}"),
        ("transactions", f"{zab['committed']} committed, {rate_text(zab['committed'], result)}"),
        ("synchronization", f"{zab['diffs']} DIFF, {zab['truncs']} TRUNC, {zab['snaps']} SNAP"),
    ]
    if zab["snapshots"] or zab["installs"]:
        told.append(("snapshots", f"{zab['snapshots']} taken, {zab['installs']} histories replaced"))
    return [*told, *describe_clients(result)]


ZAB_KV = Entry(
    name="zab-kv",
    summary="a key-value store on ZAB, its leader cut off and later crashed",
    source="Junqueira, Reed & Serafini, Zab, DSN 2011; Medeiros, ZooKeeper's atomic broadcast protocol, 2012",
    make=zab_kv,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=_prey,
    sometimes=sometimes,
    story=STORY,
)
