"""Progress of Multi-Paxos: once everything has healed, a leader has something chosen, within a stated time."""

from __future__ import annotations

from simclock.experiments.checkers.progress import LeaderProgress
from simclock.protocols.multi_paxos.observed import Follower, Leader, Started


class MultiPaxosProgress(LeaderProgress):
    """Demands that the commit index of a leader increases."""

    leads = Leader
    ends = (Follower, Started)
