"""Crashes that servers without a disk are made for: never more than f are down, or recovering, at once (VRR 4.3).

Law: who is down, or was started again and has not recovered yet, counts as failed; nobody is struck while as many have
failed as the smallest group bears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simclock import Control, Observation
from simclock.experiments.nemesis import Prey
from simclock.experiments.nemesis.episodes import Disabled
from simclock.experiments.nemesis.hunters import Hunter
from simclock.protocols.viewstamped_replication.observed import Recovered

KINDS = ("leader-crash", "promise-crash")
PROMISES = ("candidate", "candidate", "handed", "joined", "prepared", "recovered", "commit")
"""What a server tells, after which it may be struck."""


@dataclass
class _Failed(Disabled):
    """Who has failed, whatever was meant to be how long."""

    nodes: set[int] = field(default_factory=set)

    def take(self, servers: object, from_ns: int, until_ns: int) -> bool:
        """Whether these may fail; if so, they have."""
        struck = self.nodes.union(servers)  # type: ignore[arg-type]
        if len(struck) > (self.servers_max or 0) or struck == self.nodes:
            return False
        self.nodes = struck
        return True


class CrashesOfFew(Hunter):
    """Strikes soon after an election or a promise, as long as few have failed."""

    def __init__(self, seed: int, kinds: Mapping[str, int], prey: Prey, end_ns: int, failures_max: int) -> None:
        super().__init__(seed, kinds, prey, end_ns, None)
        self.disabled: _Failed = _Failed(failures_max)

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name == Recovered.observed_as:
            self.disabled.nodes.discard(observation.node)
        super().on_observation(observation, control)
