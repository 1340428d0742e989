"""Transactions that lock keys at several managers: they deadlock, unless timestamps decide who waits and who aborts.

Lock managers are the nodes 0 .. m - 1, clients the nodes after them; the last client's transactions are long ones that
take every key. Keys are spread over the managers, so a circle of waiting seldom lies within one of them, and none of
them could see it.

The network may lose, double and reorder: requests, releases and wounds are sent again until they are answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from simclock import Network, RunResult, Scenario, Uniform, UsageError, format_duration, ms, parse_duration, seconds, us
from simclock.actors import Node
from simclock.experiments.catalog.lock_table.story import draw, story
from simclock.experiments.entries.entry import NO_NEMESIS, Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.quantiles import nearest_rank
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.lock_table import (
    POLICIES,
    WAIT_DIE,
    LockManager,
    LockProgress,
    MutualExclusion,
    NoDeadlock,
    NoStarvation,
    TimestampOrder,
    TransactionClient,
    Workload,
)
from simclock.protocols.lock_table.observed import Aborted, Attempted, Begun, Committed, LockChanged, Locked, read

KEPT = (Begun, Attempted, Locked, Aborted, Committed, LockChanged)
STANDS_NS = seconds(1)
"""A circle of waiting that stands for so long is a deadlock: a wound and its answer take a few retries at most."""
DURATION_NS = seconds(20)
CLIENTS = 6

PARAMETERS = Parameters(
    policy=Choice(WAIT_DIE, tuple(POLICIES), noun="policy", help="What is done about deadlocks."),
    managers=Whole(3, help="Nodes that hold locks."),
    keys=Whole(6, help="How many keys there are to lock."),
    keys_per_transaction=Whole(3, help="Locks that a transaction takes at most."),
    shared_percent=Whole(30, help="Of the locks: those that are shared."),
    upgrade_percent=Whole(10, help="Of the shared locks: those that become exclusive."),
    work=Duration("5ms", help="Between two locks of a transaction."),
    pause=Duration("20ms", help="Between two transactions of a client."),
    retry=Duration("50ms", help="Without an answer so long, a client asks again."),
    within=Duration("6s", help="A transaction that takes longer has starved."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a run is made of; a bug replaces one of them."""

    manager: type[LockManager] = LockManager
    client: type[TransactionClient] = TransactionClient


def policy_of(value: object) -> str:
    """A policy by name; raises UsageError for one that does not exist."""
    if value not in POLICIES:
        raise UsageError(f"policy: {value!r} is not a policy: use {', '.join(POLICIES)}")
    return str(value)


def duration_of(parameters: Mapping[str, Any], name: str) -> int:
    """A parameter that is a duration, such as "20ms"; raises UsageError with its name."""
    try:
        return parse_duration(parameters[name])
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def workload_of(parameters: Mapping[str, Any]) -> Workload:
    """What clients do."""
    whole = {name: parameters[name] for name in ("keys", "keys_per_transaction", "shared_percent", "upgrade_percent")}
    timed = {f"{name}_ns": duration_of(parameters, name) for name in ("work", "pause", "retry")}
    return Workload(**whole, **timed)


def builder(policy: str, managers: int, nodes: int, workload: Workload, parts: Parts) -> Any:
    """What makes each node."""
    addresses = tuple(range(managers))

    def build(node: int) -> Node:
        if node < managers:
            return parts.manager(policy)
        return parts.client(addresses, workload, takes_all=node == nodes - 1)

    return build


def deadlocks(settings: Settings) -> Scenario:
    """Lock managers and clients on one network, 1 to 3 ms apart."""
    parameters = {**PARAMETERS, **settings.parameters}
    policy, workload = policy_of(parameters["policy"]), workload_of(parameters)
    managers, clients = parameters["managers"], CLIENTS if settings.nodes is None else settings.nodes
    if type(managers) is not int or managers < 1:
        raise UsageError(f"managers: {managers!r} is not a number of lock managers: 1 or more")
    within_ns = duration_of(parameters, "within")
    quiet = not settings.faults and settings.nemesis in (None, NO_NEMESIS) and settings.liveness_ns is None
    # In trouble nothing is promised but safety; what is due after it is asked in the liveness phase (see `prey`).
    progress = (partial(NoDeadlock, STANDS_NS), partial(NoStarvation, within_ns)) if quiet else ()
    nodes = managers + clients
    return Scenario(
        name="deadlocks",
        nodes=nodes,
        build=builder(policy, managers, nodes, workload, Parts()),
        duration_ns=DURATION_NS,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(3))),
        observers=(MutualExclusion, partial(TimestampOrder, policy), *progress, partial(Recorded, KEPT)),
    )


