"""Membership changes while the cluster falls apart, just as each begins: for finding bugs in how one becomes the next.

Three or four first members of five servers, two clients that write, and an operator that asks for changes without a
pause. As soon as a leader has a new configuration in its log the servers fall into two groups, before all have heard of
it, and long enough that the other group elects a leader too, if it may. The seed draws which. Clients and the operator
hear everybody. Nothing else is wrong, but for a server that crashes now and then.

With `--set splits=rivals` they part so that two leaders may each begin with a configuration of their own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from simclock import (
    Control,
    Crash,
    Cut,
    Mend,
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
from simclock.experiments.entries.parameters import Choice, Parameters
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
LEARNS_NS = ms(60)
"""A newcomer hears so much later that it learns: some heartbeats."""
RIVALS_NS = ms(800)
"""So long there are two leaders, and so long one."""
ASKED_NS = ms(80)
"""So long the operator waits for an answer."""

DRAWN, RIVALS = SPLITS = ("drawn", "rivals")

PARAMETERS = Parameters(
    bug=PUT_IN,
    splits=Choice(DRAWN, SPLITS, help="How the servers part: as is drawn, or so that two leaders may commit apart."),
)


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
    rivals = settings.parameters.get("splits", DRAWN) == RIVALS
    if rivals:
        raft = replace(raft, servers=tuple(range(SERVERS - 1)), spares=(SERVERS - 1,))
        schedule = _rivals_schedule(stream(settings.seed, "raft-change-hunt rivals schedule"), duration_ns)

    def build(node: int) -> Node:
        if node < SERVERS:
            return parts.server(raft, parts.sessions(parts.store()))
        if node < SERVERS + CLIENTS:
            return parts.client(raft.nodes, workload)
        return parts.operator(raft.nodes, schedule, ms(15), ASKED_NS)

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
            partial(Rivals, settings.seed) if rivals else partial(Splits, settings.seed),
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


def _rivals_schedule(luck: Stream, until_ns: int) -> tuple[Request, ...]:
    """Everybody is to come in, one at a time, then somebody is to go, and somebody else, and so on; and again."""
    made: list[Request] = []
    coming = [SERVERS - 1]
    at_ns = ms(200)
    while at_ns < until_ns:
        made += (Change(at_ns, (node,), ()) for node in coming)
        going = [luck.randrange(SERVERS) for _ in range(RIVALS_NS // ASKED_NS)]
        made += (Change(at_ns + turn * ASKED_NS, (), (node,)) for turn, node in enumerate(going, start=2))
        coming = shuffled(luck, range(SERVERS))
        at_ns += 2 * RIVALS_NS
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


class Rivals(Observer):
    """Parts the servers so that two configurations have majorities without a server in common (Ongaro 2015, "bug in
    single-server membership changes"): one leader lets a fifth server in, the next one lets somebody go.

    The first keeps the newcomer alone; the three others elect the second, which keeps one follower. When these two are
    most of its configuration, the other three come together: they are most of the first one's.
    """

    judges = False

    def __init__(self, seed: int) -> None:
        self._luck = stream(seed, "raft-change-hunt rivals")
        self._leads: set[int] = set()
        self._known = dict.fromkeys(range(SERVERS), tuple(range(SERVERS - 1)))
        """Server -> the voters of the latest configuration in its log."""
        self._first_side: tuple[int, ...] = ()
        self._second_side: tuple[int, ...] = ()
        self._until_ns = 0
        """When they come together again."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        if control.now_ns >= self._until_ns:
            self._first_side = self._second_side = ()
        match read(observation):
            case Leader():
                self._leads.add(node)
                self._elected(node, control)
            case Follower() | Started():
                self._leads.discard(node)
            case Configured(_, voters, _, learners):
                before, self._known[node] = self._known[node], voters
                if node in self._leads and not learners:
                    self._began(node, before, voters, control)
                elif node in self._leads and not self._first_side:
                    # The others are to know that they have agreed on this one, else none of them begins with another.
                    for learner in learners:
                        control.inject(Cut(at_ns=0, source=node, target=learner))
                        control.inject(Mend(at_ns=0, source=node, target=learner), LEARNS_NS)

    def _elected(self, leader: int, control: Control) -> None:
        if self._first_side and not self._second_side and leader not in self._first_side:
            others = [server for server in range(SERVERS) if server not in (*self._first_side, leader)]
            left_out = self._luck.choice(others)
            self._second_side = tuple(
                server for server in range(SERVERS) if server not in (*self._first_side, left_out)
            )
            control.inject(Partition(at_ns=0, groups=(self._first_side, (*self._second_side, OPERATOR), (left_out,))))

    def _began(self, leader: int, before: tuple[int, ...], voters: tuple[int, ...], control: Control) -> None:
        rest = tuple(server for server in range(SERVERS) if server not in self._second_side)
        newcomers = set(voters) - set(before)
        if not self._first_side and len(newcomers) == 1 and len(voters) == SERVERS:
            self._first_side = (leader, *newcomers)
            others = tuple(server for server in range(SERVERS) if server not in self._first_side)
            control.inject(Partition(at_ns=0, groups=(self._first_side, others)))
            apart_ns = self._luck.uniform_ns(RIVALS_NS // 2, RIVALS_NS)
            self._until_ns = control.now_ns + apart_ns
            control.inject(Partition(at_ns=0, groups=()), apart_ns)
        elif leader in self._second_side and len(set(self._second_side) & set(voters)) > len(voters) // 2:
            control.inject(Partition(at_ns=0, groups=(self._second_side, rest)))


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
