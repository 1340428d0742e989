"""Viewstamped Replication serving a key-value store, on a local network.

Servers are the nodes 0 .. n - 1, clients the nodes after them. The judges are the properties of Viewstamped
Replication, as observers, and the linearizability of what the clients heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simclock import Network, RunResult, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.story import STORY
from simclock.experiments.consensus.vsr import VsrProgress, struck
from simclock.experiments.entries.changes import changes_of, servers_named
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Flag, Parameters, Text, Whole
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
from simclock.protocols.replication import Operator, Sessions
from simclock.protocols.viewstamped_replication import VsrProperties, VsrServer, VsrSettings
from simclock.protocols.viewstamped_replication.observed import Leader

ELECTION_TIMEOUT_NS_MAX = ms(300)

PARAMETERS = Parameters(
    load_parameters(processes=2, keys=16, pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(1)),
    reads=Choice("log", ("log", "quorum"), help="How a get is answered: by the log, or when a quorum was asked."),
    durable=Flag(False, help="Whether servers keep on disk what they promise; without it, they recover from others."),
    crash_vectors=Flag(True, help="Whether messages from before a crash are told from later ones."),
    snapshot_every=Whole(0, least=0, help="After how many operations a server makes a checkpoint; 0: never."),
    change=Text("", help="Changes of the replicas, such as 2s:1+2+3."),
)


def vsr_kv(settings: Settings) -> Scenario:
    """Servers and clients on one network, 1 to 2 ms apart."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = 3 if settings.nodes is None else settings.nodes
    if servers < 1:
        raise UsageError(f"nodes: {servers} is not a number of servers: 1 or more")
    schedule = changes_of(parameters.pop("change"))
    everyone = servers_named(servers, schedule)
    known = everyone + parameters.pop("clients")
    nodes = known + bool(schedule)
    duration_ns = settings.duration_ns or seconds(5)
    vsr = VsrSettings(
        servers=tuple(range(servers)),
        spares=tuple(range(servers, everyone)),
        durable=parameters.pop("durable"),
        crash_vectors=parameters.pop("crash_vectors"),
        election_timeout_ns_max=ELECTION_TIMEOUT_NS_MAX,
        snapshot_every=parameters.pop("snapshot_every") or None,
    )
    workload = Workload(queries=parameters.pop("reads") == "quorum", **parameters)

    def build(node: int) -> Node:
        if node < everyone:
            return VsrServer(vsr, Sessions(KeyValueStore()))
        if node < known:
            return Client(vsr.nodes, workload)
        return Operator(vsr.nodes, schedule, vsr.election_timeout_ns_max, duration_ns)

    return Scenario(
        name="vsr-kv",
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        faults=trouble(Leader.observed_as, duration_ns, everyone, nodes),
        observers=(
            partial(VsrProperties, vsr.servers, vsr.spares, vsr.durable),
            partial(History, range(everyone, known)),
        ),
        final=partial(server_at_end, VsrServer),
    )


def prey_of(servers: tuple[int, ...], rhythm_ns: int, within_ns: int, durable: bool) -> Prey:
    """A nemesis may strike these servers."""
    prey = Prey(
        servers=servers,
        rhythm_ns=rhythm_ns,
        progress=partial(VsrProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )
    return struck(durable, prey)


def _prey(scenario: Scenario) -> Prey:
    asked = {**PARAMETERS, **scenario.parameters}
    servers = tuple(range(scenario.nodes - asked["clients"] - bool(changes_of(asked["change"]))))
    within_ns = ELECTION_TIMEOUTS * ELECTION_TIMEOUT_NS_MAX
    return prey_of(servers, ELECTION_TIMEOUT_NS_MAX, within_ns, asked["durable"])


# Judging and describing.


def judge(result: RunResult, step_limit: int = STEPS_MAX) -> Verdict:
    """The properties of Viewstamped Replication, and the linearizability of the clients' history."""
    told = result.reports["VsrProperties"]
    held = f"Viewstamped Replication's properties hold: {told['leaders']} primaries, {told['committed']} operations"
    return judge_service(result, f"{held} committed", step_limit)


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about Viewstamped Replication."""
    vsr = result.reports["VsrProperties"]
    names = ("elections", "leaders", "leader_changes", "restarts", "prepared_again", "transfers", "committed")
    return {name.replace("_", " "): vsr[name] for name in names} | answered(result)


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """View changes, committed operations, the clients' operations and their latency."""
    vsr = result.reports["VsrProperties"]
    servers = [server for server in result.final.values() if server is not None]
    recovered = f"{vsr['recoveries']} recovered from others" if vsr["recoveries"] else "none recovered from others"
    told = [
        ("servers", f"{len(servers)} up at the end, {vsr['restarts']} restarts, {recovered}"),
        ("view changes", f"{vsr['elections']} begun, {vsr['leaders']} primaries, last view {vsr['view']}"),
        ("log", f"{vsr['committed']} committed, {rate_text(vsr['committed'], result)}"),
        ("catching up", f"{vsr['prepared_again']} prepared again in a later view, {vsr['transfers']} state transfers"),
    ]
    if vsr["snapshots"] or vsr["installs"]:
        told.append(("checkpoints", f"{vsr['snapshots']} taken, {vsr['installs']} installed by who lagged"))
    if vsr["reconfigurations"]:
        told.append(("epochs", f"{vsr['reconfigurations']} begun after the first"))
    return [*told, *describe_clients(result)]


VSR_KV = Entry(
    name="vsr-kv",
    summary="a key-value store on Viewstamped Replication, its primary cut off and later crashed",
    source="Liskov & Cowling, Viewstamped Replication Revisited, 2012",
    make=vsr_kv,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=_prey,
    sometimes=sometimes,
    story=STORY,
)