def prey(scenario: Scenario) -> Prey:
    """A nemesis may strike managers and clients alike."""
    within_ns = duration_of({**PARAMETERS, **scenario.parameters}, "within")
    return Prey(
        servers=tuple(range(scenario.nodes)),
        rhythm_ns=ms(150),
        progress=partial(LockProgress, STANDS_NS, within_ns),
        progress_within_ns=within_ns,
    )


class Figures(NamedTuple):
    """What transactions did in a run."""

    commits: int
    died: int
    wounded: int
    tries_max: int
    latencies_ns: tuple[int, ...]
    """From the beginning of a transaction to its commit, ascending."""

    @property
    def aborts(self) -> int:
        """Of either sort."""
        return self.died + self.wounded

    def latency_text(self, permille: int) -> str:
        """The nearest-rank quantile, to 0.1 ms."""
        return "none" if not self.latencies_ns else format_duration(self.latency_ns(permille) // us(100) * us(100))

    def latency_ns(self, permille: int) -> int:
        """The nearest-rank quantile."""
        return nearest_rank(self.latencies_ns, permille)


def figures_of(result: RunResult) -> Figures:
    """Count commits and aborts."""
    begun: dict[int, int] = {}
    reasons: dict[str, int] = {}
    latencies_ns = []
    tries_max = 0
    tries: dict[int, int] = {}
    for each in recorded(result):
        match read(each):
            case Begun():
                begun[each.node], tries[each.node] = each.time_ns, 0
            case Attempted():
                tries[each.node] += 1
                tries_max = max(tries_max, tries[each.node])
            case Committed():
                latencies_ns.append(each.time_ns - begun[each.node])
            case Aborted(reason=reason):
                reasons[reason] = reasons.get(reason, 0) + 1
    return Figures(
        commits=len(latencies_ns),
        died=reasons.get("died", 0),
        wounded=reasons.get("wounded", 0),
        tries_max=tries_max,
        latencies_ns=tuple(sorted(latencies_ns)),
    )


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Commits, aborts, latency."""
    figures = figures_of(result)
    per_commit = figures.aborts * 100 // max(1, figures.commits)
    share = f"{per_commit // 100}.{per_commit % 100:02} per commit"
    named = {"median": 500, "p99": 990, "max": 1000}
    latency = ", ".join(f"{name} {figures.latency_text(permille)}" for name, permille in named.items())
    return (
        ("transactions", f"{figures.commits} committed, the hardest at try {figures.tries_max}"),
        ("aborts", f"{figures.died} died, {figures.wounded} were wounded: {share}"),
        ("latency", latency),
    )


def judge(result: RunResult) -> Verdict:
    """The properties of `simclock.protocols.lock_table`."""
    invariants = judge_invariants(result)
    if invariants.status == VIOLATED:
        return invariants
    figures = figures_of(result)
    waits = sometimes(result)["requests that waited or died"]
    if not waits or not figures.commits:
        reached = f"{waits} requests had to wait or die, {figures.commits} transactions committed"
        return Verdict(status=UNKNOWN, lines=(f"{reached}: nothing is known of deadlocks, let it run longer",))
    if not result.reports.keys() & {"NoDeadlock", "LockProgress"}:
        held = f"no two conflicting locks at once: {waits} requests had to wait or die"
        asked = "in trouble nothing more is promised: with --liveness 10s progress is asked for after it"
        return Verdict(status=VALID, lines=(held, asked))
    held = f"no two conflicting locks at once, no circle of waiting: {waits} requests had to wait or die"
    starved = f"nobody starves: {figures.commits} transactions committed, each at try {figures.tries_max} or before"
    return Verdict(status=VALID, lines=(held, starved))


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about locks."""
    figures = figures_of(result)
    return {
        "requests that waited or died": figures.died + result.reports["TimestampOrder"]["waits"],
        "shared locks held together": result.reports["MutualExclusion"]["shared_at_once"],
        "transactions committed": figures.commits,
        "aborts": figures.aborts,
    }


def tell(result: RunResult) -> Iterable[str]:
    """The story, with the deadlock at its end if there is one."""
    return story(recorded(result), result.reports.get("NoDeadlock", {}))


DEADLOCKS = Entry(
    name="deadlocks",
    summary="transactions lock keys at several managers: --policy none deadlocks, wait-die and wound-wait do not",
    source="Rosenkrantz, Stearns & Lewis, System Level Concurrency Control, 1978",
    make=deadlocks,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    project=11,
    story=tell,
    plot=lambda result, axes: draw(recorded(result), axes),
    sometimes=sometimes,
)
