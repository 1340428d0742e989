"""Progress of Multi-Paxos: once everything has healed, a leader has something chosen, within a stated time."""

from __future__ import annotations

from simclock import Control, Observation, reader
from simclock.experiments.checkers.progress import Progress
from simclock.protocols.multi_paxos.observed import Follower, Leader, Started
from simclock.protocols.replication.observed import CommitIndex
from simclock.told import Halted

_read = reader(Leader, Follower, Started, Halted, CommitIndex)


class MultiPaxosProgress(Progress):
    """Demands that the commit index of a leader increases."""

    reported = "commit_after_ns"

    def __init__(self, servers: tuple[int, ...], within_ns: int, healed_ns: int) -> None:
        super().__init__(within_ns, healed_ns)
        self._servers = frozenset(servers)
        self._leaders: set[int] = set()

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.node in self._servers:
            super().on_observation(observation, control)

    def is_progress(self, observation: Observation) -> bool:
        node = observation.node
        match _read(observation):
            case Leader():
                self._leaders.add(node)
            case Follower() | Started() | Halted():
                self._leaders.discard(node)
            case CommitIndex():
                return node in self._leaders
        return False

    def missing(self, within: str) -> str:
        leaders = ", ".join(f"node {node}" for node in sorted(self._leaders)) or "nobody"
        return f"no leader has had anything chosen {within}; {leaders} leads"
