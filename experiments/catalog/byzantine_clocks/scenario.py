"""Clocks that are brought together although some of them lie: project 12.

Nodes resynchronize every interval, by one of four convergence functions. The last nodes lie. The judge is the proved
bound: two correct clocks are never further apart, and true time is not lost.

`tolerates` is the f that the system is built for, n > 3f; `liars` is how many there are. With as many as it is built
for the bound holds whatever they say; with one more (n = 3f, say) they can break it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simclock import (
    Clocks,
    Crash,
    JumpClock,
    Network,
    Pause,
    RunResult,
    Scenario,
    SetDrift,
    SlowNode,
    StopClock,
    Uniform,
    UsageError,
    ms,
    parse_duration,
)
from simclock.actors import Node
from simclock.durations import parse_drift
from simclock.experiments.catalog.byzantine_clocks.story import agreement_of, describe, in_ms, plot, story
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Drift, Duration, Parameters, Text
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.telling.recorded import Recorded
from simclock.experiments.telling.spelling import say, unknown
from simclock.protocols.byzantine_clocks import (
    ALGORITHMS,
    EQUIVOCATORS,
    LIARS,
    Bound,
    ClockAgreement,
    ConvergingNode,
    Liar,
    Rounds,
    lies_of,
)
from simclock.protocols.byzantine_clocks.observed import Corrected

PARTS = 1_000_000_000
PROCESS_AND_CLOCK = (Crash, Pause, SlowNode, JumpClock, SetDrift, StopClock)
"""What makes a node faulty."""
ROUNDS = 20
"""In the scenario's own duration."""

KINDS_OF_LIARS = LIARS | EQUIVOCATORS

PARAMETERS = Parameters(
    algorithm=Choice("cnv", tuple(ALGORITHMS), noun="algorithm", help="How clocks converge."),
    liars=Text("", help="Nodes that lie; else as many as are tolerated."),
    liar=Choice("two-faced", tuple(KINDS_OF_LIARS), noun="kind of liar", help="How they lie."),
    tolerates=Text("", help="Liars that the algorithm is set to bear; else fewer than a third."),
    interval=Duration("20s", help="Between two rounds."),
    drift=Drift("50ppm", help="How fast or slow a clock may be."),
    offset=Duration("1ms", help="How far a clock may be off at first."),
)


@dataclass(frozen=True, kw_only=True)
class System:
    """The scenario's parameters, read and checked."""

    bound: Bound
    liars: tuple[int, ...]
    kind: str
    clocks: Clocks
    network: Network

    @property
    def rounds(self) -> Rounds:
        """What the nodes agree on."""
        bound = self.bound
        return Rounds(
            converge=ALGORITHMS[bound.algorithm],
            faults=bound.faults,
            interval_ns=bound.interval_ns,
            window_ns=bound.window_ns,
            delta_ns=bound.delta_ns,
        )

    @property
    def correct(self) -> tuple[int, ...]:
        """The nodes that do not lie."""
        return tuple(node for node in range(self.bound.nodes) if node not in self.liars)

    def fast(self, seed: int) -> frozenset[int]:
        """The faster half of the correct clocks."""
        drifts = sorted((self.clocks.clock(seed, node).drift_ppb, node) for node in self.correct)
        return frozenset(node for _, node in drifts[len(drifts) // 2 :])


def system_of(settings: Settings) -> System:
    """What the settings say; UsageError where they contradict each other or the model."""
    given = {**PARAMETERS, **settings.parameters}
    nodes = 4 if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} clock has nothing to agree with: 2 or more")
    tolerates = _count("tolerates", given["tolerates"], (nodes - 1) // 3)
    liars = _count("liars", given["liars"], tolerates)
    if liars > nodes - 2:
        raise UsageError(f"liars: {liars} of {nodes} nodes leave no two correct clocks to compare: at most {nodes - 2}")
    if given["liar"] not in KINDS_OF_LIARS:
        raise UsageError(f"liar: {unknown('kind of liar', given['liar'], KINDS_OF_LIARS)}")
    if given["algorithm"] not in ALGORITHMS:
        raise UsageError(f"algorithm: {unknown('algorithm', given['algorithm'], ALGORITHMS)}")
    clocks = settings.clocks or Clocks(
        offset_ns_max=parse_duration(given["offset"], "offset"), drift_ppb_max=parse_drift(given["drift"], "drift")
    )
    network = settings.network or NETWORK
    low_ns, high_ns = _delays(network)
    bound = Bound(
        algorithm=given["algorithm"],
        nodes=nodes,
        faults=tolerates,
        drift_ppb=_drift_ppb(clocks),
        offset_ns=clocks.offset_ns_max,
        delay_ns_min=low_ns,
        delay_ns_max=high_ns,
        interval_ns=parse_duration(given["interval"], "interval"),
    )
    return System(
        bound=bound, liars=tuple(range(nodes - liars, nodes)), kind=given["liar"], clocks=clocks, network=network
    )


NETWORK = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)))


