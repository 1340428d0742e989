"""A small cluster of whichever engine, tuned for finding bugs: short runs in which leaderships contend.

The seed draws everything but the engine: how many servers, how far apart they are (delays up to two election timeouts,
so that messages of old leaders arrive at new ones), how much is lost and doubled, whether snapshots are made and gets
are queries, and, unless told otherwise, a swarm of faults, of which the engine names those that it is not made for.
Where progress is demanded (`--liveness`), delays and timeouts are those under which a leader stays. One seed draws the
same for every engine.
"""

from __future__ import annotations

from typing import NamedTuple

from simclock import Network, RunResult, Scenario, Uniform, ms, seconds, stream
from simclock.experiments.catalog.key_value.scenario import Parts
from simclock.experiments.consensus.engine import LOG, QUORUM, Cluster
from simclock.experiments.consensus.engines import ENGINE, engine_of
from simclock.experiments.consensus.scenario import Served, describe, engine_asked, judge, queries, servers_of
from simclock.experiments.consensus.scenario import sometimes as reached
from simclock.experiments.consensus.states import shown
from simclock.experiments.consensus.story import STORY
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.replicated_store import STORE
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Workload

ELECTION_TIMEOUT_NS = ms(80)
SPREADS_NS = (ms(20), ms(80), ms(80))
"""How far election timeouts may lie apart; the less, the more leaderships contend."""
LATENCIES_NS = (ms(10), ms(30), ms(80), ms(160))
"""The longest delay of a message; the last is such that it may arrive elections later."""
LIVELY_LATENCY_NS = ms(10)
"""No message takes longer where progress is demanded: an election is over in a quarter of its least timeout."""
CLIENTS = 2
STEPS_MAX = 1_000_000
"""What the linearizability checker may try in one run; beyond, the verdict is unknown."""

PARAMETERS = Parameters(engine=ENGINE)


class Drawn(NamedTuple):
    """What the seed decides."""

    servers: int
    latency_ns_max: int
    loss: float
    duplication: float
    spread_ns: int
    pause_ns: int
    snapshot_every: int | None
    reads: str
    durable: bool


def draw(seed: int, lively: bool) -> Drawn:
    """The cluster of a seed, and its network."""
    luck = stream(seed, "key-value-hunt")
    drawn = Drawn(
        servers=luck.choice((3, 3, 5)),
        latency_ns_max=luck.choice(LATENCIES_NS),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        spread_ns=luck.choice(SPREADS_NS),
        pause_ns=luck.choice((ms(5), ms(20), ms(60))),
        snapshot_every=luck.choice((None, None, 3, 20)),
        reads=luck.choice((LOG, QUORUM)),
        durable=luck.choice((True, False)),
    )
    if not lively:
        return drawn
    return drawn._replace(
        latency_ns_max=min(drawn.latency_ns_max, LIVELY_LATENCY_NS),
        spread_ns=max(SPREADS_NS),
    )


def _cluster(servers: tuple[int, ...], drawn: Drawn) -> Cluster:
    return Cluster(
        servers=servers,
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=ELECTION_TIMEOUT_NS + drawn.spread_ns,
        heartbeat_ns=ms(25),
        snapshot_every=drawn.snapshot_every,
        reads=drawn.reads,
        durable=drawn.durable,
    )


def key_value_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, of the engine that is asked for."""
    drawn, engine = draw(settings.seed, settings.liveness_ns is not None), engine_asked(settings.parameters)
    if drawn.reads not in engine.reads:
        drawn = drawn._replace(reads=LOG)
    cluster = _cluster(servers_of(settings, drawn.servers), drawn)
    workload = Workload(
        keys=2, processes=2, pause_ns=drawn.pause_ns, retry_ns=ms(60), give_up_ns=ms(400), queries=queries(cluster)
    )
    return Served(engine=engine, cluster=cluster, clients=CLIENTS, workload=workload).scenario(
        parts,
        name="key-value-hunt",
        duration_ns=seconds(4),
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        hunted=True,
        # What the scenario's line would not show otherwise.
        parameters={"reads": drawn.reads, "snapshot_every": drawn.snapshot_every or 0, "durable": drawn.durable},
    )


def prey(scenario: Scenario) -> Prey:
    """The servers. How long progress may take is the same whatever is drawn."""
    drawn = draw(scenario.seed, lively=True)
    cluster = _cluster(tuple(range(scenario.nodes - CLIENTS)), drawn)
    return engine_asked(scenario.parameters).prey(cluster, ELECTION_TIMEOUT_NS * 3 // 2)


def sometimes(result: RunResult) -> dict[str, int]:
    """What the hunt has to reach, snapshots and the disks that stop a server among it."""
    report = engine_of(result).report_of(result)
    more = {name: report[name] for name in ("snapshots", "installs")}
    halts = {
        "halts on full disks": report["halts_full_disk"],
        "halts on corrupt records": report["halts_corrupt_record"],
    }
    return reached(result) | more | halts


def _judge(result: RunResult) -> Verdict:
    return judge(result, STORE, STEPS_MAX)


KEY_VALUE_HUNT = Entry(
    name="key-value-hunt",
    summary="a small cluster of any consensus engine under a swarm of faults, drawn anew by every seed",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=key_value_hunt,
    parts=Parts(),
    judge=_judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    shown=shown,
    sometimes=sometimes,
    story=STORY,
)
