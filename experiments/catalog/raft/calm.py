"""A small Raft cluster that is struck, heals, settles, is asked for much, and is then left alone.

What a safe protocol may still do badly shows where nothing is wrong: who stands for election against a leader that is
well, or commits with a heartbeat what it could have committed at once. The run has four parts: a swarm of faults; then
everything heals, and there is time for an election; then clients ask, and commits and answers are due within a few
journeys; then clients are silent, and nothing may happen but heartbeats.

Heartbeats lie far apart next to a journey, so that who waits for one is late. Wall clocks jump too, by more than the
time in which progress is due: no part of Raft reads one.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from simclock import Network, Scenario, Uniform, format_duration, ms, stream
from simclock.actors import Node
from simclock.experiments.catalog.raft.hunt import CLIENTS, PARAMETERS, STEPS_MAX, Parts, sometimes
from simclock.experiments.catalog.raft.scenario import describe, judge
from simclock.experiments.catalog.raft.story import Terms, story
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.progress import RaftProgress
from simclock.experiments.checkers.steadiness import Calmness, RaftSteadiness
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, RaftTestimony

ELECTION_TIMEOUT_NS = ms(80)
HEARTBEAT_NS = ms(50)
LATENCY_NS_MAX = ms(4)
STRUCK_NS = ms(1200)
"""So long there is trouble."""
SETTLES_NS = 8 * 2 * ELECTION_TIMEOUT_NS
"""As long as eight elections: a split vote costs one, and is seldom repeated."""
ASKED_NS = ms(600)
SILENT_NS = ms(700)
"""Some election timeouts."""
PROCESSES = 2
"""Of each client."""
RETRY_NS = ms(60)


class _Drawn(NamedTuple):
    """What the seed decides."""

    replicas: int
    duplication: float
    entries_per_message_max: int
    batch_ns: int
    no_op: bool
    pause_ns: int


def _draw(seed: int) -> _Drawn:
    luck = stream(seed, "raft-calm-hunt")
    return _Drawn(
        replicas=luck.choice((1, 3, 3, 3, 5)),
        duplication=luck.choice((0.0, 0.1)),
        entries_per_message_max=luck.choice((3, 64)),
        batch_ns=luck.choice((0, ms(10))),
        no_op=luck.choice((True, False)),
        pause_ns=luck.choice((ms(10), ms(30), ms(60))),
    )


def calmness(drawn: _Drawn) -> Calmness:
    """What is owed: two journeys for a commit, two more where an answer is awaited first; links keep the order, so that
    no entry has to be sent again."""
    settled_ns = STRUCK_NS + SETTLES_NS
    commit_ns = 4 * LATENCY_NS_MAX + ms(1)
    return Calmness(
        settled_ns=settled_ns,
        silent_ns=settled_ns + ASKED_NS,
        commit_within_ns=commit_ns,
        follow_within_ns=HEARTBEAT_NS + LATENCY_NS_MAX + ms(1),
        answer_within_ns=drawn.batch_ns + commit_ns + 2 * LATENCY_NS_MAX,
    )


def raft_calm_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    drawn = _draw(settings.seed)
    replicas = drawn.replicas if settings.nodes is None else settings.nodes
    raft = RaftSettings(
        servers=tuple(range(replicas)),
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=2 * ELECTION_TIMEOUT_NS,
        heartbeat_ns=HEARTBEAT_NS,
        entries_per_message_max=drawn.entries_per_message_max,
        batch_ns=drawn.batch_ns,
        no_op=drawn.no_op,
    )
    calm = calmness(drawn)
    workload = Workload(
        keys=2,
        processes=PROCESSES,
        pause_ns=drawn.pause_ns,
        retry_ns=RETRY_NS,
        give_up_ns=ms(400),
        until_ns=calm.silent_ns,
    )

    def build(node: int) -> Node:
        if node < replicas:
            return parts.server(raft, parts.sessions(parts.store()))
        return parts.client(raft.servers, workload)

    return Scenario(
        name="raft-calm-hunt",
        nodes=replicas + CLIENTS,
        build=build,
        duration_ns=calm.silent_ns + SILENT_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=LATENCY_NS_MAX), duplication=drawn.duplication, order="fifo"
        ),
        observers=(
            partial(RaftProperties, raft.servers),
            partial(RaftTestimony, raft.servers),
            partial(History, range(replicas, replicas + CLIENTS)),
            partial(RaftProgress, raft.servers, SETTLES_NS, STRUCK_NS),
            partial(RaftSteadiness, raft.servers, calm),
            Enough,
            Terms,
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
    """The replicas, until everything heals. Nobody mends a record that cannot be read, so none rots."""
    return Prey(
        servers=tuple(range(scenario.nodes - CLIENTS)),
        rhythm_ns=ELECTION_TIMEOUT_NS * 3 // 2,
        until_ns=STRUCK_NS,
        withstands=("full-disk", "jump-wall"),
        progress_within_ns=SETTLES_NS,
    )


RAFT_CALM_HUNT = Entry(
    name="raft-calm-hunt",
    summary="the same, healed after a while: the leader stays, commits and answers come at once, idle is quiet",
    source="Ongaro & Ousterhout 2014, 5.2 and 5.6",
    make=raft_calm_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=story,
)
