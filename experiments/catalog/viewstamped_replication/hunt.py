"""A small cluster of Viewstamped Replication tuned for finding bugs: short runs in which views contend.

The seed draws everything: how many servers, whether they are durable, how far apart they are (delays up to two election
timeouts, so that messages of earlier views arrive in later ones; or most of them short and some very long), how much is
lost and doubled, how large messages are, whether checkpoints are made and gets are queries, changes of the replicas,
and, unless told otherwise, a swarm of faults. Durable servers are struck by full disks, torn writes and rotten records
too; of the others no more than f are down, or recovering, at once, and links may be so slow that what a server says
arrives when it has crashed and recovered since (`crashes.py`). Where progress is demanded (`--liveness`), delays and
timeouts are those under which a primary stays.

What that seldom has may be asked for: `--set strays=true` has slow links among three servers under many calls in each
run, `--set oks=late` acknowledgements that arrive when their primary leads once more (`late_answers.py`).

`--set bug=VSR-04` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from simclock import LogNormal, Network, Observer, RunResult, Scenario, Stream, Uniform, UsageError, ms, seconds, stream
from simclock.actors import Node
from simclock.environment.latency import Latency
from simclock.experiments.catalog.viewstamped_replication import scenario as vsr_kv
from simclock.experiments.catalog.viewstamped_replication.crashes import KINDS, PROMISES, Bounds, CrashesOfFew
from simclock.experiments.catalog.viewstamped_replication.scenario import describe, judge, prey_of
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.late_answers import SERVERS, LateAnswers
from simclock.experiments.consensus.story import STORY
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.nemesis.episodes import shuffled
from simclock.experiments.nemesis.hunters import HARDEST
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.replication import Operator, Sessions, majority
from simclock.protocols.viewstamped_replication import VsrProperties, VsrServer, VsrSettings
from simclock.protocols.viewstamped_replication.observed import Leader, ViewChange

ELECTION_TIMEOUT_NS = ms(80)
SPREADS_NS = (ms(20), ms(80), ms(80))
"""How far election timeouts may lie apart; the less, the more views contend."""
LATENCIES_NS = (ms(10), ms(30), ms(80), ms(160))
"""The longest delay of a message; the last is such that it may arrive views later."""
TAILS_NS = (None, ms(3), ms(5), ms(10))
"""The median of delays of which one in fifteen is twenty times as long; None: they are uniform."""
LIVELY_LATENCY_NS = ms(10)
"""No message takes longer where progress is demanded: a view change is over in half of its least timeout."""
BRISK_NS = ms(40)
RHYTHM_NS = ELECTION_TIMEOUT_NS * 3 // 2
DURATION_NS = seconds(4)
CLIENTS = 2
SPARES = 2
"""Servers that may become replicas, where they change."""
CHANGES_NS = ms(400)
"""How far changes lie apart."""
SLOW_NS = (ms(160), ms(320), ms(640))
"""By how much links are slow, where they are."""
CUTS_NS = (ms(80), ms(160))
"""How long a backup does not hear the primary: enough to leave its view."""
STEPS_MAX = 1_000_000
"""What the linearizability checker may try in one run; beyond, the verdict is unknown."""
DRAWN, TRUE, FALSE = CHOICES = ("drawn", "true", "false")
LATE = "late"

PARAMETERS = Parameters(
    bug=PUT_IN,
    durable=Choice(DRAWN, CHOICES, help="Whether servers keep on disk what they promise; else the seed says."),
    crash_vectors=Choice(TRUE, (TRUE, FALSE), help="Whether messages from before a crash are told from later ones."),
    strays=Choice(DRAWN, (DRAWN, TRUE), help="Whether three servers are slow to say anything, under many calls."),
    oks=Choice(DRAWN, (DRAWN, LATE), help="Whether acknowledgements arrive when their primary leads once more."),
)


class _Drawn(NamedTuple):
    """What the seed decides about the cluster and its network."""

    servers: int
    durable: bool
    latency_ns_max: int
    tail_ns: int | None
    loss: float
    duplication: float
    spread_ns: int
    pause_ns: int
    values_per_message_max: int
    snapshot_every: int | None
    queries: bool
    crashes: tuple[tuple[str, int], ...]
    promise: str
    slow: tuple[tuple[int, int, int], ...]
    cuts: tuple[tuple[int, int, int], ...]
    schedule: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def latency(self) -> Latency:
        """How long messages take."""
        if self.tail_ns is None:
            return Uniform(low_ns=ms(1), high_ns=self.latency_ns_max)
        return LogNormal(median_ns=self.tail_ns, sigma="2", floor_ns=ms(1))

    @property
    def nodes(self) -> int:
        """How many servers there are, spares too."""
        return self.servers + (SPARES if self.schedule else 0)

    @property
    def failures_max(self) -> int:
        """How many of any group may fail: the smallest has three members where they change."""
        least = min((self.servers, *(len(members) for _, members in self.schedule)))
        return least - majority(least)


def _draw(seed: int) -> _Drawn:
    luck = stream(seed, "vsr-hunt")
    servers = luck.choice((3, 3, 3, 4, 5))
    return _Drawn(
        servers=servers,
        durable=luck.choice((False, False, True)),
        latency_ns_max=luck.choice(LATENCIES_NS),
        tail_ns=luck.choice(TAILS_NS),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        spread_ns=luck.choice(SPREADS_NS),
        pause_ns=luck.choice((ms(5), ms(20), ms(60))),
        values_per_message_max=luck.choice((1, 3, 64)),
        snapshot_every=luck.choice((None, None, 3, 20)),
        queries=luck.choice((True, False)),
        crashes=tuple((kind, hard) for kind in KINDS if (hard := luck.choice((0, 1, 2, 4)))),
        promise=luck.choice(PROMISES),
        slow=_slow_links(luck, servers) if (is_slow := luck.choice((True, False))) else (),
        cuts=_cuts(luck, servers),
        schedule=_schedule(luck, servers + SPARES) if luck.choice((True, True, False)) and not is_slow else (),
    )


def _drawn_for(settings: Settings) -> _Drawn:
    """What the seed decides, and what was asked for over it."""
    drawn, durable = _draw(settings.seed), settings.parameters.get("durable", DRAWN)
    strays, late = (settings.parameters.get(name, DRAWN) != DRAWN for name in ("strays", "oks"))
    if strays + late + (settings.nodes is not None) > 1:
        raise UsageError(f"strays, oks, nodes: strays=true has 3 servers, oks=late has {SERVERS}: use one of the three")
    if durable != DRAWN:
        drawn = drawn._replace(durable=durable == TRUE)
    if settings.nodes is not None:
        drawn = drawn._replace(servers=settings.nodes, slow=(), schedule=())
    if strays:
        drawn = _among_three(drawn, stream(settings.seed, "vsr-hunt strays"))
    if late:
        drawn = _among_five(drawn)
    if drawn.slow and not drawn.durable:
        drawn = _with_strays(drawn)
    if settings.liveness_ns is None:
        return drawn
    quick_ns = min(drawn.latency_ns_max, LIVELY_LATENCY_NS)
    return drawn._replace(latency_ns_max=quick_ns, tail_ns=None, spread_ns=max(SPREADS_NS), slow=(), schedule=())


def _slow_links(luck: Stream, nodes: int) -> tuple[tuple[int, int, int], ...]:
    links = [(source, target) for source in range(1, nodes) for target in range(nodes) if source != target]
    return tuple((*link, luck.choice(SLOW_NS)) for link in links)


def _cuts(luck: Stream, nodes: int) -> tuple[tuple[int, int, int], ...]:
    made = []
    at_ns = luck.uniform_ns(0, ms(200))
    while at_ns < DURATION_NS - ms(500):
        until_ns = at_ns + luck.uniform_ns(*CUTS_NS)
        made.append((at_ns, until_ns, 1 + luck.randrange(nodes - 1)))
        at_ns = until_ns + luck.uniform_ns(ms(50), ms(400))
    return tuple(made)


def _schedule(luck: Stream, nodes: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Changes to any members, with no thought of who they are then."""
    made = []
    at_ns = luck.exponential_ns(CHANGES_NS)
    while at_ns < DURATION_NS:
        members = shuffled(luck, range(nodes))[: luck.choice((3, 3, 3, 4))]
        made.append((at_ns, tuple(sorted(members))))
        at_ns += luck.exponential_ns(CHANGES_NS)
    return tuple(made)


