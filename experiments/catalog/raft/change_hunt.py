"""Membership changes while the cluster falls apart, just as each begins: for finding bugs in how one becomes the next.

Three or four first members of five servers, two clients that write, and an operator that asks for changes without a
pause. As soon as a leader has a new configuration in its log the servers fall into two groups, before all have heard of
it, and long enough that the other group elects a leader too, if it may. The seed draws which. Clients and the operator
hear everybody. Nothing else is wrong, but for a server that crashes now and then.
"""

from __future__ import annotations

from functools import partial

from simclock import (
    Control,
    Crash,
    Network,
    Observation,
    Observer,
    Partition,
    Restart,
    Scenario,
    Stream,
    Uniform,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.experiments.catalog.raft import hunt
from simclock.experiments.catalog.raft.scenario import describe, judge
from simclock.experiments.catalog.raft.story import Terms, story
from simclock.experiments.catalog.raft.whole_hunt import Parts, prey_of, sometimes
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.enough import Enough
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.replicated_store import server_at_end
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis.episodes import shuffled
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, RaftTestimony
from simclock.protocols.raft.observed import Configured, Follower, Leader, Started, read
from simclock.protocols.raft.operator import Change, Request

SERVERS = 5
CLIENTS = 2
OPERATOR = SERVERS + CLIENTS
DURATION_NS = seconds(4)
MOVES: tuple[tuple[int, int], ...] = ((1, 0), (0, 1), (1, 1), (2, 2))
"""How many servers come and go with one change."""

PARAMETERS = Parameters(bug=PUT_IN)


def change_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    luck = stream(settings.seed, "raft-change-hunt")
    duration_ns = settings.duration_ns or DURATION_NS
    first = luck.choice((3, 4, 4))
    moves = luck.choice((MOVES[:2], MOVES[:2], MOVES[2:]))
    raft = RaftSettings(
        servers=tuple(range(first)),
        spares=tuple(range(first, SERVERS)),
        election_timeout_ns_min=hunt.ELECTION_TIMEOUT_NS,
        election_timeout_ns_max=2 * hunt.ELECTION_TIMEOUT_NS,
        heartbeat_ns=ms(25),
        no_op=luck.choice((True, False, False, False, False, False)),
        pre_vote=luck.choice((True, False)),
        sticky=settings.liveness_ns is not None,  # who has left may stand again and again (dissertation 4.2.3)
        snapshot_every=luck.choice((None, None, 1)),
    )
    workload = Workload(
        keys=2, processes=1, pause_ns=luck.choice((ms(20), ms(500), ms(500))), retry_ns=ms(60), give_up_ns=ms(400)
    )
    schedule = _schedule(luck, moves, duration_ns)

    def build(node: int) -> Node:
        if node < SERVERS:
            return parts.server(raft, parts.sessions(parts.store()))
        if node < SERVERS + CLIENTS:
            return parts.client(raft.nodes, workload)
        return parts.operator(raft.nodes, schedule, ms(15), ms(80))

    return Scenario(
        name="raft-change-hunt",
        nodes=OPERATOR + 1,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=luck.choice((ms(3), ms(10))))),
        observers=(
            partial(RaftProperties, raft.nodes, raft.servers),
            partial(RaftTestimony, raft.nodes, raft.servers),
            partial(History, range(SERVERS, SERVERS + CLIENTS)),
            Enough,
            partial(Splits, settings.seed),
            Terms,
        ),
        final=partial(server_at_end, RaftServer),
    )


def _schedule(luck: Stream, moves: tuple[tuple[int, int], ...], until_ns: int) -> tuple[Request, ...]:
    made: list[Request] = []
    at_ns = ms(200)
    while at_ns < until_ns:
        add, remove = luck.choice(moves)
        nodes = shuffled(luck, range(SERVERS))
        made.append(Change(at_ns, tuple(sorted(nodes[:add])), tuple(sorted(nodes[add : add + remove]))))
        at_ns += luck.uniform_ns(ms(10), ms(120))
    return tuple(made)


class Splits(Observer):
    """Parts the servers when a leader has begun with another configuration, and for how long is the seed's."""

    judges = False

    def __init__(self, seed: int) -> None:
        self._luck = stream(seed, "raft-change-hunt splits")
        self._leads: set[int] = set()

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Leader():
                self._leads.add(node)
            case Follower() | Started():
                self._leads.discard(node)
            case Configured(_, _, _, learners) if node in self._leads:
                # Who is to learn first decides nothing yet.
                if not learners and self._luck.choice((True, True, True, False)):
                    self._split(node, control)

    def _split(self, leader: int, control: Control) -> None:
        others = shuffled(self._luck, (server for server in range(SERVERS) if server != leader))
        count = self._luck.choice((0, 0, 1, 1, 2, 2))
        groups = ((leader, *others[:count]), tuple(others[count:]))
        control.inject(Partition(at_ns=0, groups=groups))
        if self._luck.choice((True, False, False)):
            crashing = self._luck.choice(others)
            control.inject(Crash(at_ns=0, node=crashing))
            control.inject(Restart(at_ns=0, node=crashing), ms(5))
        control.inject(Partition(at_ns=0, groups=()), self._luck.uniform_ns(ms(250), ms(600)))


RAFT_CHANGE_HUNT = Entry(
    name="raft-change-hunt",
    summary="membership changes on Raft while the cluster falls apart again and again: for finding bugs",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, chapter 4",
    make=change_hunt,
    parts=Parts(),
    judge=partial(judge, step_limit=hunt.STEPS_MAX),
    describe=describe,
    parameters=PARAMETERS,
    prey=partial(prey_of, tuple(range(SERVERS))),
    sometimes=sometimes,
    story=story,
)
