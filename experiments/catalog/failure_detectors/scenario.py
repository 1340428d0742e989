"""Failure detectors at work: is the node down, or the network slow?

One monitor watches nodes that send it heartbeats, with a fixed timeout and with phi accrual at several thresholds, all
on the same heartbeats. Every node crashes once, at a moment the seed draws, and stays down. What was suspected before
is a mistake; from the crash to the suspicion that lasts is the detection time.

`simclock study failure-detectors` measures both, for networks from even to slow by spells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median

from simclock import (
    AddDelay,
    Crash,
    Fault,
    LogNormal,
    Network,
    Normal,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    format_duration,
    minutes,
    ms,
    parse_duration,
    seconds,
    stream,
)
from simclock.experiments.catalog.failure_detectors.judge import (
    MONITOR,
    NAMES,
    THRESHOLDS,
    TIMEOUTS,
    SettledAfter,
    downtime_at,
    downtimes_of,
    judge,
    measured,
)
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.experiments.telling.spelling import unknown
from simclock.protocols.failure_detectors import Detector, FixedTimeout, Heartbeater, Monitor, PhiAccrual
from simclock.protocols.failure_detectors.observed import Suspects, Trusts, read

NETWORKS: dict[str, Network] = {
    "even": Network(latency=Uniform(low_ns=ms(10), high_ns=ms(20))),
    "normal": Network(latency=Normal(mean_ns=ms(150), deviation_ns=ms(30), floor_ns=ms(5))),
    "jitter": Network(latency=LogNormal(median_ns=ms(60), sigma="1.0", floor_ns=ms(5))),
    "heavy-tail": Network(latency=LogNormal(median_ns=ms(60), sigma="2.0", floor_ns=ms(5))),
    "lossy": Network(latency=Uniform(low_ns=ms(10), high_ns=ms(20)), loss=0.05),
    "slow-spells": Network(latency=Uniform(low_ns=ms(10), high_ns=ms(20))),
}
SLOW = "slow-spells"
SPELL_EVERY_NS = minutes(2)
"""In the mean, between two spells in which everything takes longer: 0.2 to 2 heartbeats more, for 1 to 10 of them."""

SETTLED_BEATS = 30
SETTLED_NS_MIN = seconds(6)
"""By then every detector should have made up its mind: the slowest fixed timeout is 5 beats, and the network slow."""

PARAMETERS = Parameters(
    model=Choice("jitter", tuple(NETWORKS), noun="network", help="The network between the monitor and the watched."),
    heartbeat=Duration("1s", help="Between two heartbeats of a node."),
)


def detectors_of(interval_ns: int) -> tuple[Detector, ...]:
    """What is compared."""
    fixed = (FixedTimeout(timeout_ns=interval_ns * tenths // 10) for tenths in TIMEOUTS)
    phi = (
        PhiAccrual(threshold=threshold, first_ns=interval_ns, deviation_ns_min=interval_ns // 100)
        for threshold in THRESHOLDS
    )
    return (*fixed, *phi)


def settled_after_ns(interval_ns: int) -> int:
    """How long after a crash completeness is due."""
    return max(SETTLED_BEATS * interval_ns, SETTLED_NS_MIN)


def failure_detectors(settings: Settings) -> Scenario:
    """A monitor, and nodes that crash one by one."""
    asked = {**PARAMETERS, **settings.parameters}
    model = asked["model"]
    if model not in NETWORKS:
        raise UsageError(f"model: {unknown('network', model, NETWORKS)}")
    interval_ns = parse_duration(asked["heartbeat"], "heartbeat")
    if interval_ns < ms(1):
        raise UsageError(f"heartbeat: {asked['heartbeat']} is too short: 1 ms or more")
    nodes = settings.nodes or 9
    if nodes < 2:
        raise UsageError("nodes: 1 is too few: a monitor and somebody to watch")
    duration_ns = settings.duration_ns or minutes(5)
    detectors = detectors_of(interval_ns)
    return Scenario(
        name="failure-detectors",
        nodes=nodes,
        build=lambda node: Monitor(detectors) if node == MONITOR else Heartbeater(MONITOR, interval_ns),
        duration_ns=duration_ns,
        network=NETWORKS[model],
        faults=(
            *_crashes(settings.seed, nodes, interval_ns, duration_ns),
            *(_spells(settings.seed, interval_ns, duration_ns) if model == SLOW else ()),
        ),
        observers=(
            partial(Recorded, (Suspects, Trusts)),
            partial(SettledAfter, settled_after_ns(interval_ns)),
        ),
    )


def _crashes(seed: int, nodes: int, interval_ns: int, duration_ns: int) -> Iterator[Fault]:
    """Each node once, in the last half, and early enough to be suspected by everybody."""
    luck = stream(seed, "crashes")
    for node in range(1, nodes):
        latest_ns = max(duration_ns // 2, duration_ns - settled_after_ns(interval_ns))
        yield Crash(at_ns=luck.uniform_ns(duration_ns // 2, latest_ns), node=node)


def _spells(seed: int, interval_ns: int, duration_ns: int) -> Iterator[Fault]:
    luck = stream(seed, "spells")
    at_ns = luck.exponential_ns(SPELL_EVERY_NS)
    while at_ns < duration_ns:
        until_ns = at_ns + luck.uniform_ns(interval_ns, 10 * interval_ns)
        yield AddDelay(at_ns=at_ns, delay_ns=luck.uniform_ns(interval_ns // 5, 2 * interval_ns))
        yield AddDelay(at_ns=until_ns, delay_ns=0)
        at_ns = until_ns + luck.exponential_ns(SPELL_EVERY_NS)


# What came of it.


TELLER = NAMES.index("phi 8")
"""Whose suspicions the story tells."""
MISTAKES_TOLD_MAX = 6


def story(result: RunResult) -> Iterator[str]:
    """What one detector said of each node, and what was the matter with it: down, or slow."""
    downtimes = downtimes_of(result)
    since_ns: dict[int, int] = {}
    mistakes = 0
    for each in recorded(result):
        time_ns = each.time_ns
        match read(each):
            case Suspects(node, number) if number == TELLER:
                since_ns[node] = time_ns
                down = downtime_at(downtimes.get(node, ()), time_ns)
                if down is not None:
                    late = format_duration((time_ns - down.from_ns) // ms(1) * ms(1))
                    yield f"{_clock(time_ns)}  [{NAMES[TELLER]}] suspects node {node}: it is down, for {late}"
            case Trusts(node, number) if number == TELLER:
                mistakes += 1
                if mistakes <= MISTAKES_TOLD_MAX:
                    lasted = format_duration((time_ns - since_ns[node]) // ms(1) * ms(1))
                    wrong = f"suspects node {node}: only the network is slow, trusted again after {lasted}"
                    yield f"{_clock(since_ns[node])}  [{NAMES[TELLER]}] {wrong}"
    if mistakes > MISTAKES_TOLD_MAX:
        yield f"           [{NAMES[TELLER]}] {mistakes - MISTAKES_TOLD_MAX} more suspicions of nodes that were up"


def _clock(time_ns: int) -> str:
    return f"{time_ns // seconds(1):>3}.{time_ns % seconds(1) // ms(1):03} s"


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """One row for each detector."""
    return tuple(
        (name, f"{each.mistakes} mistakes; detected after {_times_text(each.detection_ns)}")
        for name, each in zip(NAMES, measured(result), strict=True)
    )


def _times_text(times_ns: Sequence[int]) -> str:
    if not times_ns:
        return "never"
    middle, longest = (format_duration(time_ns // ms(1) * ms(1)) for time_ns in (int(median(times_ns)), times_ns[-1]))
    return f"{middle} in the median, {longest} at most"


def sometimes(result: RunResult) -> Mapping[str, int]:
    """What a run should reach now and then."""
    found = measured(result)
    return {
        "mistakes": sum(each.mistakes for each in found),
        "detections": sum(len(each.detection_ns) for each in found),
    }


FAILURE_DETECTORS = Entry(
    name="failure-detectors",
    summary="is the node down or the network slow: phi accrual beside fixed timeouts on the same heartbeats",
    source="Hayashibara, Defago, Yared & Katayama, The phi accrual failure detector, SRDS 2004",
    project=11,
    make=failure_detectors,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    story=story,
    sometimes=sometimes,
)
