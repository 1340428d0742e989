"""Progress of ZAB: once everything has healed, an established leader commits, within a stated time."""

from __future__ import annotations

from simclock.experiments.checkers.progress import LeaderProgress
from simclock.protocols.zab.observed import Leader, Looking, Started


class ZabProgress(LeaderProgress):
    """Demands that the commit index of a leader increases."""

    leads = Leader
    ends = (Looking, Started)
