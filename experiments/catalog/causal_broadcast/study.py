"""What an order of delivery costs: FIFO, causal and total order, the same people talking over the same network.

The delay added is what a message waits at another node: from its first arrival there to its delivery. It is measured
for each delivery by itself, so it is never below zero, and it is zero where nothing had to be waited for. What the
network takes, and what a lost copy takes to be sent again, is no part of it. Metadata is what a copy of a message
carries beside its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from simclock import Network, RunResult, Scenario, Told, Uniform, UsageError, ms, reader, seconds
from simclock.actors import Node
from simclock.actors.run import run
from simclock.clocks import LamportClock, VectorClock
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.experiments.telling.spelling import say
from simclock.protocols.causal_broadcast import Broadcast, FifoQueue, Kind, MemberSettings
from simclock.protocols.causal_broadcast.chatter import Chatter, Chatterer
from simclock.protocols.causal_broadcast.observed import Delivered, Sent
from simclock.protocols.reliable_links import Header
from simclock.protocols.total_order import Say, TotalOrderSettings
from simclock.protocols.total_order.observed import Displayed, Said
from simclock.protocols.total_order.people import Person, Script

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOW_NS, HIGH_NS = ms(10), ms(100)
TALK_NS = seconds(8)
DURATION_NS = seconds(12)
PARAMETERS = {"sizes": (2, 4, 8, 16), "pause_ns": ms(400), "loss": "0"}
HEADERS = (
    "nodes",
    "order",
    "broadcasts",
    "delay added, mean [ms]",
    "delay added, 99% [ms]",
    "waited at all [%]",
    "messages per broadcast",
    "metadata [B per copy]",
)


class Arrived(Told):
    """A copy of a message has come to a node, for the first time or again."""

    source: int | str
    """Whose message it is."""
    count: int


KEPT = (Said, Displayed, Sent, Delivered, Arrived)
_read = reader(*KEPT)


class Hearer(Chatterer):
    """Causal broadcast; it tells when a copy arrives."""

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, Broadcast):
            self.observe(Arrived(message.member, message.count))
        super().on_message(source, message)


class FifoHearer(Hearer):
    """FIFO broadcast: a message needs its sender's own count and no other."""

    queue_class = FifoQueue

    def _timestamp(self) -> dict[Any, int]:
        return {self.member: self.count}


class HearingPerson(Person):
    """Total order; it tells when a copy arrives, before its link has put it in order."""

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, Say):
            self.observe(Arrived(message.timestamp.node, message.timestamp.count))
        super().on_message(source, message)


def _member(kind: type[Hearer], nodes: int, pause_ns: int) -> Node:
    group = MemberSettings(
        founders=nodes, tick_ns=ms(250), request_ns=HIGH_NS, suspect_ns=seconds(5), give_up_ns=seconds(10)
    )
    return kind(group, Chatter(pause_ns=pause_ns, until_ns=TALK_NS, answer_percent=0))


def _person(pause_ns: int) -> Node:
    order = TotalOrderSettings(heartbeat_ns=ms(250), suspect_ns=seconds(5), retry_ns=3 * HIGH_NS)
    return HearingPerson(order, Script(chatter_ns=pause_ns, chatter_until_ns=TALK_NS))


def _build(order: str, nodes: int, pause_ns: int, node: int) -> Node:
    if order == "total":
        return _person(pause_ns)
    return _member(FifoHearer if order == "fifo" else Hearer, nodes, pause_ns)


ORDERS = ("fifo", "causal", "total")


def rows(settings: StudySettings) -> Iterator[Row]:
    """One run for each number of nodes and each order."""
    parameters = settings.parameters
    sizes, pause_ns = parameters["sizes"], parameters["pause_ns"]
    if not sizes or min(sizes) < 2 or max(sizes) > 64:
        raise UsageError(f"sizes: {','.join(map(str, sizes))} are not numbers of nodes: 2 to 64 each")
    if pause_ns < ms(1):
        raise UsageError("pause_ns: people pause for 1ms or more")
    network = Network(latency=Uniform(low_ns=LOW_NS, high_ns=HIGH_NS), loss=_loss(parameters["loss"]))
    for nodes in sizes:
        for order in ORDERS:
            result = run(
                Scenario(
                    name=f"broadcast-orders-{order}",
                    seed=settings.seed,
                    nodes=nodes,
                    build=partial(_build, order, nodes, pause_ns),
                    duration_ns=DURATION_NS,
                    network=network,
                    observers=(partial(Recorded, KEPT),),
                )
            )
            yield _row(nodes, order, result)


