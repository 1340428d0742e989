"""Every feature of the kernel in one run: what determinism is tried on.

The protocol means nothing; it is made so that a wrong order, a stray draw or a lost byte anywhere ends in another
digest.
"""

from __future__ import annotations

from typing import Any

from actors import Message, Node
from experiments.catalog import Entry, Settings, judge_invariants, register
from simclock import (
    Clocks,
    Control,
    Crash,
    Cut,
    DiskModel,
    Heal,
    LogNormal,
    Mend,
    Network,
    Note,
    Observation,
    Observer,
    Partition,
    Restart,
    Scenario,
    ms,
    seconds,
    us,
)

RUMOURS_PER_MILESTONE = 12


class Rumour(Message):
    """Carries every kind of field."""

    hops: int
    text: str
    weight: float
    path: tuple[int, ...]
    mark: bytes | None = None


class Receipt(Message):
    """Answers a rumour."""

    of: Rumour
    read_ns: int


class Gossip(Node):
    """Passes rumours on by its own luck, keeps a diary on disk, and tells of milestones."""

    def __init__(self) -> None:
        self.heard = 0
        self.receipts = 0

    def on_start(self) -> None:
        self.heard = int(self.disk.read("heard", 0))
        self.observe("start", (self.incarnation, self.heard, len(self.disk.records("diary"))))
        self.set_timer("speak", ms(1 + self.id % 7))
        self.set_timer(("nap", self.id), ms(11))

    def on_timer(self, timer: Any) -> None:
        if timer == "speak":
            weight = self.random.random()
            self.broadcast(Rumour(0, f"from {self.id}", weight, (self.id,), bytes([self.id % 256])))
            self.set_timer("speak", self.random.uniform_ns(ms(20), ms(60)))
        else:
            self.disk.append("diary", (self.clock.wall_ns(), self.heard))
            if self.random.random() < 0.5:
                self.disk.sync()
            self.set_timer(timer, ms(17) + self.random.exponential_ns(ms(5)))

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Rumour(hops=hops):
                self._hear(source, message, hops)
            case Receipt(of=rumour):
                self.receipts += len(rumour.path)
                self.cancel_timer("gone" if self.receipts % 2 else "speak")
                self.set_timer("speak", ms(30))

    def _hear(self, source: int, rumour: Rumour, hops: int) -> None:
        self.heard += 1
        self.disk.write("heard", self.heard)
        if self.heard % RUMOURS_PER_MILESTONE == 0:
            self.disk.sync()
            self.observe("milestone", (self.heard, self.clock.monotonic_ns()))
        if hops < 3 and self.random.getrandbits(3) == 0:
            target = self.random.randrange(self.nodes)
            self.send(target, Rumour(hops + 1, rumour.text, rumour.weight / 3, (*rumour.path, self.id), rumour.mark))
        if self.random.getrandbits(2) == 0:
            self.send(source, Receipt(rumour, self.clock.wall_ns()))


class Mischief(Observer):
    """Crashes every seventh node that tells of a milestone, and ends the run at the two-hundredth."""

    def __init__(self) -> None:
        self.milestones = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name != "milestone":
            return
        self.milestones += 1
        if self.milestones % 7 == 0:
            control.inject(Crash(at_ns=0, node=observation.node))
            control.inject(Restart(at_ns=0, node=observation.node), after_ns=ms(40))
        if self.milestones == 200:
            control.stop("two hundred milestones")

    def report(self) -> int:
        return self.milestones


def everything(settings: Settings) -> Scenario:
    """Gossip over a lossy, duplicating, long-tailed network, with drifting clocks, slow disks and every fault."""
    nodes = settings.nodes or 6
    last = nodes - 1
    faults = (
        Cut(at_ns=ms(100), source=0, target=last),
        Crash(at_ns=ms(150), node=last),
        Note(at_ns=ms(180), text="one node is down"),
        Partition(at_ns=ms(200), groups=(("milestone",), tuple(range(nodes)))),
        Restart(at_ns=ms(260), node=last),
        Mend(at_ns=ms(280), source=0, target=last),
        Heal(at_ns=ms(320)),
        Crash(at_ns=ms(400), node="milestone"),
        Restart(at_ns=ms(450), node="milestone"),
    )
    return Scenario(
        name="everything",
        seed=settings.seed,
        nodes=nodes,
        build=lambda node: Gossip(),
        duration_ns=settings.duration_ns or seconds(1),
        network=settings.network
        or Network(
            latency=LogNormal(median_ns=ms(4), sigma="0.6", floor_ns=ms(2)),
            loss=0.02,
            duplication=0.03,
            order="any" if settings.seed % 2 else "fifo",
        ),
        clocks=settings.clocks or Clocks(offset_ns_max=seconds(5), drift_ppb_max=200_000),
        disk=settings.disk or DiskModel(sync_ns=us(150)),
        faults=faults if settings.faults is None else settings.faults,
        observers=(Mischief,),
        final=lambda node: (node.heard, node.receipts),
    )


register(
    Entry(
        name="everything",
        summary="every feature of the kernel at once: what determinism is tried on",
        make=everything,
        judge=judge_invariants,
    )
)
