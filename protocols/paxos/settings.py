"""Who is who."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, ms
from simclock.protocols.replication import majority


@dataclass(frozen=True, kw_only=True)
class PaxosSettings:
    """One value for all agents; an agent is a node."""

    proposers: tuple[int, ...]
    acceptors: tuple[int, ...]
    learners: tuple[int, ...]
    retry_ns_min: int = ms(20)
    """A proposer that knows of no success tries again with a higher number, after a time drawn from here ..."""
    retry_ns_max: int = ms(100)
    """... to here: two that always outbid each other at once would never end (PMS 2.4)."""
    tries_max: int = 100
    """So often; nobody tells a proposer that a value is chosen."""

    def __post_init__(self) -> None:
        agents = self.proposers + self.acceptors + self.learners
        if not self.proposers or not self.acceptors or len(set(agents)) != len(agents):
            raise UsageError("paxos: proposers, acceptors and learners are nodes, each one of them, at least one each")
        if not 1 <= self.retry_ns_min <= self.retry_ns_max:
            raise UsageError(f"paxos.retry: from {self.retry_ns_min} to {self.retry_ns_max} ns is no range")

    @property
    def majority(self) -> int:
        """How many acceptors choose a value, or promise a number."""
        return majority(len(self.acceptors))
