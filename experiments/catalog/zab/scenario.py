"""ZAB serving a key-value store, on a local network.

Servers are the nodes 0 .. n - 1, clients the nodes after them. The judges are the properties of ZAB, as
observers, and the linearizability of what the clients heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from simclock import (
    CRASHED,
    Crash,
    Fault,
    Heal,
    Network,
    Partition,
    Restart,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node
from simclock.experiments.checkers.client_history import History, history_of
from simclock.experiments.checkers.linearizability import Verdict as Linearity
from simclock.experiments.checkers.linearizability import check_linearizability, key_value
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.story import STORY
from simclock.experiments.consensus.zab import ZabProgress
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.quantiles import latency_text
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.replication import Sessions
from simclock.protocols.zab import ZabProperties, ZabServer, ZabSettings
from simclock.protocols.zab.observed import Leader

STEPS_MAX = 20_000_000
"""What the linearizability checker may try: a limit in steps is the same on every machine."""

LINEARIZABILITY = "linearizability"
"""What the judge names where no order of the clients' operations explains what they heard."""

ELECTION_TIMEOUT_NS_MAX = ms(300)

PARAMETERS = Parameters(
    clients=Whole(3, least=1, help="Nodes that call the store."),
    processes=Whole(2, help="Operations that a client has under way at a time, in a closed loop."),
    keys=Whole(16, help="How many keys there are."),
    zipf=Text("0.99", help="How skewed the choice of keys is."),
    loop=Choice("closed", ("closed", "open"), help="Whether a call waits for the answer to the last one."),
    pause_ns=Duration(ms(20), help="Between calls."),
    retry_ns=Duration(ms(200), help="Without an answer so long, a client asks again."),
    give_up_ns=Duration(seconds(1), help="Without an answer so long, the outcome is unknown."),
    reads=Choice("log", ("log", "quorum"), help="How a get is answered: by a transaction, or when a quorum was asked."),
    snapshot_every=Whole(0, least=0, help="After how many transactions a server makes a snapshot; 0: never."),
)


class ServerAtEnd(NamedTuple):
    """What is kept of a server that is up when the run ends."""

    role: str
    term: int
    """The epoch that it has accepted last."""
    commit_index: int
    duplicates: int
    """Commands that were committed again, and not applied again, since its last start."""


def server_at_end(node: Any) -> ServerAtEnd | None:
    """What is kept of a node; None of a client."""
    if not isinstance(node, ZabServer):
        return None
    duplicates = node.state_machine.duplicates if isinstance(node.state_machine, Sessions) else 0
    return ServerAtEnd(node.role.name.lower(), node.current_term, node.commit_index, duplicates)


