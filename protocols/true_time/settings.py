"""What the clocks are assumed to do, and how long the transaction protocol waits for what."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, ms, seconds, us
from simclock.clocks.true_time import PARTS


def _check(place: str, settings: object, least: dict[str, int]) -> None:
    for name, low in least.items():
        value = getattr(settings, name)
        if type(value) is not int or value < low:
            raise UsageError(f"{place}.{name}: {value!r} is not a whole number of {low} or more")


@dataclass(frozen=True, kw_only=True)
class TimeSettings:
    """How often a node synchronizes, and what it assumes of clocks. If an assumption is wrong, so are its intervals."""

    sync_ns: int = seconds(30)
    """From one synchronization to the next (Spanner 3: 30 seconds)."""
    drift_ppb_max: int = 200_000
    """How fast a clock may run away, either way (Spanner 3: 200 us per second)."""
    master_error_ns: int = us(1)
    """How wrong a time master may be."""
    jump_ns_max: int = 0
    """How far the wall clock may have jumped, in all, since a synchronization."""
    poll_retry_ns: int = ms(100)
    """A master that has not answered by then is given up, and the next one is asked."""

    def __post_init__(self) -> None:
        least = {"sync_ns": 1, "drift_ppb_max": 0, "master_error_ns": 0, "jump_ns_max": 0, "poll_retry_ns": 1}
        _check("time", self, least)
        if self.drift_ppb_max >= PARTS:
            raise UsageError(f"time.drift_ppb_max: {self.drift_ppb_max} is out of range: below {PARTS}")


@dataclass(frozen=True, kw_only=True)
class TransactionSettings:
    """Where the shards are, and how long one side waits for the other."""

    leaders: tuple[int, ...]
    """The leader of each shard, by shard. A key belongs to shard `key % len(leaders)`."""
    vote_timeout_ns: int = seconds(1)
    """A coordinator that has not heard every participant by then aborts."""
    ask_ns: int = ms(600)
    """A prepared participant that has heard no outcome asks the coordinator, again and again."""
    tell_ns: int = ms(600)
    """A coordinator tells an outcome to who has not confirmed it, again and again."""
    idle_ns: int = seconds(2)
    """A transaction that has only read loses its locks when its client has been silent for so long."""

    def __post_init__(self) -> None:
        if not self.leaders:
            raise UsageError("transactions.leaders: there must be at least one shard")
        _check("transactions", self, {"vote_timeout_ns": 1, "ask_ns": 1, "tell_ns": 1, "idle_ns": 1})

    def leader_of(self, key: int) -> int:
        """The node that leads the key's shard."""
        return self.leaders[key % len(self.leaders)]
