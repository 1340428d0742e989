"""A cluster of Viewstamped Replication for scripts and explorers: servers and nothing else, commands handed in by
`ask NODE propose x`.

No client races with the schedule, so what happens is what the schedule says.
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
from simclock.experiments.entries.parameters import Choice, Flag, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.viewstamped_replication import VsrProperties, VsrServer, VsrSettings
from simclock.protocols.viewstamped_replication.messages import Entry as LogEntry
from simclock.protocols.viewstamped_replication.state import told

SERVERS_MAX = 99
FALSE, TRUE = "false", "true"
PARAMETERS = Parameters(
    bug=PUT_IN,
    servers=Whole(3, least=1, help="Replicas of the first epoch."),
    durable=Choice(FALSE, (FALSE, TRUE), help="Whether servers keep on disk what they promise."),
    crash_vectors=Flag(True, help="Whether messages from before a crash are told from later ones."),
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The class of a server."""

    server: type[VsrServer] = VsrServer


def vsr_script(settings: Settings, parts: Parts) -> Scenario:
    """Servers on a network of 1 to 2 ms."""
    parameters = {**PARAMETERS, **settings.parameters}
    servers = parameters["servers"] if settings.nodes is None else settings.nodes
    if servers > SERVERS_MAX:
        raise UsageError(f"servers: {servers} are too many for a schedule by hand: {SERVERS_MAX} at most")
    vsr = VsrSettings(
        servers=tuple(range(servers)),
        durable=parameters["durable"] == TRUE,
        crash_vectors=parameters["crash_vectors"],
    )
    return Scenario(
        name="vsr-script",
        nodes=servers,
        build=lambda node: parts.server(vsr, Journal()),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(partial(VsrProperties, vsr.servers, vsr.spares, vsr.durable),),
    )


def shown(server: Any) -> Mapping[str, Any]:
    """A server's state, in the words of VRR's Figure 2."""
    log = server.log
    state: dict[str, Any] = {
        "status": server.role,
        "view": log.view,
        "normal": log.last_normal_view,
        "log": tuple(map(_entry, log.entries)),
        "commit": server.commit_number,
    }
    if any(log.crash_vector):
        state["crashes"] = log.crash_vector
    return state


def _entry(entry: LogEntry) -> str:
    """An operation as TERM:COMMAND."""
    return f"{entry.term}:{told(entry).decode(errors='replace')}"


VSR_SCRIPT = Entry(
    name="vsr-script",
    summary="servers of Viewstamped Replication alone, for scripts: a schedule written by hand decides what happens",
    source="Liskov & Cowling, Viewstamped Replication Revisited, 2012",
    make=vsr_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        bounds={"named_timers": {"election": 1, "heartbeat": 0, "retry": 0}, "commands": 1},
        asks=(("propose", (b"x",)),),
    ),
)