def _count(name: str, value: Any, default: int) -> int:
    if value in ("", None):
        return default
    try:
        count = int(value)
    except ValueError:
        count = -1
    if count < 0:
        raise UsageError(f"{name}: {say(value)} is not a number of nodes: 0 or more")
    return count


def _drift_ppb(clocks: Clocks) -> int:
    """The greatest drift there is. A clock that wanders also loses a fraction of a nanosecond at each turn."""
    if not clocks.wander_ppb_max:
        return clocks.drift_ppb_max
    return clocks.drift_ppb_max + clocks.wander_ppb_max - (-PARTS // clocks.wander_every_ns)


def _delays(network: Network) -> tuple[int, int]:
    """The smallest and greatest delay. The bound stands on them, and on every message's arrival."""
    uniform = network.latency.everywhere_uniform
    if uniform is None:
        raise UsageError(
            f"network: {network.latency} has no greatest delay that every link keeps, and without one no bound is "
            "proved: use one such as 'uniform 1ms..2ms'"
        )
    if network.loss_threshold or network.corruption_thresholds or network.bytes_per_s:
        raise UsageError("network: the bound is proved where every message arrives in time: no loss, corruption, queue")
    low_ns, span_ns = uniform
    return low_ns, low_ns + span_ns - 1


def byzantine_clocks(settings: Settings) -> Scenario:
    """Nodes that converge, the last of which lie."""
    return scenario_of(settings, ALGORITHMS[system_of(settings).bound.algorithm])


def scenario_of(settings: Settings, converge: Callable[[Sequence[int], int, int], int]) -> Scenario:
    """The same with that convergence function, held to the bound of the algorithm that the settings name."""
    system = system_of(settings)
    bound = system.bound
    rounds = replace(system.rounds, converge=converge)
    lies = lies_of(bound, system.fast(settings.seed))

    def build(node: int) -> Node:
        return ConvergingNode(rounds)

    def liar(node: int) -> Liar:
        return KINDS_OF_LIARS[system.kind](rounds, lies)

    return Scenario(
        name="byzantine-clocks",
        nodes=bound.nodes,
        build=build,
        duration_ns=ROUNDS * bound.interval_ns + bound.interval_ns // 2,
        network=system.network,
        clocks=system.clocks,
        byzantine=dict.fromkeys(system.liars, liar),
        observers=(
            partial(ClockAgreement, bound, system.clocks, settings.seed, system.correct),
            partial(Recorded, (Corrected,)),
        ),
        parameters={**PARAMETERS, "tolerates": bound.faults, "liars": len(system.liars)},
    )


def judge(result: RunResult) -> Verdict:
    """The bound; unknown where what it stands on did not hold."""
    agreement = agreement_of(result)
    verdict = judge_invariants(result)
    bound = agreement.bound
    if verdict.status == VIOLATED:
        faulty = faulty_before(result, result.violations[0].time_ns)
        liars = bound.nodes - len(agreement.correct)
        if not faulty or liars + len(faulty) <= bound.faults:
            return verdict
        met = ", ".join(f"node {node}" for node in faulty)
        return Verdict(
            status=UNKNOWN,
            lines=(f"{met} met with faults beside {liars} that lie: nothing is proved for more than {bound.faults}",),
        )
    if agreement.unheard:
        return Verdict(status=UNKNOWN, lines=(f"{agreement.unheard}: the bound is proved where every one arrives",))
    if agreement.rounds < 1 or not agreement.moments:
        return Verdict(status=UNKNOWN, lines=("no clock was corrected: make the run longer than one interval",))
    worst_ns = max(moment.skew_ns for moment in agreement.moments)
    seen, limit = in_ms(worst_ns), in_ms(bound.limit_ns)
    line = f"correct clocks were {seen} apart at most, within the bound ({limit} in the long run)"
    return Verdict(status=VALID, lines=(line,))


def faulty_before(result: RunResult, time_ns: int) -> list[int]:
    """The correct nodes whose process or clock met with a fault by then: each is one of the f that are tolerated."""
    correct = agreement_of(result).correct
    faults = (fault for fault in result.faults if isinstance(fault, PROCESS_AND_CLOCK) and fault.at_ns <= time_ns)
    return sorted({fault.node for fault in faults if isinstance(fault.node, int) and fault.node in correct})


BYZANTINE_CLOCKS = Entry(
    name="byzantine-clocks",
    summary="clocks brought together although a third of them lie, held to the proved bound",
    source="Lamport & Melliar-Smith, Synchronizing Clocks in the Presence of Faults, 1985",
    project=12,
    make=byzantine_clocks,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    story=story,
    plot=plot,
    sometimes=lambda result: {"rounds": agreement_of(result).rounds},
)
