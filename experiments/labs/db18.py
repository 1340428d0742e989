"""Lab db-18: Paxos for a log of slots with a distinguished proposer, with elections, proposals and cut links.

The servers are this project's Multi-Paxos, with the lab's timing in place of its own. The dump is what every server
holds at the end. Its order of work, and how the kernel comes to keep it, stand in `ticks.py`.

The lab numbers slots from 0, where this project's first is 1, and writes a ballot as its two parts. In the lab a leader
tells all at once what is decided, value and all; here it speaks to all at once, and says how far. Deviation: the lab
draws the delay of a message from its number among all messages, which no node knows here; it is drawn from the tick, as
in the other labs.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from simclock import RunResult, Scenario
from simclock.actors import Placement, run
from simclock.experiments.labs.ticks import TIMEOUTS, OnTicks, check_arguments, on_ticks, replay_of
from simclock.protocols.multi_paxos import MultiPaxosServer, MultiPaxosSettings, Role


class LabServer(OnTicks, MultiPaxosServer):
    """This project's Multi-Paxos with the lab's clock."""

    def rank(self) -> int:
        """The lab's leader is the one with the lowest id, whatever its ballot."""
        return 0

    def _has_chosen(self) -> None:
        """The lab's Decided is sent when a value is, not with the next heartbeat."""
        super()._has_chosen()
        if self.leads:
            self._send_heartbeats()


class Held(NamedTuple):
    """What a server holds at the end. A ballot is (round, proposer), (0, 0) below all."""

    promised: tuple[int, int]
    role: int
    mine: tuple[int, int]
    accepted: tuple[tuple[int, tuple[int, int], bytes], ...]
    """(slot, ballot, value)."""
    decided: tuple[tuple[int, bytes], ...]
    """(slot, value)."""


def held_by(node: Any) -> Held | None:
    """What is kept of a node; None of the driver."""
    if not isinstance(node, MultiPaxosServer):
        return None

    def parts(ballot: int) -> tuple[int, int]:
        return (ballot // len(node.settings.nodes), node.settings.owner_of(ballot)) if ballot else (0, 0)

    pvalues = node.journal.pvalues_from(1)
    chosen = {each.slot for each in pvalues if each.slot <= node.commit_index} | node.decided
    return Held(
        parts(node.current_term),
        int(node.role),
        parts(0 if node.role is Role.FOLLOWER else node.ballot),
        tuple((each.slot - 1, parts(each.ballot), each.value.command) for each in pvalues),
        tuple((each.slot - 1, each.value.command) for each in pvalues if each.slot in chosen),
    )


def db18(seed: int, nodes: int, rounds: int, proposals: int, partition: tuple[tuple[int, int], ...] = ()) -> Scenario:
    """The lab as a scenario; `partition` are the links, from and to, that are cut for the whole run."""
    check_arguments(seed, nodes, rounds, proposals, partition)
    settings = MultiPaxosSettings(servers=tuple(range(nodes)), **TIMEOUTS)
    return on_ticks(
        "db-18",
        lambda: LabServer(settings, seed),
        held_by,
        b"val",
        seed=seed,
        nodes=nodes,
        rounds=rounds,
        proposals=proposals,
        partition=partition,
    )


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run."""
    servers = [(node, held) for node, held in result.final.items() if held is not None]
    return b"DSEPAX01" + struct.pack("<I", len(servers)) + b"".join(_dump_of(*each) for each in servers)


def _dump_of(node: int, held: Held) -> bytes:
    head = struct.pack("<3IB2I", node, *held.promised, held.role, *held.mine)
    accepted = b"".join(struct.pack("<Q3I", slot, *ballot, len(value)) + value for slot, ballot, value in held.accepted)
    decided = b"".join(struct.pack("<QI", slot, len(value)) + value for slot, value in held.decided)
    return head + struct.pack("<I", len(held.accepted)) + accepted + struct.pack("<I", len(held.decided)) + decided


def run_db18(  # noqa: PLR0917 - the lab's arguments, in the lab's order
    seed: int,
    nodes: int,
    rounds: int,
    proposals: int,
    partition: tuple[tuple[int, int], ...] = (),
    placement: Placement | str = "inline",
) -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = replay_of("db-18", seed, nodes, rounds, proposals, partition)
    return dump(run(db18(seed, nodes, rounds, proposals, partition), placement, replay=replay))
