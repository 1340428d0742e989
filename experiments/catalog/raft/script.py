"""A Raft cluster for scripts and explorers: servers and nothing else, commands handed in by `ask NODE propose x`.

The state machine takes any bytes. No client races with the schedule, so what happens is what the schedule says. With
`client=true` there is one more node, which asks what the schedule has it ask, as a client and as the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import Network, RunResult, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node
from simclock.experiments.catalog.raft import scenario as raft_kv
from simclock.experiments.catalog.raft.console import Console, Journal
from simclock.experiments.checkers.client_history import History
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Choice, Flag, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict, judge_invariants
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, Role
from simclock.protocols.raft.messages import Entry as LogEntry

SERVERS_MAX = 99
PARAMETERS = Parameters(
    bug=PUT_IN,
    servers=Whole(3, least=1, help="Members of the cluster."),
    no_op=Flag(True, help="Whether a leader begins its term with an empty entry."),
    entries_per_message=Whole(64, least=1, help="A follower that lags gets so many entries at a time."),
    spares=Whole(0, least=0, help="Servers that are no members yet; the nodes after the members."),
    client=Flag(False, help="Whether the last node is a client and operator, which asks what the script has it ask."),
    pre_vote=Flag(False, help="Whether servers ask first whether they could win an election."),
    check_quorum=Flag(False, help="Whether a leader that does not hear a quorum steps down."),
    sticky=Flag(False, help="Whether servers that hear a leader ignore candidates; leases need it."),
    reads=Choice("index", ("index", "lease"), help="How a query is answered: by ReadIndex or by a lease."),
    snapshot_every=Whole(0, least=0, help="After how many entries a server makes a snapshot; 0: when it is asked to."),
    chunk_bytes=Whole(64 * 1024, least=1, help="A snapshot is sent in pieces of this size."),
    rejoin=Flag(False, help="Whether a server whose disk has lost a record asks to be let in as a new member."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a server."""

    server: type[RaftServer] = RaftServer


def raft_script(settings: Settings, parts: Parts) -> Scenario:
    """Servers on a network of 1 to 2 ms."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = parameters["servers"] if settings.nodes is None else settings.nodes
    known = servers + parameters["spares"]
    if known > SERVERS_MAX:
        raise UsageError(f"servers: {known} are too many for a schedule by hand: {SERVERS_MAX} at most")
    raft = _raft(servers, known, parameters)
    observers: list[Any] = [partial(RaftProperties, raft.nodes, raft.servers)]
    if parameters["client"]:
        observers.append(partial(History, range(known, known + 1)))

    def build(node: int) -> Node:
        return parts.server(raft, Journal()) if node < known else Console(raft.nodes)

    return Scenario(
        name="raft-script",
        nodes=known + parameters["client"],
        build=build,
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=tuple(observers),
    )


def _raft(servers: int, known: int, parameters: Mapping[str, Any]) -> RaftSettings:
    return RaftSettings(
        servers=tuple(range(servers)),
        spares=tuple(range(servers, known)),
        no_op=parameters["no_op"],
        entries_per_message_max=parameters["entries_per_message"],
        pre_vote=parameters["pre_vote"],
        check_quorum=parameters["check_quorum"],
        sticky=parameters["sticky"],
        reads=parameters["reads"],
        snapshot_every=parameters["snapshot_every"] or None,
        snapshot_chunk_bytes=parameters["chunk_bytes"],
        rejoin=parameters["rejoin"],
    )


def judge(result: RunResult) -> Verdict:
    """Raft's properties; where there is a client, the linearizability of what it heard too."""
    return raft_kv.judge(result) if "History" in result.reports else judge_invariants(result)


def shown(server: Any) -> Mapping[str, Any]:
    """A server's state, in the words of Figure 2, and what there is besides; of the client, what it waits for."""
    if isinstance(server, Console):
        return {"waits": tuple(server.waiting.values())}
    log = server.log
    state: dict[str, Any] = {
        "role": server.role,
        "term": server.current_term,
        "vote": server.voted_for,
        "log": tuple(_entry(log.entry(index)) for index in range(log.first_index, log.last_index + 1)),
        "commit": server.commit_index,
    }
    if log.snapshot.last_included_index:
        state["snapshot"] = f"{log.snapshot.last_included_index}:{log.snapshot.last_included_term}"
    if log.configuration != server.settings.configuration or server.settings.spares:
        state["cluster"] = str(log.configuration)
    if server.pre_votes:
        state["pre-votes"] = frozenset(server.pre_votes)
    if server.transfer_target is not None:
        state["hands over to"] = server.transfer_target
    if server.role is Role.CANDIDATE:
        state["votes"] = frozenset(server.votes)
    if server.role is Role.LEADER:
        state["next"] = {follower: known.next_index for follower, known in sorted(server.progress.items())}
        state["match"] = {follower: known.match_index for follower, known in sorted(server.progress.items())}
    return state


def _entry(entry: LogEntry) -> str:
    """An entry as TERM:COMMAND; a leader's own empty one is TERM:-, and one that changes the cluster TERM:CLUSTER."""
    said = entry.command.decode(errors="replace") or "-"
    return f"{entry.term}:{said if entry.configuration is None else entry.configuration}"


RAFT_SCRIPT = Entry(
    name="raft-script",
    summary="Raft servers alone, for scripts: a schedule written by hand decides what happens",
    source="Ongaro & Ousterhout, In Search of an Understandable Consensus Algorithm, 2014",
    make=raft_script,
    parts=Parts(),
    judge=judge,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        bounds={"named_timers": {"election": 1, "heartbeat": 0}, "commands": 1}, asks=(("propose", (b"x",)),)
    ),
)
