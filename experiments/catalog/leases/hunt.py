"""A small lease service tuned for finding bugs: short leases, several clients, and trouble for every kind of node.

The seed draws everything: how many clients, how long a lease is, how far messages travel and how many are lost, how
fast clocks drift (within the bound that the service knows), what happens to the servers, and what to the holders and
the store: pauses, crashes, cut and clogged links, wall clocks that jump.

In one run of five the holders' clocks stop, which no lease withstands by itself: a holder is to notice it. It can where
answers come and take less than the guard, so in those runs nothing else is wrong; the tokens would hold in any case.

`leases-drift-hunt` is the same with every clock as bad as the bound allows: holders slow by all of it, servers fast by
all of it, and no guard to spare.

`leases-calm-hunt` heals after a while: then locks are handed on, holds end in time, nothing expires. Until then wall
clocks jump in every run, of servers and holders, by more than the time in which progress is due: leases bound drift
alone.

`--set bug=LEASE-01` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from simclock import (
    Clocks,
    Clog,
    Crash,
    Cut,
    Fault,
    JumpClock,
    Mend,
    Network,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetDrift,
    StartClock,
    StopClock,
    Stream,
    Unclog,
    Uniform,
    format_duration,
    ms,
    seconds,
    stream,
)
from simclock.experiments.catalog.leases.chronicle import CHRONICLE
from simclock.experiments.catalog.leases.parts import LeaseParts, builder, describe, judge, sometimes
from simclock.experiments.catalog.leases.progress import LeaseProgress
from simclock.experiments.catalog.leases.steadiness import LeaseCalm, LeaseSteadiness
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.engine import Cluster
from simclock.experiments.consensus.engines import ENGINE, engine_named
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Plan, Prey, draw_plan, recovery
from simclock.experiments.nemesis.hunters import Hunter
from simclock.protocols.leases import HolderWork, LeaseProperties, LeaseSettings
from simclock.protocols.leases.holder import RENEWALS_PER_TERM

PARAMETERS = Parameters(
    engine=ENGINE,
    bug=PUT_IN,
)
REPLICAS = 3
ELECTION_TIMEOUT_NS = ms(80)
GUARD_NS = ms(40)
"""Where clocks stop: more than an exchange with the store takes."""
TERMS_NS = (ms(300), ms(400), ms(600))
DURATION_NS = seconds(5)
CALM_LATENCY_NS = ms(5)
HEALED_NS = seconds(2)
SETTLES_NS = seconds(2)
"""Time for an election, and for claims to run out that nobody renews: of holders that are no more."""
CALM_NS = seconds(3)
"""Each client, of three at most, holds the lock in that time."""
BOUND_PPB = 200_000_000
"""Of the drift hunt."""
SERVER_KINDS = (
    "crash",
    "partition",
    "one-way",
    "clog",
    "pause",
    "slow",
    "loss",
    "damage",
    "delay",
    "disk",
    "leader-crash",
    "leader-cut",
    "leader-pause",
)
"""What may happen to the servers: most of a swarm's kinds, without bad clocks: leases exclude them."""


class _Drawn(NamedTuple):
    """What the seed decides."""

    clients: int
    stops: bool
    latency_ns_max: int
    loss: float
    duplication: float
    term_ns: int
    drift_ppb: int
    guard_ns: int
    writes: int
    prepare_ns: int
    rest_ns: int
    server_kinds: tuple[str, ...]
    holder_kinds: tuple[str, ...]


