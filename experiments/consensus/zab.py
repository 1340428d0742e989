"""ZAB as an engine among others."""

from __future__ import annotations

from functools import partial

from simclock.experiments.checkers.progress import LeaderProgress
from simclock.experiments.consensus.engine import LOG, QUORUM, Cluster, ConsensusEngine
from simclock.protocols.zab import ZabProperties, ZabServer, ZabSettings
from simclock.protocols.zab.observed import Leader, Looking, Started


class ZabProgress(LeaderProgress):
    """Demands that the commit index of a leader increases."""

    leads = Leader
    ends = (Looking, Started)


def _settings(cluster: Cluster) -> ZabSettings:
    return ZabSettings(
        servers=cluster.servers,
        election_timeout_ns_min=cluster.election_timeout_ns_min,
        election_timeout_ns_max=cluster.election_timeout_ns_max,
        heartbeat_ns=cluster.heartbeat_ns,
        finalize_ns=cluster.heartbeat_ns // 5,
        snapshot_every=cluster.snapshot_every,
    )


ENGINE = ConsensusEngine(
    name="zab",
    title="ZAB",
    source="Junqueira, Reed & Serafini, Zab: High-Performance Broadcast for Primary-Backup Systems, DSN 2011",
    server=ZabServer,
    settings=_settings,
    properties=lambda settings: partial(ZabProperties, settings.servers),
    progress=ZabProgress,
    report=ZabProperties.__name__,
    agreed="committed",
    turn="epoch",
    messages=3,
    beyond="in an election everybody tells everybody its vote",
    reads={LOG: "a transaction", QUORUM: "a round of pings to a quorum"},
    reached=("diffs", "truncs", "snaps"),
    told=lambda report: (
        ("synchronization", f"{report['diffs']} DIFF, {report['truncs']} TRUNC, {report['snaps']} SNAP"),
    ),
)