def trouble(duration_ns: int, servers: int, nodes: int) -> tuple[Fault, ...]:
    """The leader is cut off together with the first client; later the leader crashes, and restarts."""
    others = tuple(node for node in range(nodes) if node != servers)
    return (
        Partition(at_ns=duration_ns // 6, groups=((Leader.observed_as, servers), others)),
        Heal(at_ns=duration_ns * 7 // 24),
        Crash(at_ns=duration_ns // 2, node=Leader.observed_as),
        Restart(at_ns=duration_ns * 5 // 8, node=CRASHED),
    )


def zab_kv(settings: Settings) -> Scenario:
    """Servers and clients on one network, 1 to 2 ms apart."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = 3 if settings.nodes is None else settings.nodes
    if servers < 1:
        raise UsageError(f"nodes: {servers} is not a number of servers: 1 or more")
    nodes = servers + parameters.pop("clients")
    duration_ns = settings.duration_ns or seconds(5)
    zab = ZabSettings(
        servers=tuple(range(servers)),
        election_timeout_ns_max=ELECTION_TIMEOUT_NS_MAX,
        snapshot_every=parameters.pop("snapshot_every") or None,
    )
    workload = Workload(queries=parameters.pop("reads") == "quorum", **parameters)

    def build(node: int) -> Node:
        if node < servers:
            return ZabServer(zab, Sessions(KeyValueStore()))
        return Client(zab.servers, workload)

    return Scenario(
        name="zab-kv",
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        faults=trouble(duration_ns, servers, nodes),
        observers=(partial(ZabProperties, zab.servers), partial(History, range(servers, nodes))),
        final=server_at_end,
    )


def prey_of(servers: tuple[int, ...], rhythm_ns: int, within_ns: int, withstands: tuple[str, ...] = ()) -> Prey:
    """A nemesis may strike these servers."""
    return Prey(
        servers=servers,
        rhythm_ns=rhythm_ns,
        withstands=withstands,
        progress=partial(ZabProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )


def _prey(scenario: Scenario) -> Prey:
    asked = {**PARAMETERS, **scenario.parameters}
    servers = tuple(range(scenario.nodes - asked["clients"]))
    return prey_of(servers, ELECTION_TIMEOUT_NS_MAX, ELECTION_TIMEOUTS * ELECTION_TIMEOUT_NS_MAX)


# Judging and describing.


def judge(result: RunResult, step_limit: int = STEPS_MAX) -> Verdict:
    """The properties of ZAB, and the linearizability of the clients' history."""
    told = result.reports["ZabProperties"]
    invariants = judge_invariants(result)
    history = history_of(result)
    judged = check_linearizability(history, key_value(initial=None), step_limit=step_limit)
    held = f"ZAB's properties hold: {told['leaders']} leaders, {told['committed']} transactions committed"
    zab = invariants if invariants.status == VIOLATED else Verdict(status=VALID, lines=(held,))
    status = _STATUS[judged.verdict]
    properties = (LINEARIZABILITY,) if status == VIOLATED else ()
    return together(zab, Verdict(status=status, lines=tuple(judged.explain().splitlines()), properties=properties))


_STATUS = {Linearity.OK: VALID, Linearity.ILLEGAL: VIOLATED, Linearity.UNKNOWN: UNKNOWN}


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about ZAB."""
    zab = result.reports["ZabProperties"]
    operations = sum(each.outcome == "ok" for each in history_of(result))
    names = ("elections", "leaders", "leader_changes", "restarts", "diffs", "truncs", "snaps", "committed")
    return {name.replace("_", " "): zab[name] for name in names} | {"operations answered": operations}


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Elections, chosen slots, operations and their latency."""
    zab = result.reports["ZabProperties"]
    history = history_of(result)
    outcomes = {kind: sum(each.outcome == kind for each in history) for kind in ("ok", "fail", "unknown")}
    latencies_ns = sorted(each.finish - each.call for each in history if each.outcome == "ok" and each.finish)
    servers = [server for server in result.final.values() if server is not None]
    rate = zab["committed"] * seconds(10) // max(1, result.virtual_ns)
    told = [
        ("servers", f"{len(servers)} up at the end, {zab['restarts']} restarts"),
        ("elections", f"{zab['elections']} won, {zab['leaders']} leaders established, last epoch {zab['epoch']}"),
        ("transactions", f"{zab['committed']} committed, {rate // 10}.{rate % 10} per second of virtual time"),
        ("synchronization", f"{zab['diffs']} DIFF, {zab['truncs']} TRUNC, {zab['snaps']} SNAP"),
    ]
    if zab["snapshots"] or zab["installs"]:
        told.append(("snapshots", f"{zab['snapshots']} taken, {zab['installs']} histories replaced"))
    told.append(("operations", ", ".join(f"{count} {kind}" for kind, count in outcomes.items())))
    told.append(("client latency", latency_text(latencies_ns)))
    return told


ZAB_KV = Entry(
    name="zab-kv",
    summary="a key-value store on ZAB, its leader cut off and later crashed",
    source="Junqueira, Reed & Serafini, Zab, DSN 2011; Medeiros, ZooKeeper's atomic broadcast protocol, 2012",
    make=zab_kv,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=_prey,
    sometimes=sometimes,
    story=STORY,
)
