"""Paxos Commit as Gray and Lamport specify it (Consensus on Transaction Commit, 2006; PaxosCommit.tla).

One instance of Paxos for each resource manager decides whether it has prepared. A manager's own vote is the 2a message
of ballot 0; leaders, of whom the specification says nothing but what they may do, begin the other ballots and tell what
was decided. Here each instance has a leader of its own, and what all of them come to is told by one more node. Messages
are a set that only grows (`--model set`). What acceptors and leaders send to leaders comes at once (`instant`), since
all can see it.

With two managers, three acceptors and the ballots 0 and 1 there are 1,321,761 states, as TLC counts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simclock import Message, Network, Node, Scenario, Uniform, ms, seconds
from simclock.experiments.catalog.specifications import two_phase_commit
from simclock.experiments.catalog.specifications.actions import Acting
from simclock.experiments.catalog.specifications.paxos import NONE, quorums
from simclock.experiments.catalog.specifications.two_phase_commit import Abort, Commit, Consistency
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants

PREPARED = "prepared"
ABORTED = "aborted"
NO_VALUE = "none"


class Phase1a(Message):
    """A ballot of an instance begins; an instance is called by the number of its resource manager."""

    instance: int
    ballot: int


class Phase1b(Message):
    """No ballot below is taken part in; the last vote, if there was one."""

    instance: int
    ballot: int
    voted_ballot: int
    voted_value: str


class Phase2a(Message):
    """Vote for that."""

    instance: int
    ballot: int
    value: str


class Phase2b(Message):
    """A vote."""

    instance: int
    ballot: int
    value: str


class Decided(Message):
    """An instance of Paxos has chosen that."""

    instance: int
    value: str


class ResourceManager(two_phase_commit.ResourceManager):
    """Votes in ballot 0 of its own instance; it hears of the decision as in two-phase commit."""

    def __init__(self, acceptors: Sequence[int]) -> None:
        super().__init__(NONE)
        self.acceptors = tuple(acceptors)

    def says(self, state: str) -> None:
        for acceptor in self.acceptors:
            self.send(acceptor, Phase2a(self.id, 0, state))


class Acceptor(Node):
    """Promises and votes, in each instance for itself."""

    messages = (Phase1a, Phase2a)

    def __init__(self, managers: int, leaders: int) -> None:
        self.leaders = leaders
        """The leader of the first instance; the others come after it."""
        self.max_ballot = (0,) * managers
        self.voted = ((NONE, NO_VALUE),) * managers
        """Of each instance, (ballot, value) of the last vote."""

    def takes(self, source: int, message: Message) -> bool:
        """The guards of Phase1b and Phase2b."""
        match message:
            case Phase1a(instance, ballot):
                return ballot > self.max_ballot[instance]
            case Phase2a(instance, ballot, _):
                return ballot >= self.max_ballot[instance]
        return False

    def on_message(self, source: int, message: Message) -> None:
        if not self.takes(source, message):
            return
        match message:
            case Phase1a(instance, ballot):
                self.send(self.leaders + instance, Phase1b(instance, ballot, *self.voted[instance]))
                self.max_ballot = _put(self.max_ballot, instance, ballot)
            case Phase2a(instance, ballot, value):
                self.send(self.leaders + instance, Phase2b(instance, ballot, value))
                self.max_ballot = _put(self.max_ballot, instance, ballot)
                self.voted = _put(self.voted, instance, (ballot, value))


class Leader(Acting):
    """Begins the ballots of one instance; proposes, once in each, what a majority of promises says."""

    messages = (Phase1b, Phase2b)

    def __init__(self, instance: int, acceptors: Sequence[int], ballots: int, decider: int) -> None:
        self.instance = instance
        self.acceptors = tuple(acceptors)
        self.ballots = ballots
        self.decider = decider
        self.promises: frozenset[tuple[int, int, int, str]] = frozenset()
        """(ballot, acceptor, ballot of its last vote, value of it)."""
        self.votes: frozenset[tuple[int, str, int]] = frozenset()
        """(ballot, value, acceptor)."""
        self.proposed: frozenset[int] = frozenset()
        """Ballots in which a value was proposed."""

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Phase1b(_, ballot, voted_ballot, voted_value):
                self.promises |= {(ballot, source, voted_ballot, voted_value)}
            case Phase2b(_, ballot, value):
                self.votes |= {(ballot, value, source)}
                if any(all((ballot, value, each) in self.votes for each in some) for some in self._majorities()):
                    self.send(self.decider, Decided(self.instance, value))
        self.offer()

    def enabled(self) -> Iterable[Hashable]:
        for ballot in range(1, self.ballots):
            yield "1a", ballot
            if ballot not in self.proposed:
                for value in sorted(self._may_propose(ballot)):
                    yield "2a", ballot, value

    def _may_propose(self, ballot: int) -> set[str]:
        """What some majority's promises say: the value of the highest ballot in which one has voted, or to abort."""
        promises = {each[1]: each[2:] for each in self.promises if each[0] == ballot}
        told = [some for some in self._majorities() if promises.keys() >= set(some)]
        highest = [max(promises[acceptor] for acceptor in some) for some in told]
        return {ABORTED if voted_ballot == NONE else value for voted_ballot, value in highest}

    def _majorities(self) -> list[tuple[int, ...]]:
        return [tuple(self.acceptors[each] for each in some) for some in quorums(len(self.acceptors))]

    def act(self, action: Any) -> None:
        match action:
            case "1a", ballot:
                self._tell(Phase1a(self.instance, ballot))
            case "2a", ballot, value:
                self.proposed |= {ballot}
                self._tell(Phase2a(self.instance, ballot, value))

    def _tell(self, message: Message) -> None:
        for acceptor in self.acceptors:
            self.send(acceptor, message)

    def rename(self, new: Sequence[int]) -> None:
        """The acceptors have changed places."""
        self.promises = frozenset((ballot, new[node], voted, value) for ballot, node, voted, value in self.promises)
        self.votes = frozenset((ballot, value, new[node]) for ballot, value, node in self.votes)


