"""`dolev-strong` with everything drawn from the seed: for finding bugs in a correct node."""

from __future__ import annotations

from typing import Any

from simclock import Scenario, stream
from simclock.experiments.catalog.dolev_strong.scenario import (
    KINDS,
    MIXED,
    PARAMETERS,
    Parts,
    judge,
    scenario_of,
    sometimes,
    system_of,
)
from simclock.experiments.catalog.dolev_strong.story import describe, story
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters, Text
from simclock.experiments.entries.settings import Settings
from simclock.protocols.dolev_strong.signatures import missing

HUNT_PARAMETERS = Parameters(
    bug=Text("", help="A row of the zoo whose wrong line is put in."),
    liar=Choice("", KINDS, help="How the liars lie; drawn from the seed if not set."),
)
NODES = (3, 4, 4, 5, 5, 6, 7)


def dolev_strong_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The system that the seed draws, made of these parts: liars of any number, up to all nodes but one."""
    luck = stream(settings.seed, "dolev-strong-hunt")
    drawn_nodes = luck.choice(NODES)
    nodes = drawn_nodes if settings.nodes is None else settings.nodes
    faulty = min(luck.choice((1, 1, 2, 2, 3, nodes - 2, luck.choice((0, nodes - 1)))), max(0, nodes - 1))
    others, liars = list(range(nodes)), []
    for _ in range(faulty):
        liars.append(others.pop(luck.randrange(len(others))))
    drawn: dict[str, Any] = {
        "tolerates": faulty,
        "liar": luck.choice((luck.choice(KINDS), MIXED)),
        "broadcasts": luck.choice((1, 2, 3)),
        "senders": luck.choice((1, 2, nodes, nodes)),
        "delay": luck.choice(("1ms", "2ms", "10ms")),
        "offset": luck.choice(("0ms", "1ms", "5ms")),
        "drift": luck.choice(("10ppm", "50ppm", "200ppm")),
    }
    asked = {name: value for name, value in settings.parameters.items() if value != ""}
    given = {**PARAMETERS, **drawn, "bug": "", **asked}
    return scenario_of(settings, given, system_of(given, nodes, tuple(sorted(liars))), parts, "dolev-strong-hunt")


DOLEV_STRONG_HUNT = Entry(
    name="dolev-strong-hunt",
    summary="the same with size, liars, senders, clocks and delays drawn anew by every seed: for finding bugs",
    source="Dolev & Strong, Authenticated Algorithms for Byzantine Agreement, 1983",
    make=dolev_strong_hunt,
    parts=Parts(),
    missing=missing,
    judge=judge,
    describe=describe,
    parameters=HUNT_PARAMETERS,
    sometimes=sometimes,
    story=story,
)
