"""What it changes that a leader gathers commands for a while before it syncs and sends them (`batch_ns`).

Three servers, clients that only write, no faults. A batch saves messages and syncs, and every command waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simclock import format_duration, ms
from simclock.actors import run
from simclock.experiments.catalog.raft_costs.metered import CLIENTS, LASTS, SYNC, metered_scenario, sent, timed
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftSettings

BATCHES_NS = (0, ms(1), ms(5), ms(20))
BETWEEN_SERVERS = ("AppendEntries", "AppendEntriesReply")
HEADERS = (
    "batch",
    "operations",
    "latency median [ms]",
    "latency p99 [ms]",
    "messages per operation",
    "between servers",
    "bytes per operation",
)
PARAMETERS = Parameters(
    lasts=LASTS,
    sync=SYNC,
    processes=Whole(16, least=1, help=f"Operations that each of {CLIENTS} clients has under way at a time."),
)


def rows(settings: StudySettings) -> Iterator[Row]:
    """From none to long ones."""
    workload = Workload(processes=settings.parameters["processes"], pause_ns=ms(5), mix=(("put", 1),))
    for batch_ns in BATCHES_NS:
        raft = RaftSettings(servers=(0, 1, 2), batch_ns=batch_ns)
        result = run(metered_scenario(raft, workload, settings.seed, settings.parameters))
        took, (messages, size) = timed(result), sent(result)
        between, _ = sent(result, lambda kind: kind in BETWEEN_SERVERS)
        each = tuple(count / max(1, took.operations) for count in (messages, between, size))
        yield format_duration(batch_ns), *took, *each


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What to compare."""
    first, last = measured[0], measured[-1]
    return (
        f"between servers {first[5]:.2g} messages an operation without batches, {last[5]:.2g} with {last[0]}; the "
        "client's request and answer are two more.",
        "without batches each command waits for a sync of its own, one after the other: that is most of the latency.",
        "what a leader has gathered it syncs with the next answer that it gives, so busy leaders' batches are shorter.",
        "a closed loop: who waits longer asks less often, so operations are fewer where batches are long.",
    )


RAFT_BATCHING_STUDY = Study(
    name="raft-batching",
    summary="what batches change: messages and bytes for an operation, and how long it takes",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 10.2.2",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    parameters=PARAMETERS,
)