class Decider(Acting):
    """Tells the managers to commit once every instance has chosen that, or to abort once one has."""

    messages = (Decided,)

    def __init__(self, managers: int) -> None:
        self.managers = managers
        self.decided: frozenset[tuple[int, str]] = frozenset()
        """(instance, value)."""

    def on_message(self, source: int, message: Message) -> None:
        assert isinstance(message, Decided)
        self.decided |= {(message.instance, message.value)}
        self.offer()

    def enabled(self) -> Iterable[Hashable]:
        if all((instance, PREPARED) in self.decided for instance in range(self.managers)):
            yield "commit"
        if any(value == ABORTED for _, value in self.decided):
            yield "abort"

    def act(self, action: Hashable) -> None:
        for manager in range(self.managers):
            self.send(manager, Commit() if action == "commit" else Abort())


def _put(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*values[:place], value, *values[place + 1 :])


@dataclass(frozen=True)
class Parts:
    """What the scenario is made of."""

    ResourceManager: type[ResourceManager] = ResourceManager
    Acceptor: type[Acceptor] = Acceptor
    Leader: type[Leader] = Leader
    Decider: type[Decider] = Decider


def _acceptors(asked: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(range(asked["managers"], asked["managers"] + asked["acceptors"]))


def paxos_commit(settings: Settings, parts: Parts) -> Scenario:
    """The resource managers are the nodes from 0 on; then acceptors, a leader of each instance, and the decider."""
    asked = {"managers": 2, "acceptors": 3, "ballots": 2, **settings.parameters}
    managers, acceptors = asked["managers"], asked["acceptors"]
    leaders = managers + acceptors
    decider = leaders + managers

    def build(node: int) -> Node:
        if node < managers:
            return parts.ResourceManager(range(managers, leaders))
        if node < leaders:
            return parts.Acceptor(managers, leaders)
        if node < decider:
            return parts.Leader(node - leaders, range(managers, leaders), asked["ballots"], decider)
        return parts.Decider(managers)

    return Scenario(
        name="paxos-commit",
        nodes=decider + 1,
        build=build,
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        observers=(Consistency,),
        parameters=asked,
        servers=tuple(range(decider + 1)),
    )


PAXOS_COMMIT = Entry(
    name="paxos-commit",
    summary="resource managers, acceptors and a leader, with the steps of the TLA+ specification",
    source="Gray and Lamport, Consensus on Transaction Commit, 2006",
    make=paxos_commit,
    parts=Parts(),
    judge=judge_invariants,
    parameters=Parameters(
        managers=Whole(2, least=1, help="Resource managers."),
        acceptors=Whole(3, least=1, help="Acceptors."),
        ballots=Whole(2, least=1, help="Ballots, from 0 on."),
    ),
    exploration=Exploration(
        model="set",
        symmetric=lambda scenario: (_acceptors(scenario.parameters),),
        instant=lambda scenario: tuple(range(_acceptors(scenario.parameters)[-1] + 1, scenario.nodes)),
    ),
)
