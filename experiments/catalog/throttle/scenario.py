"""A rate limiter with windows of an hour, tried over hours of virtual time in milliseconds of the reader's.

Node 0 is the limiter. Client 1 sends its whole limit just before the end of each hour and again just after it, which
is where a fixed window fails; client 2 takes all it can get and waits as long as it is told; client 3 is modest.

`throttle-hunt` draws limiter, limit, habits and network from the seed, and a swarm of faults: the limiter crashes, its
wall clock jumps, messages are lost and doubled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from simclock import (
    Network,
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
from simclock.actors import Node
from simclock.durations import HOUR
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.chronicle import Chronicle
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.throttle import (
    LIMITERS,
    REFERENCES,
    Ask,
    Burst,
    Greedy,
    Limit,
    Limiter,
    Modest,
    RateLimit,
    RateLimiter,
    SlidingLog,
    ThrottleClient,
)
from simclock.protocols.throttle.observed import Served

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERVER = 0
LINES_MAX = 30
PARAMETERS = Parameters(
    limiter=Choice(SlidingLog.name, tuple(LIMITERS), noun="limiter", help="How requests are counted."),
    limit=Whole(100, help="Requests that a window takes."),
    window=Duration("1h", help="How long a window is."),
    burst=Whole(20, help="Requests that a token bucket takes at once."),
)
HUNT_PARAMETERS = Parameters(
    bug=PUT_IN,
)
HUNT_LIMITERS = tuple(name for name in LIMITERS if name != "fixed-window")
HUNT_DURATION_NS = 6 * HOUR


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a run is made of; a bug replaces one of them."""

    server: type[RateLimiter] = RateLimiter
    limiter: type[Limiter] | None = None
    """In place of the one that is asked for."""


def _scenario(
    name: str,
    settings: Settings,
    *,
    limiter: type[Limiter],
    limit: Limit,
    habits: Sequence[Ask],
    network: Network,
    duration_ns: int,
    server: type[RateLimiter] = RateLimiter,
    parameters: Mapping[str, Any] | None = None,
) -> Scenario:
    limiter.check(limit)

    def build(node: int) -> Node:
        if node == SERVER:
            return server(limiter, limit)
        return ThrottleClient(SERVER, habits[(node - 1) % len(habits)])

    return Scenario(
        name=name,
        nodes=1 + (len(habits) if settings.nodes is None else settings.nodes),
        build=build,
        duration_ns=duration_ns,
        network=network,
        observers=(partial(RateLimit, limit, REFERENCES[limiter.name]), partial(Recorded, (Served,))),
        parameters=parameters or {},
    )


def hourly_throttle(settings: Settings) -> Scenario:
    """Three clients and a limiter, for a little more than three windows."""
    parameters = {**PARAMETERS, **settings.parameters}
    limiter = LIMITERS.get(parameters["limiter"])
    if limiter is None:
        raise UsageError(f"limiter: {parameters['limiter']!r} is not a limiter: use {', '.join(LIMITERS)}")
    try:
        window_ns = parse_duration(parameters["window"])
    except UsageError as error:
        raise UsageError(f"window: {error}") from None
    limit = Limit(count=parameters["limit"], window_ns=window_ns, burst=parameters["burst"])
    before_ns = min(seconds(1), window_ns // 100)
    return _scenario(
        "hourly-throttle",
        settings,
        limiter=limiter,
        limit=limit,
        habits=(
            Burst(size=limit.count, window_ns=window_ns, before_ns=before_ns),
            Greedy(),
            Modest(pause_ns=window_ns // 20),
        ),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(3))),
        duration_ns=3 * window_ns + window_ns // 10,
    )


