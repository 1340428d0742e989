"""The study `metadata-size`: what causality costs on the wire as a system grows, and as members come and go.

In each round every live node sends one message to another, drawn by lot, and the message carries the sender's clock; at
the end of a round a share of the nodes leaves, and as many newcomers, with ids that nobody had, take their places.
After the last round the encodings of some messages are measured:

    Lamport         one number; it cannot tell what is concurrent
    dense vector    a count for every node that ever was, known or not
    sparse vector   a count for every node that the sender has heard of, directly or not; who left stays in it
    interval tree   a stamp: a leaver's part of the id goes to another node, a newcomer takes a part of another's
    DVV             a version of one key on three of the nodes: its own dot, and what was known of those that took
                    writes of this key; a replica that leaves is replaced by another node

A vector is found from the messages themselves: an entry of a message's vector is the last event of that node in the
message's causal past, so a walk backwards through all messages gives it, and no clock need be kept for ten thousand
nodes. Interval tree clocks have no such way round: stamps are really kept, ticked and joined, but only those in the
causal past of a measured message (`past_of`), which leaves out most of the last rounds. Where there are more nodes than
`stamps`, one message is measured instead of `samples`, as each past is about as large as a whole round.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from simclock import Stream, UsageError, stream
from simclock.clocks import DottedVersion, LamportClock, NodeId, Stamp, VectorClock, context_of, next_version
from simclock.experiments.entries.studies import Row, Study, StudySettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARAMETERS = {
    "nodes": (10, 100, 1000, 10_000),
    "churn": (0, 5),
    "rounds": 16,
    "samples": 10,
    "stamps": 1000,
}
KEYS_MAX = 1000
REPLICAS = 3


class Sent(NamedTuple):
    """A message; events of a node are numbered from 1."""

    sender: int
    sent: int
    receiver: int
    received: int
    lamport: int


class Membership(NamedTuple):
    """Who takes whose place after a round."""

    leaver: int
    heir: int
    """Who takes what the leaver had."""
    parent: int
    """Who shares with the newcomer."""
    newcomer: int


Step = Sent | Membership


def leavers(nodes: int, churn_percent: int, number: int) -> int:
    """How many leave at the end of that round; parts of a node add up from round to round."""
    return nodes * churn_percent * (number + 1) // 100 - nodes * churn_percent * number // 100


def history(nodes: int, rounds: int, churn_percent: int, luck: Stream) -> tuple[list[Step], int]:
    """What happens, in order, and how many nodes there ever were."""
    live, ever = list(range(nodes)), nodes
    events = dict.fromkeys(live, 0)
    lamport = dict.fromkeys(live, 0)
    steps: list[Step] = []
    for number in range(rounds):
        for sender in list(live):
            receiver = live[luck.randrange(nodes)]
            if receiver == sender:
                continue
            events[sender] += 1
            events[receiver] += 1
            lamport[sender] += 1
            lamport[receiver] = max(lamport[receiver], lamport[sender]) + 1
            steps.append(Sent(sender, events[sender], receiver, events[receiver], lamport[sender]))
        for _ in range(leavers(nodes, churn_percent, number)):
            place = luck.randrange(nodes)
            heir = live[(place + 1 + luck.randrange(nodes - 1)) % nodes]
            leaver, live[place] = live[place], ever
            steps.append(Membership(leaver, heir, heir, ever))
            events[ever] = lamport[ever] = 0
            ever += 1
    return steps, ever


def vector_of(steps: Sequence[Step], position: int) -> VectorClock:
    """The vector clock of the message at that position, from what came before it."""
    message = steps[position]
    assert isinstance(message, Sent)
    past: dict[NodeId, int] = {message.sender: message.sent}
    for step in reversed(steps[:position]):
        if isinstance(step, Sent) and step.received <= past.get(step.receiver, 0):
            past[step.sender] = max(step.sent, past.get(step.sender, 0))
    return VectorClock.of(past)


def dense_bytes(vector: VectorClock, ever: int) -> int:
    """The size of the same clock with a place for every node that ever was."""
    return len(vector.dense(ever).encode())


class Needed(NamedTuple):
    """A step in the past of a measured message, and what of it matters later."""

    position: int
    received: bool
    """Whether what its receiver learned does; else its sender's tick alone."""
    last_of: tuple[int, ...]
    """The nodes whose stamps matter no more after it."""


def past_of(steps: Sequence[Step], positions: frozenset[int]) -> list[Needed]:
    """The steps on which the stamps of the messages at these positions depend, in order."""
    needed: set[int] = set()
    past = []
    for position in range(max(positions, default=-1), -1, -1):
        step = steps[position]
        nodes: tuple[int, ...]
        if isinstance(step, Membership):
            # Of both, the heir's new stamp is made of the leaver's and its own, and is the one that is divided.
            received = step.heir in needed or step.newcomer in needed
            nodes = (step.leaver, step.heir) if received else ()
        else:
            received = step.receiver in needed
            measured = position in positions or step.sender in needed
            nodes = (step.sender, step.receiver) if received else (step.sender,) if measured else ()
        if nodes:
            touched = (*nodes, step.newcomer) if isinstance(step, Membership) else nodes
            past.append(Needed(position, received, tuple(node for node in touched if node not in needed)))
            needed.update(nodes)
        if isinstance(step, Membership):
            needed.discard(step.newcomer)
    return past[::-1]


def first_stamps(nodes: int) -> dict[int, Stamp]:
    """One for each node, forked in turn, so that ids stay shallow."""
    stamps: dict[int, Stamp] = {0: Stamp.seed()}
    while len(stamps) < nodes:
        for node in list(stamps)[: nodes - len(stamps)]:
            stamps[node], stamps[len(stamps)] = stamps[node].fork()
    return stamps


