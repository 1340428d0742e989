"""Lab db-19: ZAB, with elections, proposals and cut links.

The servers are this project's ZAB, with the lab's timing in place of its own. The dump is what every server holds at
the end. Its order of work, and how the kernel comes to keep it, stand in `ticks.py`.

In the lab the reachable server with the highest (last zxid, id) leads. Here a server that has a quorum for its vote
waits for a better one as long as a message may take, so the same is elected.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from simclock import RunResult, Scenario
from simclock.actors import Placement, run
from simclock.experiments.labs.ticks import (
    DELAYS,
    TICK_NS,
    TIMEOUTS,
    OnTicks,
    check_arguments,
    on_ticks,
    replay_of,
    until_ns,
)
from simclock.protocols.zab import ZabServer, ZabSettings


class LabServer(OnTicks, ZabServer):
    """This project's ZAB with the lab's clock."""

    def _notify_ns(self) -> int:
        """Who looks sends its vote at each tick."""
        now_ns = self.clock.monotonic_ns()
        return until_ns(now_ns // TICK_NS + 1, now_ns)


class Held(NamedTuple):
    """What a server holds at the end."""

    role: int
    current_epoch: int
    accepted_epoch: int
    last_committed: tuple[int, int]
    history: tuple[tuple[int, int, bytes], ...]
    """(epoch, counter, payload)."""


def held_by(node: Any) -> Held | None:
    """What is kept of a node; None of the driver."""
    if not isinstance(node, ZabServer):
        return None
    journal = node.journal
    history = tuple((each.zxid.epoch, each.zxid.counter, each.command) for each in journal.transactions)
    committed = journal.zxid_at(node.commit_index)
    last_committed = committed.epoch, committed.counter
    return Held(int(node.role), journal.current_epoch, journal.accepted_epoch, last_committed, history)


def db19(seed: int, nodes: int, rounds: int, proposals: int, partition: tuple[tuple[int, int], ...] = ()) -> Scenario:
    """The lab as a scenario; `partition` are the links, from and to, that are cut for the whole run."""
    check_arguments(seed, nodes, rounds, proposals, partition)
    settings = ZabSettings(servers=tuple(range(nodes)), finalize_ns=DELAYS * TICK_NS, **TIMEOUTS)
    return on_ticks(
        "db-19",
        lambda: LabServer(settings, seed),
        held_by,
        b"zab",
        seed=seed,
        nodes=nodes,
        rounds=rounds,
        proposals=proposals,
        partition=partition,
    )


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run."""
    servers = [(node, held) for node, held in result.final.items() if held is not None]
    return b"DSEZAB01" + struct.pack("<I", len(servers)) + b"".join(_dump_of(*each) for each in servers)


def _dump_of(node: int, held: Held) -> bytes:
    last_zxid = held.history[-1][:2] if held.history else (0, 0)
    epochs = held.current_epoch, held.accepted_epoch
    head = struct.pack("<IB7I", node, held.role, *epochs, *last_zxid, *held.last_committed, len(held.history))
    return head + b"".join(
        struct.pack("<III", epoch, counter, len(payload)) + payload for epoch, counter, payload in held.history
    )


def run_db19(  # noqa: PLR0917 - the lab's arguments, in the lab's order
    seed: int,
    nodes: int,
    rounds: int,
    proposals: int,
    partition: tuple[tuple[int, int], ...] = (),
    placement: Placement | str = "inline",
) -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = replay_of("db-19", seed, nodes, rounds, proposals, partition)
    return dump(run(db19(seed, nodes, rounds, proposals, partition), placement, replay=replay))
