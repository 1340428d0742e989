"""What comes of random scenarios on the kernel of this process, a line each: for who compares two kernels.

    python tests/shared/kernel_fuzz.py COUNT [FIRST]     compares the two kernels on so many scenarios

Every other scenario is one of `random_scenarios`; the others add what the kernels might treat each in its own way:
values of every type that is encoded, sets, what cannot be encoded, what is refused, errors, timers that never run out,
other latencies, observers that react. In process, traced, and on hosts in windows, in turn.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any

from random_scenarios import Kernels, Noted, Told, drawn_fault, drawn_scenario
from simclock import (
    Constant,
    Control,
    LogNormal,
    Message,
    Normal,
    Observation,
    Scenario,
    SimclockError,
    TraceRecord,
    ms,
    run,
)
from simclock import Told as ToldValue
from simclock.kernel.core import COMPILED, KERNEL, PLAIN, VARIABLE

SHOWN_EVERY = 1_000
WILD_SEEDS = 1 << 32
"""What a wild scenario's luck is apart from that of a tame one."""
PLACES = ("inline", "traced", "windows:2", "inline", "windows")


class Bag(Message):
    """A message with all that can be in one but sets."""

    whole: int
    text: str
    real: float
    parts: tuple[int | str | float | bool | None, ...]


class Crowd(Message):
    """A message with a set that `encode` does not put in order."""

    whole: int
    some: frozenset[int | str | tuple[int, ...]]


class Pair(ToldValue):
    first: int
    second: Any


class Single(ToldValue):
    only: str


WHOLES = (0, 1, -1, 31, -32, -33, 127, 128, 255, 256, -128, -129, 65_535, 65_536, -32_768, -32_769, 1 << 31, 1 << 32)
WHOLES += (-(1 << 31), -(1 << 31) - 1, (1 << 63) - 1, -(1 << 63), 1 << 63, (1 << 64) - 1)
TEXTS = ("", "a", "x" * 31, "x" * 32, "é" * 100, "y" * 300, "z" * 70_000, "\0", "日本")
TIMES_NS = (0, 1, ms(1), ms(90), ms(10_000), (1 << 62) - 1, (1 << 63) - 1, 1 << 63, 1 << 70)
UNENCODABLE = (1 << 64, -(1 << 63) - 1, "\ud800", (1, 1 << 90))


class Wild(Kernels):
    """Does whatever a protocol may, and rarely what it may not."""

    def __init__(self, times_ns: tuple[int, ...]) -> None:
        self.times_ns = times_ns

    def on_start(self) -> None:
        super().on_start()
        self.set_timer(("wild", self.id), ms(1))
        self.last: Any = None

    def on_timer(self, name: Any) -> None:
        if name in (0, 1, 2):
            super().on_timer(name)
            return
        self.observe("wild", name)
        drawn = self.random.randrange(400)
        if drawn < 120:
            self.send(self.random.randrange(self.nodes), self.bag())
        elif drawn < 160:
            self.broadcast(self.bag())
        elif drawn < 300:
            self.tell(drawn)
        elif drawn < 360:
            self.keep_time(drawn)
        elif drawn < 396:
            self.draw(drawn)
        else:
            self.err(drawn)
        self.set_timer(("wild", self.id), self.random.randrange(1, ms(4)))

    def bag(self) -> Message:
        luck = self.random
        if luck.randrange(200) == 0:
            return Crowd(luck.randrange(9), frozenset((luck.randrange(9), luck.choice(("a", 5, (1, 2))))))
        parts = (luck.choice(WHOLES), luck.choice(TEXTS), None, luck.random() < 0.5, luck.random(), "more")
        return Bag(luck.choice(WHOLES), luck.choice(TEXTS), luck.random(), parts[: luck.randrange(7)])

    def tell(self, drawn: int) -> None:
        luck = self.random
        if drawn < 200:
            self.observe(luck.choice(TEXTS) or "empty", luck.choice((*WHOLES, *TEXTS, None, True, False, 0.5, b"x")))
        elif drawn < 240:
            self.observe("parts", (luck.choice(WHOLES), (luck.choice(TEXTS), self.last)))
        elif drawn < 270:
            self.observe(Pair(drawn, (drawn, "x")))
        elif drawn < 295:
            self.observe(Single("only"))
        else:
            self.observe("set", frozenset((drawn, luck.choice((1.5, "text", drawn + 1)))))

    def keep_time(self, drawn: int) -> None:
        luck = self.random
        name = luck.choice((7, "text", None, (1, "two"), 2.5, b"b", True, frozenset((1, 2))))
        if drawn < 340:
            self.set_timer(name, luck.choice(self.times_ns))
        else:
            self.cancel_timer(name)

    def draw(self, drawn: int) -> None:
        luck = self.random
        values = list(range(5))
        luck.shuffle(values)
        self.last = (
            *(luck.getrandbits(k) for k in (0, 1, 31, 32, 33, 53, 64, 65, 500)),
            luck.below(1 << 40),
            luck.uniform_ns(-5, 10**15),
            luck.exponential_ns(1_000),
            luck.normal_ns(1_000, 10),
            *luck.sample(range(1_000), 3),
            *values,
        )
        self.observe("luck", tuple(each if each < 1 << 64 else str(each) for each in self.last))
        self.last = None

    def err(self, drawn: int) -> None:
        luck = self.random
        kind = luck.randrange(9)
        if kind == 0:
            raise ValueError(f"node {self.id} fails")
        if kind == 1:
            self.observe("cannot", luck.choice(UNENCODABLE))
        elif kind == 2:
            self.send(luck.randrange(self.nodes), Noted(luck.choice((1 << 64, -(1 << 70)))))
        elif kind == 3:
            self.send(luck.choice((-1, self.nodes, True, 1 << 80, "1", 0.0)), Noted(1))
        elif kind == 4:
            self.set_timer("x", luck.choice((-1, -(1 << 70), 1.0, True, None)))
        elif kind == 5:
            self.send(0, luck.choice(("text", 5, None)))
        elif kind == 6:
            self.observe(luck.choice((5, None, b"x")), 1)
        elif kind == 7:
            self.observe("list", luck.choice(([], {}, set())))
        else:
            self.halt("wild")

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, Noted):
            super().on_message(source, message)
        else:
            self.observe("bag", (source, message))
            if message.whole % 3 == 0 and self.random.randrange(3) == 0:
                self.send(source, message)