@contextmanager
def _without_collector() -> Iterator[None]:
    """Trees hold no cycles; looking for some in millions of pairs takes almost half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_without_collector()
def stamp_bytes(steps: Sequence[Step], nodes: int, positions: frozenset[int]) -> list[int]:
    """The sizes of the interval tree stamps that these messages carry."""
    stamps = first_stamps(nodes)
    found = []
    for position, received, last_of in past_of(steps, positions):
        step = steps[position]
        if isinstance(step, Membership):
            stamps[step.heir] = stamps[step.heir].join(stamps.pop(step.leaver))
            stamps[step.parent], stamps[step.newcomer] = stamps[step.parent].fork()
        else:
            stamps[step.sender] = stamps[step.sender].tick()
            carried = stamps[step.sender].peek()
            if received:
                stamps[step.receiver] = stamps[step.receiver].join(carried).tick()
            if position in positions:
                found.append(len(carried.encode()))
        for node in last_of:
            stamps.pop(node, None)
    return found


def version_bytes(nodes: int, rounds: int, churn_percent: int, luck: Stream) -> list[int]:
    """The sizes of the last version of each key, written once in each round."""
    live, ever = list(range(nodes)), nodes
    places = [[luck.randrange(nodes) for _ in range(REPLICAS)] for _ in range(min(nodes, KEYS_MAX))]
    present: list[list[DottedVersion]] = [[] for _ in places]
    for number in range(rounds):
        for key, replicas in enumerate(places):
            coordinator = live[replicas[luck.randrange(REPLICAS)]]
            present[key] = [next_version(context_of(present[key]), present[key], coordinator)]
        for _ in range(leavers(nodes, churn_percent, number)):
            live[luck.randrange(nodes)] = ever
            ever += 1
    return [len(versions[0].encode()) for versions in present]


def rows(settings: StudySettings) -> Iterator[Row]:
    """A row for each number of nodes and share of churn."""
    asked = settings.parameters
    rounds, samples = asked["rounds"], asked["samples"]
    if rounds < 1 or samples < 1:
        raise UsageError("metadata-size: rounds and samples are 1 or more")
    if asked["stamps"] < 0:
        raise UsageError(f"metadata-size: stamps: {asked['stamps']} is not a number of nodes: 0 or more")
    for name in ("nodes", "churn"):
        if not asked[name]:
            raise UsageError(f"metadata-size: {name}: none is given, such as {PARAMETERS[name]}")
    for nodes in map(int, asked["nodes"]):
        if nodes < 2:
            raise UsageError(f"metadata-size: nodes: {nodes} have nobody to talk to: 2 or more")
        for churn_percent in map(int, asked["churn"]):
            if not 0 <= churn_percent <= 100:
                raise UsageError(f"metadata-size: churn: {churn_percent} is not a share of the nodes: 0 to 100 percent")
            luck = stream(settings.seed, "metadata-size", nodes)
            steps, ever = history(nodes, rounds, churn_percent, luck)
            last = [place for place, step in enumerate(steps) if isinstance(step, Sent)][-nodes:]
            picked = sorted({last[luck.randrange(len(last))] for _ in range(samples)})
            vectors = [vector_of(steps, place) for place in picked]
            measured = picked if nodes <= asked["stamps"] else picked[:1]
            stamps = stamp_bytes(steps, nodes, frozenset(measured))
            messages = [step for step in (steps[place] for place in picked) if isinstance(step, Sent)]
            yield (
                nodes,
                churn_percent,
                ever,
                _mean([len(LamportClock(message.lamport, message.sender).encode()) for message in messages]),
                _mean([dense_bytes(vector, ever) for vector in vectors]),
                _mean([len(vector.encode()) for vector in vectors]),
                _mean(stamps),
                len(stamps),
                _mean(version_bytes(nodes, rounds, churn_percent, luck)),
            )


def _mean(sizes: Sequence[int]) -> float:
    return sum(sizes) / len(sizes)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What the largest row says."""
    lines = []
    if measured:
        nodes, churn, _, lamport, dense, sparse, tree, _, version = max(measured, key=lambda row: (row[0], row[1]))
        lines.append(
            f"at {nodes:,} nodes and {churn}% churn a vector costs {dense / lamport:,.0f} (dense) and "
            f"{sparse / lamport:,.0f} (sparse) times a Lamport clock, an interval tree clock {tree / lamport:,.0f} "
            f"times, a DVV {version / lamport:.0f} times"
        )
    return lines


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Bytes over nodes; a line for each clock, dashed with churn."""
    names = {3: "Lamport", 4: "dense vector", 5: "sparse vector", 6: "interval tree", 8: "DVV"}
    churns = list(dict.fromkeys(row[1] for row in measured))
    for column, name in names.items():
        for churn, style in zip(churns, ("-", "--", ":", "-."), strict=False):
            mine = [row for row in measured if row[1] == churn]
            label = f"{name}, {churn}% churn"
            axes.plot(
                [row[0] for row in mine],
                [row[column] for row in mine],
                style,
                marker=".",
                color=f"C{column}",
                label=label,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("nodes")
    axes.set_ylabel("bytes per message")
    axes.legend(fontsize=7)


METADATA_SIZE_STUDY = Study(
    name="metadata-size",
    summary="how many bytes each kind of clock adds to a message, as nodes become many and come and go",
    source="Fidge 1988; Mattern 1989; Almeida, Baquero & Fonte 2008; Preguica et al. 2010",
    headers=(
        "nodes",
        "churn [% a round]",
        "nodes ever",
        "Lamport [B]",
        "dense vector [B]",
        "sparse vector [B]",
        "interval tree [B]",
        "stamps measured",
        "DVV [B]",
    ),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
