"""A lock table for scripts and explorers: a transaction begins when asked, with its keys, `ask 1 begin "0 1"`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node
from simclock.experiments.catalog.lock_table.scenario import STANDS_NS, Parts, policy_of
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Choice, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.lock_table import (
    EXCLUSIVE,
    POLICIES,
    WAIT_DIE,
    MutualExclusion,
    NoDeadlock,
    TimestampOrder,
    TransactionClient,
    Workload,
)
from simclock.protocols.lock_table.observed import Begun
from simclock.protocols.lock_table.server import LockManager

PARAMETERS = Parameters(
    bug=PUT_IN,
    policy=Choice(WAIT_DIE, tuple(POLICIES), noun="policy", help="What is done about deadlocks."),
    clients=Whole(2, least=1, help="Nodes that run transactions; node 0 has the locks."),
)


class Teller(TransactionClient):
    """Runs the transactions that it is asked for."""

    def begin(self, keys: str) -> None:
        """Begin a transaction that takes these keys, in this order, each exclusively."""
        if self.active or self.releasing:
            raise UsageError(f"begin: client {self.id} runs a transaction already")
        self.number += 1
        self.steps = tuple((int(key), EXCLUSIVE) for key in keys.split())
        self.timestamp = (self.clock.monotonic_ns(), self.id)
        self.tries = 0
        self.observe(Begun(self.number, self.timestamp, self.steps))
        self._try()

    def on_timer(self, timer: Any) -> None:
        if timer != "begin":
            super().on_timer(timer)


def deadlocks_script(settings: Settings, parts: Parts) -> Scenario:
    """One lock manager and two clients, or as many as asked for."""
    parameters = {**PARAMETERS, **settings.parameters}
    policy = policy_of(parameters["policy"])
    clients = parameters["clients"] if settings.nodes is None else settings.nodes
    teller = type("Teller", (Teller, parts.client), {})

    def build(node: int) -> Node:
        return parts.manager(policy) if node == 0 else teller((0,), Workload())

    return Scenario(
        name="deadlocks-script",
        nodes=1 + clients,
        build=build,
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(3))),
        observers=(MutualExclusion, partial(TimestampOrder, policy), partial(NoDeadlock, STANDS_NS)),
    )


def shown(node: Any) -> Mapping[str, Any]:
    """Of the manager its locks: who holds each, and who waits; of a client its transaction."""
    if isinstance(node, LockManager):
        locks = sorted(node.locks.items())
        return {
            "holds": {key: tuple(lock.holders) for key, lock in locks if lock.holders},
            "waits": {key: tuple(each.client for each in lock.queue) for key, lock in locks if lock.queue},
        }
    held = tuple(key for key, _ in node.steps[: node.step + (not node.waits)]) if node.active else ()
    return {
        "attempt": node.attempt,
        "active": node.active,
        "held": held,
        "waits": node.steps[node.step][0] if node.waits else None,
        "committed": node.committed,
    }


DEADLOCKS_SCRIPT = Entry(
    name="deadlocks-script",
    summary="a lock table whose transactions begin when asked, with the keys they are told: for scripts",
    source="Rosenkrantz, Stearns & Lewis 1978",
    make=deadlocks_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(bounds={"timers": 1, "commands": 2}, asks=(("begin", ("0 1",)), ("begin", ("1 0",)))),
)