class Reacting(Told):
    """Answers some of what it sees with a fault, or ends the run."""

    reacts = True

    def on_observation(self, observation: Observation, control: Control) -> None:
        super().on_observation(observation, control)
        if observation.number % 41 == 0:
            luck = random.Random(observation.number * 7 + observation.node)
            control.inject(drawn_fault(luck, control.nodes or 1, 0))
        if observation.number % 997 == 996:
            control.stop("enough")


def wild_scenario(seed: int) -> Scenario:
    """A scenario of more than the rules say."""
    tame = drawn_scenario(seed + WILD_SEEDS)
    luck = random.Random(seed)
    times_ns = TIMES_NS[:4] if tame.clocks.wander_ppb_max else TIMES_NS  # a clock draws its rate piece by piece
    latency = luck.choice(
        (
            tame.network.latency,
            Constant(delay_ns=luck.choice((200_000, ms(1)))),
            Normal(mean_ns=ms(2), deviation_ns=ms(1), floor_ns=ms(1)),
            LogNormal(median_ns=ms(2), sigma=0.5, floor_ns=ms(1)),
        )
    )
    return replace(
        tame,
        name="wild",
        build=lambda node: Wild(times_ns),
        network=replace(tame.network, latency=latency),
        observers=(luck.choice((Told, Reacting)),),
        final=lambda node: (node.id, node.sent, node.sim_count),
        fallen=lambda node: node.incarnation,
    )


def outcome(seed: int) -> str:
    """All that a run leaves, or its error, as one line."""
    scenario = drawn_scenario(seed) if seed % 2 else wild_scenario(seed)
    place = PLACES[seed // 2 % len(PLACES)]
    records: list[TraceRecord] = []
    trace = records.append if place == "traced" else None
    try:
        result = run(scenario, "inline" if trace else place, trace=trace)
    except SimclockError as error:
        text = str(error)
    else:
        left = (result.digest, result.node_digests, result.virtual_ns, result.events, result.counters, result.stopped)
        more = (result.reports, result.final, result.fallen, result.halts, result.faults, result.skipped)
        text = f"{left} {more} {result.quiet} {result.warnings}"
    told = sha256(f"{text} {records}".encode("utf-8", "backslashreplace")).hexdigest()
    return f"{seed} {place} {told[:24]} {text[:160]!r}"


def outcomes_of(kernel: str, first: int, count: int) -> subprocess.Popen[str]:
    """A process that prints what comes of these seeds on a kernel."""
    command = [sys.executable, __file__, "--print", str(first), str(count)]
    return subprocess.Popen(
        command, env={**os.environ, VARIABLE: kernel, "PYTHONHASHSEED": "0"}, stdout=subprocess.PIPE, text=True
    )


def differences(first: int, count: int) -> Iterator[str]:
    """What differs between the kernels, seed by seed."""
    processes = [outcomes_of(kernel, first, count) for kernel in (PLAIN, COMPILED)]
    seen = 0
    for plain, compiled in zip_longest(*(process.stdout or () for process in processes)):
        seen += 1
        if not seen % SHOWN_EVERY:
            print(f"{seen} of {count}", file=sys.stderr, flush=True)
        if plain != compiled:
            yield f"{PLAIN}: {plain}{COMPILED}: {compiled}"
    if seen != count or any(process.wait() for process in processes):
        yield f"a process ended after {seen} of {count} scenarios"


def main() -> None:
    """Print the outcomes on this kernel, or compare both."""
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1] == "--print":
        first, count = map(int, sys.argv[2:])
        for seed in range(first, first + count):
            print(outcome(seed), flush=True)
        return
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    found = list(differences(first, count))
    print("\n".join(found[:20]))
    print(f"{count} scenarios on both kernels, {len(found)} differences (this process: {KERNEL})")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
