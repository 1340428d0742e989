"""What a nemesis must know of a scenario: whom it may strike, in what rhythm, and what counts as progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simclock import Observer, Scenario


@dataclass(frozen=True, kw_only=True)
class Prey:
    """What an entry of the catalog says of its scenario."""

    servers: tuple[int, ...]
    """The nodes that may be struck; clients are no prey, their history is the evidence."""
    rhythm_ns: int
    """How long faults take and how far they lie apart is drawn around this: about the time in which the protocol
    notices that something is wrong, such as an election timeout. Much longer ones find it at rest, much shorter ones
    leave no trace."""
    until_ns: int | None = None
    """When everything heals, in a scenario that comes to rest after that; None: there is trouble to the end."""
    leader: str = "leader"
    """The observation by which a node tells that it leads, for what strikes leaders."""
    promise: str = "voted"
    """The observation by which a node tells that it has just promised something it must not forget."""
    withstands: tuple[str, ...] = ()
    """Of the harsh kinds (`episodes.HARSH`) those that the protocol is made for: a swarm draws them too. Who withstands
    `rot` halts on a record that it cannot read, so that a torn crash may lose a server for good: of a minority only."""
    progress: Callable[[int], Observer] | None = None
    """Given T, at which everything heals, an observer that names a violation where no progress is made in time."""
    progress_within_ns: int = 0
    """How long after T progress may take."""

    @property
    def spare_max(self) -> int:
        """How many servers may be disabled at once while a majority stays able."""
        return (len(self.servers) - 1) // 2


def prey_of(scenario: Scenario) -> Prey:
    """What the scenario itself says: its servers, else every node; in its rhythm, else one taken from its duration."""
    return Prey(
        servers=tuple(scenario.servers or range(scenario.nodes)),
        rhythm_ns=scenario.rhythm_ns or max(1, (scenario.duration_ns or 0) // 40),
        withstands=tuple(scenario.withstands),
        progress=scenario.progress,
        progress_within_ns=scenario.progress_within_ns,
    )
