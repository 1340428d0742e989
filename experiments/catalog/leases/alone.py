"""A lease service of one server, for scripts and explorers: what leases promise, without a consensus engine's timers.

The table, the expiries, the store and the holders are those of every lease scenario. The server agrees with itself:
what is proposed is applied at once. Leases are about durations, so it is explored in virtual time
(`--strategy timed:40ms-40ms,500ms`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simclock import Network, Node, Scenario, Uniform, UsageError, ms, parse_duration, seconds
from simclock.experiments.catalog.leases.script import shown
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.leases import (
    Holder,
    HolderWork,
    LeaseProperties,
    LeaseReplica,
    LeaseSettings,
    LeaseTable,
    StorageNode,
)
from simclock.protocols.replication import ClientRequest

SERVER, STORE = 0, 1
HOLDERS = 2
FIRST_NS = ms(60)
"""Holders begin one after the other."""
PARAMETERS = Parameters(
    bug=PUT_IN,
    term=Duration("300ms", help="How long a lease is good for."),
    guard=Duration("50ms", help="A holder begins no write in the last stretch of its lease."),
    prepare=Duration("40ms", help="Between the look at the lease and the write's departure."),
    writes=Whole(1, least=1, help="Writes in one hold."),
)


class LoneLeaseServer(LeaseReplica):
    """The lease service, led by its only server from the beginning."""

    leader_id = SERVER
    leads = True
    current_term = 1

    def __init__(self, leases: LeaseSettings, table: LeaseTable) -> None:
        super().__init__(None, leases, table)
        self.applied = 0
        """Index of the latest command."""

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, ClientRequest):
            self._on_client_request(source, message)

    def propose(self, command: bytes) -> int:
        """Agree with itself, and apply."""
        self.applied += 1
        self._taken(self.applied)
        self._apply(self.applied, command)
        self.on_applied()
        return self.applied


@dataclass(frozen=True, kw_only=True)
class LoneLeaseParts:
    """The classes of the service, its clients and its store."""

    server: type[LoneLeaseServer] = LoneLeaseServer
    table: type[LeaseTable] = LeaseTable
    holder: type[Holder] = Holder
    storage: type[StorageNode] = StorageNode


def leases_script(settings: Settings, parts: LoneLeaseParts) -> Scenario:
    """The server, the store, and two holders, or as many as asked for."""
    asked = {**PARAMETERS, **settings.parameters}
    nodes = 2 + HOLDERS if settings.nodes is None else settings.nodes
    if nodes < 3:
        raise UsageError(f"nodes: {nodes} are too few: a server, a store and a holder are three")
    leases = LeaseSettings(
        term_ns=parse_duration(asked["term"], "term"), guard_ns=parse_duration(asked["guard"], "guard")
    )
    work = HolderWork(
        writes=asked["writes"],
        prepare_ns=parse_duration(asked["prepare"], "prepare"),
        pause_ns=0,
        rest_ns=seconds(10),
        retry_ns=ms(100),
    )

    def build(node: int) -> Node:
        if node == SERVER:
            return parts.server(leases, parts.table(leases.first_token))
        if node == STORE:
            return parts.storage()
        return parts.holder((SERVER,), STORE, leases, replace(work, first_ns=FIRST_NS * (node - STORE)))

    return Scenario(
        name="leases-script",
        nodes=nodes,
        build=build,
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(5), high_ns=ms(40))),
        observers=(partial(LeaseProperties, (SERVER,), leases.term_ns),),
    )


LEASES_SCRIPT = Entry(
    name="leases-script",
    summary="a lease service of one server, a store and two holders: for scripts, and to be explored in virtual time",
    source="Gray & Cheriton 1989; Kleppmann, How to do distributed locking, 2016",
    make=leases_script,
    parts=LoneLeaseParts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
)
