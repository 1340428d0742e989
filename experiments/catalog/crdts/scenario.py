"""Replicas of one value that are changed while they cannot talk, and agree once they can.

    simclock run crdts --type counter --mode delta

Every replica is asked to change its copy at its own pace. From a sixth of the run to its middle every replica is alone;
then all can talk again. `type` is what is replicated, `mode` what is handed on: whole states, deltas or operations;
"multicast" is operations over the causal broadcast of project 5, which works in memory: there, nobody may crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple

from simclock import (
    Fault,
    Heal,
    Network,
    Partition,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    format_duration,
    ms,
    seconds,
    us,
)
from simclock.actors import Node
from simclock.experiments.catalog.crdts.properties import CONVERGENCE, Converges, CrdtProperties
from simclock.experiments.catalog.crdts.story import plot, story
from simclock.experiments.checkers.convergence import convergence
from simclock.experiments.checkers.linearizability import Verdict as Convergent
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.nemesis import Prey, calm_of
from simclock.experiments.telling.recorded import Recorded
from simclock.experiments.telling.spelling import unknown
from simclock.protocols.crdts import MODES, TYPES, Crdt, DeltaReplica, MulticastReplica, ReplicaSettings
from simclock.protocols.crdts.observed import Delivered, Merged, Started, Updated

EVERY_MODE: dict[str, type[Node]] = {**MODES, "multicast": MulticastReplica}
PARAMETERS = Parameters(
    type=Choice("counter", tuple(TYPES), noun="replicated type", help="What is replicated."),
    mode=Choice("delta", tuple(EVERY_MODE), noun="mode", help="What replicas hand on."),
    updates=Whole(12, help="Of each replica."),
    pause_ns=Duration(ms(200), help="Between two updates of a replica."),
    gossip_ns=Duration(ms(50), help="Between two messages to a neighbour."),
    retry_ns=Duration(ms(200), help="Without an answer so long, it is sent again."),
)
REPLICAS = 3
DURATION_NS = seconds(6)
LEAST_NS = us(100)
CONVERGES_WITHIN_NS = seconds(4)
NETWORK = Network(latency=Uniform(low_ns=ms(5), high_ns=ms(20)))


class ReplicaAtEnd(NamedTuple):
    """What is kept of a replica that is up when the run ends, or crashes."""

    value: Any
    state: str
    """A digest of the whole state: equal values may hide unequal ones."""
    state_bytes: int
    bytes_sent: int
    """Since it started, what acknowledges included."""
    messages_sent: int
    whole_states: int
    """How often it had no deltas for a neighbour that was behind."""


def replica_at_end(node: Any) -> ReplicaAtEnd:
    """What is kept of a node."""
    state = node.copy if isinstance(node, MulticastReplica) else node.state
    encoded = state.encode()
    return ReplicaAtEnd(
        value=node.told_value(),
        state=blake2b(encoded, digest_size=8).hexdigest(),
        state_bytes=len(encoded),
        bytes_sent=sum(node.bytes_sent.values()),
        messages_sent=node.messages_sent,
        whole_states=node.whole_states if isinstance(node, DeltaReplica) else 0,
    )


def named_type(name: Any) -> type[Crdt]:
    """The data type of that name."""
    if name not in TYPES:
        raise UsageError(f"type: {unknown('replicated type', str(name), TYPES)}")
    return TYPES[name]


def named_mode(name: Any, modes: Mapping[str, type[Node]] = MODES) -> type[Any]:
    """The kind of replica of that name."""
    if name not in modes:
        raise UsageError(f"mode: {unknown('mode', str(name), modes)}")
    return modes[name]


def alone(duration_ns: int, replicas: int) -> tuple[Fault, ...]:
    """Every replica is alone from a sixth of the run to its middle."""
    groups = tuple((node,) for node in range(replicas))
    if replicas == 1:
        return ()
    return Partition(at_ns=duration_ns // 6, groups=groups), Heal(at_ns=duration_ns // 2)


def crdts(settings: Settings) -> Scenario:
    """Replicas of one type, handing on in one mode."""
    parameters = {**PARAMETERS, **settings.parameters}
    crdt, replica = named_type(parameters["type"]), named_mode(parameters["mode"], EVERY_MODE)
    does = ReplicaSettings(
        kind=parameters["type"],
        updates_max=parameters["updates"],
        update_pause_ns=parameters["pause_ns"],
        gossip_ns=parameters["gossip_ns"],
        retry_ns=parameters["retry_ns"],
    )
    for name in ("pause_ns", "gossip_ns", "retry_ns"):
        if 0 < parameters[name] < LEAST_NS:
            raise UsageError(f"{name}: {format_duration(parameters[name])} is too often: 100us or more")
    replicas = REPLICAS if settings.nodes is None else settings.nodes
    duration_ns = settings.duration_ns or DURATION_NS
    return replicated(
        "crdts",
        replica=replica,
        crdt=crdt,
        does=does,
        replicas=replicas,
        duration_ns=duration_ns,
        network=NETWORK,
        shown={"type": parameters["type"], "mode": parameters["mode"]},
    )


def replicated(
    name: str,
    *,
    replica: type[Any],
    crdt: type[Crdt],
    does: ReplicaSettings,
    replicas: int,
    duration_ns: int,
    network: Network,
    shown: Mapping[str, Any],
) -> Scenario:
    """The scenario of replicas that do that, with the parameters `shown`; where no values are told, none is judged."""

    def build(node: int) -> Node:
        if issubclass(replica, MulticastReplica):
            return replica(does, crdt, replicas)
        made: Node = replica(does, crdt)
        return made

    observers = (
        partial(Recorded, (Updated, Merged, Delivered, Started)),
        partial(CrdtProperties, does.kind),
    )
    return Scenario(
        name=name,
        nodes=replicas,
        build=build,
        duration_ns=duration_ns,
        network=network,
        faults=alone(duration_ns, replicas),
        observers=observers if does.tells_values else observers[:1],
        final=replica_at_end,
        fallen=replica_at_end,
        parameters=shown,
    )


def prey(scenario: Scenario) -> Prey:
    """Every replica; progress is that all agree."""
    replicas = tuple(range(scenario.nodes))
    kind: str = scenario.parameters["type"]
    return Prey(
        servers=replicas,
        rhythm_ns=ms(120),
        progress=partial(Converges, kind, replicas, CONVERGES_WITHIN_NS),
        progress_within_ns=CONVERGES_WITHIN_NS,
    )


# Judging and describing.


def judge(result: RunResult) -> Verdict:
    """The properties, and that all replicas are equal at the end."""
    invariants = judge_invariants(result)
    if invariants.status == VIOLATED:
        return invariants
    found = result.reports["CrdtProperties"]
    held = f"{found['values judged']} values were as specified, {found['concurrent updates']} updates were concurrent"
    if not found["values judged"]:
        return Verdict(status=UNKNOWN, lines=("no replica was asked anything, so there is nothing to judge",))
    states = {node: end and (end.value, end.state) for node, end in result.final.items()}
    behind = len(states) - found["replicas that have seen all"]
    if behind and len(set(states.values())) > 1:
        still = calm_of(result.happened).still
        lines = (f"{behind} replicas have not seen every update{'' if still else ': let it run longer'}", held)
        return Verdict(status=UNKNOWN, lines=(still, *lines) if still else lines)
    judged = convergence(states)
    status = {Convergent.OK: VALID, Convergent.ILLEGAL: VIOLATED, Convergent.UNKNOWN: UNKNOWN}[judged.verdict]
    properties = (CONVERGENCE,) if status == VIOLATED else ()
    equal = Verdict(status=status, lines=tuple(judged.explain().splitlines()), properties=properties)
    return together(Verdict(status=VALID, lines=(held,)), equal)


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach to show anything."""
    return dict(result.reports["CrdtProperties"])


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Updates, and what was sent."""
    found = result.reports["CrdtProperties"]
    ends = [end for end in result.final.values() if end is not None]
    total = sum(life.bytes_sent for life in result.lives)
    messages = sum(life.messages_sent for life in result.lives)
    each = f", {total // found['updates']:,} for each update" if found["updates"] else ""
    whole = sum(life.whole_states for life in result.lives)
    return (
        ("updates", f"{found['updates']}, {found['concurrent updates']} of them concurrent with others"),
        ("states", f"{max((end.state_bytes for end in ends), default=0):,} bytes at the end"),
        ("sent", f"{total:,} bytes in {messages:,} messages{each}"),
        ("whole states", f"{whole} sent because a neighbour was too far behind"),
    )


CRDTS = Entry(
    name="crdts",
    summary="replicas that are changed while they are alone agree once they can talk: states, deltas, operations",
    source="Shapiro, Preguica, Baquero & Zawirski, INRIA RR-7506, 2011; Almeida, Shoker & Baquero 2018",
    project=9,
    make=crdts,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    story=story,
    plot=plot,
    sometimes=sometimes,
)
