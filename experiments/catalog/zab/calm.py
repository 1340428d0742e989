"""A small ZAB ensemble that is struck, heals, settles, is asked for much, and is then left alone.

What a safe protocol may still do badly shows where nothing is wrong: who looks for another leader though its own is
well, or commits with a ping what it could have committed at once. The run has four parts: a swarm of faults; then
everything heals, and there is time for elections; then clients ask, and commits and answers are due within a few
journeys; then clients are silent, and nothing may happen but pings, which lie far apart next to a journey.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from simclock import Network, Scenario, Uniform, ms, stream
from simclock.actors import Node
from simclock.experiments.catalog.zab.hunt import CLIENTS, PARAMETERS, STEPS_MAX, Parts, sometimes
from simclock.experiments.catalog.zab.scenario import describe, judge
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.checkers.steadiness import Calmness, LeaderSteadiness
from simclock.experiments.consensus.story import STORY
from simclock.experiments.consensus.zab import ZabProgress
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Workload
from simclock.protocols.zab import ZabProperties, ZabServer
from simclock.protocols.zab.observed import Chooses, Elected, Follower, Leader, Logged, Looking, Started

ELECTION_TIMEOUT_NS = ms(80)
HEARTBEAT_NS = ms(50)
LATENCY_NS_MAX = ms(4)
STRUCK_NS = ms(1200)
"""So long there is trouble."""
SETTLES_NS = 8 * 2 * ELECTION_TIMEOUT_NS
"""As long as eight leaders may take to be given up."""
ASKED_NS = ms(600)
SILENT_NS = ms(700)
"""Some election timeouts."""


class ZabSteadiness(LeaderSteadiness):
    """Judges an ensemble of ZAB."""

    leads = Leader
    changes = (Looking, Elected, Chooses, Leader, Follower)
    stores = Logged
    starts = Started

    def stored_index(self, told: Logged) -> int:
        return told.index

    def change_text(self, told: Looking | Elected | Chooses | Leader | Follower) -> str:
        return f"tells {told.observed_as}"


class _Drawn(NamedTuple):
    """What the seed decides."""

    servers: int
    duplication: float
    transactions_per_message_max: int
    pause_ns: int


def _draw(seed: int) -> _Drawn:
    luck = stream(seed, "zab-calm-hunt")
    return _Drawn(
        servers=luck.choice((1, 3, 3, 3, 5)),
        duplication=luck.choice((0.0, 0.1)),
        transactions_per_message_max=luck.choice((3, 64)),
        pause_ns=luck.choice((ms(10), ms(30), ms(60))),
    )


def calmness() -> Calmness:
    """What is owed: two journeys for a commit, one more for followers, two more for an answer; links keep the order, so
    that no transaction has to be sent again."""
    settled_ns = STRUCK_NS + SETTLES_NS
    commit_ns = 2 * LATENCY_NS_MAX + ms(1)
    return Calmness(
        settled_ns=settled_ns,
        silent_ns=settled_ns + ASKED_NS,
        commit_within_ns=commit_ns,
        follow_within_ns=LATENCY_NS_MAX + ms(1),
        answer_within_ns=commit_ns + 2 * LATENCY_NS_MAX,
    )


def zab_calm_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The ensemble that the seed draws, made of these parts."""
    drawn = _draw(settings.seed)
    servers = drawn.servers if settings.nodes is None else settings.nodes
    zab = parts.settings(
        servers=tuple(range(servers)),
        election_timeout_ns_min=ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=2 * ELECTION_TIMEOUT_NS,
        heartbeat_ns=HEARTBEAT_NS,
        finalize_ns=2 * LATENCY_NS_MAX,
        transactions_per_message_max=drawn.transactions_per_message_max,
    )
    calm = calmness()
    workload = Workload(
        keys=2, processes=2, pause_ns=drawn.pause_ns, retry_ns=ms(60), give_up_ns=ms(400), until_ns=calm.silent_ns
    )

    def build(node: int) -> Node:
        if node < servers:
            return parts.server(zab, parts.sessions(parts.store()))
        return parts.client(zab.servers, workload)

    return Scenario(
        name="zab-calm-hunt",
        nodes=servers + CLIENTS,
        build=build,
        duration_ns=calm.silent_ns + SILENT_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=LATENCY_NS_MAX), duplication=drawn.duplication, order="fifo"
        ),
        observers=(
            partial(ZabProperties, zab.servers),
            partial(History, range(servers, servers + CLIENTS)),
            partial(ZabProgress, zab.servers, SETTLES_NS, STRUCK_NS),
            partial(ZabSteadiness, zab.servers, calm),
            Enough,
        ),
        final=partial(server_at_end, ZabServer),
        parameters={
            # What the scenario's line would not show otherwise.
            "transactions_per_message_max": drawn.transactions_per_message_max,
        },
    )


def prey(scenario: Scenario) -> Prey:
    """The servers, until everything heals. Nobody mends a record that cannot be read, so none rots."""
    return Prey(
        servers=tuple(range(scenario.nodes - CLIENTS)),
        rhythm_ns=ELECTION_TIMEOUT_NS * 3 // 2,
        until_ns=STRUCK_NS,
        withstands=("full-disk", "jump-wall"),
        progress_within_ns=SETTLES_NS,
    )


ZAB_CALM_HUNT = Entry(
    name="zab-calm-hunt",
    summary="the same, healed after a while: the leader stays, commits and answers come at once, idle is quiet",
    source="Junqueira, Reed & Serafini, Zab, DSN 2011, IV",
    make=zab_calm_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
