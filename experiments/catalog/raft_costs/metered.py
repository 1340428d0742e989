"""A key-value store on Raft whose nodes count what they send: what the studies of Raft's costs share.

A message's bytes are those of its encoding, as the network's bandwidth counts them; nothing is added for headers.
Counting is no part of the protocol: it tells nothing, sets no timer and draws no luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from simclock import Fault, Network, Observer, RunResult, Scenario, Uniform, UsageError, ms, parse_duration, seconds
from simclock.actors import Message, Node
from simclock.environment.disk import DiskModel
from simclock.experiments.checkers.client_history import History, history_of
from simclock.experiments.entries.parameters import Duration
from simclock.experiments.telling.quantiles import nearest_rank
from simclock.kernel.encoding import encode
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.raft import RaftServer, RaftSettings
from simclock.protocols.replication import Sessions

CLIENTS = 3
SETTLED_NS = seconds(1)
"""What clients call before is not counted: they look for the leader."""
LASTS = Duration("10s", help="How long each run is, the first second not counted.")
SYNC = Duration("1ms", help="What a sync of a disk takes.")


class Sent(NamedTuple):
    """How much was sent."""

    messages: int
    bytes: int


class Metered(Node):
    """A node that counts its messages, from a time on by its own clock."""

    metered_from_ns = 0
    """Nothing that is sent before is counted."""

    def on_start(self) -> None:
        self.sent_messages: Counter[str] = Counter()
        self.sent_bytes: Counter[str] = Counter()
        """By class, since the node last started."""
        super().on_start()

    def send(self, target: int, message: Message) -> None:
        """Send, and count."""
        if self.clock.monotonic_ns() >= self.metered_from_ns:
            kind = type(message).__name__
            self.sent_messages[kind] += 1
            self.sent_bytes[kind] += len(encode(message))
        super().send(target, message)


class MeteredServer(Metered, RaftServer):
    """A server that counts."""


class MeteredClient(Metered, Client):
    """A client that counts."""


Counts = dict[str, Sent]


def counts(node: Any) -> Counts:
    """What a node has sent, by class: a scenario's `final`."""
    return {kind: Sent(count, node.sent_bytes[kind]) for kind, count in node.sent_messages.items()}


def sent(result: RunResult, counted: Callable[[str], bool] = lambda kind: True) -> Sent:
    """What all nodes that were up at the end have sent, of these classes."""
    those = [each for final in result.final.values() for kind, each in (final or {}).items() if counted(kind)]
    return Sent(sum(each.messages for each in those), sum(each.bytes for each in those))


class Timed(NamedTuple):
    """What clients were answered, of what they called once the cluster had settled."""

    operations: int
    middle_ms: float | None
    high_ms: float | None
    """The 99th percentile; None where nothing was answered."""


def timed(result: RunResult) -> Timed:
    """How long answers took."""
    latencies_ns = sorted(
        each.finish - each.call
        for each in history_of(result)
        if each.outcome == "ok" and each.finish is not None and each.call >= SETTLED_NS
    )
    if not latencies_ns:
        return Timed(0, None, None)
    middle, high = (nearest_rank(latencies_ns, permille) / ms(1) for permille in (500, 990))
    return Timed(len(latencies_ns), middle, high)


def metered_scenario(
    raft: RaftSettings,
    workload: Workload,
    seed: int,
    asked: Mapping[str, Any],
    *,
    faults: Sequence[Fault] = (),
    observers: Sequence[Callable[[], Observer]] = (),
) -> Scenario:
    """A run of these servers with three clients, as long and with disks as slow as is asked for."""
    lasts_ns = parse_duration(asked["lasts"], "lasts")
    if lasts_ns < 2 * SETTLED_NS:
        raise UsageError(f"lasts: {asked['lasts']} is too short: 2s or more")
    servers = len(raft.servers)

    def build(node: int) -> Node:
        server = node < servers
        made = MeteredServer(raft, Sessions(KeyValueStore())) if server else MeteredClient(raft.servers, workload)
        made.metered_from_ns = SETTLED_NS
        return made

    return Scenario(
        name="raft-costs",
        seed=seed,
        nodes=servers + CLIENTS,
        build=build,
        duration_ns=lasts_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        disk=DiskModel(sync_ns=parse_duration(asked["sync"], "sync")),
        faults=tuple(faults),
        observers=(partial(History, range(servers, servers + CLIENTS)), *observers),
        final=counts,
    )
