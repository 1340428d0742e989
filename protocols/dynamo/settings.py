"""What all servers of a store agree on."""

from __future__ import annotations

from dataclasses import dataclass, field

from simclock import UsageError, ms, seconds
from simclock.protocols.dynamo.ring import Layout

SLOPPY = "sloppy"
STRICT = "strict"
QUORUMS = (SLOPPY, STRICT)
KEEP = "keep"
AGREED = "agreed"
DELETE_MODES = (KEEP, AGREED)


@dataclass(frozen=True, kw_only=True)
class DynamoSettings:
    """N, R, W, and how long things take."""

    servers: tuple[int, ...]
    """Everyone who may ever be a member: nodes 0 to n - 1."""
    members: tuple[int, ...]
    """Who is one at first."""
    n: int = 3
    """4.5: how many servers keep a key."""
    r: int = 2
    """How many of them must take part in a get."""
    w: int = 2
    """How many of them must have made a put durable before it is answered."""
    quorum: str = SLOPPY
    """4.6: "sloppy" counts the first N healthy servers of the walk, "strict" the first N alone."""
    layout: Layout = field(default_factory=Layout)
    read_repair: bool = True
    replica_timeout_ns: int = ms(50)
    """A replica that has not answered by then is taken to be down, and another may stand in for it."""
    suspect_ns: int = seconds(1)
    """4.8.3: how long a server is left alone that did not answer; one from which anything is heard is well again."""
    gossip_ns: int = ms(200)
    handoff_ns: int = ms(200)
    """How often what belongs to others is offered to them."""
    anti_entropy_ns: int = ms(200)
    """How often a server compares its trees with one peer; 0 never."""

    delete_mode: str = KEEP
    """What becomes of tombstones: "keep" them for good, or remove them once all servers have "agreed" (`removal`)."""
    removal_ns: int = ms(200)
    """How often a server looks for tombstones that it might remove."""

    def __post_init__(self) -> None:
        if self.servers != tuple(range(len(self.servers))) or not self.servers:
            raise UsageError(f"servers: {self.servers} must be 0, 1, 2, ...: at least one")
        if not self.members or any(member not in self.servers for member in self.members):
            raise UsageError(f"members: {self.members} must be one or more of the {len(self.servers)} servers")
        for name, most in (("n", len(self.members)), ("r", self.n), ("w", self.n)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                of = "members at first" if name == "n" else "n"
                raise UsageError(f"{name}: {value!r} is not a number of replicas: 1 to {most} ({of})")
        if self.quorum not in QUORUMS:
            raise UsageError(f"quorum: {self.quorum!r} is no quorum: use {' or '.join(QUORUMS)}")
        if self.delete_mode not in DELETE_MODES:
            raise UsageError(f"delete_mode: {self.delete_mode!r} is no delete mode: use {' or '.join(DELETE_MODES)}")
        for name in ("removal_ns", "replica_timeout_ns", "suspect_ns", "gossip_ns", "handoff_ns"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)!r} is not a duration: more than zero")


def server_name(server: int) -> str:
    """A server in clocks and in stories: A, B, ... Z, then S26 and so on."""
    return chr(ord("A") + server) if server < 26 else f"S{server}"
