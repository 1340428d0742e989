"""What a nemesis must know of a scenario: whom it may strike, in what rhythm, and what counts as progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from simclock import Observer, Scenario
from simclock.experiments.nemesis.rhythm import Rhythm


@dataclass(frozen=True, kw_only=True)
class Prey:
    """What an entry of the catalog says of its scenario."""

    servers: tuple[int, ...]
    """The nodes that may be struck; clients are no prey, their history is the evidence."""
    rhythm_ns: int = 0
    """How long faults take and how far they lie apart is drawn around this: about the time in which the protocol
    notices that something is wrong, such as an election timeout. Much longer ones find it at rest, much shorter ones
    leave no trace. 0: it is measured (`pilot.py`)."""
    rhythms_ns: tuple[int, ...] = ()
    """Where the rhythm was set or measured: the rhythms that there are, of which each kind draws one, in ascending
    order. Each kind then has a limited number of episodes, and draws whom it strikes; and a swarm draws `BRISK` too."""
    roles: tuple[tuple[int, ...], ...] = ()
    """The servers by what they are, such as acceptors and proposers: a kind may strike those of one role alone."""
    until_ns: int | None = None
    """When everything heals, in a scenario that comes to rest after that; None: there is trouble to the end."""
    leader: str = "leader"
    """The observation by which a node tells that it leads, for what strikes leaders."""
    promise: str = "voted"
    """The observation by which a node tells that it has just promised something it must not forget."""
    spares: tuple[str, ...] = ()
    """Kinds that a swarm and a mix leave out, as the protocol assumes that they do not happen: a lease, say, that
    clocks run at nearly the same rate."""
    withstands: tuple[str, ...] = ()
    """Of the harsh kinds (`episodes.HARSH`) those that the protocol is made for: a swarm draws them too. Who withstands
    `rot` halts on a record that it cannot read, so that a torn crash may lose a server for good: of a minority only."""
    progress: Callable[[int], Observer] | None = None
    """Given T, at which everything heals, an observer that names a violation where no progress is made in time."""
    progress_within_ns: int = 0
    """How long after T progress may take."""

    def struck_in(self, rhythm: Rhythm) -> Prey:
        """The same, struck in that rhythm."""
        ends = [time_ns for time_ns in (self.until_ns, rhythm.for_ns) if time_ns is not None]
        rhythms_ns = rhythm.rhythms_ns
        return replace(self, rhythm_ns=rhythms_ns[-1], rhythms_ns=rhythms_ns, until_ns=min(ends, default=None))

    @property
    def spare_max(self) -> int:
        """How many servers may be disabled at once while a majority stays able."""
        return (len(self.servers) - 1) // 2


def prey_of(scenario: Scenario) -> Prey:
    """What the scenario itself says: its servers, else every node; in its rhythm, else one that is measured."""
    return Prey(
        servers=tuple(scenario.servers or range(scenario.nodes)),
        rhythm_ns=scenario.rhythm_ns,
        withstands=tuple(scenario.withstands),
        progress=scenario.progress,
        progress_within_ns=scenario.progress_within_ns,
    )
