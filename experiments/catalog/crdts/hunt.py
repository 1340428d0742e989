"""Replicas of a conflict-free type tuned for finding bugs: short runs, few names, and a swarm of faults.

The seed draws everything: which type, what is handed on, how many replicas, how far apart, how much is lost, doubled
and out of order, how often users ask and replicas gossip, and how many deltas are kept. Operations travel by gossip in
one half of the runs that have them, by the causal multicast in the other.

`--set bug=CRDT-04` puts a documented bug in (see `simclock.experiments.zoo`); then the type or the mode is that of the
bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from simclock import Network, Scenario, Uniform, ms, seconds, stream
from simclock.experiments.catalog.crdts.scenario import (
    EVERY_MODE,
    describe,
    named_mode,
    named_type,
    prey,
    replicated,
    sometimes,
)
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.telling.chronicle import Chronicle
from simclock.protocols.crdts import MODES, TYPES, Crdt, ReplicaSettings
from simclock.protocols.crdts.observed import Delivered, Merged, MergeRefused, Started, Updated

DURATION_NS = seconds(2)
MERGED = ("state", "delta")
"""The modes in which replicas merge states."""
PARAMETERS = Parameters(
    bug=PUT_IN,
    type=Choice("", tuple(TYPES), noun="replicated type", help="What is replicated; else the seed draws it."),
    mode=Choice("", tuple(EVERY_MODE), noun="mode", help="What replicas hand on; else the seed draws it."),
)


class Drawn(NamedTuple):
    """What the seed decides."""

    kind: str
    mode: str
    replicas: int
    latency_ns_max: int
    loss: float
    duplication: float
    gossip_ns: int
    pause_ns: int
    deltas_max: int


def draw(seed: int) -> Drawn:
    """The same for a seed, whatever the bug is."""
    luck = stream(seed, "crdt-hunt")
    drawn = Drawn(
        kind=luck.choice(tuple(name for name in TYPES if name != "sequence")),
        mode=luck.choice(tuple(MODES)),
        replicas=luck.choice((2, 3, 3, 4)),
        latency_ns_max=luck.choice((ms(5), ms(30), ms(120))),
        loss=luck.choice((0.0, 0.05, 0.2)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        gossip_ns=luck.choice((ms(10), ms(30), ms(60))),
        pause_ns=luck.choice((ms(20), ms(60), ms(120))),
        deltas_max=luck.choice((1, 4, 64)),
    )
    # These came later, and are drawn last, so that what is drawn above stays what it was for a seed.
    if luck.randrange(len(TYPES)) == 0:
        drawn = drawn._replace(kind="sequence")
    if luck.randrange(2) and drawn.mode == "operations":
        drawn = drawn._replace(mode="multicast")
    return drawn


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of the type and of a replica; None: those of the names that are asked for or drawn."""

    crdt: type[Crdt] | None = None
    replica: type[Any] | None = None


def crdt_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The replicas that the seed draws, with the bug that `settings` names."""
    drawn = draw(settings.seed)
    parameters = {**PARAMETERS, **settings.parameters}
    kind, mode = parameters["type"] or drawn.kind, parameters["mode"] or drawn.mode
    if parts.crdt is not None and mode not in MERGED:
        mode = "delta"  # handed on as operations, a wrong type would never be merged
    crdt, replica = parts.crdt or named_type(kind), parts.replica or named_mode(mode, EVERY_MODE)
    does = ReplicaSettings(
        kind=kind,
        updates_max=10,
        update_pause_ns=drawn.pause_ns,
        gossip_ns=drawn.gossip_ns,
        retry_ns=4 * drawn.gossip_ns,
        deltas_max=drawn.deltas_max,
        names=2,
    )
    network = Network(
        latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
        loss=drawn.loss,
        duplication=drawn.duplication,
    )
    replicas = drawn.replicas if settings.nodes is None else settings.nodes
    duration_ns = settings.duration_ns or DURATION_NS
    return replicated(
        "crdt-hunt",
        replica=replica,
        crdt=crdt,
        does=does,
        replicas=replicas,
        duration_ns=duration_ns,
        network=network,
        shown={"type": kind, "mode": mode},
    )


STORY = Chronicle(
    {
        Started: "starts at version {version}",
        Updated: "updates to {value}, its operation {number}",
        Merged: "merges replica {source}, and has {value}",
        Delivered: "delivers operation {number} of replica {origin}, and has {value}",
        MergeRefused: "cannot merge: {reason}",
    }
)

CRDT_HUNT = Entry(
    name="crdt-hunt",
    summary="replicas of a replicated type under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    project=9,
    make=crdt_hunt,
    parts=Parts(),
    judge=judge_invariants,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    sometimes=sometimes,
    story=STORY,
)
