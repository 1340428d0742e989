"""What a read by lease rests on: a leader is cut off with a client that reads, again and again, while others go on.

Three servers, a client that only reads and one that writes. The seed draws when the leader and the reader are cut off
from all others, and what comes with it: nothing, a transfer, answers that are held back until it is over, or a follower
that bounces while another has not heard the leader for a while. As long as the leader answers from its lease, the
reader has no reason to doubt it.

`--drift 400000ppm` makes the clock of each leader that is cut off so much slow, whatever bound `--bound` states: then
the lease lasts longer than it may, and a read comes from the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from simclock import (
    CRASHED,
    Clog,
    Crash,
    Cut,
    Fault,
    Heal,
    Network,
    Partition,
    Restart,
    Scenario,
    SetDrift,
    Stream,
    Uniform,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.durations import parse_drift
from simclock.experiments.catalog.raft import hunt
from simclock.experiments.catalog.raft.scenario import describe, judge
from simclock.experiments.catalog.raft.story import WHOLE
from simclock.experiments.catalog.raft.whole_hunt import Parts, prey_of
from simclock.experiments.checkers.client_history import History
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Drift, Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, RaftTestimony
from simclock.protocols.raft.observed import Leader
from simclock.protocols.raft.operator import Request, Transfer

SERVERS = 3
READER, WRITER, OPERATOR = SERVERS, SERVERS + 1, SERVERS + 2
NODES = SERVERS + 3
DURATION_NS = seconds(5)
APART_NS = ms(600)
"""From one cut to the next."""
CUT_NS = ms(350)
LEADER = Leader.observed_as

PARAMETERS = Parameters(
    reads=Choice("lease", ("log", "index", "lease"), help="How a get is answered."),
    bound=Drift("0ppm", help="How fast or slow a clock may be, as the servers are told."),
    drift=Drift("0ppm", help="How slow the clock of a leader that is cut off really is."),
    bug=PUT_IN,
)


def lease_reads(settings: Settings, parts: Parts) -> Scenario:
    """The cluster, and what happens to it."""
    asked = {**PARAMETERS, **settings.parameters}
    luck = stream(settings.seed, "raft-lease-reads")
    duration_ns = settings.duration_ns or DURATION_NS
    faults, requests = _troubles(luck, parse_drift(asked["drift"]), duration_ns)
    queries = asked["reads"] != "log"
    raft = RaftSettings(
        servers=tuple(range(SERVERS)),
        election_timeout_ns_min=ms(80),
        election_timeout_ns_max=ms(100),
        heartbeat_ns=ms(10),
        pre_vote=luck.choice((True, False)),
        sticky=True,
        reads="lease" if asked["reads"] == "lease" else "index",
        clock_drift_ppm=-(-parse_drift(asked["bound"]) // 1000),
    )
    # Where writes are rare, a server that has not heard the leader for a while may lack nothing all the same.
    processes, pause_ns = luck.choice(((3, ms(2)), (3, ms(2)), (1, ms(60))))
    reader = Workload(
        keys=1, processes=3, pause_ns=ms(2), retry_ns=ms(20), give_up_ns=ms(400), queries=queries, mix=(("get", 1),)
    )
    workload = replace(reader, processes=processes, pause_ns=pause_ns, mix=(("put", 1),))

    def build(node: int) -> Node:
        if node < SERVERS:
            return parts.server(raft, parts.sessions(parts.store()))
        if node == OPERATOR:
            return parts.operator(raft.servers, requests, ms(50), ms(200))
        return parts.client(raft.servers, reader if node == READER else workload)

    return Scenario(
        name="raft-lease-reads",
        nodes=NODES,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(3))),
        faults=faults,
        observers=(
            partial(RaftProperties, raft.servers),
            partial(RaftTestimony, raft.servers),
            partial(History, range(READER, WRITER + 1)),
        ),
        final=partial(server_at_end, RaftServer),
    )


def _troubles(luck: Stream, drift_ppb: int, until_ns: int) -> tuple[tuple[Fault, ...], tuple[Request, ...]]:
    faults: list[Fault] = []
    requests: list[Request] = []
    at_ns = luck.uniform_ns(ms(300), ms(300) + APART_NS)
    while at_ns + CUT_NS < until_ns:
        kind = luck.choice(("cut", "transfer", "deaf", "late"))
        if kind == "transfer":
            requests.append(Transfer(at_ns - luck.uniform_ns(ms(1), ms(12)), luck.uniform_ns(0, SERVERS - 1)))
        faults += _deaf(luck, at_ns) if kind == "deaf" else ()
        if drift_ppb:
            faults.append(SetDrift(at_ns=at_ns - ms(100), node=LEADER, drift_ppb=-drift_ppb))
        if kind == "late":
            faults += _late(luck, at_ns)
        else:
            faults.append(Partition(at_ns=at_ns, groups=((LEADER, READER), tuple(range(NODES)))))
        faults.append(Heal(at_ns=at_ns + CUT_NS))
        at_ns += CUT_NS + luck.uniform_ns(ms(150), APART_NS)
    return tuple(sorted(faults, key=lambda fault: fault.at_ns)), tuple(requests)


def _deaf(luck: Stream, at_ns: int) -> Iterator[Fault]:
    """One server does not hear the leader for a while; the other forgets that it has just done."""
    deaf = luck.uniform_ns(0, SERVERS - 1)
    yield Cut(at_ns=at_ns - ms(90), source=LEADER, target=deaf)
    yield Crash(at_ns=at_ns + ms(1), node=(deaf + 1 + luck.uniform_ns(0, 1)) % SERVERS)
    yield Restart(at_ns=at_ns + ms(2), node=CRASHED)


def _late(luck: Stream, at_ns: int) -> Iterator[Fault]:
    """The leader is not heard; what one server has answered it hears much later, and the other not at all."""
    held = luck.uniform_ns(0, SERVERS - 1)
    yield Clog(at_ns=at_ns - ms(2), source=held, target=LEADER)
    for server in range(SERVERS):
        yield Cut(at_ns=at_ns, source=LEADER, target=server)
        if server != held:
            yield Cut(at_ns=at_ns, source=server, target=LEADER)


RAFT_LEASE_READS = Entry(
    name="raft-lease-reads",
    summary="reads by lease on Raft while leaders are cut off with their reader; a clock that is too slow shows",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 6.4.1",
    make=lease_reads,
    parts=Parts(),
    judge=partial(judge, step_limit=hunt.STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=partial(prey_of, tuple(range(SERVERS))),
    story=WHOLE,
)