def _among_three(drawn: _Drawn, luck: Stream) -> _Drawn:
    """Few servers and many calls: whose quorum leaves one out has soon something to lose."""
    return drawn._replace(
        servers=3,
        pause_ns=ms(5),
        spread_ns=max(SPREADS_NS),
        queries=True,
        slow=_slow_links(luck, 3),
        cuts=_cuts(luck, 3),
        schedule=(),
    )


def _among_five(drawn: _Drawn) -> _Drawn:
    """Where acknowledgements are late nothing else is, and nobody fails."""
    return drawn._replace(
        servers=SERVERS,
        latency_ns_max=min(LATENCIES_NS),
        tail_ns=None,
        loss=0.0,
        pause_ns=ms(5),
        slow=(),
        schedule=(),
    )


def _with_strays(drawn: _Drawn) -> _Drawn:
    """What backups say is slow, and they crash when they have said that they leave a view, or anything else."""
    return drawn._replace(
        latency_ns_max=min(LATENCIES_NS),
        tail_ns=None,
        loss=0.1,
        crashes=(("promise-crash", HARDEST),),
        promise=ViewChange.observed_as if drawn.queries else drawn.promise,
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a cluster is made of; a bug replaces one of them."""

    server: type[VsrServer] = VsrServer
    settings: type[VsrSettings] = VsrSettings
    sessions: type[Sessions] = Sessions
    store: type[KeyValueStore] = KeyValueStore
    client: type[Client] = Client


def vsr_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    drawn = _drawn_for(settings)
    members, servers = drawn.servers, drawn.nodes
    vsr = parts.settings(
        servers=tuple(range(members)),
        spares=tuple(range(members, servers)),
        durable=drawn.durable,
        crash_vectors=settings.parameters.get("crash_vectors", TRUE) == TRUE,
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
            return parts.server(vsr, parts.sessions(parts.store()))
        if node < servers + CLIENTS:
            return parts.client(vsr.nodes, workload)
        return Operator(vsr.nodes, drawn.schedule, ms(60), ms(600))

    strikes: tuple[Callable[[], Observer], ...] = ()
    if settings.parameters.get("oks", DRAWN) == LATE:
        strikes = (partial(LateAnswers, settings.seed, "vsr-hunt late oks", DURATION_NS, Leader),)
    elif drawn.crashes and not drawn.durable:
        prey = _prey_of(servers, durable=False, promise=drawn.promise)
        if drawn.slow:
            prey = replace(prey, rhythm_ns=BRISK_NS)
        bounds = Bounds(DURATION_NS, drawn.failures_max, drawn.slow, drawn.cuts if drawn.slow else ())
        few = partial(CrashesOfFew, settings.seed, dict(drawn.crashes), prey, bounds)
        strikes = (few,)
    return Scenario(
        name="vsr-hunt",
        nodes=servers + CLIENTS + 1,
        build=build,
        duration_ns=DURATION_NS,
        network=Network(
            latency=drawn.latency,
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        observers=(
            partial(VsrProperties, vsr.servers, vsr.spares, vsr.durable),
            partial(History, range(servers, servers + CLIENTS)),
            Enough,
            *strikes,
        ),
        final=partial(server_at_end, VsrServer),
        parameters={
            # What the scenario's line would not show otherwise.
            "durable": str(drawn.durable).lower(),
            "values_per_message_max": drawn.values_per_message_max,
            "snapshot_every": drawn.snapshot_every or 0,
            "queries": drawn.queries,
            "changes": len(drawn.schedule),
            "crashes": " ".join(f"{kind} x{hard}" for kind, hard in drawn.crashes),
        },
    )


def _prey_of(servers: int, *, durable: bool, promise: str) -> Prey:
    within_ns = ELECTION_TIMEOUTS * (ELECTION_TIMEOUT_NS + max(SPREADS_NS))
    return replace(prey_of(tuple(range(servers)), RHYTHM_NS, within_ns, durable), promise=promise)


def prey(scenario: Scenario) -> Prey:
    """The servers."""
    drawn, asked = _draw(scenario.seed), scenario.parameters.get("durable", DRAWN)
    durable = drawn.durable if asked == DRAWN else asked == TRUE
    return _prey_of(scenario.nodes - CLIENTS - 1, durable=durable, promise=drawn.promise)


def sometimes(result: RunResult) -> dict[str, int]:
    """What the hunt has to reach, recoveries and checkpoints and the disks that stop a server."""
    vsr = result.reports["VsrProperties"]
    more = {name: vsr[name] for name in ("recoveries", "snapshots", "installs", "reconfigurations")}
    return vsr_kv.sometimes(result) | more | {"halts on full disks": vsr["halts_full_disk"]}


VSR_HUNT = Entry(
    name="vsr-hunt",
    summary="a small cluster of Viewstamped Replication under a swarm of faults, drawn anew by every seed",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=vsr_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
