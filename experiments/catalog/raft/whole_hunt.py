"""Raft with everything that the dissertation adds, drawn anew by every seed: for finding bugs.

Three first members, two spare servers, clients that read by queries, and an operator that changes the membership and
moves the leadership at random moments, while a swarm of faults goes on. Pre-votes, the check of the quorum, sticky
followers, leases, snapshots every few entries and servers that join again after their disk has failed come and go with
the seed.

Where leases are drawn, clocks are right: they rest on a bound on drift that no swarm keeps. `raft-lease-reads` shows
what a lie about that bound costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from simclock import Network, RunResult, Scenario, Stream, Uniform, format_duration, ms, stream
from simclock.actors import Node
from simclock.experiments.catalog.raft import hunt
from simclock.experiments.catalog.raft.scenario import describe, judge, reports
from simclock.experiments.catalog.raft.story import Terms, story
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS, RaftProgress
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.nemesis.episodes import shuffled
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftMetrics, RaftProperties, RaftServer, RaftSettings, RaftTestimony
from simclock.protocols.raft.observed import Snapshotted, Voted
from simclock.protocols.raft.operator import Change, Operator, Request, Transfer

FIRST = 3
SPARES = 2
SERVERS = FIRST + SPARES
CLIENTS = 2
NODES = SERVERS + CLIENTS + 1
"""Servers, clients, and the operator."""
REQUESTS_NS = {"everything": ms(300), "membership": ms(150), "reads": ms(700)}
"""How far what an operator asks for lies apart, by what the run is about."""

DISKS, KEPT = "disks", "kept"
"""What is told of a scenario in which no record rots."""

DRAWN, EACH = "drawn", "each"

PARAMETERS = Parameters(
    bug=PUT_IN,
    snapshots=Choice(DRAWN, (DRAWN, EACH), help="Whether each entry has a snapshot take its place, or as drawn."),
    promise=Choice(
        Voted.observed_as,
        (Voted.observed_as, Snapshotted.observed_as),
        help="What a server has just done when `promise-crash` strikes it.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Parts(hunt.Parts):
    """The classes a cluster is made of; a bug replaces one of them."""

    operator: type[Operator] = Operator


class _Drawn(NamedTuple):
    """What the seed decides."""

    theme: str
    raft: RaftSettings
    latency_ns_max: int
    loss: float
    duplication: float
    keys: int
    processes: int
    pause_ns: int
    retry_ns: int
    queries: bool
    schedule: tuple[Request, ...]


LATENCIES_NS = {"reads": (ms(3), ms(10), ms(30))}
"""Where what is to be found happens within an election timeout, messages have to be quicker than one."""
THEMES = ("everything", "membership", "reads", "snapshots")
"""What a run is about: all at once, or one thing more often and the others seldom (swarm testing: what is left out
counts as much as what is drawn)."""


def _draw(seed: int, lively: bool) -> _Drawn:
    luck = stream(seed, "raft-whole-hunt")
    theme = luck.choice(THEMES)
    everything = theme == "everything"
    sticky = theme == "reads" or luck.choice((True, True, False))
    snapshots = {"snapshots": (2, 3, 5), "everything": (None, 3, 10, 40)}.get(theme, (None, None, 10))
    latencies_ns = (hunt.LIVELY_LATENCY_NS,) if lively else LATENCIES_NS.get(theme, hunt.LATENCIES_NS[:3])
    raft = RaftSettings(
        servers=tuple(range(FIRST)),
        spares=tuple(range(FIRST, SERVERS)),
        election_timeout_ns_min=hunt.ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=hunt.ELECTION_TIMEOUT_NS
        + (max(hunt.SPREADS_NS) if lively else luck.choice(hunt.SPREADS_NS)),
        heartbeat_ns=ms(25),
        entries_per_message_max=luck.choice((1, 3, 64)),
        batch_ns=luck.choice((0, 0, ms(20))),
        pre_vote=luck.choice((True, False)),
        check_quorum=luck.choice((True, False, theme != "reads")) or lively,
        sticky=sticky,
        reads=luck.choice(("index", "lease", "lease", "lease"))
        if sticky and (everything or theme == "reads")
        else "index",
        snapshot_every=luck.choice(snapshots),
        snapshot_chunk_bytes=luck.choice((32, 200, 4096)),
        rejoin=luck.choice((True, False)),
    )
    return _Drawn(
        theme=theme,
        raft=raft,
        latency_ns_max=luck.choice(latencies_ns),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        keys=1 if theme == "reads" else 2,
        processes=3 if theme == "reads" else 2,
        pause_ns=luck.choice((ms(2), ms(5)) if theme == "reads" else (ms(5), ms(20), ms(60))),
        retry_ns=luck.choice((ms(20), ms(40)) if theme == "reads" else (ms(60), ms(200))),
        queries=theme == "reads" or luck.choice((True, False)),
        schedule=_schedule(luck, REQUESTS_NS.get(theme, ms(1500))),
    )


def _schedule(luck: Stream, apart_ns: int) -> tuple[Request, ...]:
    """Changes of a few servers, and transfers, with no thought of who is in the cluster then."""
    made: list[Request] = []
    at_ns = luck.exponential_ns(apart_ns)
    while at_ns < hunt.DURATION_NS:
        nodes = shuffled(luck, range(SERVERS))
        if luck.choice(("change", "change", "transfer")) == "transfer":
            made.append(Transfer(at_ns, nodes[0]))
        else:
            add, remove = luck.choice(((1, 0), (0, 1), (1, 1), (2, 1), (2, 2), (1, 2)))
            made.append(Change(at_ns, tuple(sorted(nodes[:add])), tuple(sorted(nodes[add : add + remove]))))
        at_ns += luck.exponential_ns(apart_ns)
    return tuple(made)


def raft_whole_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    drawn = _draw(settings.seed, settings.liveness_ns is not None)
    raft = drawn.raft
    if settings.parameters.get("snapshots", DRAWN) == EACH:
        raft = replace(raft, snapshot_every=1)
        drawn = drawn._replace(raft=raft)
    workload = Workload(
        keys=drawn.keys,
        processes=drawn.processes,
        pause_ns=drawn.pause_ns,
        retry_ns=drawn.retry_ns,
        give_up_ns=ms(400),
        queries=drawn.queries,
        mix=(("get", 50), ("put", 20), ("append", 10), ("cas", 20)),
    )
    # Who only reads has no reason to doubt a leader that still answers: so it is its reads that go stale.
    reader = replace(workload, mix=(("get", 1),)) if drawn.theme == "reads" else workload

    def build(node: int) -> Node:
        if node < SERVERS:
            return parts.server(raft, parts.sessions(parts.store()))
        if node < SERVERS + CLIENTS:
            return parts.client(raft.nodes, reader if node == SERVERS else workload)
        return parts.operator(raft.nodes, drawn.schedule, ms(100), ms(600))

    return Scenario(
        name="raft-whole-hunt",
        nodes=NODES,
        build=build,
        duration_ns=hunt.DURATION_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        observers=(
            partial(RaftProperties, raft.nodes, raft.servers),
            partial(RaftTestimony, raft.nodes, raft.servers),
            partial(RaftMetrics, raft.nodes),
            partial(History, range(SERVERS, SERVERS + CLIENTS)),
            Enough,
            Terms,
        ),
        final=partial(server_at_end, RaftServer),
        parameters=_shown(drawn) | ({} if settings.liveness_ns is None else {DISKS: KEPT}),
    )


def _shown(drawn: _Drawn) -> dict[str, Any]:
    """What the scenario's line would not show otherwise."""
    raft = drawn.raft
    return {
        "theme": drawn.theme,
        "pre_vote": raft.pre_vote,
        "check_quorum": raft.check_quorum,
        "sticky": raft.sticky,
        "reads": raft.reads if drawn.queries else "log",
        "snapshot_every": raft.snapshot_every or 0,
        "rejoin": raft.rejoin,
        "batch": format_duration(raft.batch_ns),
    }


