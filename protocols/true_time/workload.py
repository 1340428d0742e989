"""What a client does, and the transaction that it has open."""

from __future__ import annotations

from dataclasses import dataclass, field

from simclock import UsageError, ms, seconds
from simclock.protocols.true_time.messages import Version, Write

WRITE, READ, SNAPSHOT = "write", "read", "snapshot"


@dataclass(frozen=True, kw_only=True)
class TransactionWorkload:
    """What one client does, in a closed loop."""

    keys: int = 12
    """Keys 0 .. keys - 1, spread over the shards."""
    keys_max: int = 2
    """Of one transaction."""
    near_percent: int = 50
    """How many transactions touch the client's own shard alone."""
    write_percent: int = 60
    """How many are read-write; of the others half read now, half at a timestamp of the past."""
    pause_ns: int = ms(50)
    """Mean time to think, exponential."""
    past_ns_max: int = ms(500)
    """How far back snapshots go."""
    retry_ns: int = ms(400)
    give_up_ns: int = seconds(3)

    def __post_init__(self) -> None:
        least = {"keys": 1, "keys_max": 1, "near_percent": 0, "write_percent": 0, "pause_ns": 0, "past_ns_max": 0}
        for name, low in (least | {"retry_ns": 1, "give_up_ns": 1}).items():
            value = getattr(self, name)
            if type(value) is not int or value < low:
                raise UsageError(f"workload.{name}: {value!r} is not a whole number of {low} or more")
        for name in ("near_percent", "write_percent"):
            if getattr(self, name) > 100:
                raise UsageError(f"workload.{name}: {getattr(self, name)} is more than 100")


@dataclass
class Attempt:
    """The transaction that is open."""

    transaction: int
    kind: str
    age: int
    """The latest bound of the time at the first try."""
    reads: dict[int, tuple[int, ...]]
    """Leader -> keys."""
    writes: dict[int, tuple[Write, ...]] = field(default_factory=dict)
    """Leader -> what is written; the client buffers it until commit (4.2.1)."""
    timestamp: int = 0
    """At which it reads, unless it writes."""
    seen: dict[int, tuple[int | None, tuple[Version, ...]]] = field(default_factory=dict)
    """Leader -> (its incarnation, what it answered)."""
    coordinator: int | None = None
    """Set when the commit message has left."""

    @property
    def participants(self) -> tuple[int, ...]:
        return tuple(sorted({*self.reads, *self.writes}))

    def versions(self) -> tuple[tuple[int, int, int], ...]:
        """What was read, as the history has it."""
        found = (version for leader in sorted(self.seen) for version in self.seen[leader][1])
        return tuple((each.key, each.timestamp, each.value) for each in found)

    def written(self) -> tuple[tuple[int, int], ...]:
        """What is written, as the history has it."""
        return tuple((each.key, each.value) for leader in sorted(self.writes) for each in self.writes[leader])
