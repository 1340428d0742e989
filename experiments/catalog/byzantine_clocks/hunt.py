"""`byzantine-clocks` with everything drawn from the seed: for finding bugs in what a node makes of the differences.

In `byzantine-equivocation-hunt` every liar answers each question twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from simclock import Network, Scenario, Uniform, ms, stream
from simclock.experiments.catalog.byzantine_clocks.scenario import byzantine_clocks, judge
from simclock.experiments.catalog.byzantine_clocks.story import agreement_of, describe, story
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.protocols.byzantine_clocks import ALGORITHMS, ConvergingNode

PARAMETERS = Parameters(
    bug=PUT_IN,
)
INTERVALS = ("5s", "20s", "60s")
DRIFTS = ("10ppm", "50ppm", "200ppm")
ROUNDS = 40
DRAWN_LIARS = ("random", "offset", "two-faced", "colluding", "two-faced")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a correct node."""

    node: type[ConvergingNode] = ConvergingNode


def byzantine_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The system that the seed draws, made of these nodes."""
    return _hunt("byzantine-hunt", settings, parts, {})


def byzantine_equivocation_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The same with liars that answer twice."""
    return _hunt("byzantine-equivocation-hunt", settings, parts, {"liar": "equivocating"})


def _hunt(name: str, settings: Settings, parts: Parts, given: dict[str, Any]) -> Scenario:
    luck = stream(settings.seed, "byzantine-hunt")
    drawn: dict[str, Any] = {
        "algorithm": luck.choice(tuple(ALGORITHMS)),
        "liar": luck.choice(DRAWN_LIARS),
        "interval": luck.choice(INTERVALS),
        "drift": luck.choice(DRIFTS),
    } | given
    nodes = luck.choice((4, 5, 7, 8, 10)) if settings.nodes is None else settings.nodes
    latency = Uniform(low_ns=ms(1), high_ns=luck.choice((ms(1), ms(3), ms(20))))
    scenario = byzantine_clocks(
        replace(settings, nodes=nodes, parameters=drawn, network=settings.network or Network(latency=latency))
    )
    rounds = scenario.build(0).rounds  # type: ignore[attr-defined]
    return replace(
        scenario,
        name=name,
        build=lambda node: parts.node(rounds),
        duration_ns=ROUNDS * rounds.interval_ns + rounds.interval_ns // 2,
        parameters=drawn,
    )


BYZANTINE_HUNT = Entry(
    name="byzantine-hunt",
    summary="the same with algorithm, size, liars, drift and delays drawn anew by every seed: for finding bugs",
    source="Lamport & Melliar-Smith, Synchronizing Clocks in the Presence of Faults, 1985",
    project=12,
    make=byzantine_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    sometimes=lambda result: {"rounds": agreement_of(result).rounds},
    story=story,
)
BYZANTINE_EQUIVOCATION_HUNT = replace(
    BYZANTINE_HUNT,
    name="byzantine-equivocation-hunt",
    summary="the same with liars that answer one question twice: answers are counted by who gives them",
    make=byzantine_equivocation_hunt,
)
