"""Multi-Paxos serving a key-value store, on a local network.

Servers are the nodes 0 .. n - 1, clients the nodes after them. The judges are the properties of Multi-Paxos, as
observers, and the linearizability of what the clients heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simclock import (
    Network,
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node
from simclock.experiments.catalog.multi_paxos.quorum_text import quorum_of
from simclock.experiments.catalog.multi_paxos.story import STORY
from simclock.experiments.checkers.client_history import History
from simclock.experiments.checkers.progress import ELECTION_TIMEOUTS
from simclock.experiments.consensus.multi_paxos import MultiPaxosProgress
from simclock.experiments.entries.changes import changes_of, servers_named
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Flag, Parameters, Text, Whole
from simclock.experiments.entries.replicated_store import (
    STEPS_MAX,
    answered,
    describe_clients,
    judge_service,
    load_parameters,
    rate_text,
    server_at_end,
    trouble,
)
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.nemesis import Prey
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.multi_paxos import MultiPaxosProperties, MultiPaxosServer, MultiPaxosSettings, Operator
from simclock.protocols.multi_paxos.observed import Leader
from simclock.protocols.replication import Sessions

ELECTION_TIMEOUT_NS_MAX = ms(300)

PARAMETERS = Parameters(
    load_parameters(processes=2, keys=16, pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(1)),
    reads=Choice("log", ("log", "quorum"), help="How a get is answered: by a slot, or when a quorum was asked."),
    phase_one=Text("", help="Quorums that elect a leader, such as 4, or 0+1,2+3; empty: a majority."),
    phase_two=Text("", help="Quorums that choose a value, written alike; empty: a majority."),
    force_quorums=Flag(False, help="Whether quorums may be used that need not meet."),
    snapshot_every=Whole(0, least=0, help="After how many slots a server makes a snapshot; 0: never."),
    change=Text("", help="Changes of the members, such as 2s:1+2+3."),
    alpha=Whole(16, least=2, help="After how many slots a change holds, where there are changes."),
)


def multi_paxos_kv(settings: Settings) -> Scenario:
    """Servers and clients on one network, 1 to 2 ms apart."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = 3 if settings.nodes is None else settings.nodes
    if servers < 1:
        raise UsageError(f"nodes: {servers} is not a number of servers: 1 or more")
    schedule = changes_of(parameters.pop("change"))
    everyone = servers_named(servers, schedule)
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
        faults=trouble(Leader.observed_as, duration_ns, everyone, nodes),
        observers=(
            partial(MultiPaxosProperties, paxos.quorums, paxos.spares),
            partial(History, range(everyone, known)),
        ),
        final=partial(server_at_end, MultiPaxosServer),
    )


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
    held = f"Multi-Paxos's properties hold: {told['leaders']} leaders, {told['chosen']} slots chosen"
    return judge_service(result, held, step_limit)


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything about Multi-Paxos."""
    paxos = result.reports["MultiPaxosProperties"]
    names = ("elections", "leaders", "leader_changes", "restarts", "proposed_again", "learned", "chosen")
    return {name.replace("_", " "): paxos[name] for name in names} | answered(result)


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Elections, chosen slots, operations and their latency."""
    paxos = result.reports["MultiPaxosProperties"]
    servers = [server for server in result.final.values() if server is not None]
    again = f"{paxos['proposed_again']} values proposed again, {paxos['gaps_filled']} gaps filled"
    told = [
        ("servers", f"{len(servers)} up at the end, {paxos['restarts']} restarts"),
        ("elections", f"{paxos['elections']} begun, {paxos['leaders']} won, last round {paxos['round']}"),
        ("slots", f"{paxos['chosen']} chosen, {rate_text(paxos['chosen'], result)}"),
        ("recovery", f"{again}, {paxos['learned']} learned by who lagged"),
    ]
    if paxos["snapshots"] or paxos["installs"]:
        told.append(("snapshots", f"{paxos['snapshots']} taken, {paxos['installs']} sent to who lagged"))
    if paxos["reconfigurations"]:
        told.append(("members", f"changed {paxos['reconfigurations']} times"))
    return [*told, *describe_clients(result)]


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
    story=STORY,
)
