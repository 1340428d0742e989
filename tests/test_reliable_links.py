"""Reliable links: once, in order, over a network that loses, doubles and reorders; and nothing of another epoch."""

from simclock import Heal, Network, Partition, Scenario, Uniform, ms, seconds
from simclock.actors import Message, Node, run
from simclock.protocols.reliable_links import UNSENT, Header, ReliableLinks


class Numbered(Message):
    number: int
    header: Header = UNSENT


class Sender(Node):
    """Node 0 sends 200 numbers to node 1, in two epochs if told so."""

    def __init__(self, epochs: int = 1) -> None:
        self.epochs = epochs
        self.got: list[int] = []

    def on_start(self):
        self.links = ReliableLinks(self, retry_ns=ms(50))
        if self.id == 0:
            self.set_timer("send", ms(1))
        if self.epochs == 2:
            self.set_timer("epoch", ms(400))
        self.number = 0

    def on_timer(self, timer):
        if timer == "send":
            self.links.send(1, Numbered(self.number))
            self.number += 1
            if self.number < 200:
                self.set_timer("send", ms(5))
        elif timer == "epoch":
            self.links.restart(1)
        else:
            assert self.links.on_timer(timer)

    def on_message(self, source, message):
        self.got += [(each.header.epoch, each.number) for each in self.links.receive(source, message)]


def early(links):
    """How many messages a node keeps that came before one sent earlier."""
    return sum(len(link.early) for link in links._links.values())


def play(seed, epochs=1, faults=()):
    return run(
        Scenario(
            name="links",
            seed=seed,
            nodes=2,
            build=lambda node: Sender(epochs),
            duration_ns=seconds(30),
            network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(60)), loss=0.2, duplication=0.2),
            faults=faults,
            final=lambda node: (node.got, node.links.resent, early(node.links)),
        )
    )


def test_everything_arrives_once_and_in_order():
    for seed in range(5):
        result = play(seed)
        assert result.final[1][0] == [(0, number) for number in range(200)], f"seed {seed}"
        assert result.final[0][1] > 0 and result.counters["duplicated"] > 0
        assert result.final[1][2] == 0, "what came again after its delivery is not kept"


def test_also_when_the_link_was_cut_for_a_while():
    cut = (Partition(at_ns=ms(300), groups=((0,), (1,))), Heal(at_ns=seconds(5)))
    assert play(1, faults=cut).final[1][0] == [(0, number) for number in range(200)]


def test_another_epoch_is_not_delivered():
    got = play(3, epochs=2).final[1][0]
    before, after = ([number for epoch, number in got if epoch == wanted] for wanted in (0, 1))
    assert before == list(range(len(before))) and after == list(range(after[0], 200))
    assert 0 < len(before) < after[0], "what was under way when the epoch changed is gone"
