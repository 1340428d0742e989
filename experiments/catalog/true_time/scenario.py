"""TrueTime and commit wait: transactions over regions of the world, by clocks that are only known to be within bounds.

In each region there is a time master, the leader of a shard, and clients: nodes 0 .. r - 1 are the masters, r .. 2r - 1
the leaders, then come the clients, a region after the other in turn. The judges are TrueTime's properties, as
observers, and external consistency of the history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import (
    Clocks,
    Crash,
    Cut,
    Fault,
    JumpClock,
    Mend,
    Network,
    Partition,
    Regions,
    Restart,
    Scenario,
    SetDrift,
    Stream,
    UsageError,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.clocks import TrueTime
from simclock.durations import parse_drift
from simclock.experiments.catalog.true_time.judge import describe, judge, sometimes, tell
from simclock.experiments.catalog.true_time.picture import plot
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Drift, Duration, Flag, Parameters, Whole
from simclock.experiments.entries.regions import CLIENT_REGIONS, REPLICA_REGIONS, wan_one_way_ns
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.true_time import (
    Leader,
    TimeMaster,
    TimeSettings,
    TimeSource,
    TransactionClient,
    TransactionSettings,
    TransactionWorkload,
    TrueTimeProperties,
)
from simclock.protocols.true_time.observed import (
    Aborted,
    Applied,
    Asked,
    Assigned,
    Begun,
    Committed,
    GivenUp,
    Now,
    PreparedAt,
    Saw,
    Succeeded,
    Synchronized,
    Unknown,
)

PLACES = (*REPLICA_REGIONS, *CLIENT_REGIONS)
DURATION_NS = seconds(6)
OFFSET_NS_MAX = seconds(1)
"""How wrong a clock is before anybody synchronizes."""
KEPT = (
    *(Now, Synchronized, Begun, Saw, Asked, Succeeded, Aborted, Unknown),
    *(PreparedAt, Assigned, Committed, Applied, GivenUp),
)
"""Observations that judges, stories and pictures read."""

PARAMETERS = Parameters(
    commit_wait=Flag(True, help="Whether a leader waits until its timestamp has passed."),
    sync_ns=Duration(seconds(3), help="Between two polls of the time masters."),
    drift=Drift("2000ppm", help="How fast or slow a clock is assumed to be at most."),
    jump_ns=Duration(ms(1), help="How far a clock is assumed to jump at most."),
    lie=Whole(1, help="So many times as much do clocks really drift and jump."),
    clients=Whole(2, help="Clients in each region."),
    keys=Whole(12, help="How many keys there are."),
    near_percent=Whole(50, help="Of the keys: those of the client's own region."),
    write_percent=Whole(60, help="Of the transactions: those that write."),
    pause_ns=Duration(ms(50), help="Between two transactions of a client."),
    trouble=Flag(True, help="Whether anything goes wrong."),
)


class NoCommitWait(Leader):
    """`--commit-wait false`, and bug TT-01: commits at once, while the timestamp may lie in the future."""

    def _has_passed(self, now: TrueTime, timestamp: int) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes that a cluster is made of; a bug replaces one of them."""

    leader: type[Leader] = Leader
    client: type[TransactionClient] = TransactionClient
    time: type[TimeSource] = TimeSource


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Who is who, and what is assumed and true of the clocks."""

    regions: int
    clients: int
    """In each region."""
    time: TimeSettings
    lie: int = 1
    """The clocks drift and jump so many times as much as is assumed."""

    @property
    def nodes(self) -> int:
        return self.regions * (2 + self.clients)

    @property
    def leaders(self) -> tuple[int, ...]:
        return tuple(range(self.regions, 2 * self.regions))

    @property
    def timed(self) -> tuple[int, ...]:
        """Everybody with a clock to keep: leaders and clients."""
        return tuple(range(self.regions, self.nodes))

    @property
    def clocks(self) -> Clocks:
        return Clocks(offset_ns_max=OFFSET_NS_MAX, drift_ppb_max=self.drift_ppb_max)

    @property
    def drift_ppb_max(self) -> int:
        """What the clocks really do, at most."""
        return self.time.drift_ppb_max * self.lie

    @property
    def jump_ns_max(self) -> int:
        return self.time.jump_ns_max * self.lie

    def region(self, node: int) -> int:
        return node % self.regions

    def masters(self, node: int) -> tuple[int, ...]:
        """The time masters, the node's own region's first."""
        own = self.region(node)
        return (own, *(master for master in range(self.regions) if master != own))

    def build(
        self,
        node: int,
        *,
        seed: int,
        clocks: Clocks,
        parts: Parts,
        transactions: TransactionSettings,
        workload: TransactionWorkload,
    ) -> Node:
        if node < self.regions:
            return TimeMaster(clocks.clock(seed, node).drift_ppb)  # its GPS receiver tells it
        time = parts.time(self.time)
        if node < 2 * self.regions:
            return parts.leader(transactions, time, self.masters(node))
        return parts.client(transactions, workload, time, self.masters(node), self.region(node))


def scenario_of(
    name: str,
    settings: Settings,
    cluster: Cluster,
    *,
    parts: Parts,
    workload: TransactionWorkload,
    transactions: TransactionSettings,
    network: Network,
    duration_ns: int,
    faults: tuple[Fault, ...],
    more: dict[str, Any] | None = None,
) -> Scenario:
    """The scenario of a cluster; `more` is said in its title, beside what the user has set."""
    clocks = settings.clocks or cluster.clocks
    if clocks.wander_ppb_max:
        raise UsageError("clocks.wander: a time master knows its drift only if it stays: leave the wander out")
    build = partial(
        cluster.build, seed=settings.seed, clocks=clocks, parts=parts, transactions=transactions, workload=workload
    )
    return Scenario(
        name=name,
        nodes=cluster.nodes,
        build=build,
        duration_ns=duration_ns,
        network=network,
        clocks=clocks,
        faults=faults,
        observers=(TrueTimeProperties, partial(Recorded, KEPT)),
        parameters=more or {},
    )


def true_time(settings: Settings) -> Scenario:
    """Regions with measured latencies between them, and trouble drawn from the seed."""
    parameters = {**PARAMETERS, **settings.parameters}
    regions = 3 if settings.nodes is None else settings.nodes
    if not 1 <= regions <= len(PLACES):
        raise UsageError(f"nodes: {regions} is not a number of regions: 1 to {len(PLACES)}")
    for name in ("clients", "lie"):
        if parameters[name] < 1:
            raise UsageError(f"{name}: {parameters[name]} is too few: 1 or more")
    time = TimeSettings(
        sync_ns=parameters["sync_ns"],
        drift_ppb_max=parse_drift(parameters["drift"]),
        jump_ns_max=parameters["jump_ns"],
    )
    cluster = Cluster(regions=regions, clients=parameters["clients"], time=time, lie=parameters["lie"])
    names = ("keys", "near_percent", "write_percent", "pause_ns")
    places = [PLACES[cluster.region(node)] for node in range(cluster.nodes)]
    latency = Regions(one_way_ns=wan_one_way_ns(), placement=places, source="IBM Cloud, 18 Jul - 16 Aug 2026")
    duration_ns = settings.duration_ns or DURATION_NS
    return scenario_of(
        "truetime",
        settings,
        cluster,
        parts=Parts() if parameters["commit_wait"] else Parts(leader=NoCommitWait),
        workload=TransactionWorkload(**{name: parameters[name] for name in names}),
        transactions=TransactionSettings(leaders=cluster.leaders),
        network=Network(latency=latency, loss=0.01 if parameters["trouble"] else 0.0),
        duration_ns=duration_ns,
        faults=trouble(settings.seed, cluster, duration_ns) if parameters["trouble"] else (),
    )


# What goes wrong.


def trouble(seed: int, cluster: Cluster, duration_ns: int) -> tuple[Fault, ...]:
    """Clocks drift and jump, a region is cut off, a leader loses its time master, a leader crashes."""
    luck = stream(seed, "truetime trouble")
    faults = [*clock_trouble(seed, cluster, duration_ns), *_partition(luck, cluster, duration_ns)]
    leader = luck.choice(cluster.leaders)
    start_ns = luck.uniform_ns(duration_ns // 8, duration_ns // 2)
    end_ns = start_ns + luck.uniform_ns(duration_ns // 8, duration_ns // 3)
    for source, target in ((leader, cluster.region(leader)), (cluster.region(leader), leader)):
        faults.append(Cut(at_ns=start_ns, source=source, target=target))
        faults.append(Mend(at_ns=end_ns, source=source, target=target))
    crash_ns = luck.uniform_ns(duration_ns // 3, duration_ns * 3 // 4)
    leader = luck.choice(cluster.leaders)
    faults.append(Crash(at_ns=crash_ns, node=leader))
    faults.append(Restart(at_ns=crash_ns + luck.uniform_ns(ms(20), ms(500)), node=leader))
    return tuple(sorted(faults, key=lambda fault: fault.at_ns))


def _partition(luck: Stream, cluster: Cluster, duration_ns: int) -> Iterator[Fault]:
    if cluster.regions > 1:
        alone = luck.randrange(cluster.regions)
        inside = tuple(node for node in range(cluster.nodes) if cluster.region(node) == alone)
        outside = tuple(node for node in range(cluster.nodes) if cluster.region(node) != alone)
        at_ns = luck.uniform_ns(duration_ns // 6, duration_ns * 2 // 3)
        yield Partition(at_ns=at_ns, groups=(inside, outside))
        yield Partition(at_ns=at_ns + luck.uniform_ns(ms(100), duration_ns // 5), groups=())


def clock_trouble(seed: int, cluster: Cluster, duration_ns: int) -> Iterator[Fault]:
    """Within what is assumed, if the cluster does not lie: drift within its bound, and jumps about one place.

    A clock jumps between positions that all lie within `jump_ns_max` of each other: however many jumps fall between two
    synchronizations, they add up to no more.
    """
    luck = stream(seed, "truetime clocks")
    for node in cluster.timed:
        if luck.randrange(3) == 0:
            drift_ppb = luck.uniform_ns(-cluster.drift_ppb_max, cluster.drift_ppb_max)
            yield SetDrift(at_ns=luck.uniform_ns(0, duration_ns), node=node, drift_ppb=drift_ppb)
        half_ns, position_ns = cluster.jump_ns_max // 2, 0
        for at_ns in sorted(luck.uniform_ns(0, duration_ns) for _ in range(luck.randrange(3) if half_ns else 0)):
            goal_ns = luck.uniform_ns(-half_ns, half_ns)
            yield JumpClock(at_ns=at_ns, node=node, by_ns=goal_ns - position_ns)
            position_ns = goal_ns


def prey(scenario: Scenario) -> Prey:
    """A nemesis may strike the leaders. Its trouble with clocks is beyond what is assumed of them."""
    leaders = tuple(node for node in range(scenario.nodes) if isinstance(scenario.build(node), Leader))
    return Prey(servers=leaders, rhythm_ns=ms(200))


TRUETIME = Entry(
    name="truetime",
    summary="transactions over regions with commit wait, by clocks that drift, jump and are cut off",
    source='Corbett et al., "Spanner: Google\'s Globally-Distributed Database", OSDI 2012',
    project=7,
    make=true_time,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    story=tell,
    plot=plot,
    prey=prey,
    sometimes=sometimes,
)
