"""What a nemesis draws from the seed: a plan of faults, and the hunters that go with it.

A nemesis is named by words joined with `+`:

    crash, partition, ...   one kind each (`episodes.KINDS`, `BRISK`, `HARSH`), or a hunter of leaders
                            (`hunters.HUNTERS`)
    mix                     every kind of KINDS, at the mildest
    swarm                   the seed draws which kinds and hunters are on, and how hard each is; the harsh kinds among
                            them are those that the protocol says it withstands
    majority                no kind: at any time a majority of the servers stays able

so `"swarm"`, `"crash+partition"`, `"leader-crash+loss+majority"`. Swarm testing (Groce et al., ISSTA 2012): leaving
kinds out finds more than having all on, because one kind hides what another would show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from simclock import Fault, Network, Observer, Scenario, UsageError, format_duration, parse_duration, stream
from simclock.experiments.nemesis.episodes import BRISK, HARSH, KINDS, Disabled, episodes
from simclock.experiments.nemesis.hunters import HUNTERS, Hunter
from simclock.experiments.nemesis.liveness import recovery
from simclock.experiments.nemesis.pilot import measure, roles_of
from simclock.experiments.nemesis.prey import Prey, prey_of
from simclock.experiments.nemesis.rhythm import PARAMETER as RHYTHM
from simclock.experiments.nemesis.rhythm import Rhythm, parse_rhythm
from simclock.experiments.telling.spelling import unknown
from simclock.faults import written_out

NONE = "none"
MIX = "mix"
SWARM = "swarm"
MAJORITY = "majority"
DRAWN = "drawn"
"""The parameter under which a scenario says what was drawn for it."""
WORDS = (NONE, MIX, SWARM, MAJORITY, *KINDS, *BRISK, *HARSH, *HUNTERS)
KIND_ODDS = 4
"""In a swarm, one in so many kinds is on."""
HUNTER_ODDS = 2
BRISK_ODDS = 2
ALONE_ODDS = 2
"""One in so many swarms has the brisk kinds, all of them, and nothing else: what takes a few messages that meet is
hidden by all that loses or delays them."""
ALONE_MIN = 2
"""And at least as hard."""
HARDNESS = (1, 1, 2, 4)
"""A kind at hardness h has h times as many episodes as at 1."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was drawn."""

    hardness: Mapping[str, int]
    """Kind -> how hard; the kinds that are on."""
    faults: tuple[Fault, ...]
    """In order of time."""
    observers: tuple[Callable[[], Observer], ...]
    """What makes the hunters, for each run anew."""
    withstands: tuple[str, ...] = ()
    """Of the harsh kinds those that the protocol is made for."""

    def __str__(self) -> str:
        kinds = (f"{kind} x{hardness}{self._beyond(kind)}" for kind, hardness in self.hardness.items())
        return ", ".join(kinds) or "nothing is on"

    def _beyond(self, kind: str) -> str:
        return " (not withstood)" if kind in HARSH and kind not in self.withstands else ""


def parse_nemesis(text: str) -> tuple[str, ...]:
    """The words of a nemesis; raises UsageError for one that does not exist."""
    words = tuple(word.strip() for word in text.split("+"))
    for word in words:
        if word not in WORDS:
            raise UsageError(f"nemesis: {unknown('kind of trouble', word, WORDS)}")
    if NONE in words and len(words) > 1:
        raise UsageError(f'nemesis: "{NONE}" goes with nothing else')
    if set(words) <= {MAJORITY}:
        raise UsageError(f'nemesis: "{MAJORITY}" limits other kinds: write "{SWARM}+{MAJORITY}"')
    return words


