"""Global snapshots of nodes that pass money around: per node, per channel, and whether the total is right.

`snapshots` is one run with its story. The network loses, doubles and reorders; the reliable channels below mask it.
`--crash 2` has a node crash in the middle and stay down: snapshots fail from then on, clearly.

`snapshots-hunt` draws the algorithm, the cluster and a swarm of faults from the seed; `--set bug=SNAP-01` puts a bug in
(see `simclock.experiments.catalog.snapshots.bugs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import (
    Crash,
    Network,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    format_duration,
    ms,
    parse_duration,
    seconds,
    stream,
)
from simclock.experiments.catalog.snapshots.picture import draw
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import NO_NEMESIS, Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.chronicle import Chronicle
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.snapshots import ChandyLamport, Cuts, LaiYang, Participant, SnapshotEnds, SnapshotSettings
from simclock.protocols.snapshots.messages import SnapshotId
from simclock.protocols.snapshots.observed import Completed, GivenUp, Initiated, Received, Sent, read
from simclock.protocols.snapshots.observed import Recorded as StateRecorded

ALGORITHMS: Mapping[str, type[Participant]] = {"chandy-lamport": ChandyLamport, "lai-yang": LaiYang}
KEPT = (Initiated, StateRecorded, Completed, GivenUp, Sent, Received)
NODES = 4
DURATION_NS = seconds(4)
ENDS_NS = seconds(1)
"""How much later than its timeout a snapshot may end: a step and a message, and no more."""
TOLD_MAX = 6
"""Snapshots that are told in full, and failed ones that are told of."""
PARAMETERS = Parameters(
    algorithm=Choice("chandy-lamport", tuple(ALGORITHMS), noun="algorithm", help="How a snapshot is taken."),
    balance=Whole(100, help="What each node has at first."),
    transfer=Duration("10ms", help="Between two transfers of a node."),
    snapshot=Duration("1s", help="Between two snapshots."),
    timeout=Duration("500ms", help="A snapshot that takes longer is given up."),
    crash=Whole(-1, help="The node that crashes in the middle of the run; -1: none."),
)
HUNT_PARAMETERS = Parameters(
    bug=PUT_IN,
    algorithm=Choice("", tuple(ALGORITHMS), noun="algorithm", help="How a snapshot is taken; else the seed draws it."),
)
HUNT_DURATION_NS = ms(1500)
HUNT_LIVENESS_NS = ms(2500)


def algorithm_of(name: object) -> type[Participant]:
    """The class of an algorithm; raises UsageError for one that does not exist."""
    if name not in ALGORITHMS:
        raise UsageError(f"algorithm: {name!r} is not an algorithm: use {' or '.join(ALGORITHMS)}")
    return ALGORITHMS[str(name)]


def _nodes(settings: Settings, default: int) -> int:
    nodes = default if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not enough: a channel needs two")
    return nodes


def _settings(parameters: Mapping[str, Any]) -> SnapshotSettings:
    timed = {}
    for name in ("transfer", "snapshot", "timeout"):
        try:
            timed[f"{name}_ns"] = parse_duration(parameters[name])
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    return SnapshotSettings(balance=parameters["balance"], **timed)


def snapshots(settings: Settings) -> Scenario:
    """Four nodes with a hundred each, over a network that loses one message in twenty."""
    parameters = {**PARAMETERS, **settings.parameters}
    kind, chosen = algorithm_of(parameters["algorithm"]), _settings(parameters)
    nodes = _nodes(settings, NODES)
    crash = parameters["crash"]
    if type(crash) is not int or not -1 <= crash < nodes:
        raise UsageError(f"crash: {crash!r} is not a node from 0 to {nodes - 1}, or -1 for none")
    duration_ns = settings.duration_ns or DURATION_NS
    crashes = (Crash(at_ns=duration_ns // 2, node=crash),) if crash >= 0 else ()
    quiet = not settings.faults and settings.nemesis in (None, NO_NEMESIS) and crash < 0
    ends = (partial(SnapshotEnds, chosen.timeout_ns + ENDS_NS),) if quiet and settings.liveness_ns is None else ()
    return Scenario(
        name="snapshots",
        nodes=nodes,
        build=lambda node: kind(chosen),
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(20)), loss=0.05, duplication=0.05),
        faults=crashes,
        observers=(partial(Cuts, nodes, nodes * chosen.balance), *ends, partial(Recorded, KEPT)),
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a node; None: that of the algorithm."""

    participant: type[Participant] | None = None


def snapshots_hunt(settings: Settings, parts: Parts) -> Scenario:
    """What the seed draws, made of these parts."""
    luck = stream(settings.seed, "snapshots-hunt")
    parameters = {**HUNT_PARAMETERS, **settings.parameters}
    drawn = luck.choice(tuple(ALGORITHMS))
    nodes = _nodes(settings, luck.choice((2, 3, 4, 5)))
    loss = luck.choice((0.0, 0.05, 0.2))
    latency_ns_max = luck.choice((ms(2), ms(10), ms(40)))
    chosen = SnapshotSettings(
        balance=luck.choice((20, 100, 1000)),
        transfer_ns=luck.choice((ms(5), ms(15), ms(40))),
        snapshot_ns=luck.choice((ms(100), ms(300), ms(600))),
        timeout_ns=luck.choice((ms(300), ms(600))),
    )
    kind = parts.participant or algorithm_of(parameters["algorithm"] or drawn)
    return Scenario(
        name="snapshots-hunt",
        nodes=nodes,
        build=lambda node: kind(chosen),
        duration_ns=HUNT_DURATION_NS,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=latency_ns_max), loss=loss, duplication=loss),
        observers=(partial(Cuts, nodes, nodes * chosen.balance), partial(Recorded, ())),
        parameters={"algorithm": "lai-yang" if issubclass(kind, LaiYang) else "chandy-lamport"},
    )


