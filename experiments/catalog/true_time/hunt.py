"""A small TrueTime cluster tuned for finding bugs: short runs, bad clocks, few keys, many transactions.

The seed draws everything: shards, clients, delays, how bad clocks are and how often they are synchronized, which kinds
of trouble strike the leaders. Clocks stay within what is assumed. A run takes some tens of milliseconds of wall time.

`--set bug=TT-01` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from collections.abc import Iterator

from simclock import (
    Crash,
    Fault,
    Network,
    Restart,
    Scenario,
    Stream,
    Uniform,
    UsageError,
    format_duration,
    ms,
    stream,
)
from simclock.experiments.catalog.true_time.judge import describe, judge, sometimes, tell
from simclock.experiments.catalog.true_time.scenario import Cluster, Parts, clock_trouble, prey, scenario_of
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey, draw_plan
from simclock.protocols.true_time import TimeSettings, TransactionSettings, TransactionWorkload

DURATION_NS = ms(1500)
RHYTHM_NS = ms(60)
"""Of faults: about as long as a commit waits."""
KINDS = ("crash", "partition", "one-way", "clog", "pause", "slow", "loss", "damage", "delay", "disk")
"""Of trouble: all that a nemesis draws from, but for clocks, whose trouble has to stay within what is assumed."""
KIND_ODDS = 5
CRASH_ODDS = 2
"""One in so many kinds is on; crashes are on more often, as much of the protocol is about what they leave."""
DRIFTS_PPB = (2_000_000, 10_000_000, 50_000_000)
BLINKS = 6
PARAMETERS = Parameters(
    bug=PUT_IN,
)


def true_time_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The cluster that the seed draws, made of these parts."""
    luck = stream(settings.seed, "truetime-hunt")
    drawn_regions, clients = luck.choice((2, 3)), luck.choice((2, 3))
    regions = drawn_regions if settings.nodes is None else settings.nodes
    if regions < 1:
        raise UsageError(f"nodes: {regions} is not a number of regions: 1 or more")
    time = TimeSettings(
        sync_ns=luck.choice((ms(200), ms(500), ms(900))),
        drift_ppb_max=luck.choice(DRIFTS_PPB),
        jump_ns_max=luck.choice((0, ms(5), ms(40))),
        poll_retry_ns=ms(60),
    )
    cluster = Cluster(regions=regions, clients=clients, time=time)
    drawn_network = Network(
        latency=Uniform(low_ns=ms(1), high_ns=luck.choice((ms(2), ms(6), ms(25)))),
        loss=luck.choice((0.0, 0.02, 0.05)),
        duplication=luck.choice((0.0, 0.05)),
    )  # drawn in any case: what the user sets moves no other draw
    network = settings.network or drawn_network
    workload = TransactionWorkload(
        keys=luck.choice((2, 3, 12)),
        near_percent=luck.choice((0, 30, 60)),
        write_percent=luck.choice((40, 60, 80)),
        pause_ns=luck.choice((ms(3), ms(10), ms(40))),
        past_ns_max=ms(60),
        retry_ns=luck.choice((ms(25), ms(90))),
        give_up_ns=ms(600),
    )
    duration_ns = settings.duration_ns or DURATION_NS
    words = [kind for kind in KINDS if luck.randrange(CRASH_ODDS if kind == "crash" else KIND_ODDS) == 0]
    prey = Prey(servers=cluster.leaders, rhythm_ns=RHYTHM_NS)
    plan = draw_plan("+".join(words) or "none", settings.seed, prey, network, duration_ns)
    faults = [*plan.faults, *clock_trouble(settings.seed, cluster, duration_ns)]
    if "crash" in words:
        faults += _blinks(luck, cluster, duration_ns)
    return scenario_of(
        "truetime-hunt",
        settings,
        cluster,
        parts=parts,
        workload=workload,
        transactions=TransactionSettings(
            leaders=cluster.leaders,
            vote_timeout_ns=ms(200),
            ask_ns=luck.choice((ms(20), ms(100))),
            tell_ns=ms(100),
            idle_ns=ms(300),
        ),
        network=network,
        duration_ns=duration_ns,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_ns)),
        more={"sync": format_duration(time.sync_ns), "drift": f"{time.drift_ppb_max}ppb", "drawn": str(plan)},
    )


def _blinks(luck: Stream, cluster: Cluster, duration_ns: int) -> Iterator[Fault]:
    """Leaders that are back within milliseconds: before timestamps have passed that they had assigned."""
    for _ in range(BLINKS):
        at_ns, leader = luck.uniform_ns(0, duration_ns), luck.choice(cluster.leaders)
        yield Crash(at_ns=at_ns, node=leader)
        yield Restart(at_ns=at_ns + luck.uniform_ns(ms(1), ms(5)), node=leader)


TRUETIME_HUNT = Entry(
    name="truetime-hunt",
    summary="a small TrueTime cluster with bad clocks and a swarm of faults, drawn by every seed: for finding bugs",
    source='Corbett et al., "Spanner: Google\'s Globally-Distributed Database", OSDI 2012',
    project=7,
    make=true_time_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    story=tell,
    sometimes=sometimes,
)
