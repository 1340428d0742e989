"""Every feature of the kernel in one run: what determinism is tried on.

The protocol means nothing; it is made so that a wrong order, a stray draw or a lost byte anywhere ends in another
digest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import (
    AddDelay,
    Clocks,
    Clog,
    Control,
    CorruptRecord,
    Crash,
    Cut,
    DiskFull,
    DiskModel,
    Fault,
    FillDisk,
    Heal,
    JumpClock,
    LogNormal,
    LoseSyncs,
    Mend,
    MendDisk,
    Network,
    Note,
    Observation,
    Observer,
    Partition,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    Silence,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    Told,
    TornCrash,
    Unclog,
    ms,
    seconds,
    stream,
    swizzle_clog,
    us,
)
from simclock.actors import Message, Node
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import nothing_promised

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


class Start(Told):
    """A node begins, or begins again."""

    incarnation: int
    heard: int
    """How many rumours its disk remembers; -1 where it cannot be read."""
    entries: int
    """In its diary."""


class Milestone(Told):
    """A node has heard another so many rumours."""

    heard: int
    monotonic_ns: int


class Full(Told):
    """Its disk takes no more."""

    writes: int
    """How many it has taken."""


class Gossip(Node):
    """Passes rumours on by its own luck, keeps a diary on disk, and tells of milestones."""

    def __init__(self) -> None:
        self.heard = 0
        self.receipts = 0

    def on_start(self) -> None:
        heard = self.disk.read("heard", 0)
        self.heard = heard if isinstance(heard, int) else -1  # what the disk cannot read any more counts as nothing
        self.observe(Start(self.incarnation, self.heard, len(self.disk.records("diary"))))
        self.set_timer("speak", ms(1 + self.id % 7))
        self.set_timer(("nap", self.id), ms(11))

    def on_timer(self, timer: Any) -> None:
        if timer == "speak":
            weight = self.random.random()
            self.broadcast(Rumour(0, f"from {self.id}", weight, (self.id,), bytes([self.id % 256])))
            self.set_timer("speak", self.random.uniform_ns(ms(20), ms(60)))
        else:
            self._keep(lambda: self.disk.append("diary", (self.clock.wall_ns(), self.heard)))
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
        self._keep(lambda: self.disk.write("heard", self.heard))
        if self.heard % RUMOURS_PER_MILESTONE == 0:
            self.disk.sync()
            self.observe(Milestone(self.heard, self.clock.monotonic_ns()))
        if hops < 3 and self.random.getrandbits(3) == 0:
            target = self.random.randrange(self.nodes)
            self.send(target, Rumour(hops + 1, rumour.text, rumour.weight / 3, (*rumour.path, self.id), rumour.mark))
        if self.random.getrandbits(2) == 0:
            self.send(source, Receipt(rumour, self.clock.wall_ns()))

    def _keep(self, write: Callable[[], None]) -> None:
        try:
            write()
        except DiskFull:
            self.observe(Full(self.disk.writes))


class Liar(Gossip):
    """Tells everybody a rumour of their own, and says it came from somebody else: the Byzantine node."""

    def broadcast(self, message: Any) -> None:
        for target in range(self.nodes):
            if target != self.id and isinstance(message, Rumour):
                self.send(target, Rumour(message.hops, f"from {target}", message.weight, (target,), message.mark))


class Mischief(Observer):
    """Crashes every seventh node that tells of a milestone, and ends the run at the two-hundredth."""

    judges = False

    def __init__(self) -> None:
        self.milestones = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name != Milestone.observed_as:
            return
        self.milestones += 1
        if self.milestones % 7 == 0:
            control.inject(Crash(at_ns=0, node=observation.node))
            control.inject(Restart(at_ns=0, node=observation.node), after_ns=ms(40))
        if self.milestones == 200:
            control.stop("two hundred milestones")

    def report(self) -> int:
        return self.milestones


def every_fault(seed: int, nodes: int) -> tuple[Fault, ...]:
    """At least one of each kind; those that name nodes do so in every way there is."""
    last = nodes - 1
    everybody = tuple(range(nodes))
    return (
        Cut(at_ns=ms(100), source=0, target=last),
        Clog(at_ns=ms(110), source=last, target=0),
        JumpClock(at_ns=ms(120), node=0, by_ns=seconds(3)),
        Pause(at_ns=ms(130), node="milestone"),
        SetDrift(at_ns=ms(140), node=last, drift_ppb=-300_000_000),
        Crash(at_ns=ms(150), node=last),
        Resume(at_ns=ms(175), node="paused"),
        Note(at_ns=ms(180), text="one node is down"),
        Unclog(at_ns=ms(190), source=last, target=0),
        Partition(at_ns=ms(200), groups=(("milestone",), everybody)),
        SlowNode(at_ns=ms(210), node=0, busy_ns=us(300)),
        StopClock(at_ns=ms(220), node="milestone"),
        LoseSyncs(at_ns=ms(230), node="slowed"),
        Restart(at_ns=ms(260), node=last),
        Mend(at_ns=ms(280), source=0, target=last),
        StartClock(at_ns=ms(290), node="stopped"),
        JumpClock(at_ns=ms(300), node="jumped", by_ns=-seconds(5)),
        Heal(at_ns=ms(320)),
        Silence(at_ns=ms(330), groups=((0,), everybody)),
        FillDisk(at_ns=ms(335), node=last),
        SlowDisk(at_ns=ms(340), node=1 % nodes, sync_ns=ms(2)),
        Heal(at_ns=ms(360)),
        SlowNode(at_ns=ms(380), node="slowed", busy_ns=0),
        CorruptRecord(at_ns=ms(390), node="milestone"),
        Crash(at_ns=ms(400), node="milestone"),
        SetBandwidth(at_ns=ms(410), bytes_per_s=50_000),
        MendDisk(at_ns=ms(430), node="filled"),
        Restart(at_ns=ms(450), node="milestone"),
        MendDisk(at_ns=ms(460), node="unsynced"),
        *swizzle_clog(stream(seed, "swizzle"), nodes, at_ns=ms(480), lasts_ns=ms(60)),
        TornCrash(at_ns=ms(545), node="milestone"),
        SetLoss(at_ns=ms(550), loss=0.1, duplication=0.1),
        SetCorruption(at_ns=ms(560), detected=0.05, undetected=0.05),
        Restart(at_ns=ms(570), node="crashed"),
        AddDelay(at_ns=ms(580), delay_ns=ms(3)),
        SetBandwidth(at_ns=ms(590), bytes_per_s=0),
        SetLoss(at_ns=ms(600), loss=0.0),
        SetCorruption(at_ns=ms(610), detected=0.0),
        AddDelay(at_ns=ms(620), delay_ns=0),
        *(Restart(at_ns=ms(640), node=node) for node in everybody),
    )


def everything(settings: Settings) -> Scenario:
    """Gossip with a liar in it, over a bad network, with bad clocks and slow disks, and every fault."""
    nodes = settings.nodes or 6
    faults = every_fault(settings.seed, nodes)
    return Scenario(
        name="everything",
        nodes=nodes,
        build=lambda node: Gossip(),
        duration_ns=seconds(1),
        network=Network(
            latency=LogNormal(median_ns=ms(4), sigma="0.6", floor_ns=ms(2)),
            loss=0.02,
            duplication=0.03,
            order="any" if settings.seed % 2 else "fifo",
            bytes_per_s=1_000_000,
            corruption=0.01,
            undetected_corruption=0.01,
        ),
        clocks=Clocks(offset_ns_max=seconds(5), drift_ppb_max=200_000, wander_ppb_max=50_000, wander_every_ns=ms(100)),
        disk=DiskModel(sync_ns=us(150)),
        faults=faults,
        observers=(Mischief,),
        byzantine={nodes // 2: lambda node: Liar()},
        final=lambda node: (node.heard, node.receipts),
    )


EVERYTHING = Entry(
    name="everything",
    summary="every feature of the kernel at once: what determinism is tried on",
    make=everything,
    judge=nothing_promised,
)
