"""Stateright's ping-pong and its kin: small actors whose exact number of states its tests assert.

`ping-pong-specification`: each of two nodes answers the number that it waits for with the next one, up to `most`. What
was sent stays (`--model set`); `--drops any` makes the network lossy, which drops any message for good: with `most` 5
there are 11 states, and 4,094 with loss.
"""

from __future__ import annotations

from simclock import Message, Network, Node, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import nothing_promised


class Ping(Message):
    """From node 0."""

    n: int


class Pong(Message):
    """From node 1."""

    n: int


class Player(Node):
    """Counts what it has answered."""

    messages = (Ping, Pong)

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0

    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Ping(0))

    def takes(self, source: int, message: Message) -> bool:
        """Stateright ignores a message that changes nothing, and lets no count pass the most."""
        assert isinstance(message, Ping | Pong)
        return message.n == self.count and self.count < self.most

    def on_message(self, source: int, message: Message) -> None:
        if not self.takes(source, message):
            return
        self.count += 1
        self.send(source, Pong(self.count - 1) if self.id == 1 else Ping(self.count))


def ping_pong(settings: Settings) -> Scenario:
    """Two nodes."""
    if settings.nodes not in (None, 2):
        raise UsageError(f"nodes: {settings.nodes} cannot count in turns: two do")
    most = settings.parameters.get("most", 5)
    return Scenario(
        name="ping-pong-specification",
        nodes=2,
        build=lambda node: Player(most),
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        parameters={"most": most},
    )


PING_PONG = Entry(
    name="ping-pong-specification",
    summary="two nodes count in turns: Stateright's smallest model",
    source="stateright/stateright, src/actor/model.rs",
    make=ping_pong,
    judge=nothing_promised,
    parameters=Parameters(most=Whole(5, least=0, help="Numbers that are answered.")),
    exploration=Exploration(model="set"),
)