def draw_hardness(words: tuple[str, ...], seed: int, prey: Prey) -> dict[str, int]:
    """Which kinds are on, and how hard: of a swarm the seed draws it. Harsh and brisk kinds have luck of their own.

    What is spared is drawn like the others and left out then, so that it moves no other.
    """
    on = {word: 2 for word in words if word not in (NONE, MIX, SWARM, MAJORITY)}
    if MIX in words:
        on = {kind: 1 for kind in KINDS if kind not in prey.spares} | on
    if SWARM in words:
        usual = dict.fromkeys(KINDS, KIND_ODDS) | dict.fromkeys(HUNTERS, HUNTER_ODDS)
        harsh = dict.fromkeys(prey.withstands, KIND_ODDS)
        brisk = dict.fromkeys(BRISK if prey.rhythms_ns else (), BRISK_ODDS)
        swarm: dict[str, int] = {}
        for purpose, odds in (("", usual), (" harsh", harsh), (" brisk", brisk)):
            luck = stream(seed, f"nemesis swarm{purpose}")
            drawn = {kind: (luck.randrange(chances), luck.choice(HARDNESS)) for kind, chances in odds.items()}
            if purpose == " brisk" and brisk and stream(seed, "nemesis swarm brisk alone").randrange(ALONE_ODDS) == 0:
                swarm, drawn = {}, {kind: (0, max(ALONE_MIN, hard)) for kind, (_, hard) in drawn.items()}
            swarm |= {kind: hard for kind, (draw, hard) in drawn.items() if draw == 0 and kind not in prey.spares}
        on = swarm | on
    return on


def _in_one_rhythm(prey: Prey, kind: str, seed: int) -> Prey:
    """As that kind strikes: of several rhythms it draws one, brisk kinds have the shortest."""
    if not prey.rhythms_ns:
        return prey
    drawn = prey.rhythms_ns[0] if kind in BRISK else stream(seed, f"nemesis {kind} rhythm").choice(prey.rhythms_ns)
    return replace(prey, rhythm_ns=drawn)


def draw_plan(
    text: str, seed: int, prey: Prey, network: Network, end_ns: int, *, hunter: type[Hunter] = Hunter
) -> Plan:
    """The plan of that nemesis for a seed; everything in it happens before `end_ns`.

    A scenario that brings its own hunters gives a subclass, so that a nemesis may be asked for beside them.
    """
    if prey.rhythm_ns <= 0:
        raise UsageError(
            "prey: no rhythm is stated, and nothing was measured here: give rhythm_ns, or use under_nemesis"
        )
    words = parse_nemesis(text)
    for kind in prey.withstands:
        if kind not in HARSH:
            raise UsageError(f"withstands: {unknown('harsh kind of trouble', kind, HARSH)}")
    hardness = draw_hardness(words, seed, prey)
    disabled = Disabled(prey.spare_max if MAJORITY in words else None)
    faults: list[Fault] = []
    for kind, how_hard in hardness.items():
        if kind not in HUNTERS:
            faults += episodes(
                kind,
                luck=stream(seed, f"nemesis {kind}"),
                prey=_in_one_rhythm(prey, kind, seed),
                network=network,
                disabled=disabled,
                hardness=how_hard,
                end_ns=end_ns,
            )
    spans = tuple(disabled.spans) if MAJORITY in words else None
    hunters = {kind: how_hard for kind, how_hard in hardness.items() if kind in HUNTERS}
    hunted = _in_one_rhythm(prey, "hunters", seed)
    observers = (partial(hunter, seed, hunters, hunted, end_ns, spans),) if hunters else ()
    in_order = tuple(sorted(faults, key=lambda fault: fault.at_ns))
    return Plan(hardness=hardness, faults=in_order, observers=observers, withstands=prey.withstands)


