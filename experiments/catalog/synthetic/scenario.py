"""Synthetic loads: what a kernel costs when the protocol costs nothing.

Each is one plain node class, scaled by the number of nodes. `simclock bench` runs the very same handlers on a bare
loop and on SimPy, so nothing here may use more of a node than `id`, `nodes`, `random`, `send`, `broadcast` and
`set_timer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Message, Node
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import nothing_promised
from simclock.kernel.process import Process

DELAY_NS_MIN = ms(5)
DELAY_NS_MAX = ms(15)
DELAY_NS_MEAN = (DELAY_NS_MIN + DELAY_NS_MAX) // 2
TICK_NS_MIN = ms(5)
TICK_NS_SPAN = ms(10)
TICK_NS_MEAN = TICK_NS_MIN + TICK_NS_SPAN // 2
ROUND_NS = ms(100)
"""How often a broadcaster broadcasts."""


class Hop(Message):
    """A token on its way."""

    hops: int


class Phold(Node):
    """PHOLD (Fujimoto 1990): every node starts some tokens; on receipt it sends one to a node drawn at random."""

    def __init__(self, tokens: int = 1) -> None:
        self.tokens = tokens

    def on_start(self) -> None:
        for _ in range(self.tokens):
            self.send(self.id, Hop(0))

    def on_message(self, source: int, message: Hop) -> None:
        self.send(int(self.random.random() * self.nodes), Hop(message.hops + 1))


class PingPong(Node):
    """Neighbours in pairs, 0 with 1, 2 with 3, return one token to each other; of an odd number the last rests."""

    def on_start(self) -> None:
        if self.id % 2 == 0 and self.id + 1 < self.nodes:
            self.send(self.id + 1, Hop(0))

    def on_message(self, source: int, message: Hop) -> None:
        self.send(source, Hop(message.hops + 1))


class Ticker(Node):
    """Every node sets its timer anew, for a duration drawn at random, whenever it runs out; no messages at all."""

    def on_start(self) -> None:
        self.set_timer("tick", TICK_NS_MIN + int(self.random.random() * TICK_NS_SPAN))

    def on_timer(self, timer: str) -> None:
        self.set_timer("tick", TICK_NS_MIN + int(self.random.random() * TICK_NS_SPAN))


class Broadcaster(Node):
    """The first `broadcasters` nodes send to every other node once a round, each at its own time in the round."""

    def __init__(self, broadcasters: int) -> None:
        self.broadcasters = broadcasters
        self.rounds = 0

    def on_start(self) -> None:
        if self.id < self.broadcasters:
            self.set_timer("round", self.id * ROUND_NS // self.broadcasters)

    def on_timer(self, timer: str) -> None:
        self.set_timer("round", ROUND_NS)
        self.broadcast(Hop(self.rounds))
        self.rounds += 1

    def on_message(self, source: int, message: Hop) -> None:
        pass


def _whole_number(settings: Settings, name: str, default: int, low: int, high: int) -> int:
    value = settings.parameters.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise UsageError(f"{name}: {value!r} is out of range: a whole number, {low} to {high}")
    return value


def _scenario(
    name: str,
    nodes: int,
    build: Callable[[int], Process],
    parameters: Mapping[str, Any],
) -> Scenario:
    return Scenario(
        name=name,
        nodes=nodes,
        build=build,
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=DELAY_NS_MIN, high_ns=DELAY_NS_MAX)),
        parameters=parameters,
    )


def phold(settings: Settings) -> Scenario:
    """Tokens hop between nodes drawn at random."""
    tokens = _whole_number(settings, "tokens", 1, 1, 1 << 20)
    return _scenario("phold", settings.nodes or 1000, lambda node: Phold(tokens), {"tokens": tokens})


def ping_pong(settings: Settings) -> Scenario:
    """Pairs of neighbours return a token."""
    return _scenario("ping-pong", settings.nodes or 1000, lambda node: PingPong(), {})


def timers(settings: Settings) -> Scenario:
    """Timers run out and are set anew."""
    return _scenario("timers", settings.nodes or 1000, lambda node: Ticker(), {})


def broadcast(settings: Settings) -> Scenario:
    """All-to-all broadcast in rounds."""
    nodes = settings.nodes or 30
    broadcasters = _whole_number(settings, "broadcasters", 0, 0, nodes) or nodes
    return _scenario("broadcast", nodes, lambda node: Broadcaster(broadcasters), {"broadcasters": broadcasters})


PHOLD = Entry(
    name="phold",
    summary="tokens hop at random between nodes: the kernel's own cost",
    source="Fujimoto, Performance of Time Warp Under Synthetic Workloads, 1990",
    make=phold,
    judge=nothing_promised,
    parameters=Parameters(tokens=Whole(1, help="Tokens that each node has at first.")),
)
PING_PONG = Entry(
    name="ping-pong",
    summary="pairs of nodes return one token to each other: the same few nodes again and again",
    make=ping_pong,
    judge=nothing_promised,
)
TIMERS = Entry(
    name="timers",
    summary="every node sets its timer anew whenever it runs out: timers alone",
    make=timers,
    judge=nothing_promised,
)
BROADCAST = Entry(
    name="broadcast",
    summary="every node sends to every other, ten times a second (broadcasters: how many do; 0 is all)",
    make=broadcast,
    judge=nothing_promised,
    parameters=Parameters(broadcasters=Whole(0, help="Nodes that send; 0: all.")),
)
