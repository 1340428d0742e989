"""Safra's detection of termination on a ring (EWD 998), with the steps of EWD998PCal.tla.

A node counts what it has sent less what it has received. A token goes round and adds the counts of passive nodes up; a
node that has received since it passed the token on is black, and blackens the token. Node 0 knows that all is over when
a white token brings the sum 0 to it while it is white and passive.

Messages have no contents and no sender, so what is on its way to a node is a number: it comes to the node at once
(`instant`), and is received by a step of its own. With three nodes and counts below 3 there are 321,370 states, as TLC
counts; whether the nodes are active at first changes nothing, since each may become passive.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from simclock import Message, Network, Observer, Scenario, Told, Uniform, ms, seconds
from simclock.experiments.catalog.specifications.actions import Acting
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.told import reader

NODES = 3


class Payload(Message):
    """Work: it wakes a passive node."""


class Token(Message):
    """The probe of a round."""

    sum: int
    black: bool


class Sent(Told):
    """A payload has left."""


class Received(Told):
    """A payload was taken in; the node is active."""


class Passive(Told):
    """The node has nothing more to do until it receives."""


class Detected(Told):
    """Node 0 says that all is over."""


class Member(Acting):
    """A node of the ring, active at first."""

    messages = (Payload, Token)

    def __init__(self, counts: int) -> None:
        self.counts = counts
        self.active = True
        self.black = True
        self.count = 0
        """Payloads sent less payloads received."""
        self.pending = 0
        """Payloads on their way to it."""
        self.token: tuple[int, bool] | None = None
        """(sum, black), where the token is here."""

    def on_start(self) -> None:
        if self.id == 0:
            self.token = 0, True
        super().on_start()

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Payload():
                self.pending += 1
            case Token(sum_, black):
                self.token = sum_, black
                self._detect()
        self.offer()

    def enabled(self) -> Iterable[Hashable]:
        if self.active:
            yield ("rest",)
            if self.count + 1 < self.counts:  # StateConstraint
                yield from (("send", node) for node in range(self.nodes) if node != self.id)
        if self.pending:
            yield ("receive",)
        if self.token is not None and (not self.ends() if self.id == 0 else not self.active):
            yield ("pass",)

    def ends(self) -> bool:
        """Node 0: whether the token that it holds says that nothing is on its way and nobody was woken."""
        assert self.token is not None
        sum_, black = self.token
        return not self.black and not black and sum_ + self.count == 0

    def _detect(self) -> None:
        if self.id == 0 and self.token is not None and self.ends() and not self.active:
            self.observe(Detected())

    def act(self, action: Any) -> None:
        match action:
            case ("send", node):
                self.count += 1
                self.observe(Sent())
                self.send(node, Payload())
            case ("receive",):
                self.pending -= 1
                self.count -= 1
                self.active = self.black = True
                self.observe(Received())
            case ("rest",):
                self.active = False
                self.observe(Passive())
                self._detect()
            case ("pass",):
                self._pass()

    def _pass(self) -> None:
        assert self.token is not None
        sum_, black = (0, False) if self.id == 0 else (self.token[0] + self.count, self.token[1] or self.black)
        self.token = None
        self.black = False
        self.send((self.id - 1) % self.nodes, Token(sum_, black))


class Termination(Observer[bool]):
    """TerminationDetection: what node 0 says is so. No node is active, and nothing is on its way."""

    def __init__(self, nodes: int) -> None:
        self.active = frozenset(range(nodes))
        self.under_way = 0
        self._read = reader(Sent, Received, Passive, Detected)

    def on_observation(self, observation: Any, control: Any) -> None:
        match self._read(observation):
            case Sent():
                self.under_way += 1
            case Received():
                self.under_way -= 1
                self.active |= {observation.node}
            case Passive():
                self.active -= {observation.node}
            case Detected() if self.active or self.under_way:
                detail = f"active: {sorted(self.active)}, on their way: {self.under_way}"
                control.violated("Termination Detection", observation.node, detail)

    def report(self) -> bool:
        """Whether all is over."""
        return not self.active and not self.under_way


def safra(settings: Settings) -> Scenario:
    """Three nodes, or as many as asked for."""
    counts = settings.parameters.get("counts", 3)
    nodes = NODES if settings.nodes is None else settings.nodes
    return Scenario(
        name="safra-termination",
        nodes=nodes,
        build=lambda node: Member(counts),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        observers=(lambda: Termination(nodes),),
        parameters={"counts": counts},
    )


SAFRA = Entry(
    name="safra-termination",
    summary="a token on a ring finds out that nobody works and nothing is on its way",
    source="Dijkstra, Shmuel Safra's version of termination detection, EWD 998, 1987; EWD998PCal.tla",
    make=safra,
    judge=judge_invariants,
    parameters=Parameters(counts=Whole(3, least=1, help="A node's payloads sent less those received stay below that.")),
    exploration=Exploration(instant=lambda scenario: tuple(range(scenario.nodes))),
)
