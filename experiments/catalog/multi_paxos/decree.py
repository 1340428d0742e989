"""Paxos for one decree: proposers that want different values, acceptors that crash, learners that find out.

Proposers are the first nodes, acceptors (`--nodes`) those after them, two learners the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simclock import Crash, Network, Restart, RunResult, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node
from simclock.experiments.catalog.multi_paxos.story import DECREE
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.nemesis import Prey
from simclock.protocols.paxos import Acceptor, Learner, PaxosProperties, PaxosSettings, Proposer

LEARNERS = 2
PROPOSERS_MAX = 26

PARAMETERS = Parameters(proposers=Whole(2, least=1, help="How many want a value of their own chosen."))


def paxos(settings: Settings) -> Scenario:
    """All propose at about the same time, over a network that loses and doubles; an acceptor crashes and restarts."""
    parameters = {**PARAMETERS, **settings.parameters}
    proposers = parameters["proposers"]
    if proposers > PROPOSERS_MAX:
        raise UsageError(f"proposers: {proposers} is too many: 1 to {PROPOSERS_MAX}, a letter each")
    acceptors = 3 if settings.nodes is None else settings.nodes
    if acceptors < 1:
        raise UsageError(f"nodes: {acceptors} is not a number of acceptors: 1 or more")
    known = proposers + acceptors
    agents = PaxosSettings(
        proposers=tuple(range(proposers)),
        acceptors=tuple(range(proposers, known)),
        learners=tuple(range(known, known + LEARNERS)),
    )
    values = tuple(chr(ord("a") + number) for number in range(proposers))

    def build(node: int) -> Node:
        if node < proposers:
            return Proposer(agents, values[node])
        return Acceptor(agents) if node < known else Learner(agents)

    return Scenario(
        name="paxos",
        nodes=known + LEARNERS,
        build=build,
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(30)), loss=0.1, duplication=0.1),
        faults=(Crash(at_ns=ms(40), node=proposers), Restart(at_ns=ms(120), node=proposers)),
        observers=(partial(PaxosProperties, agents, values),),
        final=_learned,
    )


def _learned(node: object) -> str | None:
    """What a learner knows to be chosen; None of others."""
    return node.value if isinstance(node, Learner) else None


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Proposals, and what was learned."""
    told = result.reports["PaxosProperties"]
    learned = sorted({value for value in result.final.values() if value is not None})
    return (
        ("proposals", f"{told['proposals']} made, accepted {told['votes']} times"),
        ("learned", f"{', '.join(learned) or 'nothing'}, by {told['learned']} of {LEARNERS} learners"),
    )


def _prey(scenario: Scenario) -> Prey:
    """A nemesis may strike the acceptors."""
    proposers = {**PARAMETERS, **scenario.parameters}["proposers"]
    return Prey(servers=tuple(range(proposers, scenario.nodes - LEARNERS)), rhythm_ns=ms(100))


PAXOS = Entry(
    name="paxos",
    summary="Paxos for one decree: proposers outbid each other, and one value is chosen",
    source="Lamport, Paxos Made Simple, 2001",
    make=paxos,
    judge=judge_invariants,
    describe=describe,
    parameters=PARAMETERS,
    prey=_prey,
    sometimes=lambda result: dict(result.reports["PaxosProperties"]),
    story=DECREE,
)
