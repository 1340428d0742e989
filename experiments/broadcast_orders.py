"""What an order of delivery costs: FIFO, causal and total order, the same people talking over the same network.

The delay added is what a message takes from its broadcast to its delivery at another node, less what the network alone
takes: the mean less its mean, the 99% quantile less its 99% quantile. The fewer deliveries, the more of it is the luck
of the draw: some 4 ms at two nodes, less than 1 ms from four on. Metadata is what a copy of a message carries beside
its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from actors import Node
from actors.run import run
from experiments.recorded import Recorded, recorded
from experiments.studies import Row, Study, StudySettings, register_study
from protocols.causal_broadcast import Broadcast, FifoQueue, Kind, MemberSettings
from protocols.causal_broadcast.chatter import Chatter, Chatterer
from protocols.reliable_links import Header
from protocols.total_order import Say, TotalOrderSettings
from protocols.total_order.people import Person, Script
from simclock import Network, RunResult, Scenario, Uniform, UsageError, ms, seconds
from simclock.clocks import LamportClock, VectorClock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOW_NS, HIGH_NS = ms(10), ms(100)
MEAN_NS = (LOW_NS + HIGH_NS) // 2
HIGH_99_NS = LOW_NS + (HIGH_NS - LOW_NS) * 99 // 100
TALK_NS = seconds(8)
DURATION_NS = seconds(12)
PARAMETERS = {"sizes": (2, 4, 8, 16), "pause_ns": ms(400), "loss": "0"}
HEADERS = (
    "nodes",
    "order",
    "broadcasts",
    "delay added, mean [ms]",
    "delay added, 99% [ms]",
    "messages per broadcast",
    "metadata [B per copy]",
)


class FifoChatterer(Chatterer):
    """FIFO broadcast: a message needs its sender's own count and no other."""

    queue_class = FifoQueue

    def _timestamp(self) -> dict[Any, int]:
        return {self.member: self.count}


def _member(kind: type[Chatterer], nodes: int, pause_ns: int) -> Node:
    group = MemberSettings(
        founders=nodes, tick_ns=ms(250), request_ns=HIGH_NS, suspect_ns=seconds(5), give_up_ns=seconds(10)
    )
    return kind(group, Chatter(pause_ns=pause_ns, until_ns=TALK_NS, answer_percent=0))


def _person(pause_ns: int) -> Node:
    order = TotalOrderSettings(heartbeat_ns=ms(250), suspect_ns=seconds(5), retry_ns=3 * HIGH_NS)
    return Person(order, Script(chatter_ns=pause_ns, chatter_until_ns=TALK_NS))


def _build(order: str, nodes: int, pause_ns: int, node: int) -> Node:
    if order == "total":
        return _person(pause_ns)
    return _member(FifoChatterer if order == "fifo" else Chatterer, nodes, pause_ns)


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
                    observers=(partial(Recorded, ("say", "display", "broadcast", "deliver")),),
                )
            )
            yield _row(nodes, order, result)


def _loss(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"loss: {text!r} is not a probability, such as 0.01") from None


def _row(nodes: int, order: str, result: RunResult) -> Row:
    begun: dict[tuple[int, int], int] = {}
    took_ns: list[int] = []
    for observation in recorded(result):
        match observation.name, observation.value:
            case "broadcast", (member, count):
                begun[member, count] = observation.time_ns
            case "say", (count, node, _, _):
                begun[node, count] = observation.time_ns
            case "deliver", (member, count):
                took_ns.append(observation.time_ns - begun[member, count])
            case "display", (_, count, node, _) if node != observation.node:
                took_ns.append(observation.time_ns - begun[node, count])
    took_ns.sort()
    mean_ns = sum(took_ns) // max(1, len(took_ns))
    high_ns = took_ns[len(took_ns) * 99 // 100] if took_ns else 0
    return (
        nodes,
        order,
        len(begun),
        (mean_ns - MEAN_NS) / ms(1),
        (high_ns - HIGH_99_NS) / ms(1),
        result.counters["sent"] / max(1, len(begun)),
        metadata_bytes(order, nodes),
    )


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
        "delay: FIFO waits for what its sender sent before; causal also for what the sender had seen of others; total "
        f"for an acknowledgement from each of the {last - 1} others, so for the slowest of them.",
        "messages: a broadcast is n - 1 copies, beside what repairs and detects failures; in total order each copy is "
        "acknowledged to everybody, n^2 in all "
        f"({by_order['total'][5]:,.0f} against {by_order['causal'][5]:,.0f} at {last} nodes).",
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


register_study(
    Study(
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
)
