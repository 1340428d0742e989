"""A comparison from Python: `compare(["raft-kv", scenario], nodes=(3, 9), placements=("inline", "ray:4"))`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from simclock.actors.run import Placement
from simclock.durations import format_duration
from simclock.errors import PlacementError, UsageError
from simclock.experiments.comparing.comparison import Case, Comparison, Measurement, comparison_of
from simclock.experiments.comparing.numbers import unknown_column
from simclock.experiments.comparing.rounds import LIMIT_NS, Plan, Ready, always_ready, measure
from simclock.experiments.runs.source import find_source
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import say
from simclock.scenario import Scenario

LIMIT = format_duration(LIMIT_NS)
NO_LIMIT = "none"

Compared = Scenario | str


def compare(
    scenarios: Compared | Sequence[Compared] | Mapping[str, Compared],
    *,
    nodes: Sequence[int] = (),
    placements: Sequence[str | Placement] = ("inline",),
    repeats: int = 3,
    limit: str | None = LIMIT,
    columns: Sequence[str] = (),
    address: str | None = None,
    told: Callable[[Measurement], object] = lambda measurement: None,
) -> Comparison:
    """Run scenarios with several node counts on several placements, the rows in turn, `repeats` times.

    A scenario is a Scenario, or its name as on the command line: of the catalog, a TOML file, path.py:name. A mapping
    gives each a name of your choice; without one a Scenario goes by its own. `nodes` are node counts; without any each
    scenario has its own. A placement is a Placement or its text, as "ray:4". `limit` is how long a run may take by the
    wall clock, as "60s"; a row of longer ones is left out, with a word why. None: no limit, and there is none either
    outside of the main thread. `columns` are own measurements, as "RaftProperties.elections", which the table shows.
    `told` hears of each run as it is measured.

    Gives the rows, with `status` 1 where the digests of a case differ. What fails is a word in its row; Ctrl-C ends
    all. Raises UsageError for bad input.
    """
    if type(repeats) is not int or repeats < 1:
        raise UsageError(f"repeats: {say(repeats)} is not a number of rounds: 1 or more")
    places = [
        (_text(each), each if isinstance(each, Placement) else Placement.parse(each, address)) for each in placements
    ]
    cases = [case for name, each in _named(scenarios) for case in _cases(name, each, nodes)]
    plan = Plan(cases=cases, placements=places, repeats=repeats, limit_ns=limit_ns(limit))
    check_rows(plan)
    measured = []
    with ray_for(places, address) as ready:
        for each in measure(plan, ready=ready):
            told(each)
            measured.append(each)
    found = comparison_of(plan.spots, repeats, measured, columns)
    for column in columns:
        if found.rows and all(row.number(column) is None for row in found.rows):
            raise unknown_column(column, found.names)
    return found


def _text(placement: str | Placement) -> str:
    return placement.strip() if isinstance(placement, str) else str(placement)


def _named(scenarios: Compared | Sequence[Compared] | Mapping[str, Compared]) -> list[tuple[str, Compared]]:
    if isinstance(scenarios, Mapping):
        return list(scenarios.items())
    several = [scenarios] if isinstance(scenarios, Scenario | str) else scenarios
    return [(each if isinstance(each, str) else each.name, each) for each in several]


def _cases(name: str, compared: Compared, nodes: Sequence[int]) -> Iterator[Case]:
    for count in nodes or (None,):
        if isinstance(compared, str):
            source = find_source(compared)
            settings = source.settings if count is None else replace(source.settings, nodes=count)
            scenario = replace(source, settings=settings).scenario()
            replay = f"simclock run {compared} --seed {settings.seed}" + (f" --nodes {count}" if count else "")
            asked = settings.nodes
        else:
            scenario = compared if count is None else replace(compared, nodes=count)
            asked, replay = scenario.nodes, ""
        yield Case(name=name, nodes=asked or scenario.nodes, scenario=scenario, replay=replay)


def check_rows(plan: Plan) -> None:
    """Refuse a comparison without rows, or with two that are the same."""
    spots = plan.spots
    if not spots:
        raise UsageError("compare: there is nothing to compare: name a scenario and a placement")
    seen = set()
    for spot in spots:
        if spot in seen:
            raise UsageError(
                f"compare: {spot} stands there twice: leave one out, or give the scenario a name, as other={spot.name}"
            )
        seen.add(spot)


def limit_ns(text: str | None, place: str = "limit") -> int | None:
    """How long a run may take; None, or "none", is no limit."""
    if text is None or text == NO_LIMIT:
        return None
    limit = duration_ns(text, place)
    if limit <= 0:
        raise UsageError(f"{place}: {say(text)} leaves no time to run: such as 60s, or {NO_LIMIT}")
    return limit


@contextmanager
def ray_for(
    places: Sequence[tuple[str, Placement]],
    address: str | None,
    started: Callable[[float], object] = lambda seconds: None,
) -> Iterator[Ready]:
    """One Ray for all runs, where one of them needs any: it is up before the first, so that all rounds are alike.

    `started` is told how long that took.

    Gives what has a placement ready before each run: in place of a Ray that has died, another is started.
    """
    if not any(placement.kind == "ray" for _, placement in places):
        yield always_ready
        return
    from simclock.actors.placements.ray.session import ray_has_died, ray_session

    with ExitStack() as session:
        began = time.perf_counter()
        session.enter_context(ray_session(address))
        started(time.perf_counter() - began)

        def ready(placement: Placement) -> Callable[[], bool]:
            if placement.kind != "ray":
                return always_ready(placement)
            if ray_has_died():
                session.close()
                try:
                    session.enter_context(ray_session(address))
                except UsageError as error:
                    raise PlacementError(f"Ray has died, and does not start again: {error}") from None
            return ray_has_died

        yield ready
