"""What Raft's features cost, as studies; wall time and memory are measured by `simclock bench --only raft`."""

from simclock.experiments.catalog.raft_costs.batching import RAFT_BATCHING_STUDY
from simclock.experiments.catalog.raft_costs.catch_up import RAFT_CATCH_UP_STUDY
from simclock.experiments.catalog.raft_costs.compaction import RAFT_COMPACTION_STUDY
from simclock.experiments.catalog.raft_costs.elections import RAFT_ELECTIONS_STUDY
from simclock.experiments.catalog.raft_costs.reads import RAFT_READS_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="raft_costs",
    studies=(
        RAFT_CATCH_UP_STUDY,
        RAFT_COMPACTION_STUDY,
        RAFT_READS_STUDY,
        RAFT_ELECTIONS_STUDY,
        RAFT_BATCHING_STUDY,
    ),
)
