"""The classic mistake: a vector clock whose owner walks through a set of strings.

Every node keeps the names of its friends in a set and writes to them one by one; each letter carries the writer's
vector clock, which ticks with every letter. The order of a set of strings depends on PYTHONHASHSEED, so the second
letter of one process is the first of another, and the clocks that travel differ. No single run shows it:

    simclock check-determinism experiments/examples/set_order.py:set_order

`sorted_order` is the same with the one word that mends it.
"""

from __future__ import annotations

from simclock import Constant, Network, Scenario, ms
from simclock.actors import Message, Node
from simclock.clocks.vector import VectorClock

NAMES = ("ada", "barbara", "edsger", "grace", "leslie", "nancy")


class Letter(Message):
    clock: VectorClock


class Writer(Node):
    """Writes to all friends every 10 ms, and merges what it reads."""

    def __init__(self) -> None:
        self.clock_seen = VectorClock()

    def on_start(self) -> None:
        self.friends = {name for name in NAMES if name != NAMES[self.id]}
        self.set_timer("write", ms(10))

    def on_timer(self, timer: str) -> None:
        for friend in self.in_order():
            self.clock_seen = self.clock_seen.tick(self.id)
            self.send(NAMES.index(friend), Letter(self.clock_seen))
        self.set_timer("write", ms(10))

    def on_message(self, source: int, message: Letter) -> None:
        self.clock_seen = self.clock_seen.receive(message.clock, self.id)

    def in_order(self) -> list[str]:
        """The mistake."""
        return list(self.friends)


class CarefulWriter(Writer):
    """The mend."""

    def in_order(self) -> list[str]:
        return sorted(self.friends)


def set_order(seed: int) -> Scenario:
    """A vector clock whose owner iterates a set of strings: not deterministic, on purpose."""
    return _scenario("set-order", Writer, seed)


def sorted_order(seed: int) -> Scenario:
    """The same with the set sorted: deterministic."""
    return _scenario("sorted-order", CarefulWriter, seed)


def _scenario(name: str, writer: type[Writer], seed: int) -> Scenario:
    return Scenario(
        name=name,
        seed=seed,
        nodes=len(NAMES),
        build=lambda node: writer(),
        duration_ns=ms(35),
        network=Network(latency=Constant(delay_ns=ms(4))),
    )
