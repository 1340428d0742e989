"""A ZAB ensemble for scripts and explorers: servers and nothing else, commands handed in by `ask NODE propose x`.

The state machine takes any bytes. No client races with the schedule, so what happens is what the schedule says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.replication import CommandsKept
from simclock.protocols.zab import Role, Transaction, ZabProperties, ZabServer, ZabSettings, Zxid
from simclock.protocols.zab.settings import COUNTER_MAX

SERVERS_MAX = 99
PARAMETERS = Parameters(
    bug=PUT_IN,
    servers=Whole(3, least=1, help="Members of the ensemble."),
    counter_max=Whole(COUNTER_MAX, least=1, help="After so many transactions an epoch is spent."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a server."""

    server: type[ZabServer] = ZabServer


def zab_script(settings: Settings, parts: Parts) -> Scenario:
    """Servers on a network of 1 to 2 ms."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = parameters["servers"] if settings.nodes is None else settings.nodes
    if servers > SERVERS_MAX:
        raise UsageError(f"servers: {servers} are too many for a schedule by hand: {SERVERS_MAX} at most")
    zab = ZabSettings(servers=tuple(range(servers)), counter_max=parameters["counter_max"])
    return Scenario(
        name="zab-script",
        nodes=servers,
        build=lambda node: parts.server(zab, CommandsKept()),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(partial(ZabProperties, zab.servers),),
    )


def shown(server: Any) -> Mapping[str, Any]:
    """A server's state, in the words of the paper and of ZooKeeper."""
    journal = server.journal
    state: dict[str, Any] = {
        "role": server.role,
        "phase": server.phase,
        "accepted": journal.accepted_epoch,
        "current": journal.current_epoch,
        "history": tuple(_transaction(each) for each in journal.transactions),
        "commit": server.commit_index,
    }
    if server.role is Role.LOOKING:
        state["vote"] = server.vote.leader
        state["round"] = server.round
    if server.role is Role.FOLLOWING:
        state["leader"] = server.leader_id
    if server.role is Role.LEADING:
        state["epoch"] = server.epoch
        state["synchronized"] = frozenset(server.synchronized)
        state["acknowledged"] = {node: _zxid(zxid) for node, zxid in sorted(server.acknowledged.items())}
    return state


def _zxid(zxid: Zxid) -> str:
    return f"{zxid.epoch}.{zxid.counter}"


def _transaction(transaction: Transaction) -> str:
    """EPOCH.COUNTER:COMMAND."""
    return f"{_zxid(transaction.zxid)}:{transaction.command.decode(errors='replace')}"


ZAB_SCRIPT = Entry(
    name="zab-script",
    summary="ZAB servers alone, for scripts: a schedule written by hand decides what happens",
    source="Junqueira, Reed & Serafini, Zab, DSN 2011",
    make=zab_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        bounds={"named_timers": {"election": 1, "heartbeat": 0, "notify": 0, "connect": 0}, "commands": 1},
        asks=(("propose", (b"x",)),),
    ),
)
