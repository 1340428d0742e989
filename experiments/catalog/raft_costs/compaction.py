"""What compaction keeps small: a server's log and disk, minute by minute, with snapshots and without (dissertation 5).

Three servers and clients of a small store, without faults. Each server tells every so often how many entries it holds,
and how many bytes its disk would take, as encoded; a row shows the largest of the three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from simclock import Network, Scenario, Told, Uniform, UsageError, ms, parse_duration, reader
from simclock.actors import Node, run
from simclock.experiments.entries.parameters import Duration, Parameters, Whole
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.kernel.encoding import encode
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.raft import RaftServer, RaftSettings
from simclock.protocols.replication import Sessions

SERVERS, CLIENTS = (0, 1, 2), 2
KEYS = 16
SAMPLE = "sample"
SAMPLES = 5
"""Of each run, evenly spread, the last at its end."""
KILOBYTE = 1000

HEADERS = ("snapshot every", "after [s]", "applied", "entries in the log", "disk [kB]")
PARAMETERS = Parameters(
    lasts=Duration("10m", help="How long each run is."),
    every=Whole(1000, least=1, help="After how many entries a server makes a snapshot, where it makes any."),
    processes=Whole(2, least=1, help="Operations that a client has under way at a time."),
)


class Sampled(Told):
    """What a server holds."""

    applied: int
    entries: int
    disk_bytes: int


_read = reader(Sampled)


class Sampling(RaftServer):
    """A server that tells now and then what it holds."""

    def __init__(self, settings: RaftSettings, state_machine: Sessions, every_ns: int) -> None:
        super().__init__(settings, state_machine)
        self.every_ns = every_ns

    def on_start(self) -> None:
        super().on_start()
        self.set_timer(SAMPLE, self.every_ns)

    def on_timer(self, timer: Any) -> None:
        if timer != SAMPLE:
            super().on_timer(timer)
            return
        self.set_timer(SAMPLE, self.every_ns)
        contents = self.disk.contents()
        values = [value for value in contents.values.values() if value is not None]
        records = [record for log in contents.logs.values() for record in log]
        size = sum(len(encode(each)) for each in values + records)
        self.observe(Sampled(self.last_applied, self.log.last_index - self.log.first_index + 1, size))


def compaction_scenario(
    *, seed: int, lasts_ns: int, every: int | None, processes: int, sampling: bool = True
) -> Scenario:
    """The run; without sampling its servers are the plain ones, and nobody looks."""
    raft = RaftSettings(servers=SERVERS, snapshot_every=every)
    workload = Workload(processes=processes, keys=KEYS, pause_ns=ms(20), retry_ns=ms(200))
    every_ns = lasts_ns // SAMPLES - ms(1)

    def build(node: int) -> Node:
        if node >= len(SERVERS):
            return Client(SERVERS, workload)
        state_machine = Sessions(KeyValueStore())
        return Sampling(raft, state_machine, every_ns) if sampling else RaftServer(raft, state_machine)

    return Scenario(
        name="raft-compaction",
        seed=seed,
        nodes=len(SERVERS) + CLIENTS,
        build=build,
        duration_ns=lasts_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(partial(Recorded, (Sampled,)),) if sampling else (),
    )


def rows(settings: StudySettings) -> Iterator[Row]:
    """Without snapshots, and with."""
    asked = settings.parameters
    lasts_ns = parse_duration(asked["lasts"], "lasts")
    if lasts_ns < ms(100):
        raise UsageError("lasts: that is too short to elect a leader: 100ms or more")
    for every in (None, asked["every"]):
        scenario = compaction_scenario(seed=settings.seed, lasts_ns=lasts_ns, every=every, processes=asked["processes"])
        at: dict[int, list[Sampled]] = {}
        for observation in recorded(run(scenario)):
            told = _read(observation)
            assert isinstance(told, Sampled), "nothing else is kept"
            at.setdefault(observation.time_ns, []).append(told)
        for time_ns, samples in sorted(at.items()):
            applied = max(each.applied for each in samples)
            entries = max(each.entries for each in samples)
            size = max(each.disk_bytes for each in samples)
            yield every or "never", round(time_ns / 1_000_000_000), applied, entries, size / KILOBYTE


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What to compare."""
    most: dict[Any, int] = {}
    for every, _, _, entries, _ in measured:
        most[every] = max(entries, most.get(every, 0))
    told = [f"snapshot every {every}: at most {entries:,} entries at a sample" for every, entries in most.items()]
    return (*told, f"the store has {KEYS} keys, so a snapshot does not grow with the log.")


RAFT_COMPACTION_STUDY = Study(
    name="raft-compaction",
    summary="what a server's log and disk hold as time goes by, with snapshots and without",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 5.1",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    parameters=PARAMETERS,
)