def throttle_hunt(settings: Settings, parts: Parts) -> Scenario:
    """What the seed draws, made of these parts."""
    luck = stream(settings.seed, "throttle-hunt")
    name = luck.choice(HUNT_LIMITERS)
    count = luck.choice((5, 12, 40))
    limiter = parts.limiter or LIMITERS[name]
    windows = luck.choice((1, 1, 2))
    loss = luck.choice((0.0, 0.02, 0.1))
    return _scenario(
        "throttle-hunt",
        settings,
        limiter=limiter,
        limit=Limit(count=count, burst=luck.choice((1, count // 4 or 1, count - 1))),
        habits=(
            Burst(size=count, window_ns=windows * HOUR, before_ns=luck.choice((seconds(1), minutes(1), minutes(10)))),
            Greedy(),
            Modest(pause_ns=HOUR // luck.choice((count, 2 * count))),
        ),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(50)), loss=loss, duplication=loss),
        duration_ns=HUNT_DURATION_NS,
        server=parts.server,
        parameters={"limiter": limiter.name, "limit": count},
    )


def prey(scenario: Scenario) -> Prey:
    """The limiter."""
    return Prey(servers=(SERVER,), rhythm_ns=minutes(5))


def judge(result: RunResult) -> Verdict:
    """The promises of `simclock.protocols.throttle.properties`."""
    invariants = judge_invariants(result)
    if invariants.status == VIOLATED:
        return invariants
    told = result.reports["RateLimit"]
    if not told["admitted"]:
        return Verdict(status=UNKNOWN, lines=("nothing was admitted: nothing is known of the limit",))
    most = max(most for _, most in told["most"])
    if not told["refused"]:
        return Verdict(status=UNKNOWN, lines=(f"nobody was refused: {most} of {told['limit']} at most in any window",))
    held = f"no client got more than its limit in any window: {most} at most, {told['refused']} were refused"
    waited = f"who waited as long as it was told was admitted, {told['waited']} times"
    return Verdict(status=VALID, lines=(held, waited))


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about a limit."""
    told = result.reports["RateLimit"]
    return {"admitted": told["admitted"], "refused": told["refused"], "waited and admitted": told["waited"]}


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """What each client got."""
    told = result.reports["RateLimit"]
    most = ", ".join(f"client {client} {count}" for client, count in told["most"])
    return (
        ("requests", f"{told['admitted']} admitted, {told['refused']} refused"),
        ("most in one window", most or "nothing was admitted"),
    )


@dataclass
class _Group:
    """Requests of a client that come together."""

    client: int
    since_ns: int
    until_ns: int
    admitted: int = 0
    refused: int = 0
    wait_ns: int | None = None
    """What the last of them was told."""


def story(result: RunResult) -> Iterator[str]:
    """Requests of one client that come within a few seconds of each other, as one line."""
    groups: list[_Group] = []
    latest: dict[int, _Group] = {}
    for each in recorded(result):
        served = Served.read(each)
        if served is None:
            continue
        group = latest.get(served.client)
        if group is None or each.time_ns - group.until_ns > seconds(1):
            group = latest[served.client] = _Group(served.client, each.time_ns, each.time_ns)
            groups.append(group)
        group.until_ns, group.wait_ns = each.time_ns, served.wait_ns
        group.admitted += served.wait_ns is None
        group.refused += served.wait_ns is not None
    crowds = [group for group in groups if group.admitted + group.refused > 2]
    for group in crowds[:LINES_MAX]:
        seconds_in, wait_ns = group.since_ns // seconds(1), group.wait_ns
        clock = f"{seconds_in // 3600}:{seconds_in // 60 % 60:02}:{seconds_in % 60:02}"
        again = "" if wait_ns is None else f", the last to come again in {format_duration(wait_ns // ms(1) * ms(1))}"
        fates = f"{group.admitted} admitted, {group.refused} refused{again}"
        yield f"[{clock}] client {group.client} sends {group.admitted + group.refused}: {fates}"
    yield f"... and {len(groups) - min(len(crowds), LINES_MAX)} times a client sent one or two, or more later"
    yield ""


def draw(result: RunResult, axes: Axes) -> None:
    """How much each client got in the hour (the window) that ends at each instant, and the limit."""
    told = result.reports["RateLimit"]
    answers = [served for served in map(Served.read, recorded(result)) if served is not None]
    for client, _ in told["most"]:
        times_ns = [served.time_ns for served in answers if served.client == client and not served.wait_ns]
        steps = sorted([(time_ns, 1) for time_ns in times_ns] + [(t + told["window_ns"], -1) for t in times_ns])
        inside = list(accumulate(change for _, change in steps))
        axes.step([time_ns / HOUR for time_ns, _ in steps], inside, where="post", label=f"client {client}")
    axes.axhline(told["limit"], color="black", linestyle="--", linewidth=0.8, label="the limit")
    axes.set_xlim(0, result.virtual_ns / HOUR)
    axes.set_xlabel("virtual time [h]")
    axes.set_ylabel("admitted within one window")
    axes.legend()


HOURLY_THROTTLE = Entry(
    name="hourly-throttle",
    summary="an API rate limiter with one-hour windows, tried over three hours of virtual time",
    source="token bucket (Turner 1986), sliding log, sliding counter, and the fixed window's flaw",
    make=hourly_throttle,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    story=story,
    plot=draw,
    sometimes=sometimes,
)


HUNT_STORY = Chronicle({Served: "answers client {client}, which has to wait: {wait_ns}"})

THROTTLE_HUNT = Entry(
    name="throttle-hunt",
    summary="a rate limiter under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=throttle_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=HUNT_PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=HUNT_STORY,
)
