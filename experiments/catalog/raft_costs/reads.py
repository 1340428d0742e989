"""What a read costs: through the log, by ReadIndex, and by the leader's lease (dissertation 6.4), side by side.

Three servers, clients that only read, no faults. A get through the log is synced on a majority before it is answered;
by ReadIndex a round of heartbeats says that the leader still leads, one for all gets that wait; by a lease nobody is
asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from simclock import ms
from simclock.actors import run
from simclock.experiments.catalog.raft_costs.metered import CLIENTS, LASTS, SYNC, metered_scenario, sent, timed
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftSettings

WAYS = ("log", "index", "lease")
PROCESSES = (1, 32)
"""Operations that each client has under way at a time."""
DRIFT_PPM = 1000
HEADERS = (
    "gets under way",
    "read by",
    "reads",
    "latency median [ms]",
    "latency p99 [ms]",
    "messages per read",
    "bytes per read",
)


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every way, at a low load and at a high one."""
    for processes in PROCESSES:
        for way in WAYS:
            reads: Literal["index", "lease"] = "lease" if way == "lease" else "index"
            raft = RaftSettings(servers=(0, 1, 2), sticky=True, reads=reads, clock_drift_ppm=DRIFT_PPM)
            workload = Workload(processes=processes, pause_ns=ms(5), queries=way != "log", mix=(("get", 1),))
            result = run(metered_scenario(raft, workload, settings.seed, settings.parameters))
            took, (messages, size) = timed(result), sent(result)
            yield processes * CLIENTS, way, *took, messages / max(1, took.operations), size / max(1, took.operations)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What to compare."""
    return (
        "messages and bytes are all that servers and clients send, heartbeats too, which count where reads are few.",
        "by log: the client's two journeys, two to a majority, and syncs, which queue where reads are many.",
        "by index: the same journeys without the syncs, one round for all that wait. By lease: the client's two alone.",
        f"a lease holds while no clock is off by more than servers are told, here {DRIFT_PPM} ppm: raft-lease-reads.",
    )


RAFT_READS_STUDY = Study(
    name="raft-reads",
    summary="what a read costs by the log, by ReadIndex and by lease: latency, messages, bytes",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 6.4",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    parameters=Parameters(lasts=LASTS, sync=SYNC),
)