def _loss(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"loss: {say(text)} is not a probability, such as 0.01") from None


def _row(nodes: int, order: str, result: RunResult) -> Row:
    broadcasts = 0
    waited_ns = sorted(waits_ns(result))
    if not waited_ns:
        raise UsageError(f"{order} order at {nodes} nodes: nothing was delivered: lose less, or let people talk more")
    for observation in recorded(result):
        broadcasts += isinstance(_read(observation), Sent | Said)
    mean_ns = sum(waited_ns) / len(waited_ns)
    high_ns = waited_ns[len(waited_ns) * 99 // 100]
    return (
        nodes,
        order,
        broadcasts,
        mean_ns / ms(1),
        high_ns / ms(1),
        100 * sum(each > 0 for each in waited_ns) / len(waited_ns),
        result.counters["sent"] / max(1, broadcasts),
        metadata_bytes(order, nodes),
    )


def waits_ns(result: RunResult) -> Iterator[int]:
    """For each delivery at another node, how long the message had been there."""
    arrived_ns: dict[tuple[int, int | str, int], int] = {}
    for observation in recorded(result):
        node, at_ns = observation.node, observation.time_ns
        match _read(observation):
            case Arrived(source, count):
                arrived_ns.setdefault((node, source, count), at_ns)
            case Delivered(source, count):
                yield at_ns - arrived_ns[node, source, count]
            case Displayed(_, count, source) if source != node:
                # What comes with a view, as its author is gone, never arrives by itself.
                yield at_ns - arrived_ns.get((node, source, count), at_ns)


def metadata_bytes(order: str, nodes: int, count: int = 100) -> int:
    """What a copy carries beside its text, when every node has said `count` things."""
    if order == "total":
        message: Any = Say(LamportClock(count * nodes, nodes - 1), "", None, Header(0, count))
    else:
        ids = range(nodes) if order == "causal" else (nodes - 1,)
        message = Broadcast(nodes - 1, VectorClock(tuple([(node, count) for node in ids])), Kind.DATA, b"")
    return len(msgspec.msgpack.encode(message))


def notes(rows: Sequence[Row]) -> Sequence[str]:
    """How each order grows."""
    last = max(row[0] for row in rows)
    by_order = {row[1]: row for row in rows if row[0] == last}
    return (
        "delay added: from a message's first arrival at a node to its delivery there, for each delivery by itself.",
        "FIFO waits for what its sender sent before; causal also for what the sender had seen of others; total until "
        "each member is known to have it, so for the slowest of them.",
        "messages: a broadcast is n - 1 copies, beside what repairs and detects failures; in total order each copy is "
        "acknowledged to everybody, n^2 in all "
        f"({by_order['total'][6]:,.0f} against {by_order['causal'][6]:,.0f} at {last} nodes).",
        "metadata: a causal message has an entry for each node that ever spoke; FIFO and Lamport's order have a fixed "
        "number.",
    )


def plot(rows: Sequence[Row], axes: Axes) -> None:
    """Delay added against the number of nodes."""
    for order, mark in zip(ORDERS, "osv", strict=True):
        points = [(row[0], row[3]) for row in rows if row[1] == order]
        axes.plot([nodes for nodes, _ in points], [added for _, added in points], marker=mark, label=order)
    axes.set_xscale("log", base=2)
    sizes = sorted({row[0] for row in rows})
    axes.set_xticks(sizes, labels=[str(size) for size in sizes])
    axes.set_xlabel("nodes")
    axes.set_ylabel("delay added by the order, mean [ms]")
    axes.legend()


BROADCAST_ORDERS_STUDY = Study(
    name="broadcast-orders",
    summary="what does an order of delivery cost: FIFO, causal, total",
    source="Lamport 1978; Birman, Schiper & Stephenson 1991",
    project=5,
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
