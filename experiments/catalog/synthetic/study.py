"""Wall time against events: is the cost of an event the same, however many nodes there are and however long they run?

Every node sends to a node drawn at random, once a round. What is measured is this machine, so the table differs from
run to run. Where others use the machine too, wall time is theirs as well, and processor time is the better measure:
both are shown, and both are fitted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Message, Node, run
from simclock.experiments.entries.studies import Row, Study, StudySettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NODES = (10, 100, 1_000)
ROUNDS = (30, 100, 200)
ROUND_NS = ms(100)


class Call(Message):
    """Says which round it is."""

    round: int


class Caller(Node):
    """Calls somebody once a round."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.round = 0

    def on_start(self) -> None:
        self.set_timer("round", self.random.uniform_ns(0, ROUND_NS))

    def on_timer(self, timer: Any) -> None:
        self.round += 1
        self.send(self.random.randrange(self.nodes), Call(self.round))
        if self.round < self.rounds:
            self.set_timer("round", ROUND_NS)

    def on_message(self, source: int, message: Call) -> None:
        pass


def rows(settings: StudySettings) -> Iterator[Row]:
    """One for each number of nodes and of rounds: the fastest of several runs, as others only add to it."""
    repeats = settings.parameters["repeats"]
    if type(repeats) is not int or repeats < 1:
        raise UsageError(f"repeats: {repeats!r} is not a number of runs: 1 or more")
    for nodes in NODES:
        for rounds in ROUNDS:
            walls_s, processor_s = [], []
            for _ in range(repeats):
                before_s = time.process_time()
                result = run(_scenario(nodes, rounds, settings.seed))
                processor_s.append(time.process_time() - before_s)
                walls_s.append(result.wall_s)
            yield nodes, rounds, result.events, min(walls_s), min(processor_s), int(result.events / min(walls_s))


def _scenario(nodes: int, rounds: int, seed: int) -> Scenario:
    return Scenario(
        name="scaling",
        seed=seed,
        nodes=nodes,
        build=lambda node: Caller(rounds),
        network=Network(latency=Uniform(low_ns=ms(5), high_ns=ms(50))),
        duration_ns=(rounds + 2) * ROUND_NS + seconds(1),
    )


class Fit(NamedTuple):
    """A straight line, by least squares."""

    at_zero: float
    slope: float
    r_squared: float
    """How much of the variation it explains: 1 is all of it."""


def fit(points: Sequence[tuple[float, float]]) -> Fit:
    """The line through these (x, y); raises ValueError where there are not two different x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        raise ValueError("a line needs two different x")
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    at_zero = mean_y - slope * mean_x
    total = sum((y - mean_y) ** 2 for _, y in points)
    left = sum((y - at_zero - slope * x) ** 2 for x, y in points)
    return Fit(at_zero, slope, 1 - left / total if total else 1.0)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """The line, and how well it fits."""
    lines = []
    for name, column in (("wall time", 3), ("processor time", 4)):
        line = fit([(row[2], row[column]) for row in measured])
        figures = f"{line.at_zero * 1000:.2f} ms + {line.slope * 1e6:.2f} s per million events"
        lines.append(f"{name} = {figures}; R squared {line.r_squared:.3f}")
    return lines


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Processor time against events, with the line."""
    line = fit([(row[2], row[4]) for row in measured])
    for nodes, marker in zip(NODES, "os^", strict=True):
        points = [(row[2], row[4]) for row in measured if row[0] == nodes]
        label = f"{nodes:,} nodes"
        axes.plot([x for x, _ in points], [y for _, y in points], marker, label=label)
    ends = [min(row[2] for row in measured), max(row[2] for row in measured)]
    axes.plot(ends, [line.at_zero + line.slope * x for x in ends], color="black", linewidth=0.8, label="the fit")
    axes.set_xlabel("events")
    axes.set_ylabel("processor time [s]")
    axes.legend()


SCALING_STUDY = Study(
    name="scaling",
    summary="wall time against events, for nodes x rounds: is it linear?",
    headers=("nodes", "rounds", "events", "wall [s]", "processor [s]", "events per wall s"),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters={"repeats": 3},
)
