"""Multi-Paxos serving a key-value store, on a local network.

Servers are the nodes 0 .. n - 1, clients the nodes after them. The judges are the properties of Multi-Paxos, as
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
from simclock.experiments.catalog.multi_paxos.quorum_text import changes_of, quorum_of
from simclock.experiments.checkers.client_history import History, history_of
from simclock.experiments.checkers.linearizability import Verdict as Linearity
from simclock.experiments.checkers.linearizability import check_linearizability, key_value
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.multi_paxos import MultiPaxosProgress
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Flag, Parameters, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.quantiles import latency_text
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.multi_paxos import MultiPaxosProperties, MultiPaxosServer, MultiPaxosSettings, Operator
from simclock.protocols.multi_paxos.observed import Leader
from simclock.protocols.replication import Sessions

STEPS_MAX = 20_000_000
"""What the linearizability checker may try: a limit in steps is the same on every machine."""

LINEARIZABILITY = "linearizability"
"""What the judge names where no order of the clients' operations explains what they heard."""

ELECTION_TIMEOUT_NS_MAX = ms(300)

SPARES_MAX = 100
"""As many servers may come in later."""

PARAMETERS = Parameters(
    clients=Whole(3, least=1, help="Nodes that call the store."),
    processes=Whole(2, help="Operations that a client has under way at a time, in a closed loop."),
    keys=Whole(16, help="How many keys there are."),
    zipf=Text("0.99", help="How skewed the choice of keys is."),
    loop=Choice("closed", ("closed", "open"), help="Whether a call waits for the answer to the last one."),
    pause_ns=Duration(ms(20), help="Between calls."),
    retry_ns=Duration(ms(200), help="Without an answer so long, a client asks again."),
    give_up_ns=Duration(seconds(1), help="Without an answer so long, the outcome is unknown."),
    reads=Choice("log", ("log", "quorum"), help="How a get is answered: by a slot, or when a quorum was asked."),
    phase_one=Text("", help="Quorums that elect a leader, such as 4, or 0+1,2+3; empty: a majority."),
    phase_two=Text("", help="Quorums that choose a value, written alike; empty: a majority."),
    force_quorums=Flag(False, help="Whether quorums may be used that need not meet."),
    snapshot_every=Whole(0, least=0, help="After how many slots a server makes a snapshot; 0: never."),
    change=Text("", help="Changes of the members, such as 2s:1+2+3."),
    alpha=Whole(16, least=2, help="After how many slots a change holds, where there are changes."),
)


class ServerAtEnd(NamedTuple):
    """What is kept of a server that is up when the run ends."""

    role: str
    ballot: int
    commit_index: int
    duplicates: int
    """Commands that were chosen again, and not applied again, since its last start."""


def server_at_end(node: Any) -> ServerAtEnd | None:
    """What is kept of a node; None of a client."""
    if not isinstance(node, MultiPaxosServer):
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


