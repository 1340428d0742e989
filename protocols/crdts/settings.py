"""What a replica does, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, ms


@dataclass(frozen=True, kw_only=True)
class ReplicaSettings:
    """What a replica does, and how often."""

    kind: str
    """The type's name, as in `TYPES`."""
    updates_max: int = 20
    """How many operations users ask of each replica in all."""
    update_pause_ns: int = ms(100)
    """Between two of them, on the mean; exponential."""
    gossip_ns: int = ms(50)
    """Between two neighbours that are told."""
    retry_ns: int = ms(200)
    """A push that has not been acknowledged by then is made again."""
    deltas_max: int = 64
    """How many deltas are kept for neighbours that are behind; who is further behind gets the whole state."""
    names: int = 4
    """How many elements users know."""
    tells_values: bool = True
    """Whether observers are told the values; they are large where sets are."""

    def __post_init__(self) -> None:
        positive = ("update_pause_ns", "gossip_ns", "retry_ns", "deltas_max", "names")
        for name, least in (("updates_max", 0), *((each, 1) for each in positive)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"crdts: {name}: {value!r} is not a whole number of {least} or more")
