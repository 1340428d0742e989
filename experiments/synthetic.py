"""Synthetic loads: what a kernel costs when the protocol costs nothing."""

from __future__ import annotations

from actors import Message, Node
from experiments.catalog import Entry, Settings, judge_invariants, register
from simclock import Network, Scenario, Uniform, ms, seconds


class Hop(Message):
    """A token on its way."""

    hops: int


class Phold(Node):
    """PHOLD (Fujimoto 1990): every node holds one token; on receipt it sends one to a node drawn at random."""

    def on_start(self) -> None:
        self.send(self.id, Hop(0))

    def on_message(self, source: int, message: Hop) -> None:
        self.send(int(self.random.random() * self.nodes), Hop(message.hops + 1))


def phold(settings: Settings) -> Scenario:
    """Tokens hop between nodes with delays of 5 to 15 ms."""
    return Scenario(
        name="phold",
        seed=settings.seed,
        nodes=settings.nodes or 1000,
        build=lambda node: Phold(),
        duration_ns=settings.duration_ns or seconds(1),
        network=settings.network or Network(latency=Uniform(low_ns=ms(5), high_ns=ms(15))),
        faults=settings.faults or (),
    )


register(
    Entry(
        name="phold",
        summary="tokens hop at random between nodes: the kernel's own cost",
        source="Fujimoto, Performance of Time Warp Under Synthetic Workloads, 1990",
        make=phold,
        judge=judge_invariants,
    )
)
