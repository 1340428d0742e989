"""What all nodes agree on before they start."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError


@dataclass(frozen=True, kw_only=True)
class BroadcastSettings:
    """One broadcast after the other, each of f + 1 rounds; round k of the run begins at a reading of (1 + k) R."""

    nodes: int
    faults: int
    """f: how many liars are tolerated. Any number below n will do."""
    broadcasts: int
    senders: int
    """How many nodes are senders at once; with all of them it is interactive consistency."""
    round_ns: int
    """R, by a node's own wall clock."""

    def __post_init__(self) -> None:
        if not 0 <= self.faults < self.nodes:
            raise UsageError(f"tolerates: {self.faults} faults of {self.nodes} nodes: 0 to {self.nodes - 1} (f < n)")
        if not 1 <= self.senders <= self.nodes:
            raise UsageError(f"senders: {self.senders} of {self.nodes} nodes: 1 to {self.nodes}")
        for name in ("broadcasts", "round_ns"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)} is too small: 1 or more")

    @property
    def rounds(self) -> int:
        """Of one broadcast: f + 1."""
        return self.faults + 1

    @property
    def rounds_in_all(self) -> int:
        return self.rounds * self.broadcasts

    def senders_of(self, broadcast: int) -> tuple[int, ...]:
        """Whose turn it is: all nodes are senders in turn."""
        first = broadcast * self.senders
        return tuple([(first + each) % self.nodes for each in range(self.senders)])

    def is_sender(self, node: int, broadcast: int) -> bool:
        """Whether it is that node's turn; False for a broadcast that there is not."""
        return 0 <= broadcast < self.broadcasts and (node - broadcast * self.senders) % self.nodes < self.senders

    def reading_ns(self, number: int) -> int:
        """What a clock shows when round `number` of the run begins, and the one before ends."""
        return (1 + number) * self.round_ns
