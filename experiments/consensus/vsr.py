"""Viewstamped Replication as an engine among others: without a disk, as its authors have it, or durable."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from simclock.experiments.checkers.progress import LeaderProgress
from simclock.experiments.consensus.engine import LOG, QUORUM, Cluster, ConsensusEngine
from simclock.experiments.nemesis import Prey
from simclock.protocols.viewstamped_replication import VsrProperties, VsrServer, VsrSettings
from simclock.protocols.viewstamped_replication.observed import Follower, Leader, Started, ViewChange

CRASHING = ("crash", "bounce", "leader-crash", "promise-crash")
"""Kinds of trouble that crash servers with no thought of how many are down, or recovering."""


class VsrProgress(LeaderProgress):
    """Demands that the commit-number of a primary increases."""

    leads = Leader
    ends = (Follower, Started)


def _settings(cluster: Cluster) -> VsrSettings:
    return VsrSettings(
        servers=cluster.servers,
        durable=cluster.durable,
        election_timeout_ns_min=cluster.election_timeout_ns_min,
        election_timeout_ns_max=cluster.election_timeout_ns_max,
        heartbeat_ns=cluster.heartbeat_ns,
        snapshot_every=cluster.snapshot_every,
    )


def struck(durable: bool, prey: Prey) -> Prey:
    """Of servers that keep nothing, more than f that are down or recovering at once are more than the protocol is made
    for: they recover no more, and what crashes servers is left out of a swarm."""
    return replace(
        prey,
        withstands=("full-disk", "rot", "torn") if durable else (),
        spares=() if durable else CRASHING,
        promise=ViewChange.observed_as,
    )


ENGINE = ConsensusEngine(
    name="vsr",
    title="Viewstamped Replication",
    source="Liskov & Cowling, Viewstamped Replication Revisited, 2012",
    server=VsrServer,
    settings=_settings,
    properties=lambda settings: partial(VsrProperties, settings.servers, settings.spares, settings.durable),
    progress=VsrProgress,
    report=VsrProperties.__name__,
    agreed="committed",
    turn="view",
    beyond="that an operation is committed goes with the next PREPARE, or with a heartbeat",
    struck=lambda cluster, prey: struck(cluster.durable, prey),
    reads={LOG: "an operation", QUORUM: "a round of COMMITs to a majority"},
    reached=("recoveries", "prepared_again", "transfers"),
    told=lambda report: (
        (
            "catching up",
            f"{report['recoveries']} recovered from others, {report['prepared_again']} prepared again in a later view, "
            f"{report['transfers']} state transfers",
        ),
    ),
)
