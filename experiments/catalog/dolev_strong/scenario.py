"""Broadcasts among liars, whose signatures nobody forges: any number of liars below n is borne.

Nodes are senders in turn, so with the first nodes as the liars a run begins with a sender that lies and ends with one
that does not. `tolerates` is the f that the nodes are built for, `faulty` how many lie.

`delay`, `offset` and `drift` are what the nodes assume; the network and the clocks keep to it unless the user gives
others (`--latency`, a fault). Then agreement may break, and the verdict says what did not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import Clocks, Network, RunResult, Scenario, Uniform, UsageError, ms, parse_duration, stream
from simclock.actors import Node
from simclock.durations import parse_drift
from simclock.experiments.catalog.dolev_strong.picture import draw
from simclock.experiments.catalog.dolev_strong.story import KEPT, describe, story
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Text, Whole, WholeOrText
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID, Verdict, judge_invariants
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.dolev_strong import (
    LIARS,
    BroadcastSettings,
    ByzantineBroadcast,
    Directory,
    Participant,
    Plot,
    Signer,
    Synchrony,
)
from simclock.protocols.dolev_strong.signatures import missing

MIXED = "mixed"
KINDS = (*LIARS, MIXED)
NODES = 5
MARGIN_NS = ms(1)
"""How much longer a run is than its rounds."""

PARAMETERS = Parameters(
    faulty=Whole(2, least=0, help="How many nodes lie: the first ones."),
    tolerates=WholeOrText(None, help="f, the number of liars that the nodes are built for; as many as lie if not set."),
    liar=Choice("colluding", KINDS, help="How they lie; mixed: each in a way of its own."),
    broadcasts=Whole(3, least=1, help="How many broadcasts follow each other; nodes are senders in turn."),
    senders=Whole(1, least=1, help="How many nodes are senders at once, each of a value of its own."),
    delay=Duration("2ms", help="The assumed bound on a message's delay."),
    offset=Duration("1ms", help="The assumed bound on a clock's offset at the start, either way."),
    drift=Text("50ppm", help="The assumed bound on a clock's drift, either way."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of a correct node, and of what it assumes."""

    node: type[Participant] = Participant
    synchrony: type[Synchrony] = Synchrony


@dataclass(frozen=True, kw_only=True)
class System:
    """The scenario's parameters, read and checked."""

    settings: BroadcastSettings
    """With the round that the assumption asks for."""
    synchrony: Synchrony
    liars: tuple[int, ...]
    kind: str

    def kinds(self, seed: int) -> dict[int, str]:
        """Liar -> how it lies."""
        luck = stream(seed, "liars")
        return {liar: luck.choice(tuple(LIARS)) if self.kind == MIXED else self.kind for liar in self.liars}


def system_of(given: Mapping[str, Any], nodes: int, liars: tuple[int, ...]) -> System:
    """What the parameters say; UsageError where they contradict each other."""
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} node has nobody to agree with: 2 or more")
    if not len(liars) < nodes:
        raise UsageError(f"faulty: {len(liars)} of {nodes} nodes leave no correct one: at most {nodes - 1}")
    tolerates = len(liars) if given["tolerates"] in (None, "") else given["tolerates"]
    if type(tolerates) is not int:
        raise UsageError(f"tolerates: {tolerates!r} is not a number of nodes: 0 to {nodes - 1}")
    synchrony = Synchrony(
        delay_ns_max=parse_duration(given["delay"], "delay"),
        offset_ns_max=parse_duration(given["offset"], "offset"),
        drift_ppb_max=parse_drift(given["drift"], "drift"),
    )
    if synchrony.delay_ns_max < 2:
        raise UsageError(f"delay: {given['delay']} is too short: a message takes 2 ns or more")
    settings = BroadcastSettings(
        nodes=nodes,
        faults=tolerates,
        broadcasts=given["broadcasts"],
        senders=given["senders"],
        round_ns=synchrony.round_ns((tolerates + 1) * given["broadcasts"] + 1),
    )
    return System(settings=settings, synchrony=synchrony, liars=liars, kind=given["liar"])


def dolev_strong(settings: Settings) -> Scenario:
    """The first nodes lie."""
    given = {**PARAMETERS, **settings.parameters}
    nodes = NODES if settings.nodes is None else settings.nodes
    system = system_of(given, nodes, tuple(range(given["faulty"])))
    return scenario_of(settings, given, system, Parts(), "dolev-strong")


def scenario_of(settings: Settings, given: Mapping[str, Any], system: System, parts: Parts, name: str) -> Scenario:
    """A system made of these parts; the liars, the judge and the end of the run are those of the right one."""
    seed, right, synchrony = settings.seed, system.settings, system.synchrony
    assumed = parts.synchrony(
        delay_ns_max=synchrony.delay_ns_max,
        offset_ns_max=synchrony.offset_ns_max,
        drift_ppb_max=synchrony.drift_ppb_max,
    )
    built = BroadcastSettings(
        nodes=right.nodes,
        faults=right.faults,
        broadcasts=right.broadcasts,
        senders=right.senders,
        round_ns=assumed.round_ns(right.rounds_in_all + 1),
    )
    directory, plot, kinds = Directory(seed, right.nodes), Plot(seed, built, system.liars), system.kinds(seed)

    def build(node: int) -> Node:
        return parts.node(built, Signer(seed, node), directory)

    def liar(node: int) -> Node:
        return LIARS[kinds[node]](built, Signer(seed, node), directory, plot)

    low_ns = max(1, synchrony.delay_ns_max // 2)
    return Scenario(
        name=name,
        nodes=right.nodes,
        build=build,
        duration_ns=synchrony.reached_ns(right.reading_ns(right.rounds_in_all)) + MARGIN_NS,
        network=Network(latency=Uniform(low_ns=low_ns, high_ns=synchrony.delay_ns_max)),
        clocks=Clocks(offset_ns_max=synchrony.offset_ns_max, drift_ppb_max=synchrony.drift_ppb_max),
        byzantine=dict.fromkeys(system.liars, liar),
        observers=(
            partial(ByzantineBroadcast, right, synchrony, system.liars),
            partial(Recorded, KEPT),
        ),
        parameters={**given, "faulty": len(system.liars), "tolerates": right.faults},
    )


def judge(result: RunResult) -> Verdict:
    """The three properties; and where what they stand on did not hold, that."""
    verdict = judge_invariants(result)
    kept = result.report(ByzantineBroadcast)
    lines = list(verdict.lines)
    if verdict.status == VALID:
        broadcasts = kept.decided + kept.lying
        lines = [
            f"in {broadcasts} broadcast{'s' * (broadcasts != 1)} all correct nodes decided the same: "
            f"a value in {kept.decided}, that the sender lies in {kept.lying}"
        ]
    if kept.unassumed:
        lines.append(f"what was assumed of delays and clocks did not hold: {kept.unassumed}")
    return Verdict(status=verdict.status, lines=tuple(lines))


def sometimes(result: RunResult) -> dict[str, int]:
    """How often a correct node sent a value on, and that a sender lies was found out."""
    kept = result.report(ByzantineBroadcast)
    return {"sent on by a correct node": kept.relayed, "found that the sender lies": kept.lying}


DOLEV_STRONG = Entry(
    name="dolev-strong",
    summary="Byzantine broadcast with Ed25519 signatures: all correct nodes decide the same, however many lie",
    source="Dolev & Strong, Authenticated Algorithms for Byzantine Agreement, 1983",
    make=dolev_strong,
    missing=missing,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    story=story,
    plot=draw,
    sometimes=sometimes,
)