def multi_paxos_kv(settings: Settings) -> Scenario:
    """Servers and clients on one network, 1 to 2 ms apart."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = 3 if settings.nodes is None else settings.nodes
    if servers < 1:
        raise UsageError(f"nodes: {servers} is not a number of servers: 1 or more")
    schedule = changes_of(parameters.pop("change"))
    everyone = _servers(servers, schedule)
    known = everyone + parameters.pop("clients")
    nodes = known + bool(schedule)
    alpha = parameters.pop("alpha")
    duration_ns = settings.duration_ns or seconds(5)
    paxos = MultiPaxosSettings(
        servers=tuple(range(servers)),
        spares=tuple(range(servers, everyone)),
        alpha=alpha if schedule else None,
        phase_one=quorum_of(parameters.pop("phase_one"), "phase_one"),
        phase_two=quorum_of(parameters.pop("phase_two"), "phase_two"),
        force_quorums=parameters.pop("force_quorums"),
        election_timeout_ns_max=ELECTION_TIMEOUT_NS_MAX,
        snapshot_every=parameters.pop("snapshot_every") or None,
    )
    workload = Workload(queries=parameters.pop("reads") == "quorum", **parameters)

    def build(node: int) -> Node:
        if node < everyone:
            return MultiPaxosServer(paxos, Sessions(KeyValueStore()))
        if node < known:
            return Client(paxos.nodes, workload)
        return Operator(paxos.nodes, schedule, paxos.election_timeout_ns_max, duration_ns)

    return Scenario(
        name="multi-paxos-kv",
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        faults=trouble(duration_ns, everyone, nodes),
        observers=(
            partial(MultiPaxosProperties, paxos.quorums, paxos.spares),
            partial(History, range(everyone, known)),
        ),
        final=server_at_end,
    )


def _servers(first: int, schedule: Sequence[tuple[int, tuple[int, ...]]]) -> int:
    """How many servers there are in all: changes name those that come in later."""
    servers = max(first, 1 + max((node for _, members in schedule for node in members), default=0))
    if servers > first + SPARES_MAX:
        raise UsageError(f"change: server {servers - 1} is far off: new ones are {first} to {first + SPARES_MAX - 1}")
    return servers


def prey_of(servers: tuple[int, ...], rhythm_ns: int, within_ns: int, withstands: tuple[str, ...] = ()) -> Prey:
    """A nemesis may strike these servers."""
    return Prey(
        servers=servers,
        rhythm_ns=rhythm_ns,
        withstands=withstands,
        progress=partial(MultiPaxosProgress, servers, within_ns),
        progress_within_ns=within_ns,
    )


def _prey(scenario: Scenario) -> Prey:
    asked = {**PARAMETERS, **scenario.parameters}
    servers = tuple(range(scenario.nodes - asked["clients"] - bool(changes_of(asked["change"]))))
    return prey_of(servers, ELECTION_TIMEOUT_NS_MAX, ELECTION_TIMEOUTS * ELECTION_TIMEOUT_NS_MAX)


# Judging and describing.


def judge(result: RunResult, step_limit: int = STEPS_MAX) -> Verdict:
    """The properties of Multi-Paxos, and the linearizability of the clients' history."""
    told = result.reports["MultiPaxosProperties"]
    invariants = judge_invariants(result)
    history = history_of(result)
    judged = check_linearizability(history, key_value(initial=None), step_limit=step_limit)
    held = f"Multi-Paxos's properties hold: {told['leaders']} leaders, {told['chosen']} slots chosen"
    paxos = invariants if invariants.status == VIOLATED else Verdict(status=VALID, lines=(held,))
    status = _STATUS[judged.verdict]
    properties = (LINEARIZABILITY,) if status == VIOLATED else ()
    return together(paxos, Verdict(status=status, lines=tuple(judged.explain().splitlines()), properties=properties))


_STATUS = {Linearity.OK: VALID, Linearity.ILLEGAL: VIOLATED, Linearity.UNKNOWN: UNKNOWN}


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about Multi-Paxos."""
    paxos = result.reports["MultiPaxosProperties"]
    operations = sum(each.outcome == "ok" for each in history_of(result))
    names = ("elections", "leaders", "leader_changes", "restarts", "proposed_again", "learned", "chosen")
    return {name.replace("_", " "): paxos[name] for name in names} | {"operations answered": operations}


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Elections, chosen slots, operations and their latency."""
    paxos = result.reports["MultiPaxosProperties"]
    history = history_of(result)
    outcomes = {kind: sum(each.outcome == kind for each in history) for kind in ("ok", "fail", "unknown")}
    latencies_ns = sorted(each.finish - each.call for each in history if each.outcome == "ok" and each.finish)
    servers = [server for server in result.final.values() if server is not None]
    rate = paxos["chosen"] * seconds(10) // max(1, result.virtual_ns)
    again = f"{paxos['proposed_again']} values proposed again, {paxos['gaps_filled']} gaps filled"
    told = [
        ("servers", f"{len(servers)} up at the end, {paxos['restarts']} restarts"),
        ("elections", f"{paxos['elections']} begun, {paxos['leaders']} won, last round {paxos['round']}"),
        ("slots", f"{paxos['chosen']} chosen, {rate // 10}.{rate % 10} per second of virtual time"),
        ("recovery", f"{again}, {paxos['learned']} learned by who lagged"),
    ]
    if paxos["snapshots"] or paxos["installs"]:
        told.append(("snapshots", f"{paxos['snapshots']} taken, {paxos['installs']} sent to who lagged"))
    if paxos["reconfigurations"]:
        told.append(("members", f"changed {paxos['reconfigurations']} times"))
    told.append(("operations", ", ".join(f"{count} {kind}" for kind, count in outcomes.items())))
    told.append(("client latency", latency_text(latencies_ns)))
    return told


MULTI_PAXOS_KV = Entry(
    name="multi-paxos-kv",
    summary="a key-value store on Multi-Paxos, its leader cut off and later crashed",
    source="Lamport, Paxos Made Simple, 2001; van Renesse & Altinbuken, Paxos Made Moderately Complex, 2015",
    make=multi_paxos_kv,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=_prey,
    sometimes=sometimes,
)
