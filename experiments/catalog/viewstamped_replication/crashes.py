"""What strikes servers without a disk: crashes that they are made for, links that are slow but for who recovers, and
primaries that are not heard.

Law: who is down, or was started again and has not recovered yet, counts as failed; nobody is struck while as many have
failed as the smallest group bears: never more than f (VRR 4.3).

Links are slow, each by a time of its own, but while somebody recovers. So what a server says may arrive, here sooner
and there later, when it has crashed and recovered since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from simclock import AddDelay, Control, Cut, Mend, Observation
from simclock.experiments.nemesis import Prey
from simclock.experiments.nemesis.episodes import Disabled
from simclock.experiments.nemesis.hunters import Hunter
from simclock.protocols.viewstamped_replication.observed import Recovered, Started

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


class Bounds(NamedTuple):
    """When, and how many."""

    end_ns: int
    failures_max: int
    slow: tuple[tuple[int, int, int], ...]
    """(source, target, delay) of links that are slow."""
    cuts: tuple[tuple[int, int, int], ...]
    """(from, until, target): when a server does not hear the first one, the primary of view 0."""


class CrashesOfFew(Hunter):
    """Strikes soon after an election or a promise, as long as few have failed."""

    def __init__(self, seed: int, kinds: Mapping[str, int], prey: Prey, bounds: Bounds) -> None:
        super().__init__(seed, kinds, prey, bounds.end_ns, None)
        self.disabled: _Failed = _Failed(bounds.failures_max)
        self.slow, self.cuts = bounds.slow, bounds.cuts
        self.has_begun = False

    def on_observation(self, observation: Observation, control: Control) -> None:
        if not self.has_begun:
            self.has_begun = True
            self._slow_down(control)
            for from_ns, until_ns, target in self.cuts:
                control.inject(Cut(at_ns=0, source=0, target=target), from_ns)
                control.inject(Mend(at_ns=0, source=0, target=target), until_ns)
        if observation.name == Recovered.observed_as:
            self.disabled.nodes.discard(observation.node)
            self._slow_down(control)
        elif self.slow and (started := Started.read(observation)) is not None and started.recovering:
            control.inject(AddDelay(at_ns=0, delay_ns=0))
        super().on_observation(observation, control)

    def _slow_down(self, control: Control) -> None:
        for source, target, delay_ns in self.slow:
            control.inject(AddDelay(at_ns=0, delay_ns=delay_ns, source=source, target=target))
