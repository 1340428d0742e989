"""Lab db-17: Raft, with elections, proposals and cut links.

The servers are this project's Raft, with the lab's timing in place of its own, and without the no-op entry, which the
lab does not know. The dump is what every server holds at the end.

Its order of work, and how the kernel comes to keep it, stand in `ticks.py`.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from simclock import RunResult, Scenario
from simclock.actors import Placement, run
from simclock.experiments.labs.ticks import (
    HEARTBEAT_TICKS,
    TICK_NS,
    TIMEOUTS,
    OnTicks,
    check_arguments,
    on_ticks,
    replay_of,
    until_ns,
)
from simclock.protocols.raft import RaftServer, RaftSettings

NO_VOTE = -1


class LabServer(OnTicks, RaftServer):
    """This project's Raft with the lab's clock."""

    def _heartbeat_ns(self) -> int:
        now_ns = self.clock.monotonic_ns()
        return until_ns(now_ns // TICK_NS + HEARTBEAT_TICKS, now_ns)


class Held(NamedTuple):
    """What a server holds at the end."""

    current_term: int
    voted_for: int | None
    role: int
    commit_index: int
    log: tuple[tuple[int, bytes], ...]


def held_by(node: Any) -> Held | None:
    """What is kept of a node; None of the driver."""
    if not isinstance(node, RaftServer):
        return None
    entries = node.log.entries_from(1, node.log.last_index)
    log = tuple((entry.term, entry.command) for entry in entries)
    return Held(node.current_term, node.voted_for, int(node.role), node.commit_index, log)


def db17(seed: int, nodes: int, rounds: int, proposals: int, partition: tuple[tuple[int, int], ...] = ()) -> Scenario:
    """The lab as a scenario; `partition` are the links, from and to, that are cut for the whole run."""
    check_arguments(seed, nodes, rounds, proposals, partition)
    settings = RaftSettings(servers=tuple(range(nodes)), no_op=False, **TIMEOUTS)
    return on_ticks(
        "db-17",
        lambda: LabServer(settings, seed),
        held_by,
        b"cmd",
        seed=seed,
        nodes=nodes,
        rounds=rounds,
        proposals=proposals,
        partition=partition,
    )


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run."""
    servers = [(node, held) for node, held in result.final.items() if held is not None]
    return b"DSERAFT1" + struct.pack("<I", len(servers)) + b"".join(_dump_of(*each) for each in servers)


def _dump_of(node: int, held: Held) -> bytes:
    voted_for = NO_VOTE if held.voted_for is None else held.voted_for
    head = struct.pack("<IQqBQI", node, held.current_term, voted_for, held.role, held.commit_index, len(held.log))
    return head + b"".join(struct.pack("<QI", term, len(command)) + command for term, command in held.log)


def run_db17(  # noqa: PLR0917 - the lab's arguments, in the lab's order
    seed: int,
    nodes: int,
    rounds: int,
    proposals: int,
    partition: tuple[tuple[int, int], ...] = (),
    placement: Placement | str = "inline",
) -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = replay_of("db-17", seed, nodes, rounds, proposals, partition)
    return dump(run(db17(seed, nodes, rounds, proposals, partition), placement, replay=replay))
