"""What may be chosen about a Raft cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simclock import UsageError, format_duration, ms
from simclock.protocols.raft.configuration import Configuration
from simclock.protocols.replication import majority

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class RaftSettings:
    """One value for all servers of a cluster.

    The paper asks for broadcast time << election timeout << time between failures (5.6): take an election timeout of
    several round trips to the farthest majority, and a heartbeat well below it.
    """

    servers: tuple[int, ...]
    """The node ids of the cluster's first members."""
    spares: tuple[int, ...] = ()
    """The node ids of servers that may become members later."""
    election_timeout_ns_min: int = ms(150)
    """A follower that hears nothing for a time drawn from here ..."""
    election_timeout_ns_max: int = ms(300)
    """... to here becomes a candidate (5.2)."""
    heartbeat_ns: int = ms(50)
    """How often a leader speaks to every follower; also when it sends again what got lost."""
    entries_per_message_max: int = 64
    """A follower that lags gets so many entries at a time."""
    batch_ns: int = 0
    """How long a leader gathers commands before it syncs and sends them together; 0: each at once."""
    no_op: bool = True
    """Whether a leader begins its term with an empty entry (dissertation 6.4): without it, what earlier leaders left
    behind commits only with the next command."""
    pre_vote: bool = False
    """Whether a server asks, before it takes a new term, whether it could win an election (dissertation 9.6)."""
    check_quorum: bool = False
    """Whether a leader that has not heard a quorum for an election timeout steps down (dissertation 6.2)."""
    sticky: bool = False
    """Whether a server that has heard a leader within the least election timeout ignores candidates (section 6)."""
    reads: Literal["index", "lease"] = "index"
    """How a query is answered that does not go through the log (dissertation 6.4): a quorum is asked each time whether
    this server still leads, or not while the answers to an earlier round hold by the leader's clock (6.4.1)."""
    clock_drift_ppm: int = 0
    """By how much any server's clock may run fast or slow, in parts per million of the true time: what a lease assumes.
    Where clocks do worse, a query may be answered from the past."""
    snapshot_every: int | None = None
    """After so many entries a server puts a snapshot in their place (dissertation 5); None: never."""
    snapshot_chunk_bytes: int = 64 * 1024
    """A snapshot is sent in pieces of this size."""
    rejoin: bool = False
    """Whether a server whose disk has lost a record asks to be let in as a new member; else it halts, for good."""
    catch_up_rounds: int = 10
    """In so many rounds a new server has to catch up, or the change is given up (dissertation 4.2.1)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "servers", tuple(self.servers))
        if not self.servers or len(set(self.servers)) != len(self.servers):
            raise UsageError(f"raft.servers: {self.servers!r} must name one or more nodes, each once")
        object.__setattr__(self, "spares", tuple(self.spares))
        if len(set(self.nodes)) != len(self.nodes):
            raise UsageError(f"raft.spares: {self.spares!r} must name other nodes than {self.servers!r}, each once")
        for name in ("election_timeout_ns_min", "election_timeout_ns_max", "heartbeat_ns"):
            _whole(name, getattr(self, name), at_least=1)
        _whole("batch_ns", self.batch_ns, at_least=0)
        for name in ("entries_per_message_max", "snapshot_chunk_bytes", "catch_up_rounds"):
            _whole(name, getattr(self, name), at_least=1)
        if self.snapshot_every is not None:
            _whole("snapshot_every", self.snapshot_every, at_least=1)
        self._check_reads()
        if self.election_timeout_ns_max < self.election_timeout_ns_min:
            low = format_duration(self.election_timeout_ns_min)
            high = format_duration(self.election_timeout_ns_max)
            raise UsageError(f"raft.election_timeout: from {low} to {high} is no range")
        if self.heartbeat_ns >= self.election_timeout_ns_min:
            beat, timeout = format_duration(self.heartbeat_ns), format_duration(self.election_timeout_ns_min)
            raise UsageError(
                f"raft.heartbeat: {beat} is not below the smallest election timeout, {timeout}: every follower would "
                "stand for election against a leader that is well"
            )

    def _check_reads(self) -> None:
        if self.reads not in ("index", "lease"):
            raise UsageError(f'raft.reads: {self.reads!r} is no way to read: use "index" or "lease"')
        if type(self.clock_drift_ppm) is not int or not 0 <= self.clock_drift_ppm < MILLION:
            raise UsageError(f"raft.clock_drift_ppm: {self.clock_drift_ppm!r} is not a whole number of 0 to 999999")
        if self.reads == "lease" and not self.sticky:
            raise UsageError(
                "raft.reads: a lease rests on servers that ignore candidates while they hear a leader: set sticky too"
            )

    @property
    def nodes(self) -> tuple[int, ...]:
        """Every node that has a server."""
        return self.servers + self.spares

    @property
    def configuration(self) -> Configuration:
        """The cluster as it begins."""
        return Configuration(tuple(sorted(self.servers)))

    @property
    def notes_leader(self) -> bool:
        """Whether a server has to know when it last heard a leader."""
        return self.pre_vote or self.sticky

    @property
    def lease_ns(self) -> int:
        """How long a leader may trust a round, by its own clock: no other is elected within the least election timeout
        of servers whose clocks run as fast as they may, while the leader's runs as slow as it may."""
        return self.election_timeout_ns_min * (MILLION - self.clock_drift_ppm) // (MILLION + self.clock_drift_ppm)

    @property
    def majority(self) -> int:
        """How many servers are more than half of the first ones."""
        return majority(len(self.servers))


def _whole(name: str, value: int, *, at_least: int) -> None:
    if type(value) is not int or value < at_least:
        raise UsageError(f"raft.{name}: {value!r} is not a whole number of {at_least} or more")
