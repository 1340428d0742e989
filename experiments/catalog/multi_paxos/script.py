"""A Multi-Paxos cluster for scripts and explorers: servers alone, commands handed in by `ask NODE propose x`.

No client races with the schedule, so what happens is what the schedule says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.catalog.multi_paxos.quorum_text import quorum_of
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Flag, Parameters, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.multi_paxos import MultiPaxosProperties, MultiPaxosServer, MultiPaxosSettings, PValue, Role
from simclock.protocols.multi_paxos.state import told
from simclock.protocols.replication import CommandsKept

SERVERS_MAX = 99
PARAMETERS = Parameters(
    bug=PUT_IN,
    servers=Whole(3, least=1, help="Servers of the cluster."),
    phase_one=Text("", help="Quorums that elect a leader, such as 4, or 0+1,2+3; empty: a majority."),
    phase_two=Text("", help="Quorums that choose a value, written alike; empty: a majority."),
    force_quorums=Flag(False, help="Whether quorums may be used that need not meet."),
    snapshot_every=Whole(0, least=0, help="After how many slots a server makes a snapshot; 0: never."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes of a server and of its settings."""

    server: type[MultiPaxosServer] = MultiPaxosServer
    settings: type[MultiPaxosSettings] = MultiPaxosSettings


def multi_paxos_script(settings: Settings, parts: Parts) -> Scenario:
    """Servers on a network of 1 to 2 ms. Raises UsageError."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = parameters["servers"] if settings.nodes is None else settings.nodes
    if servers > SERVERS_MAX:
        raise UsageError(f"servers: {servers} are too many for a schedule by hand: {SERVERS_MAX} at most")
    paxos = parts.settings(
        servers=tuple(range(servers)),
        phase_one=quorum_of(parameters["phase_one"], "phase_one"),
        phase_two=quorum_of(parameters["phase_two"], "phase_two"),
        force_quorums=parameters["force_quorums"],
        snapshot_every=parameters["snapshot_every"] or None,
    )
    return Scenario(
        name="multi-paxos-script",
        nodes=servers,
        build=lambda node: parts.server(paxos, CommandsKept()),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(partial(MultiPaxosProperties, paxos.quorums),),
    )


def shown(server: Any) -> Mapping[str, Any]:
    """A server's state: what it has promised and accepted as an acceptor, and what it counts as a proposer."""
    journal = server.journal
    state: dict[str, Any] = {
        "role": server.role,
        "promised": server.current_term,
        "accepted": tuple(map(_pvalue, journal.pvalues_from(1))),
        "commit": server.commit_index,
    }
    if journal.snapshot.index:
        state["snapshot"] = journal.snapshot.index
    if server.role is not Role.FOLLOWER:
        state["ballot"] = server.ballot
        state["promises"] = frozenset(server.promises)
    if server.leads:
        state["votes"] = {slot: frozenset(voters) for slot, voters in sorted(server.votes.items())}
    return state


def _pvalue(pvalue: PValue) -> str:
    """SLOT@BALLOT:COMMAND, - for a no-op."""
    return f"{pvalue.slot}@{pvalue.ballot}:{told(pvalue.value).decode(errors='replace') or '-'}"


MULTI_PAXOS_SCRIPT = Entry(
    name="multi-paxos-script",
    summary="servers of Multi-Paxos alone, for scripts: a schedule written by hand decides what happens",
    source="Lamport, Paxos Made Simple, 2001",
    make=multi_paxos_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        bounds={"named_timers": {"election": 1, "heartbeat": 0}, "commands": 1},
        asks=(("propose", (b"x",)),),
    ),
)