def prey(rhythm_ns: int, within_ns: int, scenario: Scenario) -> Prey:
    """Every node may be struck."""
    return Prey(
        servers=tuple(range(scenario.nodes)),
        rhythm_ns=rhythm_ns,
        progress=partial(SnapshotEnds, within_ns),
        progress_within_ns=within_ns,
    )


def judge(result: RunResult) -> Verdict:
    """Cuts, channels and money."""
    invariants = judge_invariants(result)
    if invariants.status == VIOLATED:
        return invariants
    told = result.reports["Cuts"]
    if not told["complete"] + told["failed"]:
        return Verdict(
            status=UNKNOWN, lines=("no snapshot has ended, so there is nothing to judge: let it run longer",)
        )
    held = f"{told['complete']} snapshots are complete: each a consistent cut, its channels right, its money all there"
    failed = (
        f"{told['failed']} failed and said so, {told['initiated'] - told['complete'] - told['failed']} had not ended"
    )
    return Verdict(status=VALID, lines=(held, failed))


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about snapshots."""
    told = result.reports["Cuts"]
    return {
        "snapshots complete": told["complete"],
        "snapshots failed": told["failed"],
        "transfers recorded under way": told["under_way"],
        "snapshots at once": max(0, told["at_once_max"] - 1),
    }


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """How many, and what was under way."""
    told = result.reports["Cuts"]
    return (
        ("snapshots", f"{told['initiated']} begun, {told['complete']} complete, {told['failed']} failed"),
        ("at once", f"up to {told['at_once_max']}"),
        ("under way", f"{told['under_way']} transfers recorded on channels"),
    )


def story(total_of: Any, result: RunResult) -> Iterator[str]:
    """Each snapshot as it ends: per node, per channel, and the total."""
    left = {Completed: TOLD_MAX, GivenUp: TOLD_MAX}
    begun_ns: dict[SnapshotId, int] = {}
    for each in recorded(result):
        told = read(each)
        if isinstance(told, Initiated):
            begun_ns[told.snapshot] = each.time_ns
        if not isinstance(told, Completed | GivenUp):
            continue
        left[type(told)] -= 1
        if left[type(told)] < 0:
            continue
        snapshot = told.snapshot
        name = f"[SNAPSHOT {snapshot[0]}.{snapshot[1]}] node {snapshot[0]} began it at {_time(begun_ns[snapshot])}"
        if isinstance(told, GivenUp):
            yield f"{name}, FAILED at {_time(each.time_ns)}: {told.reason}"
            continue
        yield f"{name}, complete at {_time(each.time_ns)}"
        yield from _parts(told, total_of(result))
    yield f"... and {sum(max(0, -each) for each in left.values())} snapshots more"
    yield ""


def _parts(told: Completed, expected: int) -> Iterator[str]:
    channels = told.channels
    for node, balance in told.balances:
        yield f"  node {node}: {balance}"
    for source, target, amounts in channels:
        if amounts:
            yield f"  channel {source} -> {target}: {' + '.join(map(str, amounts))}"
    empty = [f"{source} -> {target}" for source, target, amounts in channels if not amounts]
    if empty:
        yield f"  nothing on {', '.join(empty)}"
    at_nodes = sum(balance for _, balance in told.balances)
    under_way = sum(sum(amounts) for _, _, amounts in channels)
    total = at_nodes + under_way
    verdict = "conserved" if total == expected else f"NOT CONSERVED: there is {expected}"
    yield f"  TOTAL: {at_nodes} at nodes + {under_way} under way = {total}, {verdict}"


def _time(time_ns: int) -> str:
    return format_duration(time_ns // 1000 * 1000)


def _total(result: RunResult) -> int:
    """What there is: what every node begins with."""
    return int(result.reports["Cuts"]["total"])


SNAPSHOTS = Entry(
    name="snapshots",
    summary="global snapshots of money that never stops moving, by markers or by colours",
    source="Chandy & Lamport, Distributed Snapshots, 1985; Lai & Yang 1987",
    make=snapshots,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=partial(prey, ms(200), seconds(2)),
    project=4,
    story=partial(story, _total),
    plot=lambda result, axes: draw(recorded(result), axes),
    sometimes=sometimes,
)


STORY = Chronicle(
    {
        Initiated: "begins snapshot {snapshot}",
        StateRecorded: "records its balance {balance} for snapshot {snapshot}",
        Completed: "has all of snapshot {snapshot}: balances {balances}, on the way {channels}",
        GivenUp: "gives up snapshot {snapshot}: {reason}",
    }
)

SNAPSHOTS_HUNT = Entry(
    name="snapshots-hunt",
    summary="snapshots under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=snapshots_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=HUNT_PARAMETERS,
    prey=partial(prey, ms(100), ms(2000)),
    nemesis="swarm",
    project=4,
    sometimes=sometimes,
    story=STORY,
)
