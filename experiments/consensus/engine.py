"""A consensus engine as a value, and what clusters of any engine are set up with.

Law: a scenario that takes an engine asks for it by these fields alone, so that whoever adds one adds its value, and
clients, sessions, judges, nemeses and studies go with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from simclock import Observer, RunResult, UsageError, ms
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS, LeaderProgress
from simclock.experiments.nemesis import Prey
from simclock.protocols.replication import Front, based_on

LOG, QUORUM, LEASE = READS = ("log", "quorum", "lease")
"""How a get is answered: as a command that is agreed upon, by a leader that has asked a quorum whether it still leads,
or by a leader that trusts an earlier answer for a while."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What the servers of any engine are set up with."""

    servers: tuple[int, ...]
    election_timeout_ns_min: int = ms(150)
    """Who hears no leader for a time drawn from here ..."""
    election_timeout_ns_max: int = ms(300)
    """... to here does something about it."""
    heartbeat_ns: int = ms(50)
    snapshot_every: int | None = None
    """After so many commands a snapshot takes their place; None: never."""
    reads: str = LOG
    durable: bool = False
    """Whether servers keep on disk what they promise, also where the engine can do without."""


@dataclass(frozen=True, kw_only=True)
class ConsensusEngine:
    """One engine."""

    name: str
    title: str
    """As a sentence has it."""
    source: str
    server: type[Front]
    settings: Callable[[Cluster], Any]
    """The engine's own settings for such a cluster; raises UsageError where it cannot be had."""
    properties: Callable[[Any], Callable[[], Observer]]
    """Given its settings, what must hold, as an observer to be made."""
    witnesses: Callable[[Any], tuple[Callable[[], Observer], ...]] = lambda settings: ()
    """Given its settings, what hunts also judge by."""
    progress: type[LeaderProgress]
    report: str
    """The name of what `properties` reports."""
    agreed: str
    """There, how many commands are agreed upon."""
    turn: str
    """There, the latest leadership: a term, a round, an epoch, a view."""
    reads: Mapping[str, str] = field(default_factory=lambda: {LOG: "by the log"})
    """How gets may be answered -> by what means."""
    struck: Callable[[Cluster, Prey], Prey] = lambda cluster, prey: prey
    """What else a nemesis must know of its servers."""
    reached: tuple[str, ...] = ()
    """What more of its report a hunt has to reach now and then."""
    messages: int = 2
    """In theory, between the leader and each other server for a command, where nothing is wrong."""
    delays: int = 2
    """In theory, from when the leader has a command to when it knows it to be agreed upon."""
    beyond: str
    """Why it sends more than that: the rest of a sentence."""
    told: Callable[[Mapping[str, int]], tuple[tuple[str, str], ...]] = lambda report: ()
    """Rows about what only it has, given its report."""

    def made(self, cluster: Cluster) -> Any:
        """Its settings for that cluster; raises UsageError for a way to read that it does not have."""
        if cluster.reads not in self.reads:
            known = " or ".join(self.reads)
            raise UsageError(f"reads: {self.title} answers no gets by {cluster.reads}: use {known}")
        return self.settings(cluster)

    def serving(self, service: Any) -> Any:
        """The class of a server whose service, a class too, has something to do of its own."""
        engine: Any = self.server
        return based_on(service, engine)

    def report_of(self, result: RunResult) -> Mapping[str, int]:
        """What its properties counted in a run."""
        counted: Mapping[str, int] = result.reports[self.report]
        return counted

    def prey(self, cluster: Cluster, rhythm_ns: int) -> Prey:
        """A nemesis may strike these servers."""
        within_ns = ELECTION_TIMEOUTS * cluster.election_timeout_ns_max
        prey = Prey(
            servers=cluster.servers,
            rhythm_ns=rhythm_ns,
            withstands=("full-disk", "rot"),
            progress=partial(self.progress, cluster.servers, within_ns),
            progress_within_ns=within_ns,
        )
        return self.struck(cluster, prey)
