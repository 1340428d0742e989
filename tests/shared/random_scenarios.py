"""Random scenarios with every kind of fault, clocks that drift, wander, jump and stop, and disks.

`tests/test_reference_simulator.py` compares the kernel with an independent one by them, `tests/test_kernels.py` the two
kernels with each other.
"""

from __future__ import annotations

import random
from typing import Any

from simclock import (
    AddDelay,
    Clocks,
    Clog,
    Control,
    Crash,
    Cut,
    DiskFull,
    DiskModel,
    Fault,
    FillDisk,
    JumpClock,
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
    SwizzleClog,
    TornCrash,
    Unclog,
    Uniform,
    ms,
)
from simclock.actors import Message, Node
from simclock.faults import FAULTS

KINDS = {*FAULTS.values(), SwizzleClog}


class Noted(Message):
    number: int
    padding: bytes = b""


class Logic:
    """What a node does: everything there is, as its own luck has it."""

    def on_start(self) -> None:
        self.sent = 0
        self.observe("start", (self.incarnation, self.read_all()))
        for name in range(3):
            self.set_timer(name, self.random.randrange(9) * ms(1))

    def on_timer(self, name: int) -> None:
        self.sent += 1
        self.observe("rang", (name, self.clock.monotonic_ns(), self.clock.wall_ns(), self.clock.slew_left_ns()))
        drawn = self.random.randrange(20)
        if drawn < 6:
            self.send(self.random.randrange(self.nodes), Noted(self.sent, bytes(self.random.randrange(40))))
        elif drawn < 8:
            self.broadcast(Noted(self.sent))
        elif drawn == 8:
            self.cancel_timer(self.random.randrange(3))
        elif drawn == 9:
            self.set_timer(self.random.randrange(3), ms(1) * self.random.randrange(5))
        elif drawn == 10:
            self.clock.step(self.random.randrange(-5, 6) * ms(1))
        elif drawn == 11:
            self.clock.slew(self.random.randrange(-5, 6) * 1_000, self.random.choice((500, 100_000)))
        elif drawn < 17:
            self.use_disk(drawn)
        elif drawn == 17 and self.random.randrange(12) == 0:
            self.halt("enough")
        self.set_timer(name, ms(1) * self.random.randrange(1, 6))

    def use_disk(self, drawn: int) -> None:
        try:
            if drawn == 12:
                self.disk.write("ab"[self.random.randrange(2)], self.sent % 3)
            elif drawn < 15:
                self.disk.append("log", self.sent % 3)
            elif drawn == 15:
                self.disk.truncate("log", self.random.randrange(4))
            else:
                self.disk.sync()
                self.send(self.random.randrange(self.nodes), Noted(-self.sent))
        except DiskFull:
            self.observe("full")
        self.observe("disk", self.read_all())

    def read_all(self) -> tuple[Any, ...]:
        return self.disk.read("a"), self.disk.read("b"), self.disk.records("log")

    def on_message(self, source: int, message: Noted) -> None:
        self.observe("got", (source, message.number, len(message.padding)))
        if self.random.randrange(4) == 0:
            self.send(source, Noted(message.number + 1000))
        if self.random.randrange(9) == 0:
            self.set_timer(0, 0)


class Kernels(Logic, Node):
    """The same on the kernel."""


class Told(Observer):
    reacts = False

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        self.seen.append(tuple(observation))

    def report(self) -> tuple[tuple[Any, ...], ...]:
        return tuple(self.seen)


def drawn_fault(luck: random.Random, nodes: int, at_ns: int) -> Fault:
    node = luck.randrange(nodes)
    ends = {"source": luck.randrange(nodes), "target": luck.randrange(nodes)}
    some = tuple(tuple(luck.sample(range(nodes), luck.randrange(nodes + 1))) for _ in range(luck.randrange(1, 4)))
    some = some if any(some) else ()
    links = {Cut, Mend, Clog, Unclog}
    more: dict[type[Fault], dict[str, Any]] = {
        SlowNode: {"busy_ns": luck.choice((0, 300_000, ms(2)))},
        Partition: {"groups": some},
        Silence: {"groups": some},
        AddDelay: {
            "delay_ns": luck.choice((0, ms(3))),
            **{name: node for name, node in ends.items() if luck.randrange(2)},
        },
        SetLoss: {"loss": luck.choice((0.0, 0.25)), "duplication": luck.choice((0.0, 0.5))},
        SetCorruption: {"detected": luck.choice((0.0, 0.25)), "undetected": luck.choice((0.0, 0.25))},
        SetBandwidth: {"bytes_per_s": luck.choice((0, 20_000))},
        JumpClock: {"by_ns": luck.choice((-1, 1)) * luck.randrange(ms(50))},
        SetDrift: {"drift_ppb": luck.choice((0, 1, 50_000, -50_000, 300_000_000, -400_000_000))},
        SlowDisk: {"sync_ns": luck.choice((1, ms(1)))},
        SwizzleClog: {"lasts_ns": ms(9), "links": nodes > 1 and luck.randrange(2) == 1},
        Note: {"text": "noted"},
    }
    kind = luck.choice(sorted(KINDS, key=lambda each: each.kind))
    fields = more.get(kind, ends if kind in links else {})
    if "node" in kind.__struct_fields__:
        fields = {**fields, "node": node}
    return kind(at_ns=at_ns, **fields)


UNDONE_BY = {Crash: Restart, TornCrash: Restart, Pause: Resume, StopClock: StartClock, FillDisk: MendDisk}


def drawn_scenario(seed: int) -> Scenario:
    luck = random.Random(seed)
    nodes = luck.randrange(1, 6)
    faults: list[Fault] = []
    for _ in range(luck.randrange(25)):
        last = faults[-1] if faults else None
        if type(last) in UNDONE_BY and luck.random() < 0.7:
            later_ns = last.at_ns + luck.choice((1, 200_000, ms(2), ms(9)))
            faults.append(UNDONE_BY[type(last)](at_ns=later_ns, node=last.node))
        faults.append(drawn_fault(luck, nodes, ms(1) * luck.randrange(120) + luck.choice((0, 0, 1, 777))))
    low_ns = luck.choice((ms(1), ms(2), 500))
    clocks = luck.choice(
        (
            Clocks(),
            Clocks(offset_ns_max=ms(5), drift_ppb_max=200_000_000),
            Clocks(drift_ppb_max=50_000, wander_ppb_max=100_000_000, wander_every_ns=ms(10), true_nodes=(0,)),
        )
    )
    return Scenario(
        name="reference",
        seed=seed,
        nodes=nodes,
        build=lambda node: Kernels(),
        duration_ns=ms(130),
        network=Network(
            latency=Uniform(low_ns=low_ns, high_ns=low_ns + luck.choice((0, 1, ms(1), ms(7)))),
            loss=luck.choice((0.0, 0.0, 0.25)),
            duplication=luck.choice((0.0, 0.0, 0.5)),
            order=luck.choice(("any", "any", "fifo")),
            bytes_per_s=luck.choice((0, 0, 20_000)),
            corruption=luck.choice((0.0, 0.0, 0.25)),
            undetected_corruption=luck.choice((0.0, 0.0, 0.25)),
        ),
        clocks=clocks,
        disk=DiskModel(sync_ns=luck.choice((0, 0, ms(1)))),
        faults=tuple(faults),
        observers=(Told,),
    )