def _draw(seed: int, at_bound: bool = False) -> _Drawn:
    luck = stream(seed, "leases-hunt")
    stops = luck.randrange(5) == 0
    drawn = _Drawn(
        clients=luck.choice((2, 3, 3)),
        stops=stops,
        latency_ns_max=luck.choice((ms(5), ms(10), ms(30), ms(80))),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.1)),
        term_ns=luck.choice(TERMS_NS),
        drift_ppb=luck.choice((0, 100_000, 50_000_000, BOUND_PPB)),
        guard_ns=luck.choice((ms(2), GUARD_NS)),
        writes=luck.choice((3, 10, 30)),
        prepare_ns=luck.choice((0, ms(30), ms(30))),
        rest_ns=luck.choice((ms(20), ms(100), ms(300))),
        server_kinds=tuple(kind for kind in SERVER_KINDS if luck.randrange(4) == 0),
        holder_kinds=tuple(kind for kind in HOLDER_KINDS if luck.randrange(2) == 0),
    )
    if at_bound:
        return drawn._replace(stops=False, drift_ppb=BOUND_PPB, guard_ns=0)
    if not stops:
        return drawn
    return drawn._replace(
        latency_ns_max=ms(12),
        loss=0.0,
        guard_ns=GUARD_NS,
        writes=200,
        prepare_ns=0,
        server_kinds=(),
        holder_kinds=(),
    )


# What happens to holders and the store.


class _Episode(NamedTuple):
    """One stretch of trouble for one client."""

    luck: Stream
    store: int
    """Servers are the nodes before it."""
    client: int
    from_ns: int
    until_ns: int


def _pause(episode: _Episode) -> Iterator[Fault]:
    yield Pause(at_ns=episode.from_ns, node=episode.client)
    yield Resume(at_ns=episode.until_ns, node=episode.client)


def _away(episode: _Episode) -> Iterator[Fault]:
    """The lease service does not hear the client, or the client not it, or both; the store does."""
    forth, back = episode.luck.choice(((True, True), (True, False), (False, True)))
    for server in range(episode.store):
        for source, target in [(episode.client, server)] * forth + [(server, episode.client)] * back:
            yield Cut(at_ns=episode.from_ns, source=source, target=target)
            yield Mend(at_ns=episode.until_ns, source=source, target=target)


def _late_write(episode: _Episode) -> Iterator[Fault]:
    """What the client sends to the store is held on the way."""
    yield Clog(at_ns=episode.from_ns, source=episode.client, target=episode.store)
    yield Unclog(at_ns=episode.until_ns, source=episode.client, target=episode.store)


def _late_answer(episode: _Episode) -> Iterator[Fault]:
    """What the lease service answers is held on the way, and what the client sends meanwhile is lost after a while."""
    half_ns = (episode.from_ns + episode.until_ns) // 2
    for server in range(episode.store):
        yield Clog(at_ns=episode.from_ns, source=server, target=episode.client)
        yield Unclog(at_ns=half_ns, source=server, target=episode.client)
        yield Cut(at_ns=half_ns, source=episode.client, target=server)
        yield Mend(at_ns=episode.until_ns, source=episode.client, target=server)


def _crash(episode: _Episode) -> Iterator[Fault]:
    yield Crash(at_ns=episode.from_ns, node=episode.client)
    yield Restart(at_ns=episode.until_ns, node=episode.client)


def _store_crash(episode: _Episode) -> Iterator[Fault]:
    """The store restarts while a write of the client is on its way, and shortly before it arrives."""
    yield from _late_write(episode)
    yield Crash(at_ns=episode.until_ns - ms(30), node=episode.store)
    yield Restart(at_ns=episode.until_ns - ms(1), node=episode.store)


def _jump(episode: _Episode) -> Iterator[Fault]:
    """The wall clock is set, and now and then the client cannot renew either."""
    by_ns = episode.luck.uniform_ns(-seconds(10), seconds(10))
    yield JumpClock(at_ns=episode.from_ns, node=episode.client, by_ns=by_ns)
    if episode.luck.randrange(2):
        yield from _away(episode)


def _stop(episode: _Episode) -> Iterator[Fault]:
    yield StopClock(at_ns=episode.from_ns, node=episode.client)
    yield StartClock(at_ns=episode.until_ns, node=episode.client)


HOLDER_KINDS = {
    "pause": _pause,
    "away": _away,
    "late write": _late_write,
    "late answer": _late_answer,
    "crash": _crash,
    "store crash": _store_crash,
    "jump": _jump,
}


