"""A Raft cluster that is struck, heals, and is then operated: what is asked of it is done, and in time.

What a safe cluster may still do badly with what the dissertation adds shows where nothing is wrong: a transfer that is
never made, a change that is never finished, a lease that is never held, a log that is never compacted. After a swarm of
faults and time for an election come requests of the operator, one after the other, each of them possible. At the end,
where the seed draws them, two troubles that a feature is there for: a follower that does not hear the leader (with
pre-votes it deposes nobody), and a leader that hears nobody (where it checks its quorum it steps down).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from simclock import (
    Control,
    Cut,
    Fault,
    Heal,
    Network,
    Observation,
    Observer,
    Scenario,
    Stream,
    Uniform,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.experiments.catalog.raft.calm import SETTLES_NS, STRUCK_NS
from simclock.experiments.catalog.raft.hunt import STEPS_MAX
from simclock.experiments.catalog.raft.scenario import describe, judge
from simclock.experiments.catalog.raft.story import Terms, story
from simclock.experiments.catalog.raft.whole_hunt import CLIENTS, FIRST, NODES, SERVERS, Parts, sometimes
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.operated import Operated, Owed
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.nemesis.episodes import shuffled
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, RaftTestimony
from simclock.protocols.raft.observed import Leader
from simclock.protocols.raft.operator import Change, Request, Transfer

LEADER = Leader.observed_as
ELECTION_TIMEOUT_NS = ms(80)
HEARTBEAT_NS = ms(30)
JOURNEY_NS = ms(4)
SETTLED_NS = STRUCK_NS + SETTLES_NS
QUIET_NS = ms(600)
"""First nobody asks for anything but clients."""
APART_NS = seconds(1)
REQUESTS = 4
OPERATED_NS = SETTLED_NS + QUIET_NS + REQUESTS * APART_NS + SETTLES_NS
"""When the last request is done with, a leader that left included."""
UNHEARD = 0
"""Who does not hear the leader for a while."""
TROUBLE_NS = ms(300)
"""So long one server does not hear another, and again so long all is well."""
DEAF_NS = OPERATED_NS + 2 * TROUBLE_NS
END_NS = DEAF_NS + 2 * TROUBLE_NS
CLIENT_PAUSE_NS_MAX = ms(50)
"""An observation of somebody comes sooner, and begins what is due."""
RETRY_NS = ms(30)
ROUND_TRIPS = 12
"""Of a change: to find the leader, and to catch up, enter and leave the joint configuration."""

PARAMETERS = Parameters(bug=PUT_IN)


class _Drawn(NamedTuple):
    """What the seed decides."""

    raft: RaftSettings
    queries: bool
    pause_ns: int
    schedule: tuple[Request, ...]


def _draw(seed: int) -> _Drawn:
    luck = stream(seed, "raft-operated-hunt")
    sticky = luck.choice((True, True, False))
    raft = RaftSettings(
        servers=tuple(range(FIRST)),
        spares=tuple(range(FIRST, SERVERS)),
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=2 * ELECTION_TIMEOUT_NS,
        heartbeat_ns=HEARTBEAT_NS,
        entries_per_message_max=luck.choice((3, 64)),
        pre_vote=luck.choice((True, False)),
        check_quorum=luck.choice((True, False)),
        sticky=sticky,
        reads=luck.choice(("index", "lease", "lease")) if sticky else "index",
        snapshot_every=luck.choice((None, 5, 20)),
        snapshot_chunk_bytes=luck.choice((300, 4096)),
    )
    return _Drawn(
        raft=raft,
        queries=luck.choice((True, True, True, False)),
        pause_ns=luck.choice((ms(10), ms(30))),
        schedule=_schedule(luck),
    )


def _schedule(luck: Stream) -> tuple[Request, ...]:
    """Transfers to voters and to others, and changes after which 2 to 4 servers are voters."""
    made: list[Request] = []
    voters = set(range(FIRST))
    for turn in range(REQUESTS):
        at_ns = SETTLED_NS + QUIET_NS + turn * APART_NS
        nodes = shuffled(luck, range(SERVERS))
        if luck.choice(("change", "transfer")) == "transfer":
            made.append(Transfer(at_ns, nodes[0]))
            continue
        others = [node for node in nodes if node not in voters]
        members = [node for node in nodes if node in voters]
        add, remove = luck.choice(((1, 0), (0, 1), (1, 1), (2, 1), (2, 2)))
        add, remove = min(add, len(others)), min(remove, len(members))
        while not 2 <= len(voters) + add - remove <= 4:
            add, remove = (add, remove - 1) if len(voters) + add - remove < 2 else (add - 1, remove)
        change = Change(at_ns, tuple(sorted(others[:add])), tuple(sorted(members[:remove])))
        voters = voters - set(change.remove) | set(change.add)
        made.append(change)
    return tuple(made)


def owed(drawn: _Drawn) -> Owed:
    """A log entry takes two journeys; so does a round that asks who leads, and a query may have to wait for one."""
    raft = drawn.raft
    rounds = 0 if raft.reads == "lease" and drawn.queries else 2 if drawn.queries else 1
    chunks = 10
    return Owed(
        settled_ns=SETTLED_NS,
        calm_by_ns=END_NS,
        done_within_ns=SERVERS * RETRY_NS + (ROUND_TRIPS + chunks) * 2 * JOURNEY_NS,
        elected_within_ns=SETTLES_NS,
        query_within_ns=(1 + rounds) * 2 * JOURNEY_NS + ms(1),
        answers_from_ns=SETTLED_NS + QUIET_NS // 2,
        answers_until_ns=OPERATED_NS - ms(100),
        snapshot_every=raft.snapshot_every,
        unheard=(UNHEARD, OPERATED_NS, DEAF_NS) if raft.pre_vote else None,
        deaf_ns=(DEAF_NS, DEAF_NS + CLIENT_PAUSE_NS_MAX + 2 * ELECTION_TIMEOUT_NS + JOURNEY_NS)
        if raft.check_quorum
        else None,
    )


class Troubles(Observer[None]):
    """A follower that does not hear the leader, where pre-votes make that harmless; a leader that hears nobody.

    They are no part of the plan, since a nemesis puts its own in the place of that.
    """

    judges = False

    def __init__(self, raft: RaftSettings) -> None:
        self._due: list[tuple[int, tuple[Fault, ...]]] = []
        """(from when on, the links that are cut then for a while)"""
        if raft.pre_vote:
            self._due.append((OPERATED_NS, (Cut(at_ns=0, source=LEADER, target=UNHEARD),)))
        if raft.check_quorum:
            deaf = tuple(Cut(at_ns=0, source=server, target=LEADER) for server in range(SERVERS))
            self._due.append((DEAF_NS, deaf))

    def on_observation(self, observation: Observation, control: Control) -> None:
        while self._due and observation.time_ns >= self._due[0][0]:
            _, cuts = self._due.pop(0)
            for cut in cuts:
                control.inject(cut)
            control.inject(Heal(at_ns=0), TROUBLE_NS)


def raft_operated_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    drawn = _draw(settings.seed)
    raft = drawn.raft
    workload = Workload(
        keys=2,
        processes=2,
        pause_ns=drawn.pause_ns,
        retry_ns=ms(60),
        give_up_ns=ms(400),
        queries=drawn.queries,
        mix=(("get", 50), ("put", 30), ("append", 10), ("cas", 10)),
    )

    def build(node: int) -> Node:
        if node < SERVERS:
            return parts.server(raft, parts.sessions(parts.store()))
        if node < SERVERS + CLIENTS:
            return parts.client(raft.nodes, workload)
        return parts.operator(raft.nodes, drawn.schedule, RETRY_NS, APART_NS - RETRY_NS)

    return Scenario(
        name="raft-operated-hunt",
        nodes=NODES,
        build=build,
        duration_ns=END_NS,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=JOURNEY_NS), order="fifo"),
        observers=(
            partial(RaftProperties, raft.nodes, raft.servers),
            partial(RaftTestimony, raft.nodes, raft.servers),
            partial(History, range(SERVERS, SERVERS + CLIENTS)),
            partial(Operated, raft.nodes, raft.servers, owed(drawn)),
            partial(Troubles, raft),
            Enough,
            Terms,
        ),
        final=partial(server_at_end, RaftServer),
        parameters={
            # What the scenario's line would not show otherwise.
            "pre_vote": raft.pre_vote,
            "check_quorum": raft.check_quorum,
            "sticky": raft.sticky,
            "reads": raft.reads if drawn.queries else "log",
            "snapshot_every": raft.snapshot_every or 0,
        },
    )


def prey(scenario: Scenario) -> Prey:
    """The servers, until everything heals; the clocks that leases rest on are spared."""
    return Prey(
        servers=tuple(range(SERVERS)),
        rhythm_ns=ELECTION_TIMEOUT_NS * 3 // 2,
        until_ns=STRUCK_NS,
        spares=("clock",),
        withstands=("full-disk",),
        progress_within_ns=SETTLES_NS,
    )


RAFT_OPERATED_HUNT = Entry(
    name="raft-operated-hunt",
    summary="the same, healed after a while: changes, transfers, snapshots and queries are done in time",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, chapters 3 to 6",
    make=raft_operated_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=story,
)
