"""A key-value store whose servers agree by whichever engine is asked for, on a local network or around the world.

The leader is cut off together with the first client; later it crashes, and restarts. `--engine` names the engine; all
else is the same: clients, sessions, trouble, judge and report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock import Network, Regions, RunResult, Scenario, Uniform, minutes, ms, seconds
from simclock.experiments.consensus.engine import READS, Cluster
from simclock.experiments.consensus.engines import ENGINE
from simclock.experiments.consensus.scenario import (
    Served,
    describe,
    engine_asked,
    judge,
    queries,
    servers_of,
    sometimes,
)
from simclock.experiments.consensus.states import shown
from simclock.experiments.consensus.story import STORY
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Whole
from simclock.experiments.entries.regions import CLIENT_REGIONS, REPLICA_REGIONS, wan_one_way_ns
from simclock.experiments.entries.replicated_store import STORE, load_parameters, trouble
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.replication import Sessions
from simclock.protocols.replication.observed import Leadership

LAN, WAN = REACHES = ("lan", "wan")
LAN_NETWORK = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)))
DURATIONS_NS = {LAN: seconds(5), WAN: minutes(1)}
ON_WAN = {
    "processes": 8,
    "pause_ns": ms(100),
    "retry_ns": ms(1500),
    "give_up_ns": seconds(6),
    "election_timeout_ns": seconds(1),
    "heartbeat_ns": ms(200),
}
"""What parameters are there where the user does not say."""

PARAMETERS = Parameters(
    load_parameters(processes=2, keys=16, pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(1)),
    engine=ENGINE,
    reads=Choice("log", READS, help="How a get is answered: by the log, a quorum that is asked, or a lease."),
    snapshot_every=Whole(0, least=0, help="After how many commands a server makes a snapshot; 0: never."),
    election_timeout_ns=Duration(ms(150), help="Who hears no leader for this to twice this does something about it."),
    heartbeat_ns=Duration(ms(50), help="How often a leader speaks."),
    reach=Choice(LAN, REACHES, help="One network, or regions of the world: there all times are longer too."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of the service; what is below them is the engine's."""

    sessions: type[Sessions] = Sessions
    service: type[KeyValueStore] = KeyValueStore
    client: type[Client] = Client


def cluster_of(servers: tuple[int, ...], asked: dict[str, Any]) -> Cluster:
    """The cluster that parameters ask for, which are taken away."""
    timeout_ns = asked.pop("election_timeout_ns")
    return Cluster(
        servers=servers,
        election_timeout_ns_min=timeout_ns,
        election_timeout_ns_max=2 * timeout_ns,
        heartbeat_ns=asked.pop("heartbeat_ns"),
        snapshot_every=asked.pop("snapshot_every") or None,
        reads=asked.pop("reads"),
    )


def network_of(reach: str, servers: int, clients: int) -> Network:
    """One to two milliseconds; or regions, with loss and duplication."""
    if reach == LAN:
        return LAN_NETWORK
    places = [REPLICA_REGIONS[node % len(REPLICA_REGIONS)] for node in range(servers)]
    places += [CLIENT_REGIONS[node % len(CLIENT_REGIONS)] for node in range(clients)]
    latency = Regions(one_way_ns=wan_one_way_ns(), placement=places, source="IBM Cloud, 18 Jul - 16 Aug 2026")
    return Network(latency=latency, loss=0.01, duplication=0.01)


def asked_of(settings: Settings) -> dict[str, Any]:
    """Every parameter."""
    more = ON_WAN if settings.parameters.get("reach") == WAN else {}
    return {**PARAMETERS, **more, **settings.parameters}


def key_value(settings: Settings, parts: Parts) -> Scenario:
    """Servers and clients."""
    asked = asked_of(settings)
    servers = servers_of(settings, 3)
    reach, engine, clients = asked.pop("reach"), engine_asked(asked), asked.pop("clients")
    del asked["engine"]
    cluster = cluster_of(servers, asked)
    served = Served(
        engine=engine, cluster=cluster, clients=clients, workload=Workload(queries=queries(cluster), **asked)
    )
    duration_ns = settings.duration_ns or DURATIONS_NS[reach]
    return served.scenario(
        parts,
        name="key-value",
        duration_ns=duration_ns,
        network=network_of(reach, len(servers), clients),
        faults=trouble(Leadership.observed_as, duration_ns, len(servers), served.nodes),
    )


def prey(scenario: Scenario) -> Prey:
    """The servers."""
    asked = asked_of(Settings(parameters=scenario.parameters))
    cluster = cluster_of(tuple(range(scenario.nodes - asked["clients"])), asked)
    return engine_asked(asked).prey(cluster, cluster.election_timeout_ns_max)


def _judge(result: RunResult) -> Verdict:
    return judge(result, STORE)


KEY_VALUE = Entry(
    name="key-value",
    summary="a key-value store on any consensus engine, its leader cut off and later crashed",
    source="Schneider, Implementing Fault-Tolerant Services Using the State Machine Approach, 1990",
    make=key_value,
    parts=Parts(),
    judge=_judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    shown=shown,
    sometimes=sometimes,
    story=STORY,
    exploration=Exploration(bounds={"steps": 4, "named_timers": {"election": 1, "heartbeat": 0}}),
)
