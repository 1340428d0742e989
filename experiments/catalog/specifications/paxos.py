"""Paxos as Lamport specifies it (Paxos.tla): acceptors, and one leader who begins any ballot and proposes what it may.

A step of a node is an action of the specification. Messages to acceptors are a set that only grows, and an acceptor
looks only at what its ballot lets through (`takes`). All can see what acceptors send, which comes to the leader at
once (`instant`): its timers `("1a", ballot)` and `("2a", ballot, value)` are then what the specification lets happen.
With three acceptors, two values and the ballots 0 and 1 there are 3,921 states, as TLC counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from simclock import Message, Network, Node, Observer, Scenario, Told, Uniform, ms, seconds
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.told import reader

NONE = -1
"""No ballot, no value."""


class Prepare(Message):
    """1a: a ballot begins."""

    ballot: int


class Promise(Message):
    """1b: no ballot below is taken part in; the last vote, if there was one."""

    ballot: int
    voted_ballot: int
    voted_value: int


class Accept(Message):
    """2a: vote for that."""

    ballot: int
    value: int


class Accepted(Message):
    """2b: a vote."""

    ballot: int
    value: int


class Voted(Told):
    """An acceptor has voted."""

    ballot: int
    value: int


class Acceptor(Node):
    """Promises and votes."""

    messages = (Prepare, Accept)

    def __init__(self, leader: int) -> None:
        self.leader = leader
        self.max_ballot = NONE
        self.voted = (NONE, NONE)

    def takes(self, source: int, message: Message) -> bool:
        """The guards of Phase1b and Phase2b."""
        if isinstance(message, Prepare):
            return message.ballot > self.max_ballot
        return isinstance(message, Accept) and message.ballot >= self.max_ballot

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Prepare(ballot) if self.takes(source, message):
                self.max_ballot = ballot
                self.send(self.leader, Promise(ballot, *self.voted))
            case Accept(ballot, value) if self.takes(source, message):
                self.max_ballot = ballot
                self.voted = ballot, value
                self.send(self.leader, Accepted(ballot, value))
                self.observe(Voted(ballot, value))


class Leader(Node):
    """Begins ballots; proposes, once in each, a value that a majority of promises lets it."""

    messages = (Promise, Accepted)

    def __init__(self, acceptors: int, values: int, ballots: int) -> None:
        self.acceptors = acceptors
        self.values = values
        self.ballots = ballots
        self.promises: frozenset[tuple[int, int, int, int]] = frozenset()
        """(ballot, acceptor, ballot of its last vote, value of it)."""
        self.votes: frozenset[tuple[int, int, int]] = frozenset()
        self.proposed: frozenset[int] = frozenset()
        """Ballots in which a value was proposed."""

    def on_start(self) -> None:
        for ballot in range(self.ballots):
            self.set_timer(("1a", ballot), self.random.uniform_ns(ms(1), ms(100)))

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Promise(ballot, voted_ballot, voted_value):
                self.promises |= {(ballot, source, voted_ballot, voted_value)}
                self._consider(ballot)
            case Accepted(ballot, value):
                self.votes |= {(ballot, source, value)}

    def _consider(self, ballot: int) -> None:
        """Phase2a's guard: some quorum's promises let a value be proposed."""
        if ballot in self.proposed:
            return
        for value in range(self.values):
            if any(self._lets(ballot, value, quorum) for quorum in quorums(self.acceptors)):
                self.set_timer(("2a", ballot, value), ms(1 + value))

    def _lets(self, ballot: int, value: int, quorum: Sequence[int]) -> bool:
        said = [each for each in self.promises if each[0] == ballot and each[1] in quorum]
        if {each[1] for each in said} != set(quorum):
            return False
        votes = [(voted_ballot, voted_value) for _, _, voted_ballot, voted_value in said if voted_ballot != NONE]
        if not votes:
            return True
        highest = max(voted_ballot for voted_ballot, _ in votes)
        return (highest, value) in votes

    def on_timer(self, timer: tuple[Any, ...]) -> None:
        if timer[0] == "1a":
            for acceptor in range(self.acceptors):
                self.send(acceptor, Prepare(timer[1]))
            self.set_timer(timer, ms(200))
            return
        _, ballot, value = timer
        self.proposed |= {ballot}
        for other in range(self.values):
            self.cancel_timer(("2a", ballot, other))
        for acceptor in range(self.acceptors):
            self.send(acceptor, Accept(ballot, value))

    def rename(self, new: Sequence[int]) -> None:
        """The acceptors have changed places."""
        self.promises = frozenset((ballot, new[node], voted, value) for ballot, node, voted, value in self.promises)
        self.votes = frozenset((ballot, new[node], value) for ballot, node, value in self.votes)


def quorums(acceptors: int) -> list[tuple[int, ...]]:
    """The smallest majorities."""
    return list(combinations(range(acceptors), acceptors // 2 + 1))


class Agreement(Observer[tuple[int, ...]]):
    """No two values are chosen: voted for by a majority in one ballot."""

    def __init__(self, acceptors: int) -> None:
        self.acceptors = acceptors
        self.votes: frozenset[tuple[int, int, int]] = frozenset()
        self._read = reader(Voted)

    def on_observation(self, observation: Any, control: Any) -> None:
        told = self._read(observation)
        if isinstance(told, Voted):
            self.votes |= {(told.ballot, told.value, observation.node)}
            if len(self.chosen()) > 1:
                control.violated("Agreement", observation.node, f"chosen: {self.chosen()}")

    def chosen(self) -> tuple[int, ...]:
        """The values that a majority has voted for in one ballot."""
        counts: dict[tuple[int, int], int] = {}
        for ballot, value, _ in self.votes:
            counts[ballot, value] = counts.get((ballot, value), 0) + 1
        return tuple(sorted({value for (_, value), count in counts.items() if count > self.acceptors // 2}))

    def rename(self, new: Sequence[int]) -> None:
        """The acceptors have changed places."""
        self.votes = frozenset((ballot, value, new[node]) for ballot, value, node in self.votes)

    def report(self) -> tuple[int, ...]:
        """What was chosen."""
        return self.chosen()


@dataclass(frozen=True)
class Parts:
    """What the scenario is made of."""

    Acceptor: type[Acceptor] = Acceptor
    Leader: type[Leader] = Leader


def paxos(settings: Settings, parts: Parts) -> Scenario:
    """The acceptors are the nodes from 0 on, and the leader comes after them."""
    asked = {"acceptors": 3, "values": 2, "ballots": 2, **settings.parameters}
    acceptors = asked["acceptors"]

    def build(node: int) -> Node:
        if node < acceptors:
            return parts.Acceptor(acceptors)
        return parts.Leader(acceptors, asked["values"], asked["ballots"])

    return Scenario(
        name="paxos-specification",
        nodes=acceptors + 1,
        build=build,
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        observers=(lambda: Agreement(acceptors),),
        parameters=asked,
        servers=tuple(range(acceptors + 1)),
    )


PAXOS = Entry(
    name="paxos-specification",
    summary="acceptors and a leader of all ballots, with the steps of the TLA+ specification",
    source="Lamport, Paxos.tla; The Part-Time Parliament, 1998",
    make=paxos,
    parts=Parts(),
    judge=judge_invariants,
    parameters=Parameters(
        acceptors=Whole(3, least=1, help="Acceptors."),
        values=Whole(2, least=1, help="Values that may be proposed."),
        ballots=Whole(2, least=1, help="Ballots, from 0 on."),
    ),
    exploration=Exploration(
        model="set",
        symmetric=lambda scenario: (tuple(range(scenario.parameters["acceptors"])),),
        instant=lambda scenario: (scenario.parameters["acceptors"],),
    ),
)
