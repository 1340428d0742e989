"""Transactions and lock managers under a swarm of faults, drawn anew by every seed: for finding bugs.

The seed draws the policy (wait-die or wound-wait), how many managers, clients and keys there are, how much of the
locking is shared or upgraded, how far apart the nodes are, and what the network loses and doubles. Managers and clients
crash, pause, and are cut off; then everything heals, and progress is due.

`--set bug=LOCK-01` puts a bug in (see `simclock.experiments.catalog.lock_table.bugs`).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from simclock import Network, Scenario, Uniform, ms, seconds, stream
from simclock.experiments.catalog.lock_table.scenario import (
    KEPT,
    STANDS_NS,
    Parts,
    builder,
    describe,
    judge,
    policy_of,
    sometimes,
    tell,
)
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.lock_table import (
    POLICIES,
    WAIT_DIE,
    WOUND_WAIT,
    LockProgress,
    MutualExclusion,
    TimestampOrder,
    Workload,
)

PARAMETERS = Parameters(
    bug=PUT_IN,
    policy=Choice("", tuple(POLICIES), noun="policy", help="What is done about deadlocks; else the seed draws it."),
)
DURATION_NS = seconds(2)
WITHIN_NS = seconds(6)
LIVENESS_NS = seconds(7)


class _Drawn(NamedTuple):
    """What the seed decides."""

    policy: str
    managers: int
    clients: int
    keys: int
    shared_percent: int
    upgrade_percent: int
    latency_ns_max: int
    loss: float
    duplication: float


def _draw(seed: int) -> _Drawn:
    luck = stream(seed, "deadlocks-hunt")
    return _Drawn(
        policy=luck.choice((WAIT_DIE, WOUND_WAIT)),
        managers=luck.choice((1, 2, 3)),
        clients=luck.choice((3, 4, 6)),
        keys=luck.choice((3, 4, 6)),
        shared_percent=luck.choice((0, 30, 70)),
        upgrade_percent=luck.choice((0, 30, 100)),
        latency_ns_max=luck.choice((ms(2), ms(10), ms(40))),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
    )


def deadlocks_hunt(settings: Settings, parts: Parts) -> Scenario:
    """What the seed draws, made of these parts."""
    drawn = _draw(settings.seed)
    parameters = {**PARAMETERS, **settings.parameters}
    policy = policy_of(parameters["policy"] or drawn.policy)
    clients = drawn.clients if settings.nodes is None else settings.nodes
    workload = Workload(
        keys=drawn.keys,
        keys_per_transaction=min(3, drawn.keys),
        shared_percent=drawn.shared_percent,
        upgrade_percent=drawn.upgrade_percent,
        work_ns=ms(5),
        pause_ns=ms(10),
        retry_ns=ms(60),
    )
    nodes = drawn.managers + clients
    return Scenario(
        name="deadlocks-hunt",
        nodes=nodes,
        build=builder(policy, drawn.managers, nodes, workload, parts),
        duration_ns=DURATION_NS,
        network=Network(
            latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max),
            loss=drawn.loss,
            duplication=drawn.duplication,
        ),
        observers=(MutualExclusion, partial(TimestampOrder, policy), partial(Recorded, KEPT)),
        parameters={"policy": policy},
    )


def prey(scenario: Scenario) -> Prey:
    """Managers and clients alike."""
    return Prey(
        servers=tuple(range(scenario.nodes)),
        rhythm_ns=ms(100),
        progress=partial(LockProgress, STANDS_NS, WITHIN_NS),
        progress_within_ns=WITHIN_NS,
    )


DEADLOCKS_HUNT = Entry(
    name="deadlocks-hunt",
    summary="locks and transactions under a swarm of faults, drawn anew by every seed: for finding bugs",
    source="Groce et al., Swarm Testing, ISSTA 2012",
    make=deadlocks_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    nemesis="swarm",
    project=11,
    sometimes=sometimes,
    story=tell,
)
