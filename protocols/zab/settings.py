"""What may be chosen about a ZAB ensemble."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, format_duration, ms

COUNTER_MAX = (1 << 32) - 1
"""A zxid's counter has 32 bits in ZooKeeper."""


@dataclass(frozen=True, kw_only=True)
class ZabSettings:
    """One value for all servers of an ensemble."""

    servers: tuple[int, ...]
    """The node ids of the ensemble; any majority of them is a quorum."""
    election_timeout_ns_min: int = ms(150)
    """A follower that hears nothing of its leader for a time drawn from here, or a leader nothing of a quorum ..."""
    election_timeout_ns_max: int = ms(300)
    """... to here, looks for another. A prospective leader has as long for each phase."""
    heartbeat_ns: int = ms(50)
    """How often a leader pings; also when anyone sends again what was not answered."""
    finalize_ns: int = ms(10)
    """Who looks and has a quorum for its vote waits so long for a better one."""
    transactions_per_message_max: int = 64
    """A proposal has so many at most; a NEWLEADER has all."""
    snapshot_every: int | None = None
    """After so many transactions a server puts a snapshot in their place; None: never."""
    counter_max: int = COUNTER_MAX
    """After so many transactions in one epoch its leader gives up, and the next epoch begins."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "servers", tuple(self.servers))
        if not self.servers or len(set(self.servers)) != len(self.servers):
            raise UsageError(f"zab.servers: {self.servers!r} must name one or more nodes, each once")
        for name in (
            "election_timeout_ns_min",
            "election_timeout_ns_max",
            "heartbeat_ns",
            "transactions_per_message_max",
            "counter_max",
        ):
            _whole(name, getattr(self, name), 1)
        _whole("finalize_ns", self.finalize_ns, 0)
        if self.counter_max > COUNTER_MAX:
            raise UsageError(f"zab.counter_max: {self.counter_max} is above {COUNTER_MAX}: a counter has 32 bits")
        if self.snapshot_every is not None:
            _whole("snapshot_every", self.snapshot_every, 1)
        if self.election_timeout_ns_max < self.election_timeout_ns_min:
            low = format_duration(self.election_timeout_ns_min)
            high = format_duration(self.election_timeout_ns_max)
            raise UsageError(f"zab.election_timeout: from {low} to {high} is no range")
        if self.heartbeat_ns >= self.election_timeout_ns_min:
            beat, timeout = format_duration(self.heartbeat_ns), format_duration(self.election_timeout_ns_min)
            raise UsageError(
                f"zab.heartbeat: {beat} is not below the smallest election timeout, {timeout}: every follower would "
                "leave a leader that is well"
            )
        if self.finalize_ns >= self.heartbeat_ns:
            wait, beat = format_duration(self.finalize_ns), format_duration(self.heartbeat_ns)
            raise UsageError(
                f"zab.finalize: {wait} is not below the heartbeat, {beat}: votes that are sent again would put off an "
                "election for as long as one server is down"
            )

    @property
    def nodes(self) -> tuple[int, ...]:
        """Every node that has a server."""
        return self.servers


def _whole(name: str, value: int, least: int) -> None:
    if type(value) is not int or value < least:
        raise UsageError(f"zab.{name}: {value!r} is not a whole number of {least} or more")
