"""Raft under a key-value store."""

from simclock import ms
from simclock.experiments.catalog.raft.bugs import BUGS, NOT_APPLICABLE
from simclock.experiments.catalog.raft.calm import RAFT_CALM_HUNT
from simclock.experiments.catalog.raft.hunt import RAFT_HUNT
from simclock.experiments.catalog.raft.lanes import LANES
from simclock.experiments.catalog.raft.lease_reads import RAFT_LEASE_READS
from simclock.experiments.catalog.raft.scenario import RAFT_KV, RAFT_KV_WAN
from simclock.experiments.catalog.raft.script import RAFT_SCRIPT
from simclock.experiments.catalog.raft.whole_hunt import RAFT_WHOLE_HUNT
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="raft",
    entries=(RAFT_KV, RAFT_KV_WAN, RAFT_HUNT, RAFT_CALM_HUNT, RAFT_SCRIPT, RAFT_WHOLE_HUNT, RAFT_LEASE_READS),
    bugs=BUGS,
    lanes=LANES,
    not_applicable=NOT_APPLICABLE,
    shot=Shot(
        scenario="raft-kv",
        caption="An election: node 1 asks for votes, gets them, and leads.",
        seed=7,
        from_ns=ms(178),
        to_ns=ms(186),
        nodes=(0, 1, 2),
    ),
)
