"""A counter that servers replicate by whichever engine is asked for: what is lost or done twice shows in the sum.

Clients add small amounts and hear the sum; many answers get lost on the way back, so that requests are made again, of
which the sessions let one through. The judge asks for one order of all additions that explains every sum heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock import Network, RunResult, Scenario, Uniform, ms, seconds
from simclock.experiments.checkers.linearizability import counter as counted
from simclock.experiments.consensus.engine import LOG, READS, Cluster
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
from simclock.experiments.entries.parameters import Choice, Parameters, Whole
from simclock.experiments.entries.replicated_store import trouble
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey
from simclock.protocols.counter import Counter, CounterClient, CounterWorkload
from simclock.protocols.replication import Sessions
from simclock.protocols.replication.observed import Leadership

DURATION_NS = seconds(5)
PARAMETERS = Parameters(
    engine=ENGINE,
    clients=Whole(3, least=1, help="Nodes that add."),
    processes=Whole(2, least=1, help="Additions that a client has under way at a time."),
    reads=Choice(LOG, READS, help="How a get is answered: by the log, a quorum that is asked, or a lease."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of the service; what is below them is the engine's."""

    sessions: type[Sessions] = Sessions
    service: type[Counter] = Counter
    client: type[CounterClient] = CounterClient


def _cluster(servers: tuple[int, ...], asked: dict[str, Any]) -> Cluster:
    return Cluster(servers=servers, reads=asked["reads"])


def counter(settings: Settings, parts: Parts) -> Scenario:
    """Servers and clients, 1 to 2 ms apart; one message of twenty gets lost."""
    asked = {**PARAMETERS, **settings.parameters}
    cluster = _cluster(servers_of(settings, 3), asked)
    workload = CounterWorkload(
        processes=asked["processes"], pause_ns=ms(20), retry_ns=ms(50), give_up_ns=seconds(1), queries=queries(cluster)
    )
    served = Served(engine=engine_asked(asked), cluster=cluster, clients=asked["clients"], workload=workload)
    duration_ns = settings.duration_ns or DURATION_NS
    return served.scenario(
        parts,
        name="counter",
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)), loss=0.05),
        faults=trouble(Leadership.observed_as, duration_ns, len(cluster.servers), served.nodes),
    )


def prey(scenario: Scenario) -> Prey:
    """The servers."""
    asked = {**PARAMETERS, **scenario.parameters}
    cluster = _cluster(tuple(range(scenario.nodes - asked["clients"])), asked)
    return engine_asked(asked).prey(cluster, cluster.election_timeout_ns_max)


def _judge(result: RunResult) -> Verdict:
    return judge(result, counted)


COUNTER = Entry(
    name="counter",
    summary="a replicated counter on any consensus engine: an addition that is lost or done twice shows in the sum",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 6.3",
    make=counter,
    parts=Parts(),
    judge=_judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    shown=shown,
    sometimes=sometimes,
    story=STORY,
)
