"""Raft's progress: once everything has healed, a leader is there and commits within a stated time."""

from __future__ import annotations

from simclock import Control, Observation, Observer, format_duration

PROGRESS = "Progress"
ELECTION_TIMEOUTS = 20
"""Within so many (of the longest) a leader is elected and commits: a split vote costs one, and is seldom repeated."""


class RaftProgress(Observer):
    """Demands a commit by a leader, within some time after T."""

    def __init__(self, servers: tuple[int, ...], within_ns: int, healed_ns: int) -> None:
        self._servers = frozenset(servers)
        self._within_ns = within_ns
        self._healed_ns = healed_ns
        self._leaders: set[int] = set()
        self._committed_ns: int | None = None
        self._told = False

    def on_observation(self, observation: Observation, control: Control) -> None:
        node, name = observation.node, observation.name
        if node not in self._servers:
            return
        if name == "leader":
            self._leaders.add(node)
        elif name in ("follower", "started", "halted"):
            self._leaders.discard(node)
        elif name == "commit" and node in self._leaders and self._committed_ns is None:
            self._committed_ns = observation.time_ns if observation.time_ns >= self._healed_ns else None
        self._judge(control)

    def on_finish(self, control: Control) -> None:
        self._judge(control)

    def _judge(self, control: Control) -> None:
        """An observation after the time is up tells that it is; so does the end of the run."""
        due_ns = self._healed_ns + self._within_ns
        if self._told or control.now_ns < due_ns:
            return
        if self._committed_ns is None or self._committed_ns > due_ns:
            self._told = True
            leaders = ", ".join(f"node {node}" for node in sorted(self._leaders)) or "nobody"
            detail = f"no leader has committed within {format_duration(self._within_ns)} of healing; {leaders} leads"
            control.violated(PROGRESS, -1, detail)

    def report(self) -> dict[str, int | None]:
        took = self._committed_ns
        return {"commit_after_ns": None if took is None else took - self._healed_ns}
