"""What an operator would watch of a cluster, gathered from what its servers tell: it judges nothing.

How many messages there are no server tells: the run itself counts them (`RunResult.counters`).
"""

from __future__ import annotations

from typing import Any

from simclock import Control, Observation, Observer
from simclock.protocols.raft.observed import Candidate, Configured, Follower, Leader, Progressed, Started, read
from simclock.protocols.replication.observed import CommitIndex

_WATCHED = frozenset(each.observed_as for each in (Candidate, Configured, Follower, Leader, Progressed, Started))


class RaftMetrics(Observer[dict[str, Any]]):
    """Terms, leaders, and how far logs are replicated and committed."""

    reacts = judges = False

    def __init__(self, servers: tuple[int, ...]) -> None:
        self._servers = frozenset(servers)
        self._counts = {"elections": 0, "leaders": 0}
        self._term = 0
        self._leader: int | None = None
        """The node that was elected last."""
        self._leads = False
        """Whether it has not told otherwise since."""
        self._match_index: dict[int, int] = {}
        """Of the last leader: member -> the index up to which it is known to have the log."""
        self._commit_index = 0
        self._committed_ns = 0
        """When a leader last committed more than before."""
        self._gap_ns_max = 0
        """Between two commits of leaders."""
        self._lag_max = 0
        """How many entries a follower was behind, of those that had answered that leader."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        node, time_ns = observation.node, observation.time_ns
        if node not in self._servers:
            return
        if observation.name == CommitIndex.observed_as:
            if node == self._leader and self._leads and observation.value > self._commit_index:
                self._on_commit(observation.value, time_ns)
            return
        if observation.name not in _WATCHED:  # most is told of entries, which are not looked at
            return
        match read(observation):
            case Candidate(term):
                self._counts["elections"] += 1
                self._term = max(self._term, term)
            case Leader(term) if term >= self._term:
                self._counts["leaders"] += 1
                self._term, self._leader, self._leads = term, node, True
                self._match_index = {}
            case Progressed(follower, match_index, _) if node == self._leader:
                self._match_index[follower] = match_index
            case Configured(_, voters, outgoing, learners) if node == self._leader:
                members = {*voters, *outgoing, *learners}
                self._match_index = {each: index for each, index in self._match_index.items() if each in members}
            case Follower() | Started() if node == self._leader:
                self._leads = False

    def _on_commit(self, index: int, time_ns: int) -> None:
        if self._commit_index:
            self._gap_ns_max = max(self._gap_ns_max, time_ns - self._committed_ns)
        self._commit_index, self._committed_ns = index, time_ns
        if self._match_index:
            self._lag_max = max(self._lag_max, index - min(self._match_index.values()))

    def report(self) -> dict[str, Any]:
        """What stood at the end, and the worst there was."""
        return {
            "term": self._term,
            **self._counts,
            "leader": self._leader if self._leads else None,
            "commit_index": self._commit_index,
            "match_index": {f"member {member}": index for member, index in sorted(self._match_index.items())},
            "lag_max": self._lag_max,
            "commit_gap_ns_max": self._gap_ns_max,
        }
