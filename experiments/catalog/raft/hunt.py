"""A small Raft cluster tuned for finding bugs: short runs in which elections contend and logs part.

The seed draws everything: how many replicas, how far apart (delays up to an election timeout, so that messages of old
terms arrive in new ones), how much is lost and doubled, how large batches and messages are, and, unless told
otherwise, a swarm of faults. Where progress is demanded (`--liveness`), delays and timeouts are those under which Raft
promises it. A run takes some tens of milliseconds of wall time.

`--set replies=late` holds replies to a leader until it leads once more (`late_answers.py`).
`--set bug=RAFT-01` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from simclock import (
    Network,
    Observer,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    format_duration,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.experiments.catalog.raft import scenario as raft_kv
from simclock.experiments.catalog.raft.scenario import describe, judge
from simclock.experiments.catalog.raft.story import Terms, story
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS, RaftProgress
from simclock.experiments.consensus.late_answers import SERVERS, LateAnswers
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, RaftTestimony
from simclock.protocols.raft.observed import Leader
from simclock.protocols.replication import Sessions

ELECTION_TIMEOUT_NS = ms(80)
SPREADS_NS = (ms(20), ms(80), ms(80))
"""How far election timeouts may lie apart; the less, the more elections contend."""
LATENCIES_NS = (ms(10), ms(30), ms(80), ms(160))
"""The longest delay of a message; the last is such that it may arrive elections later."""
LIVELY_LATENCY_NS = ms(10)
"""No message takes longer where progress is demanded: an election is over in a quarter of its least timeout."""
DURATION_NS = seconds(4)
CLIENTS = 2

STEPS_MAX = 1_000_000
"""What the linearizability checker may try in one run; beyond, the verdict is unknown."""

OVERWRITES_NS = ms(60)
"""So long another leader leads, where replies to the one before it are to be late."""
DRAWN, LATE = "drawn", "late"

PARAMETERS = Parameters(
    bug=PUT_IN,
    replies=Choice(DRAWN, (DRAWN, LATE), help="Whether replies to a leader arrive when it leads once more."),
)


class _Drawn(NamedTuple):
    """What the seed decides about the cluster and its network."""

    replicas: int
    latency_ns_max: int
    loss: float
    duplication: float
    entries_per_message_max: int
    batch_ns: int
    no_op: bool
    spread_ns: int
    pause_ns: int


def _draw(seed: int) -> _Drawn:
    luck = stream(seed, "raft-hunt")
    return _Drawn(
        replicas=luck.choice((3, 3, 5)),
        latency_ns_max=luck.choice(LATENCIES_NS),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        entries_per_message_max=luck.choice((1, 1, 3, 64)),
        batch_ns=luck.choice((0, 0, ms(20))),
        no_op=luck.choice((True, False)),
        spread_ns=luck.choice(SPREADS_NS),
        pause_ns=luck.choice((ms(5), ms(20), ms(60))),
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a replica and a client are made of; a bug replaces one of them."""

    server: type[RaftServer] = RaftServer
    sessions: type[Sessions] = Sessions
    store: type[KeyValueStore] = KeyValueStore
    client: type[Client] = Client


def _among_five(drawn: _Drawn) -> _Drawn:
    """Where replies are late nothing else is."""
    return drawn._replace(
        replicas=SERVERS, latency_ns_max=min(LATENCIES_NS), loss=0.0, spread_ns=max(SPREADS_NS), pause_ns=ms(5)
    )


def raft_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    drawn = _draw(settings.seed)
    late = settings.parameters.get("replies", DRAWN) == LATE
    if late:
        drawn = _among_five(drawn)
        if settings.nodes is not None:
            raise UsageError(f"nodes: replies=late has {SERVERS} servers: leave one of the two out")
    if settings.liveness_ns is not None:
        # Raft 5.6: a leader is elected and stays where broadcastTime << electionTimeout; elsewhere none is promised.
        latency_ns_max = min(drawn.latency_ns_max, LIVELY_LATENCY_NS)
        drawn = drawn._replace(latency_ns_max=latency_ns_max, spread_ns=max(SPREADS_NS))
    replicas = drawn.replicas if settings.nodes is None else settings.nodes
    raft = RaftSettings(
        servers=tuple(range(replicas)),
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=ELECTION_TIMEOUT_NS + drawn.spread_ns,
        heartbeat_ns=ms(25),
        entries_per_message_max=drawn.entries_per_message_max,
        batch_ns=drawn.batch_ns,
        no_op=drawn.no_op,
    )
    workload = Workload(keys=2, processes=2, pause_ns=drawn.pause_ns, retry_ns=ms(60), give_up_ns=ms(400))

    def build(node: int) -> Node:
        if node < replicas:
            return parts.server(raft, parts.sessions(parts.store()))
        return parts.client(raft.servers, workload)

    strikes: tuple[Callable[[], Observer], ...] = ()
    if late:
        strikes = (partial(LateAnswers, settings.seed, "raft-hunt late replies", DURATION_NS, Leader, OVERWRITES_NS),)
    return Scenario(
        name="raft-hunt",
        nodes=replicas + CLIENTS,
        build=build,
        duration_ns=DURATION_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        observers=(
            partial(RaftProperties, raft.servers),
            partial(RaftTestimony, raft.servers),
            partial(History, range(replicas, replicas + CLIENTS)),
            Enough,
            Terms,
            *strikes,
        ),
        final=partial(server_at_end, RaftServer),
        parameters={
            # What the scenario's line would not show otherwise.
            "entries_per_message_max": drawn.entries_per_message_max,
            "batch": format_duration(drawn.batch_ns),
            "no_op": drawn.no_op,
        },
    )


def prey(scenario: Scenario) -> Prey:
    """The replicas."""
    servers = tuple(range(scenario.nodes - CLIENTS))
    within_ns = ELECTION_TIMEOUTS * (ELECTION_TIMEOUT_NS + max(SPREADS_NS))
    return Prey(
        servers=servers,
        rhythm_ns=ELECTION_TIMEOUT_NS * 3 // 2,
        withstands=("full-disk", "rot"),
        progress=partial(RaftProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )


def sometimes(result: RunResult) -> dict[str, int]:
    """What the hunt has to reach, and the disks that stop a server."""
    raft = result.reports["RaftProperties"]
    halts = {"halts on full disks": raft["halts_full_disk"], "halts on corrupt records": raft["halts_corrupt_record"]}
    return raft_kv.sometimes(result) | halts


RAFT_HUNT = Entry(
    name="raft-hunt",
    summary="a small Raft cluster under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=raft_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=story,
)
