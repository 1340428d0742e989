"""A Raft cluster for scripts and explorers: servers and nothing else, commands handed in by `ask NODE propose x`.

The state machine takes any bytes. No client races with the schedule, so what happens is what the schedule says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.command_journal import Journal
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Flag, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings, Role
from simclock.protocols.raft.messages import Entry as LogEntry

SERVERS_MAX = 99
PARAMETERS = Parameters(
    bug=PUT_IN,
    servers=Whole(3, least=1, help="Members of the cluster."),
    no_op=Flag(True, help="Whether a leader begins its term with an empty entry."),
    entries_per_message=Whole(64, least=1, help="A follower that lags gets so many entries at a time."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a server."""

    server: type[RaftServer] = RaftServer


def raft_script(settings: Settings, parts: Parts) -> Scenario:
    """Servers on a network of 1 to 2 ms."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = parameters["servers"] if settings.nodes is None else settings.nodes
    if servers > SERVERS_MAX:
        raise UsageError(f"servers: {servers} are too many for a schedule by hand: {SERVERS_MAX} at most")
    raft = RaftSettings(
        servers=tuple(range(servers)),
        no_op=parameters["no_op"],
        entries_per_message_max=parameters["entries_per_message"],
    )
    return Scenario(
        name="raft-script",
        nodes=servers,
        build=lambda node: parts.server(raft, Journal()),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(partial(RaftProperties, raft.servers),),
    )


def shown(server: Any) -> Mapping[str, Any]:
    """A server's state, in the words of Figure 2."""
    log = server.log
    state: dict[str, Any] = {
        "role": server.role,
        "term": server.current_term,
        "vote": server.voted_for,
        "log": tuple(_entry(log.entry(index)) for index in range(1, log.last_index + 1)),
        "commit": server.commit_index,
    }
    if server.role is Role.CANDIDATE:
        state["votes"] = frozenset(server.votes)
    if server.role is Role.LEADER:
        state["next"] = {follower: known.next_index for follower, known in sorted(server.progress.items())}
        state["match"] = {follower: known.match_index for follower, known in sorted(server.progress.items())}
    return state


def _entry(entry: LogEntry) -> str:
    """An entry as TERM:COMMAND; a leader's own empty one is TERM:- ."""
    return f"{entry.term}:{entry.command.decode(errors='replace') or '-'}"


RAFT_SCRIPT = Entry(
    name="raft-script",
    summary="Raft servers alone, for scripts: a schedule written by hand decides what happens",
    source="Ongaro & Ousterhout, In Search of an Understandable Consensus Algorithm, 2014",
    make=raft_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        bounds={"named_timers": {"election": 1, "heartbeat": 0}, "commands": 1}, asks=(("propose", (b"x",)),)
    ),
)
