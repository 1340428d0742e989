"""What may be chosen about a Multi-Paxos cluster, and how its ballots are numbered.

A ballot is a pair of a round and the server whose ballot it is, compared in this order; written as one whole number,
`round * nodes + position`, so that no two servers have one in common (PMS 2.2: "different proposers choose their
numbers from disjoint sets of numbers"). Rounds begin with 1; 0 is below every ballot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simclock import UsageError, format_duration, ms
from simclock.protocols.multi_paxos.quorums import Quorum, Quorums, quorums_of


@dataclass(frozen=True, kw_only=True)
class MultiPaxosSettings:
    """One value for all servers of a cluster."""

    servers: tuple[int, ...]
    """The node ids of the first members; each is proposer, acceptor and learner."""
    spares: tuple[int, ...] = ()
    """The node ids of servers that may become members later; until then they only learn."""
    alpha: int | None = None
    """A change of the members holds from so many slots after it (PMS 3), and so far a leader may go ahead of what is
    chosen; None: the members never change, and a leader goes as far ahead as commands come."""
    phase_one: Quorum | None = None
    """How many promises elect a leader, or which sets of servers; None: a majority."""
    phase_two: Quorum | None = None
    """How many servers that accept choose a value, or which sets of them; None: a majority."""
    force_quorums: bool = False
    """Whether quorums may be used of which one of each phase need not meet: two values may then be chosen."""
    election_timeout_ns_min: int = ms(150)
    """A server that hears no leader for a time drawn from here ..."""
    election_timeout_ns_max: int = ms(300)
    """... to here begins phase 1."""
    heartbeat_ns: int = ms(50)
    """How often a leader speaks to every other server; also when it sends again what got lost."""
    values_per_message_max: int = 64
    """A message has so many values at most, but for a promise, which has all."""
    snapshot_every: int | None = None
    """After so many slots a server puts a snapshot in their place; None: never."""
    quorums: Quorums = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "servers", tuple(self.servers))
        if not self.servers or len(set(self.servers)) != len(self.servers):
            raise UsageError(f"multi_paxos.servers: {self.servers!r} must name one or more nodes, each once")
        object.__setattr__(self, "spares", tuple(self.spares))
        if len(set(self.nodes)) != len(self.nodes):
            raise UsageError(f"multi_paxos.spares: {self.spares!r} must name other nodes than {self.servers!r}")
        if self.alpha is not None and (type(self.alpha) is not int or self.alpha < 2):
            raise UsageError(f"multi_paxos.alpha: {self.alpha!r} is not a whole number of 2 or more")
        if self.spares and self.alpha is None:
            raise UsageError("multi_paxos.spares: they become members by a change, which needs alpha")
        for name in ("election_timeout_ns_min", "election_timeout_ns_max", "heartbeat_ns", "values_per_message_max"):
            _whole(name, getattr(self, name))
        if self.snapshot_every is not None:
            _whole("snapshot_every", self.snapshot_every)
        if self.election_timeout_ns_max < self.election_timeout_ns_min:
            low = format_duration(self.election_timeout_ns_min)
            high = format_duration(self.election_timeout_ns_max)
            raise UsageError(f"multi_paxos.election_timeout: from {low} to {high} is no range")
        if self.heartbeat_ns >= self.election_timeout_ns_min:
            beat, timeout = format_duration(self.heartbeat_ns), format_duration(self.election_timeout_ns_min)
            raise UsageError(
                f"multi_paxos.heartbeat: {beat} is not below the smallest election timeout, {timeout}: every server "
                "would stand against a leader that is well"
            )
        object.__setattr__(self, "quorums", quorums_of(self.servers, self.phase_one, self.phase_two))
        apart = self.quorums.apart()
        if apart and not self.force_quorums:
            raise UsageError(
                f"multi_paxos.phase_one, phase_two: {apart} need not meet, so that two values could be chosen: take "
                "larger quorums (force_quorums shows what comes of it)"
            )

    @property
    def nodes(self) -> tuple[int, ...]:
        """Every node that has a server."""
        return self.servers + self.spares

    def quorums_among(self, members: tuple[int, ...]) -> Quorums:
        """The quorums of some members: those that were asked for are of the first, others have majorities."""
        return self.quorums if members == self.servers else quorums_of(members, None, None)

    def ballot_above(self, ballot: int, server: int) -> int:
        """The least ballot of a server whose round is above that of another ballot."""
        return (ballot // len(self.nodes) + 1) * len(self.nodes) + self.nodes.index(server)

    def owner_of(self, ballot: int) -> int:
        """The server whose ballot it is."""
        return self.nodes[ballot % len(self.nodes)]


def _whole(name: str, value: int) -> None:
    if type(value) is not int or value < 1:
        raise UsageError(f"multi_paxos.{name}: {value!r} is not a whole number of 1 or more")
