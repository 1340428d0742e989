"""Time sources, some of which are wrong, and a client that agrees on their intervals by Marzullo's algorithm.

The seed draws how many sources there are, how many are wrong and whether those agree among themselves; half of them may
be wrong, and then nobody can tell who is right. The judge counts by brute force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from simclock import (
    Clocks,
    Control,
    Network,
    Observation,
    Observer,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, Verdict, judge_invariants
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.chronicle import Chronicle
from simclock.experiments.telling.spelling import unknown
from simclock.protocols.byzantine_clocks import Agreed, FalseTicker, Interval, Marzullo, Poller, Source, intersection
from simclock.protocols.byzantine_clocks.observed import SourcesAgreed

MOST_SOURCES = "Most Sources"
"""What is chosen lies in the greatest number of intervals that any instant lies in."""
NARROWEST = "Narrowest Interval"
"""And there is no narrower one."""
MAJORITY = "Majority Of Sources"
"""What is accepted is allowed by more than half of the sources that were asked."""

EVERY_NS = ms(200)
SELECTIONS = ("marzullo", "intersection")
PARAMETERS = Parameters(
    select=Choice("marzullo", tuple(SELECTIONS), noun="selection", help="How the client agrees on intervals."),
    bug=PUT_IN,
)


class SourceAgreement(Observer):
    """Counts, instant by instant, in how many intervals each lies."""

    def __init__(self, sources: int, select: str) -> None:
        self._sources = sources
        self._select = select
        self._counts = {"agreed": 0, "nobody has a majority": 0, "ends that touch": 0, "ties": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = SourcesAgreed.read(observation)
        if told is None:
            return
        intervals = [Interval(*each) for each in told.intervals]
        for property, detail in self._broken(intervals, None if told.agreed is None else Agreed(*told.agreed)):
            control.violated(property, observation.node, detail)

    def _broken(self, intervals: Sequence[Interval], chosen: Agreed | None) -> list[tuple[str, str]]:
        best = covered_most(intervals)
        lows, highs = {low for low, _ in intervals}, {high for _, high in intervals}
        self._counts["ends that touch"] += not lows.isdisjoint(highs)
        self._counts["ties"] += len(best) > 1
        if chosen is None:
            self._counts["nobody has a majority"] += 1
            missed = self._select == "marzullo" and 2 * best[0].sources > self._sources
            return [(MOST_SOURCES, f"nothing was accepted, and {best[0]} has a majority")] if missed else []
        self._counts["agreed"] += 1
        found = []
        if 2 * chosen.sources <= self._sources:
            found.append((MAJORITY, f"{chosen} has {chosen.sources} of {self._sources} sources"))
        if self._select == "marzullo":
            inside = sum(low <= chosen.low and chosen.high <= high for low, high in intervals)
            if inside != best[0].sources or chosen.sources != inside:
                found.append((MOST_SOURCES, f"{chosen} lies in {inside} intervals, {best[0]} in {best[0].sources}"))
            elif chosen.high - chosen.low > min(high - low for low, high, _ in best):
                found.append((NARROWEST, f"{chosen} of {len(best)} that lie in {inside}: {best}"))
        return found

    def report(self) -> dict[str, int]:
        return dict(self._counts)


def covered_most(intervals: Sequence[Interval]) -> list[Agreed]:
    """Every widest stretch that lies in as many intervals as any instant does: by trying every pair of ends."""
    ends = sorted({end for interval in intervals for end in interval})
    most = max(sum(low <= at <= high for low, high in intervals) for at in ends)
    found: list[Agreed] = []
    for low in ends:
        covering = [interval for interval in intervals if interval.low <= low <= interval.high]
        if len(covering) == most:
            stretch = Agreed(max(each.low for each in covering), min(each.high for each in covering), most)
            if stretch not in found:
                found.append(stretch)
    return found


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of the client and of its algorithm."""

    poller: type[Poller] = Poller
    selection: type[Marzullo] = Marzullo


def clock_sources(settings: Settings, parts: Parts) -> Scenario:
    """The sources that the seed draws; the last node is the client."""
    parameters = {**PARAMETERS, **settings.parameters}
    if parameters["select"] not in SELECTIONS:
        raise UsageError(f"select: {unknown('selection', parameters['select'], SELECTIONS)}")
    luck = stream(settings.seed, "clock-sources")
    drawn = luck.choice((3, 4, 4, 5, 6, 7))
    sources = drawn if settings.nodes is None else settings.nodes - 1
    if sources < 1:
        raise UsageError(f"nodes: {settings.nodes} is not enough: a client and a source")
    wrong = luck.randrange(sources // 2 + 1)
    camps = [luck.choice((-1, 1)) * luck.uniform_ns(20, 60) for _ in range(luck.choice((1, 1, 2)))]
    margins = [luck.uniform_ns(5, 9) for _ in range(sources)]
    agree = parts.selection().agree if parameters["select"] == "marzullo" else intersection

    def build(node: int) -> Node:
        if node == sources:
            return parts.poller(range(sources), EVERY_NS, agree)
        if node < wrong:
            return FalseTicker(margins[node], camps[node % len(camps)])
        return Source(margins[node])

    return Scenario(
        name="clock-sources",
        nodes=sources + 1,
        build=build,
        duration_ns=seconds(4),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(4))),
        clocks=Clocks(offset_ns_max=ms(4), drift_ppb_max=20_000),
        observers=(partial(SourceAgreement, sources, parameters["select"]),),
        parameters={**parameters, "wrong": wrong},
    )


def _prey(scenario: Scenario) -> Prey:
    """The sources; the client's clock is what they are measured by."""
    return Prey(servers=tuple(range(scenario.nodes - 1)), rhythm_ns=EVERY_NS)


def judge(result: RunResult) -> Verdict:
    """What the observer found; unknown where the client had nothing to choose from."""
    verdict = judge_invariants(result)
    counts = sometimes(result)
    if verdict.status == VALID and not counts["agreed"] + counts["nobody has a majority"]:
        return Verdict(status=UNKNOWN, lines=("the client heard no source in time: nothing was judged",))
    return verdict


def sometimes(result: RunResult) -> dict[str, int]:
    """How often the sources agreed, and how often they were hard to judge."""
    counts: dict[str, int] = result.reports["SourceAgreement"]
    return counts


STORY = Chronicle({SourcesAgreed: "asks for time, round {number}: intervals {intervals} in ms; agreed on {agreed}"})

CLOCK_SOURCES = Entry(
    name="clock-sources",
    summary="time sources of which up to half are wrong, and a client that agrees on their intervals",
    source="Marzullo, Maintaining the Time in a Distributed System, 1984; RFC 5905",
    project=12,
    make=clock_sources,
    parts=Parts(),
    judge=judge,
    parameters=PARAMETERS,
    prey=_prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
