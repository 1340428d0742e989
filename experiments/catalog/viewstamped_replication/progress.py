"""Progress of Viewstamped Replication: once everything has healed, a primary commits, within a stated time."""

from __future__ import annotations

from simclock.experiments.checkers.progress import LeaderProgress
from simclock.protocols.viewstamped_replication.observed import Follower, Leader, Started


class VsrProgress(LeaderProgress):
    """Demands that the commit-number of a primary increases."""

    leads = Leader
    ends = (Follower, Started)
