"""A small Multi-Paxos cluster tuned for finding bugs: short runs in which ballots contend and slots have gaps.

The seed draws everything: how many servers, which quorums, how far apart they are (delays up to two election timeouts,
so that messages of old ballots arrive in new ones), how much is lost and doubled, how large messages are, whether
snapshots are made and gets are queries, and, unless told otherwise, a swarm of faults, full disks and rotten records
among them. Where progress is demanded (`--liveness`), quorums are majorities, and delays and timeouts are those under
which a leader stays.

`--set bug=PAXOS-01` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from simclock import Network, RunResult, Scenario, Stream, Uniform, ms, seconds, stream
from simclock.actors import Node
from simclock.experiments.catalog.multi_paxos import scenario as multi_paxos_kv
from simclock.experiments.catalog.multi_paxos.scenario import describe, judge, prey_of
from simclock.experiments.catalog.multi_paxos.story import STORY
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.nemesis.episodes import shuffled
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.multi_paxos import MultiPaxosProperties, MultiPaxosServer, MultiPaxosSettings, Operator, Quorum
from simclock.protocols.replication import Sessions

ELECTION_TIMEOUT_NS = ms(80)
SPREADS_NS = (ms(20), ms(80), ms(80))
"""How far election timeouts may lie apart; the less, the more ballots contend."""
LATENCIES_NS = (ms(10), ms(30), ms(80), ms(160))
"""The longest delay of a message; the last is such that it may arrive elections later."""
LIVELY_LATENCY_NS = ms(10)
"""No message takes longer where progress is demanded: an election is over in a quarter of its least timeout."""
DURATION_NS = seconds(4)
CLIENTS = 2
SPARES = 2
"""Servers that may become members, where members change."""
CHANGES_NS = ms(400)
"""How far changes lie apart."""
STEPS_MAX = 1_000_000
"""What the linearizability checker may try in one run; beyond, the verdict is unknown."""
QUORUMS: dict[int, tuple[tuple[Quorum | None, Quorum | None], ...]] = {
    3: ((None, None), (None, None), (3, 1), (1, 3)),
    4: ((3, 2), (2, 3), (((0, 1), (2, 3)), ((0, 2), (1, 3), (0, 3), (1, 2)))),
    5: ((None, None), (4, 2), (2, 4)),
}
"""Servers -> the quorums of both phases that are drawn; of four servers, rows and columns of a grid too."""

PARAMETERS = Parameters(bug=PUT_IN)


class _Drawn(NamedTuple):
    """What the seed decides about the cluster and its network."""

    servers: int
    phase_one: Quorum | None
    phase_two: Quorum | None
    latency_ns_max: int
    loss: float
    duplication: float
    spread_ns: int
    pause_ns: int
    values_per_message_max: int
    snapshot_every: int | None
    queries: bool
    alpha: int | None
    schedule: tuple[tuple[int, tuple[int, ...]], ...]


def _draw(seed: int, asked: int | None) -> _Drawn:
    luck = stream(seed, "multi-paxos-hunt")
    drawn = luck.choice((3, 3, 3, 4, 5))
    servers = drawn if asked is None else asked
    phase_one, phase_two = luck.choice(QUORUMS[drawn])
    if servers != drawn:
        phase_one = phase_two = None
    return _Drawn(
        servers=servers,
        phase_one=phase_one,
        phase_two=phase_two,
        latency_ns_max=luck.choice(LATENCIES_NS),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        spread_ns=luck.choice(SPREADS_NS),
        pause_ns=luck.choice((ms(5), ms(20), ms(60))),
        values_per_message_max=luck.choice((1, 3, 64)),
        snapshot_every=luck.choice((None, None, 3, 20)),
        queries=luck.choice((True, False)),
        alpha=(alpha := luck.choice((None, None, 2, 3, 10)) if asked is None else None),
        schedule=() if alpha is None else _schedule(luck, servers + SPARES),
    )


def _schedule(luck: Stream, nodes: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Changes to any members, with no thought of who they are then."""
    made = []
    at_ns = luck.exponential_ns(CHANGES_NS)
    while at_ns < DURATION_NS:
        members = shuffled(luck, range(nodes))[: luck.choice((2, 3, 3, 4))]
        made.append((at_ns, tuple(sorted(members))))
        at_ns += luck.exponential_ns(CHANGES_NS)
    return tuple(made)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a cluster is made of; a bug replaces one of them."""

    server: type[MultiPaxosServer] = MultiPaxosServer
    settings: type[MultiPaxosSettings] = MultiPaxosSettings
    sessions: type[Sessions] = Sessions
    store: type[KeyValueStore] = KeyValueStore
    client: type[Client] = Client


def multi_paxos_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    drawn = _draw(settings.seed, settings.nodes)
    if settings.liveness_ns is not None:
        # Quorums larger than a majority are not live where a minority is gone for good.
        drawn = drawn._replace(
            phase_one=None,
            phase_two=None,
            alpha=None,
            latency_ns_max=min(drawn.latency_ns_max, LIVELY_LATENCY_NS),
            spread_ns=max(SPREADS_NS),
        )
    members, spares = drawn.servers, SPARES if drawn.alpha else 0
    servers = members + spares
    paxos = parts.settings(
        servers=tuple(range(members)),
        spares=tuple(range(members, servers)),
        alpha=drawn.alpha,
        phase_one=drawn.phase_one,
        phase_two=drawn.phase_two,
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=ELECTION_TIMEOUT_NS + drawn.spread_ns,
        heartbeat_ns=ms(25),
        values_per_message_max=drawn.values_per_message_max,
        snapshot_every=drawn.snapshot_every,
    )
    workload = Workload(
        keys=2, processes=2, pause_ns=drawn.pause_ns, retry_ns=ms(60), give_up_ns=ms(400), queries=drawn.queries
    )

    def build(node: int) -> Node:
        if node < servers:
            return parts.server(paxos, parts.sessions(parts.store()))
        if node < servers + CLIENTS:
            return parts.client(paxos.nodes, workload)
        return Operator(paxos.nodes, drawn.schedule, ms(60), ms(600))

    return Scenario(
        name="multi-paxos-hunt",
        nodes=servers + CLIENTS + 1,
        build=build,
        duration_ns=DURATION_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        observers=(
            partial(MultiPaxosProperties, paxos.quorums, paxos.spares),
            partial(History, range(servers, servers + CLIENTS)),
            Enough,
        ),
        final=partial(server_at_end, MultiPaxosServer),
        parameters={
            # What the scenario's line would not show otherwise.
            "phase_one": str(paxos.quorums.phase_one),
            "phase_two": str(paxos.quorums.phase_two),
            "values_per_message_max": drawn.values_per_message_max,
            "snapshot_every": drawn.snapshot_every or 0,
            "queries": drawn.queries,
            "alpha": drawn.alpha or 0,
        },
    )


def prey(scenario: Scenario) -> Prey:
    """The servers."""
    servers = tuple(range(scenario.nodes - CLIENTS - 1))
    within_ns = ELECTION_TIMEOUTS * (ELECTION_TIMEOUT_NS + max(SPREADS_NS))
    return prey_of(servers, ELECTION_TIMEOUT_NS * 3 // 2, within_ns, ("full-disk", "rot"))


def sometimes(result: RunResult) -> dict[str, int]:
    """What the hunt has to reach, gaps and snapshots and the disks that stop a server."""
    paxos = result.reports["MultiPaxosProperties"]
    more = {
        name.replace("_", " "): paxos[name] for name in ("gaps_filled", "snapshots", "installs", "reconfigurations")
    }
    halts = {"halts on full disks": paxos["halts_full_disk"], "halts on corrupt records": paxos["halts_corrupt_record"]}
    return multi_paxos_kv.sometimes(result) | more | halts


MULTI_PAXOS_HUNT = Entry(
    name="multi-paxos-hunt",
    summary="a small Multi-Paxos cluster under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=multi_paxos_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
