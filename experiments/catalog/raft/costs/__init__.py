"""What Raft's features cost, as studies; wall time and memory are measured by `simclock bench --only raft`."""

from simclock.experiments.catalog.raft.costs.batching import RAFT_BATCHING_STUDY
from simclock.experiments.catalog.raft.costs.catch_up import RAFT_CATCH_UP_STUDY
from simclock.experiments.catalog.raft.costs.compaction import RAFT_COMPACTION_STUDY
from simclock.experiments.catalog.raft.costs.elections import RAFT_ELECTIONS_STUDY
from simclock.experiments.catalog.raft.costs.reads import RAFT_READS_STUDY

STUDIES = (
    RAFT_CATCH_UP_STUDY,
    RAFT_COMPACTION_STUDY,
    RAFT_READS_STUDY,
    RAFT_ELECTIONS_STUDY,
    RAFT_BATCHING_STUDY,
)
