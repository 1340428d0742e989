"""The ten-second pause on a five-second lease: why a lock needs a token that the resource checks.

Three lease servers, a store, and two clients that take the same lock in turns. Client A looks at its lease, finds it
good, prepares a write, and stands still (a garbage collection, a laptop's lid); its lease expires, B takes the lock and
writes; A wakes in the middle of what it was doing, and sends its write.

`--trouble` names what else may happen at that moment (`simclock.experiments.catalog.leases.troubles`): A's clock stops,
or is set back, or clocks drift as far as the lease service allows for, the network parts, the leader crashes.
`--fencing off` has the store take whatever comes. `--engine` names what makes the lease servers agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, parse_duration, seconds
from simclock.experiments.catalog.leases.parts import AcceptsAnyToken, LeaseParts, builder, describe, judge, sometimes
from simclock.experiments.catalog.leases.script import shown
from simclock.experiments.catalog.leases.story import CLIENTS, KEPT, plot, story
from simclock.experiments.catalog.leases.troubles import TROUBLES, Cast, StrikesWriter
from simclock.experiments.consensus.engine import Cluster
from simclock.experiments.consensus.engines import ENGINE, engine_named
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.leases import HolderWork, LeaseProperties, LeaseSettings

PARAMETERS = Parameters(
    term=Duration("5s", help="How long a lease is good for."),
    trouble=Choice("pause", tuple(TROUBLES), noun="trouble", help="What befalls A in the middle of a write."),
    lasts=Duration("10s", help="How long the trouble lasts."),
    fencing=Choice("on", ("on", "off"), help="Whether the storage refuses old tokens."),
    engine=ENGINE,
    bug=PUT_IN,
)
REPLICAS = 3


def leases(settings: Settings, parts: LeaseParts) -> Scenario:
    """Two clients, one lock, and trouble in the middle of A's second or third write."""
    asked = {**PARAMETERS, **settings.parameters}
    if _one_of(asked, "fencing", ("on", "off")) == "off":
        parts = replace(parts, storage=AcceptsAnyToken)
    name = _one_of(asked, "trouble", tuple(TROUBLES))
    trouble = TROUBLES[name]
    lasts_ns = parse_duration(asked["lasts"], "lasts")
    term_ns = parse_duration(asked["term"], "term")
    lease = LeaseSettings(term_ns=term_ns, first_token=101)
    if trouble.drift_ppb is not None:
        lease = replace(lease, drift_ppb=trouble.drift_ppb)
    work = HolderWork(
        writes=400 if trouble.busy else 8,
        prepare_ns=0 if trouble.busy else ms(200),
        pause_ns=0 if trouble.busy else ms(300),
        rest_ns=seconds(2),
    )
    works = tuple(replace(work, first_ns=first_ns) for first_ns in (ms(800), ms(1800)))
    replicas = settings.nodes or REPLICAS
    nodes = replicas + 1 + len(CLIENTS)
    engine = engine_named(asked["engine"])
    cluster = Cluster(servers=tuple(range(replicas)))
    observers: tuple[Any, ...] = (
        engine.properties(engine.made(cluster)),
        partial(LeaseProperties, cluster.servers, term_ns),
        partial(Recorded, KEPT),
    )
    if settings.faults is None:
        cast = Cast(cluster.servers, replicas, replicas + 1, lasts_ns, term_ns)
        observers += (partial(StrikesWriter, name, cast),)
    return Scenario(
        name="leases",
        nodes=nodes,
        build=builder(parts, engine, cluster, lease, works),
        duration_ns=seconds(20),
        network=Network(latency=Uniform(low_ns=ms(10), high_ns=ms(15))),
        faults=trouble.drifts(cluster.servers, nodes),
        observers=observers,
    )


def prey(scenario: Scenario) -> Prey:
    """The lease servers: store and clients are what the troubles are about."""
    cluster = Cluster(servers=tuple(range(scenario.nodes - 1 - len(CLIENTS))))
    return Prey(servers=cluster.servers, rhythm_ns=cluster.election_timeout_ns_max * 3 // 2)


def _one_of(asked: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value: str = asked[name]
    if value not in allowed:
        raise UsageError(f"{name}: {value!r} is not known: use {' or '.join(allowed)}")
    return value


LEASES = Entry(
    name="leases",
    summary="a client pauses for ten seconds on a five-second lease; its late write is rejected by its token",
    source="Gray & Cheriton 1989; Burrows, Chubby, OSDI 2006; Kleppmann, How to do distributed locking, 2016",
    project=11,
    make=leases,
    parts=LeaseParts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    story=story,
    plot=plot,
    prey=prey,
    sometimes=sometimes,
    shown=shown,
)
