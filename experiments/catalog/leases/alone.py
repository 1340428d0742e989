"""A lease service of one server, for scripts and explorers: what leases promise, without an election in between.

The engine, the table, the expiries, the store and the holders are those of every lease scenario. The server elects
itself after a second, and the holders begin after that. Leases are about durations, so it is explored in virtual time
(`--strategy timed:40ms-40ms,420ms`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from simclock import Network, Scenario, Uniform, UsageError, ms, parse_duration, seconds
from simclock.experiments.catalog.leases.parts import LeaseParts, builder
from simclock.experiments.catalog.leases.script import shown
from simclock.experiments.consensus.engine import Cluster
from simclock.experiments.consensus.engines import engine_named
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.leases import HolderWork, LeaseProperties, LeaseSettings

SERVER = 0
HOLDERS = 2
ELECTION_NS = seconds(1)
FIRST_NS = ELECTION_NS + ms(60)
"""When the first holder begins."""
PARAMETERS = Parameters(
    bug=PUT_IN,
    term=Duration("300ms", help="How long a lease is good for."),
    margin=Duration("50ms", help="A holder begins no write in the last stretch of its lease."),
    prepare=Duration("40ms", help="Between the look at the lease and the write's departure."),
    writes=Whole(1, least=1, help="Writes in one hold."),
    apart=Duration("360ms", help="Holders begin one after the other, so long apart."),
)


def leases_script(settings: Settings, parts: LeaseParts) -> Scenario:
    """The server, the store, and two holders, or as many as asked for."""
    asked = {**PARAMETERS, **settings.parameters}
    nodes = 2 + HOLDERS if settings.nodes is None else settings.nodes
    if nodes < 3:
        raise UsageError(f"nodes: {nodes} are too few: a server, a store and a holder are three")
    cluster = Cluster(
        servers=(SERVER,),
        election_timeout_ns_min=ELECTION_NS,
        election_timeout_ns_max=ELECTION_NS,
        heartbeat_ns=ELECTION_NS - ms(1),
    )
    leases = LeaseSettings(
        term_ns=parse_duration(asked["term"], "term"), guard_ns=parse_duration(asked["margin"], "margin")
    )
    work = HolderWork(
        writes=asked["writes"],
        prepare_ns=parse_duration(asked["prepare"], "prepare"),
        pause_ns=0,
        rest_ns=seconds(10),
        retry_ns=ms(100),
    )
    apart_ns = parse_duration(asked["apart"], "apart")
    works = [replace(work, first_ns=FIRST_NS + apart_ns * place) for place in range(nodes - 2)]
    return Scenario(
        name="leases-script",
        nodes=nodes,
        build=builder(parts, engine_named("raft"), cluster, leases, works),
        duration_ns=2 * ELECTION_NS,
        network=Network(latency=Uniform(low_ns=ms(5), high_ns=ms(40))),
        observers=(partial(LeaseProperties, cluster.servers, leases.term_ns),),
    )


LEASES_SCRIPT = Entry(
    name="leases-script",
    summary="a lease service of one server, a store and two holders: for scripts, and to be explored in virtual time",
    source="Gray & Cheriton 1989; Kleppmann, How to do distributed locking, 2016",
    make=leases_script,
    parts=LeaseParts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
)