def under_nemesis(
    scenario: Scenario,
    prey: Prey,
    text: str,
    *,
    liveness_ns: int | None,
    extra: bool,
    rhythm: Rhythm | None = None,
    pilot: Callable[[], Scenario] | None = None,
) -> Scenario:
    """The scenario with a drawn plan: in place of its own faults, or beside them if these are `extra`.

    The `rhythm` takes the place of the prey's own. Where neither is there it is measured, on what `pilot` makes: the
    same scenario anew, with which this one shares nothing. It stands with the drawn plan in the scenario's parameters.
    With a liveness phase everything heals at the scenario's end as it was, T, and the run goes on for `liveness_ns`.
    """
    end_ns = scenario.duration_ns
    if end_ns is None:
        raise UsageError("nemesis: a scenario without an end has no end of its troubles: give it a duration")
    faults, observers = scenario.faults, scenario.observers
    parameters = dict(scenario.parameters)
    if text != NONE:
        if rhythm is None and not prey.rhythm_ns:
            measured = measure(scenario if pilot is None else pilot())
            rhythm = measured.rhythm(end_ns)
            parameters["measured"] = str(measured)
        if rhythm is not None:
            prey = replace(prey.struck_in(rhythm), roles=prey.roles or roles_of(scenario, prey.servers))
            parameters[RHYTHM] = str(rhythm)
        until_ns = end_ns if prey.until_ns is None else min(prey.until_ns, end_ns)
        plan = draw_plan(text, scenario.seed, prey, scenario.network, until_ns)
        faults = (*scenario.faults, *plan.faults) if extra else plan.faults
        if until_ns < end_ns and liveness_ns is None:
            faults += tuple(recovery(prey, scenario.network, until_ns))
        observers += plan.observers
        parameters |= {"nemesis": text, DRAWN: str(plan)}
    if liveness_ns is None:
        return replace(scenario, faults=faults, observers=observers, parameters=parameters)
    owed = [within for make in scenario.observers if (within := getattr(make, "progress_within_ns", None)) is not None]
    if prey.progress is None and not owed:
        raise UsageError(
            f"liveness: {scenario.name} does not say what progress is: put an eventually(...) or leads_to(...) among "
            "its observers"
        )
    least_ns = max([*owed, prey.progress_within_ns])
    if liveness_ns < least_ns:
        least = format_duration(least_ns)
        raise UsageError(f"liveness: {format_duration(liveness_ns)} is too short: progress may take {least}")
    single = written_out(faults, scenario.seed, scenario.nodes)
    before = tuple(fault for fault in single if fault.at_ns < end_ns)
    return replace(
        scenario,
        duration_ns=end_ns + liveness_ns,
        faults=(*before, *recovery(prey, scenario.network, end_ns)),
        observers=observers if prey.progress is None else (*observers, partial(prey.progress, end_ns)),
        parameters=parameters,
    )


def struck(scenario: Scenario, nemesis: str, *, liveness: str | None = None, rhythm: str | None = None) -> Scenario:
    """The scenario under a nemesis, as `--nemesis swarm --liveness 20s --rhythm 80ms` has it: drawn from its seed.

    Whom it strikes, in what rhythm, and what progress is, says the scenario; a `rhythm` goes over its own, and where
    neither is there it is measured. What is drawn comes beside the scenario's own faults. Raises UsageError for a
    nemesis that does not exist, a rhythm that is none, or a liveness phase where progress is not said.
    """
    given = checked_trouble(nemesis, liveness, rhythm)
    return under_nemesis(
        scenario, prey_of(scenario), nemesis, liveness_ns=given.liveness_ns, extra=True, rhythm=given.rhythm
    )


class Trouble(NamedTuple):
    """What `checked_trouble` has read."""

    liveness_ns: int | None
    rhythm: Rhythm | None


def checked_trouble(nemesis: str, liveness: str | None, rhythm: str | None) -> Trouble:
    """What is written of a nemesis, read; raises UsageError for what is wrong with it."""
    if parse_nemesis(nemesis) == (NONE,) and rhythm is not None:
        raise UsageError("rhythm: nothing is drawn that has one: give a nemesis too, such as swarm")
    return Trouble(
        liveness_ns=None if liveness is None else parse_duration(liveness, "liveness"),
        rhythm=None if rhythm is None else parse_rhythm(rhythm),
    )
