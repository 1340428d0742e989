"""How fast vector clocks fill: entries after each receipt, where nodes talk one to one and where they broadcast.

Every node sends once a round, to one other or to all; the message carries its clock. With unicast the number of nodes
heard of about doubles in each round, as a rumour spreads (Demers et al., Epidemic Algorithms, 1987), so that a clock of
n nodes is full after about log2(n) rounds and a few more; a broadcast fills it in the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from simclock import Network, Scenario, Told, Uniform, UsageError, ms
from simclock.actors import Message, Node, run
from simclock.clocks import VectorClock
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.telling.recorded import Recorded, recorded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUND_NS = ms(100)
UNICAST, BROADCAST = "unicast", "broadcast"


class Stamped(Message):
    """Nothing but the sender's clock."""

    round: int
    clock: VectorClock


class Received(Told, observed_as="entries"):
    """A node has taken in a message, and the clock that came with it."""

    round: int
    entries: int
    """Of its own clock now."""
    octets: int
    """Of the encoded clock that came."""


class Talker(Node):
    """Sends once a round, for some rounds."""

    def __init__(self, mode: str, rounds: int) -> None:
        self.mode = mode
        self.rounds = rounds
        self.clock_of_events = VectorClock()
        self.round = 0

    def on_start(self) -> None:
        self.set_timer("round", self.random.uniform_ns(0, ROUND_NS // 2))

    def on_timer(self, timer: Any) -> None:
        self.round += 1
        self.clock_of_events = self.clock_of_events.tick(self.id)
        message = Stamped(self.round, self.clock_of_events)
        if self.mode == BROADCAST:
            self.broadcast(message)
        else:
            other = self.random.randrange(self.nodes - 1)
            self.send(other + (other >= self.id), message)
        if self.round < self.rounds:
            self.set_timer("round", ROUND_NS)

    def on_message(self, source: int, message: Stamped) -> None:
        self.clock_of_events = self.clock_of_events.receive(message.clock, self.id)
        entries = len(self.clock_of_events.entries)
        self.observe(Received(message.round, entries, len(message.clock.encode())))


def rows(settings: StudySettings) -> Iterator[Row]:
    """One for each mode and round."""
    nodes, rounds = settings.parameters["nodes"], settings.parameters["rounds"]
    for name, value, least in (("nodes", nodes, 2), ("rounds", rounds, 1)):
        if type(value) is not int or value < least:
            raise UsageError(f"{name}: {value!r} is not a whole number of {least} or more")
    for mode in (UNICAST, BROADCAST):
        result = run(
            Scenario(
                name="vector-clock-growth",
                seed=settings.seed,
                nodes=nodes,
                build=lambda node, mode=mode: Talker(mode, rounds),  # type: ignore[misc]
                network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(40))),
                observers=(partial(Recorded, (Received,)),),
            )
        )
        by_round: dict[int, list[tuple[int, int]]] = {number: [] for number in range(1, rounds + 1)}
        for told in map(Received.read, recorded(result)):
            if told is not None:
                by_round[told.round].append((told.entries, told.octets))
        for number, found in by_round.items():
            entries = [count for count, _ in found]
            size = sum(octets for _, octets in found) / len(found)
            yield mode, number, len(found), sum(entries) / len(found), max(entries), size


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """When the clocks are full."""
    most = max(row[4] for row in measured)
    lines = []
    for mode in (UNICAST, BROADCAST):
        full = next((row[1] for row in measured if row[0] == mode and row[3] > 0.95 * most), None)
        when = "not within these rounds" if full is None else f"in round {full}"
        sent = sum(row[2] for row in measured if row[0] == mode)
        lines.append(f"{mode}: 95% full {when}; {sent:,} messages in all")
    return lines


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Entries against rounds."""
    for mode, marker in ((UNICAST, "o"), (BROADCAST, "s")):
        points = [(row[1], row[3]) for row in measured if row[0] == mode]
        axes.plot([number for number, _ in points], [mean for _, mean in points], marker=marker, label=mode)
    axes.set_xlabel("round")
    axes.set_ylabel("entries of a clock after a receipt, mean")
    axes.legend()


VECTOR_CLOCK_GROWTH_STUDY = Study(
    name="vector-clock-growth",
    summary="how fast vector clocks fill, by unicast and by broadcast",
    source="Fidge 1988; Demers et al., Epidemic Algorithms, 1987",
    headers=("mode", "round", "receipts", "entries mean", "entries max", "clock mean [B]"),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters={"nodes": 32, "rounds": 10},
)
