"""Progress: once everything has healed, what a protocol is for happens within a stated time. In Raft it is a commit."""

from __future__ import annotations

from typing import ClassVar

from simclock import Control, Observation, Observer, Told, format_duration, reader
from simclock.protocols.raft.observed import Follower, Leader, Started
from simclock.protocols.replication.observed import CommitIndex
from simclock.told import Halted

PROGRESS = "Progress"
ELECTION_TIMEOUTS = 20
"""Within so many (of the longest) a leader is elected and commits: a split vote costs one, and is seldom repeated."""


class Progress(Observer):
    """Demands that something happens within some time after T, at which everything heals."""

    property: ClassVar[str] = PROGRESS
    reported: ClassVar[str]
    """What the report calls the time from T to the first of it."""

    def __init__(self, within_ns: int, healed_ns: int) -> None:
        self._within_ns = within_ns
        self._healed_ns = healed_ns
        self._happened_ns: int | None = None
        self._told = False

    def is_progress(self, observation: Observation) -> bool:
        """Whether this is what is demanded; it is asked about every observation."""
        raise NotImplementedError

    def missing(self, within: str) -> str:
        """What did not happen."""
        raise NotImplementedError

    def on_observation(self, observation: Observation, control: Control) -> None:
        if self.is_progress(observation) and self._happened_ns is None and observation.time_ns >= self._healed_ns:
            self._happened_ns = observation.time_ns
        self._judge(control)

    def on_finish(self, control: Control) -> None:
        self._judge(control)

    def _judge(self, control: Control) -> None:
        """An observation after the time is up tells that it is; so does the end of the run."""
        due_ns = self._healed_ns + self._within_ns
        if self._told or control.now_ns < due_ns:
            return
        if self._happened_ns is None or self._happened_ns > due_ns:
            self._told = True
            control.violated(self.property, -1, self.missing(f"within {format_duration(self._within_ns)} of healing"))

    def report(self) -> dict[str, int | None]:
        took = self._happened_ns
        return {self.reported: None if took is None else took - self._healed_ns}


class LeaderProgress(Progress):
    """Demands that a leader commits, whichever engine it leads."""

    reported = "commit_after_ns"
    leads: ClassVar[type[Told]]
    """By what a server tells that it leads."""
    ends: ClassVar[tuple[type[Told], ...]]
    """By what it tells that it leads no more; that it has halted is understood."""

    def __init__(self, servers: tuple[int, ...], within_ns: int, healed_ns: int) -> None:
        super().__init__(within_ns, healed_ns)
        self._servers = frozenset(servers)
        self._leaders: set[int] = set()
        self._read = reader(self.leads, *self.ends, Halted, CommitIndex)

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.node in self._servers:
            super().on_observation(observation, control)

    def is_progress(self, observation: Observation) -> bool:
        told, node = self._read(observation), observation.node
        if isinstance(told, CommitIndex):
            return node in self._leaders
        if isinstance(told, self.leads):
            self._leaders.add(node)
        elif told is not None:
            self._leaders.discard(node)
        return False

    def missing(self, within: str) -> str:
        leaders = ", ".join(f"node {node}" for node in sorted(self._leaders)) or "nobody"
        return f"no leader has committed {within}; {leaders} leads"


class RaftProgress(LeaderProgress):
    """Demands a commit by a leader of Raft."""

    leads = Leader
    ends = (Follower, Started)