def _trouble(seed: int, drawn: _Drawn, store: int, end_ns: int) -> Iterator[Fault]:
    """Episodes for the clients, each kind from a stream of its own; what is mended is mended before the end."""
    kinds = {"stop": _stop} if drawn.stops else {kind: HOLDER_KINDS[kind] for kind in drawn.holder_kinds}
    for name, kind in kinds.items():
        luck = stream(seed, f"leases-hunt {name}")
        at_ns = luck.exponential_ns(seconds(1))
        while at_ns < end_ns:
            client = store + 1 + luck.randrange(drawn.clients)
            until_ns = min(end_ns - 1, at_ns + luck.uniform_ns(drawn.term_ns // 4, 4 * drawn.term_ns))
            yield from kind(_Episode(luck, store, client, at_ns, until_ns))
            at_ns = until_ns + luck.exponential_ns(ms(800))


def leases_hunt(settings: Settings, parts: LeaseParts) -> Scenario:
    """What the seed draws, made of these parts."""
    return _hunt("leases-hunt", settings, _draw(settings.seed), parts)


def leases_drift_hunt(settings: Settings, parts: LeaseParts) -> Scenario:
    """The same with clocks at the bound: servers fast, holders slow."""
    scenario = _hunt("leases-drift-hunt", settings, _draw(settings.seed, at_bound=True), parts)
    store = settings.nodes or REPLICAS
    drifts = tuple(
        SetDrift(at_ns=0, node=node, drift_ppb=BOUND_PPB if node < store else -BOUND_PPB)
        for node in range(scenario.nodes)
    )
    return replace(scenario, faults=(*drifts, *scenario.faults))


def leases_calm_hunt(settings: Settings, parts: LeaseParts) -> Scenario:
    """The same until everything heals. Answers come soon and in order, so that it is known when what is due."""
    drawn = _draw(settings.seed)
    drawn = drawn._replace(
        stops=False,
        latency_ns_max=CALM_LATENCY_NS,
        loss=0.0,
        duplication=0.0,
        writes=min(drawn.writes, 10),
        rest_ns=min(drawn.rest_ns, ms(100)),
        server_kinds=(*drawn.server_kinds, "jump-wall"),
        holder_kinds=tuple(dict.fromkeys((*drawn.holder_kinds, "jump"))),
    )
    scenario = _hunt("leases-calm-hunt", settings, drawn, parts, HEALED_NS)
    everybody = Prey(servers=tuple(range(scenario.nodes)), rhythm_ns=1)
    settled_ns = HEALED_NS + SETTLES_NS
    calm = LeaseCalm(
        settled_ns=settled_ns,
        clients=range(scenario.nodes - drawn.clients, scenario.nodes),
        hand_on_ns=drawn.term_ns // RENEWALS_PER_TERM + 8 * CALM_LATENCY_NS,
        hold_ns=drawn.writes * (drawn.prepare_ns + 3 * CALM_LATENCY_NS) + 4 * CALM_LATENCY_NS,
        arrives_ns=CALM_LATENCY_NS + 1,
        prepare_ns=drawn.prepare_ns * 3 // 4,  # by the true time: clocks drift by a fifth at most
    )
    within_ns = SETTLES_NS + calm.hold_ns
    return replace(
        scenario,
        network=replace(scenario.network, order="fifo"),
        duration_ns=settled_ns + CALM_NS,
        faults=(*scenario.faults, *recovery(everybody, scenario.network, HEALED_NS)),
        observers=(
            *scenario.observers,
            partial(LeaseProgress, within_ns, HEALED_NS),
            partial(LeaseSteadiness, calm),
        ),
    )


def _hunt(name: str, settings: Settings, drawn: _Drawn, parts: LeaseParts, trouble_ns: int | None = None) -> Scenario:
    """`trouble_ns` is when trouble ends; None: with the run."""
    duration_ns = settings.duration_ns or DURATION_NS
    trouble_ns = trouble_ns or duration_ns
    replicas = settings.nodes or REPLICAS
    engine = engine_named(settings.parameters.get("engine", ENGINE.default))
    cluster = Cluster(
        servers=tuple(range(replicas)),
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=2 * ELECTION_TIMEOUT_NS,
        heartbeat_ns=ms(25),
        durable=True,  # servers crash here with no thought of how many are down
    )
    leases = LeaseSettings(term_ns=drawn.term_ns, drift_ppb=drawn.drift_ppb, guard_ns=drawn.guard_ns)
    work = HolderWork(
        writes=drawn.writes,
        prepare_ns=drawn.prepare_ns,
        pause_ns=0,
        rest_ns=drawn.rest_ns,
        first_ns=ms(150),
        retry_ns=ms(100),
    )
    network = settings.network or Network(
        latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max), loss=drawn.loss, duplication=drawn.duplication
    )
    plan = _server_plan(settings.seed, drawn, cluster.servers, network, trouble_ns)
    return Scenario(
        name=name,
        nodes=replicas + 1 + drawn.clients,
        build=builder(parts, engine, cluster, leases, (work,) * drawn.clients),
        duration_ns=duration_ns,
        network=network,
        clocks=Clocks(offset_ns_max=seconds(5), drift_ppb_max=drawn.drift_ppb),
        faults=(*plan.faults, *_trouble(settings.seed, drawn, replicas, trouble_ns)),
        observers=(
            engine.properties(engine.made(cluster)),
            partial(LeaseProperties, cluster.servers, drawn.term_ns),
            *plan.observers,
        ),
        parameters={
            # What the scenario's line would not show otherwise.
            "term": format_duration(drawn.term_ns),
            "servers' trouble": str(plan),
            "holders' trouble": "stopped clocks" if drawn.stops else ", ".join(drawn.holder_kinds) or "none",
        },
    )


class OwnHunter(Hunter):
    """The scenario's own, beside which a nemesis may bring another."""


def _server_plan(seed: int, drawn: _Drawn, servers: tuple[int, ...], network: Network, end_ns: int) -> Plan:
    if not drawn.server_kinds:
        return Plan(hardness={}, faults=(), observers=())
    prey = _prey_of(servers)
    return draw_plan("+".join(drawn.server_kinds), seed, prey, network, end_ns, hunter=OwnHunter)


def _prey_of(servers: tuple[int, ...]) -> Prey:
    # As long as a leader may take; then every lease is counted anew, and what its holder has left behind ends.
    within_ns = ELECTION_TIMEOUTS * 2 * ELECTION_TIMEOUT_NS + 3 * max(TERMS_NS)
    return Prey(
        servers=servers,
        rhythm_ns=ELECTION_TIMEOUT_NS * 3 // 2,
        progress=partial(LeaseProgress, within_ns),
        progress_within_ns=within_ns,
    )


def prey(scenario: Scenario) -> Prey:
    """The servers, for a nemesis that a user asks for."""
    clients = _draw(scenario.seed).clients
    return _prey_of(tuple(range(scenario.nodes - 1 - clients)))


LEASES_HUNT = Entry(
    name="leases-hunt",
    summary="short leases under pauses, failover, loss, drift and stopped clocks, drawn anew by every seed",
    source="Gray & Cheriton 1989; Kleppmann, How to do distributed locking, 2016",
    project=11,
    make=leases_hunt,
    parts=LeaseParts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    sometimes=sometimes,
    story=CHRONICLE,
)
LEASES_DRIFT_HUNT = Entry(
    name="leases-drift-hunt",
    summary="leases-hunt with every clock at the drift bound: servers fast, holders slow, no guard",
    source="Gray & Cheriton 1989",
    project=11,
    make=leases_drift_hunt,
    parts=LeaseParts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    sometimes=sometimes,
    story=CHRONICLE,
)
LEASES_CALM_HUNT = replace(
    LEASES_HUNT,
    name="leases-calm-hunt",
    summary="leases-hunt, healed after a while, wall clocks far off: locks are handed on, holds end, nothing expires",
    make=leases_calm_hunt,
)
