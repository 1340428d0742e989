"""What it costs to tell versions apart: vector clocks against dotted version vectors, on the same interleavings.

    grow=clients    a client at random writes one key through a server at random, `reads_percent` of the time after a
                    read; now and then two servers exchange what they have
    grow=turns      clients write in turn through one server, each with what it knows from its own last answer

A client's context is all that it was ever shown. There is no network and no failure: what is measured is the versioning
alone. The truth is kept beside it, as sets of writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import UsageError, stream
from simclock.clocks import VectorClock
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.dynamo import (
    ClientVectors,
    DottedSets,
    ServerVectors,
    Version,
    Versioning,
    Write,
    metadata_bytes,
)
from simclock.protocols.dynamo.settings import server_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLIENTS = (2, 4, 8, 16, 32)
WRITES = (8, 16, 32, 64, 128)
STRATEGIES: tuple[Versioning, ...] = (ClientVectors(), ClientVectors(prune_above=10), ServerVectors(), DottedSets())
MARKERS = (("o", 11), ("s", 8), ("^", 7), ("D", 4))
"""Shape and size, so that lines that lie on each other are seen."""
EXCHANGE_PERCENT = 50
"""How often two servers exchange, after a write."""

PARAMETERS = {"grow": "clients", "clients": 4, "writes": 100, "servers": 3, "reads_percent": 20}
HEADERS = (
    "clients",
    "writes",
    "versioning",
    "metadata [bytes]",
    "clock entries",
    "siblings, mean",
    "siblings, most",
    "false siblings, mean",
    "writes lost",
)


class Cost(NamedTuple):
    """Of one versioning on one interleaving; means are over the answers to writes."""

    metadata_bytes: float
    clock_entries: float
    siblings: float
    siblings_max: int
    false_siblings: float
    """Shown though another one that is shown had seen it."""
    lost: int
    """Writes that are gone at the end though none that is there had seen them."""


class _Client:
    """What a client was ever shown, and how it counts itself."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.context = VectorClock()
        self.seen = 0
        """A bit for each write it was shown."""
        self.generation = 0
        self.count = 0

    def counter(self) -> tuple[str, int]:
        """(id, number) of its next write, as `simclock.protocols.dynamo.Client` has it."""
        if self.context[self.id] != self.count:
            self.generation, self.count = self.generation + 1, 0
        self.count += 1
        return self.id, self.count

    @property
    def id(self) -> str:
        return f"c{self.number}" + (f".{self.generation}" if self.generation else "")


def measure(
    versioning: Versioning, seed: int, *, clients: int, writes: int, servers: int, reads_percent: int, turns: bool
) -> Cost:
    """Run one interleaving; its draws do not depend on the versioning."""
    luck = stream(seed, "version-vectors")
    records: list[Any] = [versioning.empty() for _ in range(servers)]
    pasts: list[int] = []
    everyone = [_Client(number) for number in range(clients)]
    metadata, entries, siblings, false = [], [], [], []
    for number in range(writes):
        client = everyone[number % clients if turns else luck.randrange(clients)]
        server = 0 if turns else luck.randrange(servers)
        reads = luck.randrange(100) < reads_percent and not turns
        exchanges = luck.randrange(100) < EXCHANGE_PERCENT
        one, other = luck.randrange(servers), luck.randrange(servers)
        if reads:
            _show(versioning, records[server], client)
        writer, count = client.counter()
        write = Write(Version(str(number), number), client.context, writer, count)
        pasts.append(_past(client.seen, pasts))
        records[server] = versioning.put(records[server], write, server_name(server))
        shown = _show(versioning, records[server], client)
        metadata.append(metadata_bytes(versioning, records[server]))
        entries.append(len(client.context.entries))
        siblings.append(len(shown))
        false.append(sum(any(pasts[later] >> earlier & 1 for later in shown) for earlier in shown))
        if exchanges and one != other:
            records[one] = records[other] = versioning.merge(records[one], records[other])
    end = versioning.empty()
    for record in records:
        end = versioning.merge(end, record)
    covered = 0
    for left in _names(versioning, end):
        covered |= pasts[left] | 1 << left
    return Cost(
        metadata_bytes=fmean(metadata),
        clock_entries=fmean(entries),
        siblings=fmean(siblings),
        siblings_max=max(siblings),
        false_siblings=fmean(false),
        lost=writes - covered.bit_count(),
    )


def _show(versioning: Versioning, record: Any, client: _Client) -> list[int]:
    shown = _names(versioning, record)
    client.context = client.context.merge(versioning.context(record))
    client.seen |= sum(1 << name for name in set(shown))
    return shown


def _names(versioning: Versioning, record: Any) -> list[int]:
    return [int(version.value) for version in versioning.versions(record)]


def _past(seen: int, pasts: Sequence[int]) -> int:
    past = seen
    for write in range(seen.bit_length()):
        if seen >> write & 1:
            past |= pasts[write]
    return past


# The study.


def rows(settings: StudySettings) -> Iterator[Row]:
    """A row per size and versioning."""
    asked = dict(settings.parameters)
    grow = asked.pop("grow")
    if grow not in ("clients", "turns"):
        raise UsageError(f"grow: {grow!r} is nothing that grows: use clients or turns")
    for name, least in (("clients", 1), ("writes", 1), ("servers", 1), ("reads_percent", 0)):
        if asked[name] < least:
            raise UsageError(f"{name}: {asked[name]} is too few: {least} or more")
    if asked["reads_percent"] > 100:
        raise UsageError(f"reads_percent: {asked['reads_percent']} is not a share of the writes: 0 to 100")
    for size in CLIENTS if grow == "clients" else WRITES:
        asked["clients" if grow == "clients" else "writes"] = size
        for versioning in STRATEGIES:
            cost = measure(versioning, settings.seed, turns=grow == "turns", **asked)
            yield asked["clients"], asked["writes"], versioning.name, *cost


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What grows, from the smallest size to the largest."""
    lines = []
    for versioning in STRATEGIES:
        mine = [row for row in measured if row[2] == versioning.name]
        first, last = mine[0], mine[-1]
        lost = sum(row[8] for row in mine)
        lines.append(
            f"{versioning.name}: metadata {first[3]:.0f} -> {last[3]:.0f} bytes, siblings {first[5]:.1f} -> "
            f"{last[5]:.1f}, of which false {first[7]:.1f} -> {last[7]:.1f}; {lost} writes lost in all"
        )
    return lines


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Metadata against clients, or siblings against writes."""
    by_clients = len({row[0] for row in measured}) > 1
    size, value = (0, 3) if by_clients else (1, 5)
    for versioning, (marker, points) in zip(STRATEGIES, MARKERS, strict=True):
        mine = [row for row in measured if row[2] == versioning.name]
        style: dict[str, Any] = {"marker": marker, "markersize": points, "fillstyle": "none", "label": versioning.name}
        axes.plot([row[size] for row in mine], [row[value] for row in mine], **style)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xticks(sorted({row[size] for row in measured}), sorted({row[size] for row in measured}))
    axes.set_xlabel("clients that write one key" if by_clients else "writes of one key, clients in turn")
    axes.set_ylabel("metadata of a record [bytes]" if by_clients else "siblings in an answer, mean")
    axes.legend()


VERSION_VECTORS_STUDY = Study(
    name="version-vectors",
    summary="what telling versions apart costs: metadata, siblings, false conflicts, as clients or writes grow",
    source="Preguica et al. 2010, arXiv 1011.5808",
    project=10,
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
