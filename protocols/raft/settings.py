"""What may be chosen about a Raft cluster."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, format_duration, ms
from simclock.protocols.replication import majority


@dataclass(frozen=True, kw_only=True)
class RaftSettings:
    """One value for all servers of a cluster.

    The paper asks for broadcast time << election timeout << time between failures (5.6): take an election timeout of
    several round trips to the farthest majority, and a heartbeat well below it.
    """

    servers: tuple[int, ...]
    """The node ids of the cluster's members."""
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "servers", tuple(self.servers))
        if not self.servers or len(set(self.servers)) != len(self.servers):
            raise UsageError(f"raft.servers: {self.servers!r} must name one or more nodes, each once")
        for name in ("election_timeout_ns_min", "election_timeout_ns_max", "heartbeat_ns"):
            _whole(name, getattr(self, name), at_least=1)
        _whole("batch_ns", self.batch_ns, at_least=0)
        _whole("entries_per_message_max", self.entries_per_message_max, at_least=1)
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

    @property
    def majority(self) -> int:
        """How many servers are more than half of them."""
        return majority(len(self.servers))


def _whole(name: str, value: int, *, at_least: int) -> None:
    if type(value) is not int or value < at_least:
        raise UsageError(f"raft.{name}: {value!r} is not a whole number of {at_least} or more")
