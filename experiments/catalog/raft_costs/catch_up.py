"""What it costs a follower to catch up that was away: by the log, and by a snapshot (dissertation chapter 5).

Three servers and nobody else. One follower is down while the leader commits so many entries with the other; then it
comes back, and nothing new is asked for. Measured is from there until it has applied everything. Entries are puts of a
few keys or of many: a snapshot has each key once, the log every put.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from simclock import (
    Control,
    Crash,
    Network,
    Observation,
    Observer,
    Restart,
    Scenario,
    Uniform,
    UsageError,
    ms,
    parse_duration,
    seconds,
)
from simclock.actors import run
from simclock.environment.disk import DiskModel
from simclock.experiments.catalog.raft_costs.metered import MeteredServer, counts, sent
from simclock.experiments.entries.parameters import Duration, Parameters, Whole
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import RaftSettings
from simclock.protocols.raft.observed import Installed, read
from simclock.protocols.replication import Sessions, StateMachine, numbered
from simclock.protocols.replication.observed import CommitIndex

LEADER, AWAY, SERVERS = 0, 2, (0, 1, 2)
FEED = "feed"
FEED_NS = ms(10)
AT_ONCE = 1000
"""Entries that are proposed at a time."""
AWAY_NS = seconds(1)
"""When it goes down; the leader is fed from then on."""
ROUND_TRIP_NS_MAX = ms(4)
SMALL = 64
"""Entries in the smallest message."""
BYTES_PER_S = 125_000_000
"""1 Gbit/s each way."""
MEGABYTE = 1_000_000

HEADERS = (
    "entries missed",
    "keys",
    "way",
    "messages",
    "sent [MB]",
    "bytes per entry",
    "virtual time [ms]",
)
PARAMETERS = Parameters(
    entries=Whole(100_000, least=1, help="Entries that are committed while the follower is away."),
    many=Whole(100_000, least=1, help="Keys of the second store; the first has a hundredth of them."),
    sync=Duration("1ms", help="What a sync of a disk takes."),
)


class Load(NamedTuple):
    """What happens before it is measured."""

    entries: int
    keys: int
    back_ns: int
    """When the follower comes back."""


class Fed(MeteredServer):
    """A server that is elected if it is the first, and then proposes so many puts by itself."""

    def __init__(self, settings: RaftSettings, state_machine: StateMachine, load: Load) -> None:
        super().__init__(settings, state_machine)
        self.load = load
        self.fed = 0
        """Entries proposed so far."""
        self.metered_from_ns = load.back_ns

    def _election_timeout_ns(self) -> int:
        fast, slow = self.settings.election_timeout_ns_min, self.settings.election_timeout_ns_max
        return fast if self.id == LEADER else slow

    def on_leading(self) -> None:
        super().on_leading()
        self.set_timer(FEED, AWAY_NS + FEED_NS)

    def on_timer(self, timer: Any) -> None:
        if timer != FEED:
            super().on_timer(timer)
            return
        before, self.fed = self.fed, min(self.fed + AT_ONCE, self.load.entries)
        for number in range(before, self.fed):
            command = encode_command(Command("put", f"k{number % self.load.keys}", f"value {number}"))
            self.propose(numbered(0, number + 1, command))
        if self.fed < self.load.entries:
            self.set_timer(FEED, FEED_NS)


class CaughtUp(Observer[dict[str, int | None]]):
    """When the one that was away has applied as much as is asked for; that ends the run."""

    def __init__(self, node: int, index: int, from_ns: int) -> None:
        self._node, self._index, self._from_ns = node, index, from_ns
        self._took_ns: int | None = None
        self._installs = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.node != self._node or observation.time_ns < self._from_ns:
            return
        installed = read(observation)
        if isinstance(installed, Installed):
            self._installs += 1
            index = installed.last_included_index
        elif observation.name == CommitIndex.observed_as:
            index = observation.value
        else:
            return
        if index >= self._index and self._took_ns is None:
            self._took_ns = observation.time_ns - self._from_ns
            control.stop("caught up")

    def report(self) -> dict[str, int | None]:
        return {"took_ns": self._took_ns, "installs": self._installs}


class Way(NamedTuple):
    """How it catches up."""

    name: str
    snapshots: bool
    entries_per_message: int = SMALL
    chunk_bytes: int = 64 * 1024


WAYS = (
    Way(f"log, {SMALL} entries a message", snapshots=False),
    Way("log, 1024 entries a message", snapshots=False, entries_per_message=1024),
    Way("snapshot, chunks of 64 KiB", snapshots=True),
    Way("snapshot, chunks of 1 MiB", snapshots=True, chunk_bytes=1024 * 1024),
)


def catch_up_scenario(
    way: Way, *, seed: int, entries: int, keys: int, sync_ns: int, observer: type[CaughtUp] = CaughtUp
) -> Scenario:
    """The run: the leader is fed while one is away, and is done when that comes back."""
    raft = RaftSettings(
        servers=SERVERS,
        batch_ns=ms(1),
        entries_per_message_max=way.entries_per_message,
        snapshot_every=max(1, entries // 25) if way.snapshots else None,
        snapshot_chunk_bytes=way.chunk_bytes,
    )
    # The other follower has all by then: it takes a message in each round trip.
    back_ns = AWAY_NS + seconds(2) + (ROUND_TRIP_NS_MAX + 2 * sync_ns) * (2 + entries // SMALL)
    load = Load(entries, keys, back_ns)
    return Scenario(
        name="raft-catch-up",
        seed=seed,
        nodes=len(SERVERS),
        build=lambda node: Fed(raft, Sessions(KeyValueStore()), load),
        duration_ns=2 * back_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)), order="fifo", bytes_per_s=BYTES_PER_S),
        disk=DiskModel(sync_ns=sync_ns),
        faults=(Crash(at_ns=AWAY_NS, node=AWAY), Restart(at_ns=back_ns, node=AWAY)),
        observers=(partial(observer, AWAY, entries, back_ns),),
        final=counts,
    )


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every way, of a store with few keys and of one with many."""
    asked = settings.parameters
    entries, sync_ns = asked["entries"], parse_duration(asked["sync"], "sync")
    for keys in (max(1, asked["many"] // 100), asked["many"]):
        for way in WAYS:
            scenario = catch_up_scenario(way, seed=settings.seed, entries=entries, keys=keys, sync_ns=sync_ns)
            result = run(scenario)
            told = result.report(CaughtUp)
            if told["took_ns"] is None or bool(told["installs"]) is not way.snapshots:
                raise UsageError(f"raft-catch-up: {way.name}: it has not caught up so: ask for more entries")
            messages, size = sent(result)
            yield entries, keys, way.name, messages, size / MEGABYTE, size / entries, told["took_ns"] / ms(1)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What to compare."""
    return (
        "counted from when the follower is back until it has applied everything, answers and heartbeats included; "
        "bytes are those of the encodings.",
        "a log costs what was missed, a snapshot what there is: the more often a key was overwritten, the less.",
        "an answer brings the next message, and a heartbeat one more that is under way from then on: so what a message "
        "holds decides the time, until the link's bandwidth does.",
    )


RAFT_CATCH_UP_STUDY = Study(
    name="raft-catch-up",
    summary="what a follower costs that was away: by the log, and by a snapshot",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, chapter 5",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    parameters=PARAMETERS,
)
