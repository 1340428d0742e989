"""What a user may set about any scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simclock.environment.disk import DiskModel
from simclock.environment.network import Network
from simclock.environment.quartz import Clocks
from simclock.errors import UsageError
from simclock.experiments.entries.replacement import Replacement
from simclock.experiments.nemesis import parse_nemesis, parse_rhythm
from simclock.experiments.runs.seeds import check_seed
from simclock.faults import Fault
from simclock.protocols.key_value import PlannedOperation
from simclock.readable import say
from simclock.scenario import NODES_MAX


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user may set about any scenario; None means the scenario's own value."""

    seed: int = 0
    nodes: int | None = None
    """The number that scales the scenario: replicas where there are clients beside them, else all nodes."""
    duration_ns: int | None = None
    network: Network | None = None
    clocks: Clocks | None = None
    disk: DiskModel | None = None
    faults: tuple[Fault, ...] | None = None
    operations: tuple[PlannedOperation, ...] | None = None
    """What clients call, in place of what they would draw; `()` is nothing."""
    adaptive: bool | None = None
    """Whether faults that observers inject happen, beside those of the plan."""
    fail_when_quiet: bool | None = None
    """Whether a run in which nothing is left to happen is violated."""
    nemesis: str | None = None
    """Trouble drawn from the seed, such as "swarm"; None means the entry's own, "none" that nothing is drawn."""
    replaced: tuple[Replacement, ...] = ()
    """Classes in the place of some that the scenario is made of."""
    rhythm: str | None = None
    """In which rhythm the nemesis strikes, such as "80ms", or "80ms for 2s" where it ends early; None: as the scenario
    says, or else as a short run without faults shows."""
    liveness_ns: int | None = None
    """How long the run goes on after everything has healed, and is asked for progress; None: no such phase."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The scenario's own parameters, by name; each has the type of its default."""

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.nodes is not None and (type(self.nodes) is not int or not 1 <= self.nodes <= NODES_MAX):
            raise UsageError(f"nodes: {say(self.nodes)} is not a number of nodes: 1 to {NODES_MAX}")
        if self.duration_ns is not None and (type(self.duration_ns) is not int or self.duration_ns <= 0):
            raise UsageError(f'duration: {say(self.duration_ns)} is not a duration: more than zero, such as "30s"')
        if self.nemesis is not None:
            parse_nemesis(self.nemesis)
        if self.rhythm is not None:
            parse_rhythm(self.rhythm)

    @property
    def replaced_by(self) -> tuple[str, ...]:
        """What names the code that is put in."""
        return tuple(each.where for each in self.replaced)
