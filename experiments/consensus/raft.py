"""Raft as an engine among others: what the paper has, and none of what is optional but for reads."""

from __future__ import annotations

from functools import partial

from simclock.experiments.checkers.progress import RaftProgress
from simclock.experiments.consensus.engine import LEASE, LOG, QUORUM, Cluster, ConsensusEngine
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, RaftTestimony


def _settings(cluster: Cluster) -> RaftSettings:
    """A lease rests on servers that ignore candidates while they hear a leader."""
    leased = cluster.reads == LEASE
    return RaftSettings(
        servers=cluster.servers,
        election_timeout_ns_min=cluster.election_timeout_ns_min,
        election_timeout_ns_max=cluster.election_timeout_ns_max,
        heartbeat_ns=cluster.heartbeat_ns,
        snapshot_every=cluster.snapshot_every,
        sticky=leased,
        reads="lease" if leased else "index",
    )


ENGINE = ConsensusEngine(
    name="raft",
    title="Raft",
    source="Ongaro & Ousterhout, In Search of an Understandable Consensus Algorithm, 2014",
    server=RaftServer,
    settings=_settings,
    properties=lambda settings: partial(RaftProperties, settings.servers),
    witnesses=lambda settings: (partial(RaftTestimony, settings.servers),),
    progress=RaftProgress,
    report=RaftProperties.__name__,
    agreed="committed",
    turn="term",
    beyond="that a command is committed goes with the next message to each follower, or with a heartbeat",
    reads={
        LOG: "an entry of the log",
        QUORUM: "ReadIndex: a round of heartbeats (dissertation 6.4)",
        LEASE: "a round of heartbeats that is still good (dissertation 6.4.1)",
    },
    reached=("truncations",),
    told=lambda report: (("logs", f"{report['truncations']} truncations"),),
)
