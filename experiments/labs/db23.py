"""Lab db-23, the capstone: three nodes with a log and a store each, one of them down for a while.

The servers are this project's Raft with its key-value store, and a client's sessions between; what else is so of them
stands in `appointed.py`. The dump is what every server holds at the end.

In the lab a follower that comes back is told what it has missed before the next operation. Here it restarts before that
operation, from its disk, and the leader sends what it lacks.
"""

from __future__ import annotations

import struct

from simclock import Crash, Fault, Restart, RunResult, Scenario
from simclock.actors import Placement, run
from simclock.experiments.labs.appointed import (
    Held,
    appointed,
    between_calls_ns,
    check_arguments,
    drawn_operations,
)

SERVERS = 3
STRUCK = 1
"""The follower that fails."""
VALUES = 1000
PUT, DELETE = 0, 1


def db23(seed: int, operations: int, keys: int, fault: bool = False) -> Scenario:
    """The lab as a scenario."""
    check_arguments(seed, operations, keys)
    drawn = drawn_operations(seed, operations, keys, VALUES)
    called = (("delete", str(key), None) if deletes else ("put", str(key), str(value)) for deletes, key, value in drawn)
    return appointed("db-23", SERVERS, called, _faults(operations) if fault else (), seed=seed, keys=keys)


def _faults(operations: int) -> tuple[Fault, ...]:
    """Down for the operations from one half to three quarters."""
    down_ns, up_ns = between_calls_ns(operations // 2), between_calls_ns(3 * operations // 4)
    if down_ns == up_ns:
        return ()
    return Crash(at_ns=down_ns, node=STRUCK), Restart(at_ns=up_ns, node=STRUCK)


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run."""
    return b"".join(_dump_of(node, held) for node, held in result.final.items() if held is not None)


def _dump_of(node: int, held: Held) -> bytes:
    head = b"DSEDIST2" + struct.pack("<BQQI", node, held.current_term, held.commit_index, len(held.log))
    log = b"".join(
        struct.pack("<QQBqq", term, index, _kind(command.function), int(command.key), int(command.value or 0))
        for index, (term, command) in enumerate(held.log, 1)
    )
    values = sorted((int(key), int(value)) for key, value in held.values)
    return head + log + struct.pack("<I", len(values)) + b"".join(struct.pack("<qq", *pair) for pair in values)


def _kind(function: str) -> int:
    return DELETE if function == "delete" else PUT


def run_db23(
    seed: int, operations: int, keys: int, fault: bool = False, placement: Placement | str = "inline"
) -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = f"simclock lab db-23 --seed {seed} --ops {operations} --keys {keys}" + (" --fault" if fault else "")
    return dump(run(db23(seed, operations, keys, fault), placement, replay=replay))
