"""What may be chosen about a cluster of Viewstamped Replication, and how many replicas are enough.

Views are numbered anew in each epoch (VRR 7). A *term* is an epoch and a view as one whole number, `epoch * VIEWS +
view`, for whoever asks which of two leaderships is the later; in the first epoch it is the view.
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, format_duration, ms
from simclock.protocols.replication import majority

VIEWS = 1 << 32
"""An epoch has fewer."""


def term_of(epoch: int, view: int) -> int:
    """Both as one number."""
    return epoch * VIEWS + view


def epoch_of(term: int) -> int:
    """The epoch of a term."""
    return term // VIEWS


def view_of(term: int) -> int:
    """The view of a term, in its epoch."""
    return term % VIEWS


def answers_to_recover(members: int) -> int:
    """How many other members have to answer who recovers: with n = 2f + 1 of them f + 1 (VRR 4.3).

    So many that among them is one of any majority, whether or not who recovers was in it.
    """
    return members - majority(members) + 1


@dataclass(frozen=True, kw_only=True)
class VsrSettings:
    """One value for all servers of a cluster."""

    servers: tuple[int, ...]
    """The node ids of the replicas of the first epoch, in the order in which they are primaries."""
    spares: tuple[int, ...] = ()
    """The node ids of servers that may become replicas in a later epoch."""
    durable: bool = False
    """Whether what a server promises and acknowledges is on its disk first. Then a crash loses nothing; without it a
    server that crashed has nothing, and recovers from the others (VRR 4.3)."""
    crash_vectors: bool = True
    """Whether messages of a server's life before its crash are told from later ones (Michael et al., DISC 2017). VRR
    has no such thing, and may lose what is committed."""
    election_timeout_ns_min: int = ms(150)
    """A server that hears no primary, or sees a view change come to nothing, for a time drawn from here ..."""
    election_timeout_ns_max: int = ms(300)
    """... to here begins the next view."""
    heartbeat_ns: int = ms(50)
    """How often a primary speaks to every backup; also when it sends again what got lost."""
    values_per_message_max: int = 64
    """A PREPARE has so many operations at most."""
    snapshot_every: int | None = None
    """After so many operations a server puts a checkpoint in their place; None: never."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "servers", tuple(self.servers))
        if not self.servers or len(set(self.servers)) != len(self.servers):
            raise UsageError(f"vsr.servers: {self.servers!r} must name one or more nodes, each once")
        object.__setattr__(self, "spares", tuple(self.spares))
        if len(set(self.nodes)) != len(self.nodes):
            raise UsageError(f"vsr.spares: {self.spares!r} must name other nodes than {self.servers!r}")
        for name in ("election_timeout_ns_min", "election_timeout_ns_max", "heartbeat_ns", "values_per_message_max"):
            _whole(name, getattr(self, name))
        if self.snapshot_every is not None:
            _whole("snapshot_every", self.snapshot_every)
        if self.election_timeout_ns_max < self.election_timeout_ns_min:
            low = format_duration(self.election_timeout_ns_min)
            high = format_duration(self.election_timeout_ns_max)
            raise UsageError(f"vsr.election_timeout: from {low} to {high} is no range")
        if self.heartbeat_ns >= self.election_timeout_ns_min:
            beat, timeout = format_duration(self.heartbeat_ns), format_duration(self.election_timeout_ns_min)
            raise UsageError(
                f"vsr.heartbeat: {beat} is not below the smallest election timeout, {timeout}: every backup would "
                "leave a view whose primary is well"
            )

    @property
    def nodes(self) -> tuple[int, ...]:
        """Every node that has a server."""
        return self.servers + self.spares


def _whole(name: str, value: int) -> None:
    if type(value) is not int or value < 1:
        raise UsageError(f"vsr.{name}: {value!r} is not a whole number of 1 or more")
