"""A bank for scripts and explorers: money moves and snapshots begin when asked, `ask 0 pay 1 30`, `ask 0 snapshot`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.catalog.snapshots.scenario import ALGORITHMS, Parts, algorithm_of
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Choice, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.snapshots import Cuts, Participant, SnapshotSettings
from simclock.protocols.snapshots.messages import Transfer
from simclock.protocols.snapshots.observed import Sent

NODES = 2
PARAMETERS = Parameters(
    bug=PUT_IN,
    algorithm=Choice("chandy-lamport", tuple(ALGORITHMS), noun="algorithm", help="How a snapshot is taken."),
    balance=Whole(100, least=0, help="What each node has at first."),
)


class Teller(Participant):
    """Pays and begins snapshots when it is asked to."""

    def pay(self, target: int, amount: int) -> None:
        """Pass that much to another node."""
        if target not in self.others or not 0 < amount <= self.balance:
            raise UsageError(f"pay: node {self.id} has {self.balance}, and pays others some of it")
        number = self.transfers[target]
        self.transfers[target] += 1
        self.balance -= amount
        self._changed.update(("balance", "transfers"))
        self.observe(Sent(target, number, amount))
        self.put(target, self.coloured(Transfer(number, amount)))
        self._end_step()

    def snapshot(self) -> None:
        """Begin a snapshot."""
        self.initiate()
        self._end_step()


def snapshots_script(settings: Settings, parts: Parts) -> Scenario:
    """Two nodes, or as many as asked for."""
    parameters = {**PARAMETERS, **settings.parameters}
    nodes = NODES if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not enough: a channel needs two")
    chosen = SnapshotSettings(balance=parameters["balance"], snapshot_ns=0, timeout_ns=seconds(1))
    teller = type("Teller", (Teller, parts.participant or algorithm_of(parameters["algorithm"])), {})
    return Scenario(
        name="snapshots-script",
        nodes=nodes,
        build=lambda node: teller(chosen),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(20))),
        observers=(partial(Cuts, nodes, nodes * chosen.balance),),
    )


def shown(node: Any) -> Mapping[str, Any]:
    """Its money, and the snapshots that it has a part in."""
    return {
        "balance": node.balance,
        "recording": {
            snapshot: {
                "balance": each.balance,
                "channels": {source: tuple(amount for _, amount in paid) for source, paid in each.channels.items()},
                "open": frozenset(each.open),
            }
            for snapshot, each in node.recordings.items()
        },
    }


SNAPSHOTS_SCRIPT = Entry(
    name="snapshots-script",
    summary="nodes that pass money around when asked, and take snapshots when asked: for scripts",
    source="Chandy & Lamport 1985; Lai & Yang 1987",
    make=snapshots_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        bounds={"timers": 0, "commands": 2}, asks=(("pay", (1, 30)), ("pay", (0, 30)), ("snapshot", ()))
    ),
)
