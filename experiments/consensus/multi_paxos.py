"""Multi-Paxos as an engine among others, with majorities as quorums."""

from __future__ import annotations

from functools import partial

from simclock.experiments.checkers.progress import LeaderProgress
from simclock.experiments.consensus.engine import LOG, QUORUM, Cluster, ConsensusEngine
from simclock.protocols.multi_paxos import MultiPaxosProperties, MultiPaxosServer, MultiPaxosSettings
from simclock.protocols.multi_paxos.observed import Follower, Leader, Started


class MultiPaxosProgress(LeaderProgress):
    """Demands that a leader has something chosen."""

    leads = Leader
    ends = (Follower, Started)


def _settings(cluster: Cluster) -> MultiPaxosSettings:
    return MultiPaxosSettings(
        servers=cluster.servers,
        election_timeout_ns_min=cluster.election_timeout_ns_min,
        election_timeout_ns_max=cluster.election_timeout_ns_max,
        heartbeat_ns=cluster.heartbeat_ns,
        snapshot_every=cluster.snapshot_every,
    )


ENGINE = ConsensusEngine(
    name="multi-paxos",
    title="Multi-Paxos",
    source="Lamport, Paxos Made Simple, 2001; van Renesse & Altinbuken, Paxos Made Moderately Complex, 2015",
    server=MultiPaxosServer,
    settings=_settings,
    properties=lambda settings: partial(MultiPaxosProperties, settings.quorums, settings.spares),
    progress=MultiPaxosProgress,
    report=MultiPaxosProperties.__name__,
    agreed="chosen",
    turn="round",
    beyond="that a value is chosen goes with the next proposal, or with a heartbeat",
    reads={LOG: "a slot", QUORUM: "a round of heartbeats to a quorum of phase 2"},
    reached=("proposed_again", "learned"),
    told=lambda report: (
        (
            "recovery",
            f"{report['proposed_again']} values proposed again, {report['gaps_filled']} gaps filled, "
            f"{report['learned']} learned by who lagged",
        ),
    ),
)
