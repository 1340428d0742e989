"""A synchronization of clocks tuned for finding bugs: everything is drawn from the seed, and clocks jump in between.

The seed draws how many nodes, how far apart and how unevenly, how much is lost and doubled, how well the clocks run,
which algorithm, and what happens: clocks jump, by seconds or by less than a journey, often in the middle of an
exchange; links grow slow, for a while, by more than the margin that is tolerated; nodes pause, crash and restart.

In `clock-calm-hunt` all that is over after half a minute, and no message is lost any more: three intervals later every
clock has to be measured, and set right.

`--bug SYNC-02` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simclock import (
    AddDelay,
    Crash,
    Fault,
    JumpClock,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetDrift,
    SetLoss,
    ms,
    seconds,
    stream,
)
from simclock.experiments.catalog.clock_synchronization.progress import INTERVALS, ClockProgress
from simclock.experiments.catalog.clock_synchronization.properties import judge, sometimes
from simclock.experiments.catalog.clock_synchronization.scenario import (
    CLASSES,
    PARAMETERS,
    Build,
    describe,
    narrator,
    plot,
    prey,
    synchronization,
)
from simclock.experiments.catalog.clock_synchronization.story import story
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import recovery
from simclock.streams import Stream

INTERVAL_NS = seconds(8)
DURATION_NS = seconds(60)
HEALED_NS = seconds(26)
"""In `clock-calm-hunt`: four intervals and more before the end."""
MARGIN_NS = ms(500)
DELAYS_NS = (ms(1), ms(10), ms(50))
EXCHANGE_NS = ms(300)
"""After a multiple of the interval, exchanges are under way for about so long."""

HUNTED = Parameters(
    bug=PUT_IN,
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a node that is set right; None: that of the algorithm."""

    node: Build | None = None


def clock_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The synchronization that the seed draws, with the bug that `settings` names."""
    luck = stream(settings.seed, "clock-hunt")
    delay_ns = luck.choice(DELAYS_NS)
    drawn = luck.choice(("cristian", "berkeley", "ntp"))
    sync: str = settings.parameters.get("sync", drawn)  # a bug is in one of them
    build = parts.node or CLASSES[sync]
    parameters: dict[str, Any] = {
        **PARAMETERS,
        "sync": sync,
        "drift": luck.choice(("0ppm", "50ppm", "200ppm")),
        "offset_ns": luck.choice((0, ms(100), seconds(2))),
        "interval_ns": INTERVAL_NS,
        "delay_ns": delay_ns,
        "jitter_percent": luck.choice((0, 100, 300)),
        "asymmetry_ns": luck.choice((0, delay_ns)),
        "margin_ns": MARGIN_NS,
    }
    nodes = luck.choice((2, 3, 5)) if settings.nodes is None else settings.nodes
    made = synchronization(
        replace(settings, nodes=nodes), parameters, build, name="clock-hunt", duration_ns=DURATION_NS
    )
    network = replace(made.network, loss=luck.choice((0.0, 0.05)), duplication=luck.choice((0.0, 0.1)))
    trouble = _trouble(stream(settings.seed, "clock-hunt trouble"), nodes, delay_ns)
    return replace(made, network=network, faults=trouble, parameters={"sync": sync})


def clock_calm_hunt(settings: Settings, parts: Parts) -> Scenario:
    """What `clock-hunt` draws, until everything heals."""
    hunt = clock_hunt(settings, parts)
    lossless = replace(hunt.network, loss=0.0)
    lossy = SetLoss(at_ns=0, loss=hunt.network.loss, duplication=hunt.network.duplication)
    whom = prey(hunt)
    before = tuple(fault for fault in hunt.faults if fault.at_ns < HEALED_NS)
    return replace(
        hunt,
        name="clock-calm-hunt",
        network=lossless,
        faults=(lossy, *before, *recovery(whom, lossless, HEALED_NS)),
        observers=(*hunt.observers, partial(ClockProgress, len(whom.servers), INTERVALS * INTERVAL_NS, HEALED_NS)),
    )


def _trouble(luck: Stream, nodes: int, delay_ns: int) -> tuple[Fault, ...]:
    """What happens to clocks, links and nodes; the time server is left alone."""
    faults: list[Fault] = []
    for _ in range(luck.randrange(8)):
        at_ns = _moment(luck)
        size_ns = luck.choice((delay_ns // 2, 2 * delay_ns, ms(120), seconds(1), seconds(10)))
        by_ns = luck.choice((-1, -1, 1)) * luck.uniform_ns(1, size_ns)
        faults.append(JumpClock(at_ns=at_ns, node=luck.randrange(nodes), by_ns=by_ns))
    for _ in range(luck.randrange(3)):
        at_ns = _moment(luck)
        faults.append(AddDelay(at_ns=at_ns, delay_ns=luck.choice((ms(100), ms(600), seconds(2)))))
        faults.append(AddDelay(at_ns=at_ns + luck.uniform_ns(ms(1), 2 * INTERVAL_NS), delay_ns=0))
    for _ in range(luck.randrange(3)):
        node, at_ns = luck.randrange(nodes), _moment(luck)
        begin, end = luck.choice(((Pause, Resume), (Crash, Restart)))
        faults.append(begin(at_ns=at_ns, node=node))
        faults.append(end(at_ns=at_ns + luck.uniform_ns(ms(1), INTERVAL_NS), node=node))
    if luck.randrange(4) == 0:
        drift_ppb = luck.uniform_ns(-300_000, 300_000)
        faults.append(SetDrift(at_ns=_moment(luck), node=luck.randrange(nodes), drift_ppb=drift_ppb))
    return tuple(sorted(faults, key=lambda fault: fault.at_ns))


def _moment(luck: Stream) -> int:
    """Mostly while clocks are being compared, which begins every interval."""
    if luck.randrange(4) == 0:
        return luck.uniform_ns(0, DURATION_NS)
    return INTERVAL_NS * (1 + luck.randrange(6)) + luck.uniform_ns(-ms(10), EXCHANGE_NS)


CLOCK_HUNT = Entry(
    name="clock-hunt",
    summary="a synchronization of clocks that jump, over links that grow slow, drawn anew by every seed",
    source="Cristian 1989; Gusella & Zatti 1989; RFC 5905",
    make=clock_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=HUNTED,
    project=1,
    story=story,
    plot=plot,
    prey=prey,
    sometimes=sometimes,
    narrator=narrator,
)
CLOCK_CALM_HUNT = replace(
    CLOCK_HUNT,
    name="clock-calm-hunt",
    summary="the same, healed after a while: within three intervals every clock is measured and set right",
    make=clock_calm_hunt,
)