def prey_of(servers: tuple[int, ...], scenario: Scenario) -> Prey:
    """These servers. Clocks are spared where leases rest on them, and disks where progress is demanded: a minority of
    these servers may be most of those that are members, and nobody could bring back what they have lost."""
    within_ns = ELECTION_TIMEOUTS * (hunt.ELECTION_TIMEOUT_NS + max(hunt.SPREADS_NS))
    return Prey(
        servers=servers,
        rhythm_ns=hunt.ELECTION_TIMEOUT_NS * 3 // 2,
        spares=("clock",) if scenario.parameters.get("reads") == "lease" else (),
        promise=scenario.parameters.get("promise", Voted.observed_as),
        withstands=("full-disk",) if scenario.parameters.get(DISKS) == KEPT else ("full-disk", "rot"),
        progress=partial(RaftProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )


def sometimes(result: RunResult) -> dict[str, int]:
    """What the hunt has to reach besides what `raft-hunt` has to."""
    raft = result.reports["RaftProperties"]
    names = ("snapshots", "installs", "configurations", "new_members", "quorums_lost", "transfers")
    return hunt.sometimes(result) | {name.replace("_", " "): raft[name] for name in names}


RAFT_WHOLE_HUNT = Entry(
    name="raft-whole-hunt",
    summary="Raft with membership changes, snapshots, transfers and queries under a swarm of faults: for finding bugs",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014",
    make=raft_whole_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=hunt.STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=partial(prey_of, tuple(range(SERVERS))),
    reports=reports,
    nemesis="swarm",
    sometimes=sometimes,
    story=story,
)
