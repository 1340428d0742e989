"""A small ZAB ensemble tuned for finding bugs: short runs in which leaders contend and histories part.

The seed draws everything: how many servers, how far apart they are (delays up to an election timeout, so that messages
of old epochs arrive in new ones), how much is lost and doubled, how large messages are, whether snapshots are made,
after how few transactions an epoch is spent, whether gets are queries, and, unless told otherwise, a swarm of faults,
full disks and rotten records among them. Where progress is demanded (`--liveness`), delays and timeouts are those under
which a leader stays.

`--set bug=ZAB-01` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from simclock import Network, RunResult, Scenario, Uniform, ms, seconds, stream
from simclock.actors import Node
from simclock.experiments.catalog.zab import scenario as zab_kv
from simclock.experiments.catalog.zab.scenario import describe, judge, prey_of
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.story import STORY
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.replication import Sessions
from simclock.protocols.zab import ZabProperties, ZabServer, ZabSettings
from simclock.protocols.zab.settings import COUNTER_MAX

ELECTION_TIMEOUT_NS = ms(80)
SPREADS_NS = (ms(20), ms(80), ms(80))
"""How far election timeouts may lie apart."""
LATENCIES_NS = (ms(5), ms(10), ms(30), ms(80))
"""The longest delay of a message; the last is such that it may arrive an election later."""
LIVELY_LATENCY_NS = ms(10)
"""No message takes longer where progress is demanded: each phase is over in a quarter of its least timeout."""
FINALIZES_NS = (0, 0, ms(5))
"""How long who has a quorum for its vote waits for a better one; the less, the more would lead at a time."""
DURATION_NS = seconds(4)
CLIENTS = 2
STEPS_MAX = 1_000_000
"""What the linearizability checker may try in one run; beyond, the verdict is unknown."""

PARAMETERS = Parameters(bug=PUT_IN)


class _Drawn(NamedTuple):
    """What the seed decides about the ensemble and its network."""

    servers: int
    latency_ns_max: int
    loss: float
    duplication: float
    spread_ns: int
    pause_ns: int
    transactions_per_message_max: int
    snapshot_every: int | None
    counter_max: int
    queries: bool
    finalize_ns: int


def _draw(seed: int, asked: int | None) -> _Drawn:
    luck = stream(seed, "zab-hunt")
    drawn = luck.choice((3, 3, 3, 4, 5))
    return _Drawn(
        servers=drawn if asked is None else asked,
        latency_ns_max=luck.choice(LATENCIES_NS),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        spread_ns=luck.choice(SPREADS_NS),
        pause_ns=luck.choice((ms(5), ms(20), ms(60))),
        transactions_per_message_max=luck.choice((1, 3, 64)),
        snapshot_every=luck.choice((None, None, 3, 20)),
        counter_max=luck.choice((COUNTER_MAX, COUNTER_MAX, COUNTER_MAX, 20)),
        queries=luck.choice((True, False)),
        finalize_ns=luck.choice(FINALIZES_NS),
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes an ensemble is made of; a bug replaces one of them."""

    server: type[ZabServer] = ZabServer
    settings: type[ZabSettings] = ZabSettings
    sessions: type[Sessions] = Sessions
    store: type[KeyValueStore] = KeyValueStore
    client: type[Client] = Client


def zab_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The ensemble that the seed draws, made of these parts."""
    drawn = _draw(settings.seed, settings.nodes)
    if settings.liveness_ns is not None:
        drawn = drawn._replace(
            latency_ns_max=min(drawn.latency_ns_max, LIVELY_LATENCY_NS),
            spread_ns=max(SPREADS_NS),
            finalize_ns=max(FINALIZES_NS),
        )
    servers = drawn.servers
    zab = parts.settings(
        servers=tuple(range(servers)),
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=ELECTION_TIMEOUT_NS + drawn.spread_ns,
        heartbeat_ns=ms(25),
        finalize_ns=drawn.finalize_ns,
        transactions_per_message_max=drawn.transactions_per_message_max,
        snapshot_every=drawn.snapshot_every,
        counter_max=drawn.counter_max,
    )
    workload = Workload(
        keys=2, processes=2, pause_ns=drawn.pause_ns, retry_ns=ms(60), give_up_ns=ms(400), queries=drawn.queries
    )

    def build(node: int) -> Node:
        if node < servers:
            return parts.server(zab, parts.sessions(parts.store()))
        return parts.client(zab.servers, workload)

    return Scenario(
        name="zab-hunt",
        nodes=servers + CLIENTS,
        build=build,
        duration_ns=DURATION_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        observers=(
            partial(ZabProperties, zab.servers),
            partial(History, range(servers, servers + CLIENTS)),
            Enough,
        ),
        final=partial(server_at_end, ZabServer),
        parameters={
            # What the scenario's line would not show otherwise.
            "transactions_per_message_max": drawn.transactions_per_message_max,
            "snapshot_every": drawn.snapshot_every or 0,
            "counter_max": drawn.counter_max,
            "queries": drawn.queries,
            "finalize_ns": drawn.finalize_ns,
        },
    )


def prey(scenario: Scenario) -> Prey:
    """The servers."""
    servers = tuple(range(scenario.nodes - CLIENTS))
    within_ns = ELECTION_TIMEOUTS * (ELECTION_TIMEOUT_NS + max(SPREADS_NS))
    return prey_of(servers, ELECTION_TIMEOUT_NS * 3 // 2, within_ns, ("full-disk", "rot"))


def sometimes(result: RunResult) -> dict[str, int]:
    """What the hunt has to reach, snapshots and cut histories and the disks that stop a server."""
    zab = result.reports["ZabProperties"]
    more = {name: zab[name] for name in ("truncations", "snapshots", "installs")}
    halts = {"halts on full disks": zab["halts_full_disk"], "halts on corrupt records": zab["halts_corrupt_record"]}
    return zab_kv.sometimes(result) | more | halts


ZAB_HUNT = Entry(
    name="zab-hunt",
    summary="a small ZAB ensemble under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=zab_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
