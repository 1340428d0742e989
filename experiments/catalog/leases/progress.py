"""A lease service's progress: once everything has healed, somebody holds the lock and writes, within a stated time."""

from __future__ import annotations

from simclock import Observation
from simclock.experiments.checkers.progress import Progress
from simclock.protocols.leases.observed import Accepted

PROGRESS = "Lock Is Granted"


class LeaseProgress(Progress):
    """Demands a write that the store accepts, while clients want the lock all the time."""

    property = PROGRESS
    reported = "written_after_ns"

    def is_progress(self, observation: Observation) -> bool:
        return observation.name == Accepted.observed_as

    def missing(self, within: str) -> str:
        return f"nobody has written {within}"
