"""A Raft cluster small enough to be explored in full with one change of its membership, or one snapshot.

Servers, and where a change is asked for, the operator who asks; commands are handed in by an explorer or a script
(`propose`). What the operator hears comes at once: it only chooses whom to ask next, which no server notices.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node
from simclock.experiments.catalog.raft.operating import nodes_named, schedule_of
from simclock.experiments.catalog.raft.script import Journal, Parts
from simclock.experiments.catalog.raft.states import shown
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Flag, Parameters, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.raft import RaftProperties, RaftSettings
from simclock.protocols.raft.operator import Operator

SERVERS_MAX = 9
SEPARATOR = b"\0"


class KeptJournal(Journal):
    """A journal of which snapshots can be made; no command has the separator in it."""

    def snapshot(self) -> bytes:
        """The commands, each ended by the separator."""
        return b"".join(command + SEPARATOR for command in self.commands)

    def restore(self, state: bytes) -> None:
        """Have these commands and no others."""
        self.commands = state.split(SEPARATOR)[:-1]


PARAMETERS = Parameters(
    bug=PUT_IN,
    servers=Whole(2, least=1, help="First members of the cluster."),
    change=Text("0s:+2", help="The membership change, such as 0s:+2,-0; empty: none."),
    snapshot_every=Whole(0, least=0, help="After how many entries a server makes a snapshot; 0: never."),
    snapshot_chunk=Whole(64, least=1, help="Bytes of a snapshot in one message."),
    no_op=Flag(True, help="Whether a leader begins its term with an empty entry."),
    pre_vote=Flag(False, help="Whether servers ask first whether they could win an election."),
)


def raft_small(settings: Settings, parts: Parts) -> Scenario:
    """The servers, those that come in later, and an operator if a change is asked for."""
    parameters = {**PARAMETERS, **settings.parameters}
    first = parameters["servers"] if settings.nodes is None else settings.nodes
    schedule = schedule_of(parameters["change"], "")
    servers = max(first, max(nodes_named(schedule), default=0) + 1)
    if not 1 <= servers <= SERVERS_MAX:
        raise UsageError(f"servers: {servers} are not 1 to {SERVERS_MAX}: there is no end to exploring more")
    raft = RaftSettings(
        servers=tuple(range(first)),
        spares=tuple(range(first, servers)),
        no_op=parameters["no_op"],
        pre_vote=parameters["pre_vote"],
        snapshot_every=parameters["snapshot_every"] or None,
        snapshot_chunk_bytes=parameters["snapshot_chunk"],
    )

    def build(node: int) -> Node:
        if node < servers:
            return parts.server(raft, KeptJournal())
        return Operator(raft.servers, schedule, raft.election_timeout_ns_max, seconds(1))

    return Scenario(
        name="raft-small",
        nodes=servers + bool(schedule),
        build=build,
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        observers=(partial(RaftProperties, raft.nodes, raft.servers),),
    )


def _operator(scenario: Scenario) -> tuple[int, ...]:
    """The operator's node, if there is one."""
    asked: dict[str, Any] = {**PARAMETERS, **scenario.parameters}
    return (scenario.nodes - 1,) if schedule_of(asked["change"], "") else ()


RAFT_SMALL = Entry(
    name="raft-small",
    summary="two or three Raft servers with one membership change or snapshot: small enough to be explored in full",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, chapters 4 and 5",
    make=raft_small,
    parts=Parts(),
    judge=judge_invariants,
    parameters=PARAMETERS,
    shown=shown,
    exploration=Exploration(
        model="fifo",
        bounds={
            "named_timers": {
                "election": 1,
                "heartbeat": 0,
                "next": 1,
                "retry": 0,
                "give up": 0,
                "catch up": 0,
            },
            "commands": 0,
        },
        asks=(("propose", (b"x",)),),
        instant=_operator,
    ),
)
